//! Random texts that open something, and their comparison.

use data_encoding::HEXLOWER;
use falconer_operator::random;
use subtle::ConstantTimeEq;

/// Bytes of a token: nobody guesses 128 bits.
const TOKEN_BYTES: usize = 16;

/// True if a text has the form of a token.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 2 * TOKEN_BYTES && text.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c))
}

/// A text of 128 random bits. No `Debug`: it opens something.
pub(crate) struct Token(String);

impl Token {
    /// Returns a fresh token.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub(crate) fn fresh() -> Result<Self, getrandom::Error> {
        let bytes: [u8; TOKEN_BYTES] = random::bytes()?;
        Ok(Self(HEXLOWER.encode(&bytes)))
    }

    /// The token of a text that was compared before.
    pub(crate) fn named(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Compares in a time that tells nothing of where the texts differ.
    pub(crate) fn is(&self, text: &str) -> bool {
        self.0.as_bytes().ct_eq(text.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_and_compare_whole() {
        let (one, other) = (Token::fresh().unwrap(), Token::fresh().unwrap());
        assert_eq!(one.as_str().len(), 32);
        assert!(one.is(one.as_str()) && !one.is(other.as_str()));
        assert!(!one.is(&one.as_str()[..31]) && !one.is("") && !one.is(&one.as_str().to_uppercase()));
    }
}
