//! Key statements: the list of good signing keys, signed by a root that never goes online.
//!
//! A statement is a JWS in compact form (RFC 7515) of a type of its own, so no lease passes for one and it passes for no
//! lease. A client with a pinned root trusts the keys of the newest statement it has seen, and what those endorse, and a
//! key that the statement distrusts never again.

use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::encoding::BASE64URL_NOPAD;
use crate::lease::ACCEPTED_ALGORITHMS;
use crate::time::UnixMillis;

/// `typ` of a statement's header.
pub const MEDIA_TYPE: &str = "falconer-keys+jwt";
/// Longest statement that is read. One with all 31 generations has some 3 KB.
pub const MAX_STATEMENT_BYTES: usize = 16 * 1024;
/// Bytes of a root's seed.
pub const SEED_BYTES: usize = 32;

/// The root: an Ed25519 key that signs statements and nothing else.
pub struct RootKey(SigningKey);

impl RootKey {
    /// A root from fresh random bytes, or from those of its file.
    #[must_use]
    pub fn from_seed(seed: &Zeroizing<[u8; SEED_BYTES]>) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The half that an application pins.
    #[must_use]
    pub fn public(&self) -> RootPublicKey {
        RootPublicKey(self.0.verifying_key())
    }
}

/// The public half of a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RootPublicKey(VerifyingKey);

impl RootPublicKey {
    /// Reads the member `x` of a JWK (RFC 8037): 32 bytes in base64url.
    #[must_use]
    pub fn parse(x: &str) -> Option<Self> {
        let bytes: [u8; 32] = BASE64URL_NOPAD.decode(x.as_bytes()).ok()?.try_into().ok()?;
        VerifyingKey::from_bytes(&bytes).ok().map(Self)
    }

    /// The member `x` of its JWK.
    #[must_use]
    pub fn x(&self) -> String {
        BASE64URL_NOPAD.encode(self.0.as_bytes())
    }
}

/// Claims of a key statement. The order of the members is the order of the JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyStatement {
    /// Issuer, as leases name it.
    pub iss: String,
    /// Moment of signing in seconds.
    pub iat: i64,
    /// Moment of signing in milliseconds, above every earlier statement's. A client takes no lower one.
    pub serial: i64,
    /// `kid` → `x` of each good key.
    pub keys: BTreeMap<String, String>,
    /// `kid` of each key that is never trusted again.
    pub distrusted: BTreeSet<String>,
}

/// Reason why a text is not a statement of this root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// Not three base64url parts of JSON, JSON and a signature, or too long.
    #[error("not a key statement")]
    Malformed,
    /// Another algorithm than Ed25519.
    #[error("wrong algorithm")]
    WrongAlgorithm,
    /// Another type than [`MEDIA_TYPE`].
    #[error("wrong type")]
    WrongType,
    /// The signature does not fit the bytes, or is of another root.
    #[error("bad signature")]
    BadSignature,
    /// A key that is good and distrusted at once, or an `x` that is no key.
    #[error("contradictory key statement")]
    Contradiction,
}

impl KeyStatement {
    /// A statement of this moment. `newest` is the highest serial that any record names; the new one is above it, also
    /// where the clock was set back.
    #[must_use]
    pub fn new(
        iss: &str,
        keys: BTreeMap<String, String>,
        distrusted: BTreeSet<String>,
        now: UnixMillis,
        newest: Option<i64>,
    ) -> Self {
        let serial = newest.map_or(now.0, |newest| now.0.max(newest.saturating_add(1)));
        Self { iss: iss.to_owned(), iat: now.seconds(), serial, keys, distrusted }
    }

    /// Signs the claims.
    #[must_use]
    pub fn sign(&self, root: &RootKey) -> String {
        let header = format!(r#"{{"alg":"EdDSA","typ":"{MEDIA_TYPE}"}}"#);
        // Unwrap safety: strings, numbers and maps of strings always serialize.
        let payload = serde_json::to_vec(self).unwrap();
        let mut jws = BASE64URL_NOPAD.encode(header.as_bytes());
        jws.push('.');
        BASE64URL_NOPAD.encode_append(&payload, &mut jws);
        let signature = root.0.sign(jws.as_bytes());
        jws.push('.');
        BASE64URL_NOPAD.encode_append(&signature.to_bytes(), &mut jws);
        jws
    }

    /// Reads a statement without verifying it, for whoever has no root: the functions, which pass it on, and reports.
    #[must_use]
    pub fn unverified(jws: &str) -> Option<Self> {
        if jws.len() > MAX_STATEMENT_BYTES {
            return None;
        }
        let (signed, signature) = jws.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let header: Header = serde_json::from_slice(&decoded(header).ok()?).ok()?;
        decoded(signature).ok()?;
        let statement = serde_json::from_slice(&decoded(payload).ok()?).ok()?;
        (header.typ == MEDIA_TYPE).then_some(statement)
    }

    /// Checks header and signature of a statement and returns what it says. Issuer and serial are the caller's to judge.
    ///
    /// # Errors
    /// [`StatementError`]. The payload is read after the signature holds.
    pub fn verify(jws: &str, root: &RootPublicKey) -> Result<Self, StatementError> {
        if jws.len() > MAX_STATEMENT_BYTES {
            return Err(StatementError::Malformed);
        }
        let (signed, signature) = jws.rsplit_once('.').ok_or(StatementError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(StatementError::Malformed)?;
        let header: Header =
            serde_json::from_slice(&decoded(header)?).map_err(|_| StatementError::Malformed)?;
        if !ACCEPTED_ALGORITHMS.contains(&header.alg.as_str()) {
            return Err(StatementError::WrongAlgorithm);
        }
        if header.typ != MEDIA_TYPE {
            return Err(StatementError::WrongType);
        }
        let signature =
            Signature::from_slice(&decoded(signature)?).map_err(|_| StatementError::BadSignature)?;
        root.0.verify_strict(signed.as_bytes(), &signature).map_err(|_| StatementError::BadSignature)?;
        let statement: Self =
            serde_json::from_slice(&decoded(payload)?).map_err(|_| StatementError::Malformed)?;
        let is_good = |(kid, x): (&String, &String)| {
            !statement.distrusted.contains(kid) && RootPublicKey::parse(x).is_some()
        };
        if statement.keys.iter().all(is_good) { Ok(statement) } else { Err(StatementError::Contradiction) }
    }
}

/// A statement has no `kid`: the root is pinned. A member that is not known makes it somebody else's.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    #[serde(default)]
    typ: String,
}

fn decoded(part: &str) -> Result<Vec<u8>, StatementError> {
    BASE64URL_NOPAD.decode(part.as_bytes()).map_err(|_| StatementError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(byte: u8) -> RootKey {
        RootKey::from_seed(&Zeroizing::new([byte; SEED_BYTES]))
    }

    fn statement() -> KeyStatement {
        let keys = BTreeMap::from([("2".to_owned(), root(9).public().x())]);
        KeyStatement::new(
            "falconer",
            keys,
            BTreeSet::from(["1".to_owned()]),
            UnixMillis(1_795_000_000_123),
            None,
        )
    }

    /// Signs any header and payload, as nobody but the root could.
    fn signed(header: &str, payload: &str) -> String {
        let text = format!(
            "{}.{}",
            BASE64URL_NOPAD.encode(header.as_bytes()),
            BASE64URL_NOPAD.encode(payload.as_bytes())
        );
        let signature = root(1).0.sign(text.as_bytes());
        format!("{text}.{}", BASE64URL_NOPAD.encode(&signature.to_bytes()))
    }

    #[test]
    fn a_statement_reads_as_it_was_signed() {
        let jws = statement().sign(&root(1));
        assert_eq!(KeyStatement::verify(&jws, &root(1).public()), Ok(statement()));
        assert_eq!(KeyStatement::verify(&jws, &root(2).public()), Err(StatementError::BadSignature));
    }

    #[test]
    fn serial_is_above_every_earlier_one() {
        let serial = |now, newest| {
            let none = BTreeMap::new();
            KeyStatement::new("falconer", none, BTreeSet::new(), UnixMillis(now), newest).serial
        };
        assert_eq!(serial(5_000, None), 5_000);
        assert_eq!(serial(5_000, Some(4_000)), 5_000);
        assert_eq!(serial(5_000, Some(5_000)), 5_001);
        assert_eq!(serial(5_000, Some(9_000)), 9_001, "the clock was set back");
    }

    #[test]
    fn header_is_exactly_that_of_a_statement() {
        let payload = serde_json::to_string(&statement()).unwrap();
        for (header, expected) in [
            (r#"{"alg":"EdDSA","typ":"falconer-keys+jwt"}"#, Ok(statement())),
            (r#"{"alg":"Ed25519","typ":"falconer-keys+jwt"}"#, Ok(statement())),
            (r#"{"alg":"none","typ":"falconer-keys+jwt"}"#, Err(StatementError::WrongAlgorithm)),
            (r#"{"alg":"HS256","typ":"falconer-keys+jwt"}"#, Err(StatementError::WrongAlgorithm)),
            (r#"{"alg":"EdDSA","typ":"lease+jwt"}"#, Err(StatementError::WrongType)),
            (r#"{"alg":"EdDSA"}"#, Err(StatementError::WrongType)),
            (r#"{"alg":"EdDSA","typ":"falconer-keys+jwt","kid":"1"}"#, Err(StatementError::Malformed)),
            (r#"{"alg":"EdDSA","typ":"falconer-keys+jwt","crit":["b64"]}"#, Err(StatementError::Malformed)),
        ] {
            assert_eq!(
                KeyStatement::verify(&signed(header, &payload), &root(1).public()),
                expected,
                "{header}"
            );
        }
    }

    #[test]
    fn contradictory_statements_are_refused() {
        let header = r#"{"alg":"EdDSA","typ":"falconer-keys+jwt"}"#;
        let x = root(9).public().x();
        for (keys, distrusted) in [
            (format!(r#"{{"1":"{x}"}}"#), r#"["1"]"#),
            (r#"{"2":"AAAA"}"#.to_owned(), "[]"),
            (r#"{"2":""}"#.to_owned(), "[]"),
        ] {
            let payload =
                format!(r#"{{"iss":"falconer","iat":1,"serial":1,"keys":{keys},"distrusted":{distrusted}}}"#);
            let read = KeyStatement::verify(&signed(header, &payload), &root(1).public());
            assert_eq!(read, Err(StatementError::Contradiction), "{payload}");
        }
    }

    /// Signed statements of every length around the longest.
    #[test]
    fn statements_are_read_up_to_the_longest() {
        let read: Vec<(usize, bool)> = (0..16)
            .map(|more| {
                let kid = "k".repeat(12_040 + more);
                let statement = KeyStatement { distrusted: BTreeSet::from([kid]), ..statement() };
                let payload = serde_json::to_string(&statement).unwrap();
                let jws = signed(r#"{"alg":"Ed25519","typ":"falconer-keys+jwt"}"#, &payload);
                let is_read = KeyStatement::verify(&jws, &root(1).public()).is_ok();
                assert_eq!(KeyStatement::unverified(&jws).is_some(), is_read, "{}", jws.len());
                (jws.len(), is_read)
            })
            .collect();
        let (first, last) = (read[0].0, read[15].0);
        assert!((first..=last).contains(&MAX_STATEMENT_BYTES), "{first} to {last}");
        assert!(read.iter().any(|(length, _)| *length == MAX_STATEMENT_BYTES));
        assert!(read.iter().all(|(length, is_read)| *is_read == (*length <= 16_384)), "{read:?}");
    }

    #[test]
    fn reads_any_roots_statement_unverified() {
        assert_eq!(KeyStatement::unverified(&statement().sign(&root(7))), Some(statement()));
        let lease = signed(r#"{"alg":"EdDSA","typ":"lease+jwt","kid":"1"}"#, "{}");
        for text in ["", "a.b.c", &lease, &"A".repeat(MAX_STATEMENT_BYTES + 1)] {
            assert_eq!(KeyStatement::unverified(text), None, "{text}");
        }
    }

    #[test]
    fn a_changed_byte_is_noticed() {
        let jws = statement().sign(&root(1));
        for place in 0..jws.len() {
            let mut bytes = jws.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(KeyStatement::verify(&changed, &root(1).public()).is_err(), "{place}");
        }
        for text in ["", ".", "..", "a.b", "a.b.c", &"A".repeat(MAX_STATEMENT_BYTES + 1)] {
            assert!(KeyStatement::verify(text, &root(1).public()).is_err());
        }
    }
}
