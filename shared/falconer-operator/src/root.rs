//! Key statements of a root that never goes online: what the next one says, and how the stored one fits the ring.

mod age_format;
pub mod file;
mod next;

use std::collections::BTreeMap;

use falconer_aws::keyring::{RingWriter, StoredRing};
use falconer_domain::encoding::BASE64URL_NOPAD;
use falconer_domain::keyring::{GenerationNumber, KeyRing};
use falconer_domain::statement::{KeyStatement, RootPublicKey};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::keyring::operations::KeyringError;
use crate::keyring::{Draft, EditRefusal};
use crate::random;

pub use next::{
    LateSerial, NextStatement, OtherAuthor, SerialSource, SignRefusal, StatementOrder, next_statement,
};

/// The issuer of leases where nobody has set another one (`LeaseIssuer` of the template).
pub const DEFAULT_ISSUER: &str = "falconer";

/// The author of the statement in the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// There is no statement that reads.
    Nobody,
    /// This root.
    ThisRoot,
    /// Another root, or somebody who has changed the text.
    AnotherRoot,
}

/// Compares the stored statement with a root.
#[must_use]
pub fn author(ring: &KeyRing, root: &RootPublicKey) -> Author {
    match ring.statement() {
        None => Author::Nobody,
        Some(jws) if KeyStatement::verify(jws, root).is_ok() => Author::ThisRoot,
        Some(_) => Author::AnotherRoot,
    }
}

/// `kid` → `x` of each generation whose signatures count.
fn good_keys(ring: &KeyRing) -> BTreeMap<String, String> {
    let key = |generation: &falconer_domain::keyring::Generation| {
        let x = BASE64URL_NOPAD.encode(generation.signing_key().verifying_key().as_bytes());
        (generation.number().to_string(), x)
    };
    ring.signing().map(key).collect()
}

/// Returns how the stored statement differs from the ring, in sentences; none where it covers the ring, or where no root
/// has signed one.
#[must_use]
pub fn reminders(ring: &KeyRing) -> Vec<String> {
    if ring.has_unreadable_statement() && ring.statement().is_none() {
        return vec![
            "x-statement in the key ring does not read, and is not published. `falconer root sign` writes it anew."
                .to_owned(),
        ];
    }
    let Some(statement) = ring.statement().and_then(KeyStatement::unverified) else { return Vec::new() };
    let good = good_keys(ring);
    let mut reminders = Vec::new();
    for (kid, x) in &good {
        if statement.distrusted.contains(kid) {
            reminders.push(format!(
                "The root's statement distrusts generation {kid}, which the key ring trusts: clients with the root \
                 pinned take no lease by it. Add another generation."
            ));
        } else if statement.keys.get(kid) != Some(x) {
            reminders.push(format!(
                "The root's statement does not name generation {kid} yet; endorsement carries it meanwhile. \
                 `falconer root sign` names it."
            ));
        }
    }
    for kid in statement.keys.keys().filter(|kid| is_distrusted(ring, kid)) {
        reminders.push(format!(
            "The root's statement still names generation {kid} as good: clients with the root pinned go on believing \
             it until `falconer root sign` has signed the next one."
        ));
    }
    reminders
}

/// Returns true if the stored statement distrusts a generation. No later statement takes that back.
#[must_use]
pub fn has_distrusted(ring: &KeyRing, number: GenerationNumber) -> bool {
    let statement = ring.statement().and_then(KeyStatement::unverified);
    statement.is_some_and(|statement| statement.distrusted.contains(&number.to_string()))
}

fn is_distrusted(ring: &KeyRing, kid: &str) -> bool {
    GenerationNumber::parse(kid).is_some_and(|number| ring.is_distrusted(number))
}

/// Puts a statement into the ring that was read. Somebody else's change since then refuses it.
///
/// # Errors
/// [`KeyringError`]; the ring is then as it was.
pub async fn store(writer: &RingWriter, read: &StoredRing, jws: &str) -> Result<(), KeyringError> {
    let text = Draft::open(read.text.expose_secret())?.with_statement(jws);
    Ok(writer.replace(read, &text, &random::id()?).await?)
}

/// Reads the ring together with the version that it was read from.
///
/// # Errors
/// [`KeyringError`].
pub async fn read(writer: &RingWriter) -> Result<(StoredRing, KeyRing), KeyringError> {
    let stored = writer.read().await?;
    let ring = KeyRing::parse(stored.text.expose_secret());
    let ring = ring.map_err(|why| EditRefusal::NotARing(why.to_string()))?;
    Ok((stored, ring))
}

/// The public keys that an application pins: those of `/api/keys`, the root, and the newest statement.
#[must_use]
pub fn pinned_keys(ring: &KeyRing, root: &RootPublicKey) -> Value {
    let mut pinned = json!({ "root": { "kty": "OKP", "crv": "Ed25519", "x": root.x() } });
    if let Some(statement) = ring.statement() {
        pinned["statement"] = statement.into();
    }
    pinned["keys"] = json!(ring.jwks().keys);
    pinned
}

#[cfg(test)]
mod tests {
    use falconer_domain::UnixMillis;
    use falconer_domain::statement::RootKey;
    use zeroize::Zeroizing;

    use super::*;

    pub(super) const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

    pub(super) fn root(byte: u8) -> RootKey {
        RootKey::from_seed(&Zeroizing::new([byte; 32]))
    }

    /// Generations 1, 2 and 3, of which `current` signs, with notes.
    pub(super) fn ring(current: u8, notes: &Value) -> KeyRing {
        let mut members = notes.clone();
        members["current"] = current.to_string().into();
        for number in 1..=3 {
            members[number.to_string()] = number.to_string().repeat(32).into();
        }
        KeyRing::parse(&members.to_string()).unwrap()
    }

    pub(super) fn kids(statement: &KeyStatement) -> (String, String) {
        let joined = |kids: Vec<&str>| kids.concat();
        let keys = statement.keys.keys().map(String::as_str).collect();
        (joined(keys), joined(statement.distrusted.iter().map(String::as_str).collect()))
    }

    /// The first statement about a ring whose second generation signs.
    fn first_statement(distrust: &[u8]) -> KeyStatement {
        let order = StatementOrder {
            root: root(1).public(),
            noted: None,
            distrust,
            issuer: None,
            other_author: OtherAuthor::Refuse,
            late_serial: LateSerial::Refuse,
        };
        next_statement(&ring(2, &json!({})), &order, NOW).unwrap().statement
    }

    #[test]
    fn reminders_say_how_statement_and_ring_differ() {
        let of = |current, distrusted: &str, statement: Option<&KeyStatement>| {
            let mut notes = json!({ "x-distrusted": distrusted });
            if let Some(statement) = statement {
                notes["x-statement"] = statement.sign(&root(1)).into();
            }
            reminders(&ring(current, &notes)).join(" ")
        };
        let all = first_statement(&[]);
        assert_eq!(of(2, "", Some(&all)), "");
        assert_eq!(of(2, "1", None), "", "no root, no reminder");
        assert!(of(2, "1", Some(&all)).contains("still names generation 1 as good"));
        let mut older = all.clone();
        older.keys.remove("3");
        assert!(of(3, "", Some(&older)).contains("does not name generation 3 yet"));
        let leaked = first_statement(&[1]);
        assert_eq!(of(2, "1", Some(&leaked)), "");
        assert!(of(2, "", Some(&leaked)).contains("distrusts generation 1, which the key ring trusts"));
        assert!(reminders(&ring(2, &json!({ "x-statement": "?" }))).concat().contains("writes it anew"));
    }

    #[test]
    fn author_follows_from_the_signature() {
        let statement = first_statement(&[]);
        let stored = ring(2, &json!({ "x-statement": statement.sign(&root(1)) }));
        assert_eq!(author(&stored, &root(1).public()), Author::ThisRoot);
        assert_eq!(author(&stored, &root(2).public()), Author::AnotherRoot);
        assert_eq!(author(&ring(2, &json!({})), &root(1).public()), Author::Nobody);
        let pinned = pinned_keys(&stored, &root(1).public());
        assert_eq!(pinned["root"]["x"], root(1).public().x());
        assert_eq!(pinned["statement"], stored.statement().unwrap());
        assert_eq!(pinned["keys"].as_array().unwrap().len(), 3);
    }
}
