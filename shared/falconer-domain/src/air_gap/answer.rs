//! The operator's answer: the lease, and the public keys that lead to its signer where the machine may not know it.

use super::fields::{Fields, find, find_text, split};
use super::{AirGapContent, ContentTooLong, UnreadableContent};
use crate::encoding::BASE64URL_NOPAD;
use crate::jwks::Jwks;

/// An answer. Nothing in it counts before the lease's signature holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AirGapAnswer {
    /// The lease, a JWS in compact form.
    pub lease: String,
    /// The answer of `/api/keys`, or the part of it that leads to the signer.
    pub keys: Option<String>,
}

impl AirGapAnswer {
    /// Writes a lease and the keys that lead to its signer `kid`. Where all published keys are too many for a text, that key
    /// with its endorsements and the statement go without the others.
    ///
    /// # Errors
    /// [`ContentTooLong`]: the statement is too long.
    pub fn with_keys(lease: String, keys: Option<&Jwks>, kid: &str) -> Result<AirGapContent, ContentTooLong> {
        // Unwrap safety: strings and maps of strings always serialize.
        let text = |keys: &Jwks| serde_json::to_string(keys).unwrap();
        let whole = Self { lease, keys: keys.map(text) };
        whole
            .to_content()
            .or_else(|_| Self { keys: keys.map(|keys| text(&keys.of_kid(kid))), ..whole }.to_content())
    }

    /// The content of an answer. The parts of the lease are in bytes, which are a quarter shorter than their text.
    ///
    /// # Errors
    /// [`ContentTooLong`]: the keys of a full ring, or their statement.
    pub fn to_content(&self) -> Result<AirGapContent, ContentTooLong> {
        let mut fields = Fields::default();
        for part in self.lease.split('.') {
            fields = fields.with(b'j', &BASE64URL_NOPAD.decode(part.as_bytes()).unwrap_or_default());
        }
        fields.with_some(b'k', self.keys.as_ref().map(String::as_bytes)).content()
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
    use crate::keyring::KeyRing;
    use crate::statement::MAX_STATEMENT_BYTES;

    #[test]
    fn lease_keeps_every_byte() {
        let lease = "eyJhbGciOiJFZERTQSJ9.eyJ2YWxpZCI6dHJ1ZX0.AAECAwQFBgc".to_owned();
        for keys in [None, Some(r#"{"keys":[]}"#.to_owned())] {
            let answer = AirGapAnswer { lease: lease.clone(), keys };
            assert_eq!(AirGapAnswer::of_content(&answer.to_content().unwrap()), Ok(answer));
        }
        // A part of one field that is too long, and fields that are too long together.
        for (lease, keys) in [(0, 70_000), (0, 65_535), (90_000, 0), (40_000, 40_000)] {
            let answer = AirGapAnswer { lease: "AAAA".repeat(lease / 4), keys: Some("k".repeat(keys)) };
            assert!(answer.to_content().is_err(), "{lease} {keys}");
        }
        let longest = AirGapAnswer { lease: String::new(), keys: Some("k".repeat(65_535 - 6)) };
        assert_eq!(longest.to_content().map(|content| content.len()), Ok(65_535));
        assert_eq!(AirGapAnswer::of_content(b""), Err(UnreadableContent));
        assert_eq!(AirGapAnswer::of_content(b"j\xFF\xFF"), Err(UnreadableContent));
    }

    /// All 31 generations endorse each other, and the statement has the longest form that is read.
    #[test]
    fn full_ring_and_longest_statement_fit() {
        let masters: Vec<_> = (1..=31).map(|number| format!("\"{number}\":\"{}\"", "m".repeat(32))).collect();
        let ring = |current: u8| {
            KeyRing::parse(&format!("{{\"current\":\"{current}\",{}}}", masters.join(","))).unwrap()
        };
        let lease = format!("{0}.{0}.{0}", "AAAA".repeat(1_365));
        for (current, statement_bytes, all) in
            [(31, 0, 31), (31, MAX_STATEMENT_BYTES, 1), (1, MAX_STATEMENT_BYTES, 1)]
        {
            let jwks = Jwks {
                statement: (statement_bytes > 0).then(|| "s".repeat(statement_bytes)),
                ..ring(current).jwks().clone()
            };
            let content = AirGapAnswer::with_keys(lease.clone(), Some(&jwks), &current.to_string()).unwrap();
            let answer = AirGapAnswer::of_content(&content).unwrap();
            let read: Jwks = serde_json::from_str(&answer.keys.unwrap()).unwrap();
            assert_eq!((answer.lease.as_str(), read.keys.len()), (lease.as_str(), all));
            assert_eq!(read.statement, jwks.statement);
            let signer = read.keys.iter().find(|key| key.kid == current.to_string()).unwrap();
            assert_eq!(signer.endorsed_by.len(), usize::from(current) - 1, "any older key leads to it");
        }
        let beyond = Jwks { statement: Some("s".repeat(70_000)), ..ring(1).jwks().clone() };
        assert!(AirGapAnswer::with_keys(lease.clone(), Some(&beyond), "1").is_err());
        assert!(AirGapAnswer::with_keys(lease, None, "1").is_ok());
    }
}
