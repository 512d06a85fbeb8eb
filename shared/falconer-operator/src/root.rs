//! Key statements of a root that never goes online: what the next one says, and how the stored one fits the ring.

mod age_format;
pub mod file;

use std::collections::{BTreeMap, BTreeSet};

use falconer_aws::keyring::{RingWriter, StoredRing};
use falconer_domain::UnixMillis;
use falconer_domain::encoding::BASE64URL_NOPAD;
use falconer_domain::keyring::{GenerationNumber, KeyRing};
use falconer_domain::statement::{KeyStatement, RootPublicKey};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::keyring::operations::KeyringError;
use crate::keyring::{Draft, EditRefusal};
use crate::random;

/// The issuer of leases where nobody has set another one (`LeaseIssuer` of the template).
pub const DEFAULT_ISSUER: &str = "falconer";

/// The reason why no statement can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignRefusal {
    /// The generation that signs leases.
    #[error(
        "generation {0} signs leases; `falconer keyring add` and `falconer keyring promote --now` put another one in its \
         place, then a statement can distrust it"
    )]
    Current(GenerationNumber),
    /// The generation that signs leases was distrusted by an earlier statement.
    #[error(
        "generation {0} signs leases, and a statement has distrusted it: clients that know the statement never trust it \
         again. `falconer keyring add` and `falconer keyring promote --now` put another one in its place"
    )]
    DistrustedSigns(GenerationNumber),
    /// Not a number of a generation.
    #[error("there is no generation {0}; `falconer keyring list` shows those of the key ring")]
    NoSuchGeneration(u8),
}

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

/// The next statement about a ring: all keys whose signatures count, and everything that was ever distrusted.
///
/// `distrust` names further generations, `issuer` the leases' issuer if it is not that of the statement before, `noted`
/// the highest serial of the root's file.
///
/// # Errors
/// [`SignRefusal`].
pub fn next_statement(
    ring: &KeyRing,
    distrust: &[u8],
    issuer: Option<&str>,
    noted: Option<i64>,
    now: UnixMillis,
) -> Result<KeyStatement, SignRefusal> {
    let before = ring.statement().and_then(KeyStatement::unverified);
    let current = ring.current().number();
    let named = distrust.iter().map(|number| match GenerationNumber::new(*number) {
        None => Err(SignRefusal::NoSuchGeneration(*number)),
        Some(number) if number == current => Err(SignRefusal::Current(number)),
        Some(number) => Ok(number.to_string()),
    });
    let mut distrusted = named.collect::<Result<BTreeSet<_>, _>>()?;
    distrusted.extend(ring.numbers().filter(|n| ring.is_distrusted(*n)).map(|n| n.to_string()));
    distrusted.extend(before.iter().flat_map(|before| before.distrusted.iter().cloned()));
    if distrusted.contains(&current.to_string()) {
        return Err(SignRefusal::DistrustedSigns(current));
    }
    let keys = good_keys(ring).into_iter().filter(|(kid, _)| !distrusted.contains(kid)).collect();
    let issuer = issuer.or(before.as_ref().map(|before| before.iss.as_str())).unwrap_or(DEFAULT_ISSUER);
    let newest = noted.max(before.as_ref().map(|before| before.serial));
    Ok(KeyStatement::new(issuer, keys, distrusted, now, newest))
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

/// The public keys that an application pins: those of `/api/keys`, the root, the newest statement, and the `former` keys
/// that verify what is stored (`kid` → `x`).
#[must_use]
pub fn pinned_keys(ring: &KeyRing, former: &BTreeMap<String, String>, root: &RootPublicKey) -> Value {
    let mut pinned = json!({ "root": { "kty": "OKP", "crv": "Ed25519", "x": root.x() } });
    if let Some(statement) = ring.statement() {
        pinned["statement"] = statement.into();
    }
    pinned["keys"] = json!(ring.jwks().keys);
    if !former.is_empty() {
        let jwk = |(kid, x)| json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x });
        pinned["former"] = former.iter().map(jwk).collect();
    }
    pinned
}

/// `kid` → `x` of the keys that are published no more, by the stored ring and its notes.
///
/// # Errors
/// [`KeyringError`], for a secret that holds no key ring.
pub fn former_keys(read: &StoredRing) -> Result<BTreeMap<String, String>, KeyringError> {
    Ok(Draft::open(read.text.expose_secret())?.former_keys())
}

#[cfg(test)]
mod tests {
    use falconer_domain::statement::RootKey;
    use zeroize::Zeroizing;

    use super::*;

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

    fn root(byte: u8) -> RootKey {
        RootKey::from_seed(&Zeroizing::new([byte; 32]))
    }

    /// Generations 1, 2 and 3, of which `current` signs, with notes.
    fn ring(current: u8, notes: &Value) -> KeyRing {
        let mut members = notes.clone();
        members["current"] = current.to_string().into();
        for number in 1..=3 {
            members[number.to_string()] = number.to_string().repeat(32).into();
        }
        KeyRing::parse(&members.to_string()).unwrap()
    }

    fn kids(statement: &KeyStatement) -> (String, String) {
        let joined = |kids: Vec<&str>| kids.concat();
        let keys = statement.keys.keys().map(String::as_str).collect();
        (joined(keys), joined(statement.distrusted.iter().map(String::as_str).collect()))
    }

    #[test]
    fn next_statement_names_each_key_once() {
        let first = next_statement(&ring(2, &json!({})), &[], None, None, NOW).unwrap();
        assert_eq!((kids(&first), first.serial), (("123".into(), String::new()), NOW.0));
        assert_eq!(first.iss, DEFAULT_ISSUER);
        let noted = json!({ "x-distrusted": "1" });
        let second = next_statement(&ring(2, &noted), &[3], Some("b"), Some(NOW.0 + 9), NOW).unwrap();
        assert_eq!((kids(&second), second.serial), (("2".into(), "13".into()), NOW.0 + 10));
        // Whatever was distrusted stays so, and the serial is above the ring's own.
        let stored = json!({ "x-statement": second.sign(&root(1)) });
        let third = next_statement(&ring(2, &stored), &[], None, None, NOW).unwrap();
        assert_eq!((kids(&third), third.serial), (("2".into(), "13".into()), NOW.0 + 11));
        assert_eq!(third.iss, "b");
    }

    #[test]
    fn statement_never_distrusts_the_signer() {
        let number = |number| GenerationNumber::new(number).unwrap();
        let refusal = |ring: &KeyRing, distrust: &[u8]| {
            next_statement(ring, distrust, None, None, NOW).expect_err("a refusal")
        };
        assert_eq!(refusal(&ring(2, &json!({})), &[2]), SignRefusal::Current(number(2)));
        assert_eq!(refusal(&ring(2, &json!({})), &[32]), SignRefusal::NoSuchGeneration(32));
        let distrusted = next_statement(&ring(2, &json!({})), &[3], None, None, NOW).unwrap();
        let stored = json!({ "x-statement": distrusted.sign(&root(1)) });
        assert_eq!(refusal(&ring(3, &stored), &[]), SignRefusal::DistrustedSigns(number(3)));
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
        let all = next_statement(&ring(2, &json!({})), &[], None, None, NOW).unwrap();
        assert_eq!(of(2, "", Some(&all)), "");
        assert_eq!(of(2, "1", None), "", "no root, no reminder");
        assert!(of(2, "1", Some(&all)).contains("still names generation 1 as good"));
        let mut older = all.clone();
        older.keys.remove("3");
        assert!(of(3, "", Some(&older)).contains("does not name generation 3 yet"));
        let leaked = next_statement(&ring(2, &json!({})), &[1], None, None, NOW).unwrap();
        assert_eq!(of(2, "1", Some(&leaked)), "");
        assert!(of(2, "", Some(&leaked)).contains("distrusts generation 1, which the key ring trusts"));
        assert!(reminders(&ring(2, &json!({ "x-statement": "?" }))).concat().contains("writes it anew"));
    }

    #[test]
    fn author_follows_from_the_signature() {
        let statement = next_statement(&ring(2, &json!({})), &[], None, None, NOW).unwrap();
        let stored = ring(2, &json!({ "x-statement": statement.sign(&root(1)) }));
        assert_eq!(author(&stored, &root(1).public()), Author::ThisRoot);
        assert_eq!(author(&stored, &root(2).public()), Author::AnotherRoot);
        assert_eq!(author(&ring(2, &json!({})), &root(1).public()), Author::Nobody);
        let pinned = pinned_keys(&stored, &BTreeMap::new(), &root(1).public());
        assert_eq!(pinned.get("former"), None);
        assert_eq!(pinned["root"]["x"], root(1).public().x());
        assert_eq!(pinned["statement"], stored.statement().unwrap());
        assert_eq!(pinned["keys"].as_array().unwrap().len(), 3);
    }
}
