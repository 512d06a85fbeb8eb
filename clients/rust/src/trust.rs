//! Trusted signature keys: those that an application was built with, and those that they endorse; or, where it was built
//! with a root, those of the root's newest statement and those that they endorse.

mod public_keys;
mod stored;

use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::VerifyingKey;
#[cfg(any(test, feature = "conformance"))]
use falconer_domain::encoding::BASE64URL_NOPAD;
use falconer_domain::jwks::Jwk;

use crate::clock::UnixSeconds;
use public_keys::{SignedStatement, ed25519_key};
use stored::StoredTrust;

pub use public_keys::{PublicKeys, PublicKeysError};
pub(crate) use stored::{newer_text, sealed_part};

/// Twice the capacity of a key ring. The limit applies to fetched keys alone; stored ones were endorsed and stay.
const MAX_FETCHED_KEYS: usize = 62;
/// Age of the last look for a statement at which a request looks again: less than the day between two checks, which
/// drifts by seconds.
pub(crate) const LOOK_WITH_REQUEST_SECONDS: i64 = 20 * 3_600;
/// Age at which the refresher looks without a request. A lease may say that the next check is in ten years.
pub(crate) const LOOK_ALONE_SECONDS: i64 = 25 * 3_600;

/// All keys that count now.
#[derive(Clone, Debug)]
pub(crate) struct TrustedKeys {
    keys: BTreeMap<String, VerifyingKey>,
    /// Keys that no endorsement brings back: those that the root distrusts, and dropped pins.
    barred: BTreeSet<String>,
    /// Keys that the root's statement leaves out without distrusting them or the keys that vouch for them. A stored lease
    /// by one of them counts to its end; nothing that is received counts by it.
    retired: BTreeMap<String, VerifyingKey>,
    /// Keys that are distrusted, or that only distrusted ones vouch for, with the moment since which they do not count. A
    /// stored lease by one of them runs out; nothing that is received counts by it.
    former: BTreeMap<String, (VerifyingKey, UnixSeconds)>,
}

/// The signer of a stored answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signer {
    /// A key whose stored leases count to their end: one that counts, or was retired in good order.
    Trusted,
    /// A key that is distrusted, and has not counted since this moment.
    Former(UnixSeconds),
}

impl TrustedKeys {
    /// Trusts what the build and the stored keys prove. Endorsements and the statement are verified at every start, so
    /// that a dropped pin takes along the keys that it alone endorsed.
    pub(crate) fn of(pins: &PublicKeys, kept: Option<&str>) -> Self {
        Self::of_stored(pins, &kept.map(StoredTrust::read).unwrap_or_default())
    }

    fn of_stored(pins: &PublicKeys, stored: &StoredTrust) -> Self {
        let statement = pins.newest_statement(stored.statement.as_deref());
        Self::under(pins, stored, statement.as_ref())
    }

    fn under(pins: &PublicKeys, stored: &StoredTrust, statement: Option<&SignedStatement>) -> Self {
        let mut pinned = Self::starting_with(pins.keys.clone(), BTreeSet::new());
        let Some(SignedStatement { claims, .. }) = statement else {
            pinned.add_endorsed(&stored.keys);
            return pinned;
        };
        let barred: BTreeSet<_> = claims.distrusted.union(&pins.dropped).cloned().collect();
        let stated = claims.keys.iter().filter(|(kid, _)| !barred.contains(*kid));
        let keys = stated.filter_map(|(kid, x)| Some((kid.clone(), public_keys::verifying_key(x)?)));
        let mut trusted = Self::starting_with(keys.collect(), barred);
        trusted.add_endorsed(pins.listed.iter().chain(&stored.keys));
        // Everything that the build and its keys vouch for, so that a stored lease can be verified to its end.
        pinned.keys.extend(trusted.keys.clone());
        // The stored statement may be older than the build's, and the one before it older still.
        let replaced = [&stored.statement, &stored.earlier].map(|jws| pins.read_statement(jws.as_deref()));
        for (kid, x) in replaced.into_iter().flatten().flat_map(|replaced| replaced.claims.keys) {
            if let (false, Some(key)) = (pinned.keys.contains_key(&kid), public_keys::verifying_key(&x)) {
                pinned.keys.insert(kid, key);
            }
        }
        let is_good = |(kid, _): &(&String, &VerifyingKey)| !trusted.barred.contains(*kid);
        let good = pinned.keys.iter().filter(is_good).map(|(kid, key)| (kid.clone(), *key));
        let mut good = Self::starting_with(good.collect(), trusted.barred.clone());
        good.add_endorsed(&stored.keys);
        pinned.add_endorsed(&stored.keys);
        good.keys.retain(|kid, _| !trusted.keys.contains_key(kid));
        trusted.retired = good.keys;
        let since = |kid: &String| UnixSeconds(stored.former.get(kid).copied().unwrap_or(i64::MIN));
        let former = pinned.keys.into_iter().filter(|(kid, _)| !trusted.knows(kid));
        trusted.former = former.map(|(kid, key)| (kid.clone(), (key, since(&kid)))).collect();
        trusted
    }

    fn starting_with(keys: BTreeMap<String, VerifyingKey>, barred: BTreeSet<String>) -> Self {
        Self { keys, barred, retired: BTreeMap::new(), former: BTreeMap::new() }
    }

    /// True if a stored lease by this key counts to its end.
    fn knows(&self, kid: &str) -> bool {
        self.keys.contains_key(kid) || self.retired.contains_key(kid)
    }

    /// Merges an answer of `/api/keys` into the stored text: all keys trusted before, those that they endorse, and a newer
    /// statement of the root. The server may drop a generation whose endorsement this client still needs. `None` means
    /// nothing to store.
    ///
    /// An attacker on the network chooses the answer. So an endorsement counts only if it verifies, it never replaces
    /// another, and no list removes a trusted key. Only a statement of the pinned root does, and only a newer one.
    pub(crate) fn merge(
        pins: &PublicKeys,
        kept: Option<&str>,
        fetched: &str,
        now: UnixSeconds,
    ) -> Option<String> {
        let fetched = StoredTrust::fetched(fetched)?;
        Self::learn(pins, kept, fetched, now)
    }

    /// Takes the statement of the build, where that is newer than the stored one. `None` means nothing to store.
    pub(crate) fn take_from_build(pins: &PublicKeys, kept: Option<&str>, now: UnixSeconds) -> Option<String> {
        pins.has_root().then(|| Self::learn(pins, kept, StoredTrust::default(), now)).flatten()
    }

    fn learn(
        pins: &PublicKeys,
        kept: Option<&str>,
        fetched: StoredTrust,
        now: UnixSeconds,
    ) -> Option<String> {
        let mut stored = kept.map(StoredTrust::read).unwrap_or_default();
        // Without the build's statement, so that the keys which it ends are noticed.
        let before = Self::under(pins, &stored, pins.read_statement(stored.statement.as_deref()).as_ref());
        let newest = pins.newest_statement(stored.statement.as_deref());
        let offered = fetched.statement.as_deref().and_then(|jws| pins.acceptable(jws, newest.as_ref()));
        if offered.is_some() {
            stored.looked_at = Some(now.0);
        }
        let newer =
            offered.filter(|offered| newest.as_ref().is_none_or(|newest| offered.is_newer_than(newest)));
        let statement = newer.or(newest);
        let same = statement.as_ref().is_none_or(|taken| Some(&taken.jws) == stored.statement.as_ref());
        if let (Some(taken), false) = (&statement, same) {
            stored.earlier = stored.statement.replace(taken.jws.clone());
        }
        let mut trusted = Self::under(pins, &stored, statement.as_ref());
        let listed = if fetched.keys.len() <= MAX_FETCHED_KEYS { fetched.keys } else { Vec::new() };
        trusted.add_endorsed(&listed);
        if statement.is_some() {
            let counted = before.keys.keys().chain(before.retired.keys());
            stored.note_former(counted, |kid| trusted.knows(kid), now);
        }
        let known = |jwk: &Jwk| {
            let former = trusted.former.get(&jwk.kid).filter(|_| stored.former.contains_key(&jwk.kid));
            let ended = trusted.retired.get(&jwk.kid).or(former.map(|(key, _)| key));
            trusted.contains(jwk) || ended.is_some_and(|key| ed25519_key(jwk).as_ref() == Some(key))
        };
        stored.keys.retain(known);
        for jwk in listed.into_iter().filter(|jwk| trusted.contains(jwk)) {
            trusted.add_or_extend(&mut stored.keys, jwk);
        }
        let after = Self::under(pins, &stored, statement.as_ref());
        let keeps_all = !same || before.keys.iter().all(|(kid, key)| after.keys.get(kid) == Some(key));
        let text = stored.to_text();
        (keeps_all && kept.unwrap_or(StoredTrust::NOTHING) != text).then_some(text)
    }

    /// True where the root's statement has to be asked for: a root is pinned, and the last look is so many seconds ago.
    pub(crate) fn is_statement_due(
        pins: &PublicKeys,
        kept: Option<&str>,
        now: UnixSeconds,
        age_seconds: i64,
    ) -> bool {
        let looked_at = kept.map(StoredTrust::read).and_then(|stored| stored.looked_at);
        let is_recent = |at: i64| at <= now.0 && now.0 < at.saturating_add(age_seconds);
        pins.has_root() && !looked_at.is_some_and(is_recent)
    }

    /// Finds a trusted key by its `kid`, for an answer that arrives.
    pub(crate) fn key(&self, kid: &str) -> Option<VerifyingKey> {
        self.keys.get(kid).copied()
    }

    /// Finds a key by its `kid` for an answer that is stored, and tells whether that answer still counts.
    pub(crate) fn key_of_stored(&self, kid: &str) -> Option<(VerifyingKey, Signer)> {
        let former = || self.former.get(kid).map(|(key, since)| (*key, Signer::Former(*since)));
        let counts = self.key(kid).or_else(|| self.retired.get(kid).copied());
        counts.map(|key| (key, Signer::Trusted)).or_else(former)
    }

    /// Lists the `kid` of each trusted key.
    pub(crate) fn kids(&self) -> Vec<String> {
        self.keys.keys().cloned().collect()
    }

    /// Lists each trusted `kid` with its key, as `/api/keys` writes it.
    #[cfg(any(test, feature = "conformance"))]
    pub(crate) fn listed(&self) -> impl Iterator<Item = (&str, String)> {
        self.keys.iter().map(|(kid, key)| (kid.as_str(), BASE64URL_NOPAD.encode(key.as_bytes())))
    }

    /// Adds endorsed keys until no more are found.
    fn add_endorsed<'a>(&mut self, jwks: impl IntoIterator<Item = &'a Jwk>) {
        let jwks: Vec<_> = jwks.into_iter().collect();
        while let Some((kid, key)) = self.next_endorsed(&jwks) {
            self.keys.insert(kid, key);
        }
    }

    /// True if the key is trusted under its own `kid`.
    fn contains(&self, jwk: &Jwk) -> bool {
        self.keys.get(&jwk.kid).is_some_and(|key| ed25519_key(jwk).as_ref() == Some(key))
    }

    /// Adds a trusted key to the stored ones, or to the known one the endorsements that are new.
    fn add_or_extend(&self, stored: &mut Vec<Jwk>, mut jwk: Jwk) {
        let endorsed_by = std::mem::take(&mut jwk.endorsed_by);
        let known = stored.iter().position(|known| known.kid == jwk.kid).unwrap_or(stored.len());
        if known == stored.len() {
            stored.push(jwk);
        }
        self.add_endorsements(&mut stored[known], endorsed_by);
    }

    /// Adds the endorsements that verify and are new.
    fn add_endorsements(&self, jwk: &mut Jwk, endorsed_by: BTreeMap<String, String>) {
        for (kid, signature) in endorsed_by {
            let mut claimed = jwk.clone();
            claimed.endorsed_by = BTreeMap::from([(kid.clone(), signature.clone())]);
            if self.keys.get(&kid).is_some_and(|key| claimed.is_endorsed_by(&kid, key)) {
                jwk.endorsed_by.entry(kid).or_insert(signature);
            }
        }
    }

    /// Finds a new key that a trusted one endorses. A known `kid` keeps its key.
    fn next_endorsed(&self, jwks: &[&Jwk]) -> Option<(String, VerifyingKey)> {
        let is_new = |jwk: &&&Jwk| !self.keys.contains_key(&jwk.kid) && !self.barred.contains(&jwk.kid);
        let endorsed = |jwk: &&&Jwk| self.keys.iter().any(|(kid, key)| jwk.is_endorsed_by(kid, key));
        let mut found = jwks.iter().filter(is_new).filter(endorsed);
        found.find_map(|jwk| Some((jwk.kid.clone(), ed25519_key(jwk)?)))
    }
}

#[cfg(test)]
mod statements;
#[cfg(test)]
mod tests;
