//! The secret by which CloudFront proves that a request came through it.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use subtle::{Choice, ConstantTimeEq};

/// Fewest characters of a secret: 32 of this alphabet are some 190 bits.
const MIN_CHARS: usize = 32;
/// Most characters of a secret, as `template.yaml` takes it.
const MAX_CHARS: usize = 128;
/// Secrets that count at a time: the new one and the one before it, while a distribution changes from one to the other.
const MAX_SECRETS: usize = 2;

/// The secrets that a request may prove its way with.
#[derive(Clone)]
pub struct OriginSecrets(Vec<SecretString>);

impl OriginSecrets {
    /// The form of each secret, for a message.
    pub const FORM: &str = "32 to 128 letters, digits, - or _";

    /// Reads one secret, or two that a comma separates. `None` where one has another form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let secrets: Vec<_> = text.split(',').map(str::trim).collect();
        let is_secret = |text: &&str| {
            (MIN_CHARS..=MAX_CHARS).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        let is_right = secrets.len() <= MAX_SECRETS && secrets.iter().all(is_secret);
        is_right.then(|| Self(secrets.into_iter().map(SecretString::from).collect()))
    }

    /// Returns true if `proof` is one of the secrets. The time that this takes says nothing about their characters: each
    /// is compared whole, and the second one also where the first was right.
    #[must_use]
    pub fn prove(&self, proof: &str) -> bool {
        let matches = |secret: &SecretString| secret.expose_secret().as_bytes().ct_eq(proof.as_bytes());
        self.0.iter().map(matches).fold(Choice::from(0), |any, one| any | one).into()
    }
}

/// Compared in constant time too, so that no `==` is a way around [`OriginSecrets::prove`].
impl PartialEq for OriginSecrets {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && other.0.iter().all(|secret| self.prove(secret.expose_secret()))
    }
}

impl Eq for OriginSecrets {}

impl fmt::Debug for OriginSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OriginSecrets(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "one-secret-of-the-distribution-0001";
    const OTHER: &str = "other-secret-of-the-distribution-02";

    #[test]
    fn takes_one_secret_or_two() {
        for (text, expected) in [
            (ONE.to_owned(), [true, false]),
            (format!("{ONE},{OTHER}"), [true, true]),
            (format!(" {OTHER} , {ONE} "), [true, true]),
        ] {
            let secrets = OriginSecrets::parse(&text).unwrap();
            assert_eq!([ONE, OTHER].map(|proof| secrets.prove(proof)), expected, "{text}");
        }
    }

    #[test]
    fn refuses_every_other_form() {
        let long = "a".repeat(129);
        let three = format!("{ONE},{OTHER},{ONE}");
        for text in
            ["", ",", "short", "a secret with blanks in it, and a comma", long.as_str(), three.as_str()]
        {
            assert!(OriginSecrets::parse(text).is_none(), "{text}");
        }
        assert!(OriginSecrets::parse(&format!("{ONE},")).is_none(), "the empty text proves nothing");
    }

    #[test]
    fn proof_is_the_whole_secret() {
        let secrets = OriginSecrets::parse(ONE).unwrap();
        let cut = &ONE[..ONE.len() - 1];
        for proof in ["", cut, &format!("{ONE}0"), &format!("{ONE},{ONE}"), &ONE.to_uppercase()] {
            assert!(!secrets.prove(proof), "{proof}");
        }
    }

    #[test]
    fn debug_hides_the_secret() {
        let shown = format!("{:?}", OriginSecrets::parse(ONE));
        assert_eq!(shown, "Some(OriginSecrets(…))");
    }
}
