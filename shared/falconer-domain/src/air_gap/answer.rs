//! The operator's answer: the lease, and the public keys that lead to its signer where the machine may not know it.

use super::UnreadableContent;
use super::fields::{Fields, find, find_text, split};
use crate::encoding::BASE64URL_NOPAD;

/// An answer. Nothing in it counts before the lease's signature holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AirGapAnswer {
    /// The lease, a JWS in compact form.
    pub lease: String,
    /// The answer of `/api/keys`.
    pub keys: Option<String>,
}

impl AirGapAnswer {
    /// The content of an answer. The parts of the lease are in bytes, which are a quarter shorter than their text.
    #[must_use]
    pub fn to_content(&self) -> Vec<u8> {
        let mut fields = Fields::default();
        for part in self.lease.split('.') {
            fields = fields.with(b'j', &BASE64URL_NOPAD.decode(part.as_bytes()).unwrap_or_default());
        }
        fields.with_some(b'k', self.keys.as_ref().map(String::as_bytes)).as_bytes().to_vec()
    }

    /// Reads content.
    ///
    /// # Errors
    /// [`UnreadableContent`]: no lease.
    pub fn of_content(content: &[u8]) -> Result<Self, UnreadableContent> {
        let fields = split(content).ok_or(UnreadableContent)?;
        find(&fields, b'j').ok_or(UnreadableContent)?;
        let parts = fields.iter().filter(|(name, _)| *name == b'j');
        let parts: Vec<_> = parts.map(|(_, part)| BASE64URL_NOPAD.encode(part)).collect();
        Ok(Self { lease: parts.join("."), keys: find_text(&fields, b'k').map(str::to_owned) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lease_keeps_every_byte() {
        let lease = "eyJhbGciOiJFZERTQSJ9.eyJ2YWxpZCI6dHJ1ZX0.AAECAwQFBgc".to_owned();
        for keys in [None, Some(r#"{"keys":[]}"#.to_owned())] {
            let answer = AirGapAnswer { lease: lease.clone(), keys };
            assert_eq!(AirGapAnswer::of_content(&answer.to_content()), Ok(answer));
        }
        assert_eq!(AirGapAnswer::of_content(b""), Err(UnreadableContent));
        assert_eq!(AirGapAnswer::of_content(b"j\xFF\xFF"), Err(UnreadableContent));
    }
}
