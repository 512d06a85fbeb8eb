//! Text of the stored keys: the fetched keys that are endorsed, and the root's newest statement.

use std::collections::BTreeMap;

use falconer_domain::jwks::Jwk;
use falconer_domain::statement::KeyStatement;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock::UnixSeconds;
use crate::json_object::JsonObject;

/// The stored keys. Nothing in them is trusted before it is verified.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct StoredTrust {
    pub(super) keys: Vec<Jwk>,
    /// The newest statement, as it was signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) statement: Option<String>,
    /// The statement before it, which names the keys of leases from then: a new build does not pin them any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) earlier: Option<String>,
    /// `kid` → second since which leases by a key that counted before do not count any more: it is distrusted.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) former: BTreeMap<String, i64>,
    /// Second in which `/api/keys` last had a statement of the root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) looked_at: Option<i64>,
}

impl StoredTrust {
    /// The text of no keys, which is not stored.
    pub(super) const NOTHING: &str = r#"{"keys":[]}"#;

    /// Reads a stored text. Parts that cannot be read are absent.
    pub(super) fn read(text: &str) -> Self {
        let Some(mut read) = Self::fetched(text) else { return Self::default() };
        let members = serde_json::from_str::<Value>(text).unwrap_or_default();
        let former = members["former"].as_object().into_iter().flatten();
        read.former = former.filter_map(|(kid, since)| Some((kid.clone(), since.as_i64()?))).collect();
        read.earlier = members["earlier"].as_str().map(str::to_owned);
        read.looked_at = members["looked_at"].as_i64();
        read
    }

    /// Reads an answer of `/api/keys`. A key that cannot be read is ignored, and the others count (RFC 7517, section 5).
    pub(super) fn fetched(text: &str) -> Option<Self> {
        let JsonObject(FetchedKeys { keys, statement }) = serde_json::from_str(text).ok()?;
        let readable = keys.into_iter().filter_map(|key| match key {
            FetchedKey::Readable(JsonObject(jwk)) => Some(jwk),
            FetchedKey::Other(IgnoredAny) => None,
        });
        let statement = statement.as_str().map(str::to_owned);
        Some(Self { keys: readable.collect(), statement, ..Self::default() })
    }

    /// Notes the keys whose leases counted until now, and forgets the notes of those whose leases count.
    pub(super) fn note_former<'a>(
        &mut self,
        before: impl Iterator<Item = &'a String>,
        counts: impl Fn(&str) -> bool,
        now: UnixSeconds,
    ) {
        for kid in before.filter(|kid| !counts(kid)) {
            self.former.entry(kid.clone()).or_insert(now.0);
        }
        self.former.retain(|kid, _| !counts(kid));
    }

    pub(super) fn to_text(&self) -> String {
        // Unwrap safety: texts, numbers and maps of texts always serialize.
        serde_json::to_string(self).unwrap()
    }
}

/// The part of a stored text that the seal covers: the statement, and since when keys do not count. `None` without a
/// statement, where the seal is as it was in 0.1.0.
pub(crate) fn sealed_part(text: Option<&str>) -> Option<String> {
    let stored = StoredTrust::read(text?);
    let statement = stored.statement?;
    Some(json!([statement, stored.former]).to_string())
}

/// The text with the newer statement, of two that two processes have written. Both were verified when they were written.
pub(crate) fn newer_text<'a>(disk: Option<&'a str>, own: Option<&'a str>) -> Option<&'a str> {
    let serial = |text: Option<&str>| {
        let statement = StoredTrust::read(text?).statement?;
        Some(KeyStatement::unverified(&statement)?.serial)
    };
    if serial(own) > serial(disk) { own } else { disk }
}

/// A list of keys that was fetched.
#[derive(Deserialize)]
struct FetchedKeys {
    keys: Vec<FetchedKey>,
    #[serde(default)]
    statement: Value,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum FetchedKey {
    Readable(JsonObject<Jwk>),
    /// A key of another kind, without the members of an Ed25519 key.
    Other(IgnoredAny),
}
