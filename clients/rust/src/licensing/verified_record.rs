//! The stored row, verified: the meaning that it has on this machine, as far as signatures and seals prove it.

use std::cell::Cell;

use falconer_domain::hardware::LeaseComponents;
use falconer_domain::lease::Claims;
use falconer_domain::{LicenseKey, Product};

use super::Config;
use crate::decision;
use crate::hardware::{Fingerprint, RawComponents};
use crate::seal;
use crate::signed;
use crate::state::StoredDecision;
use crate::store::{Belonging, Record};
use crate::timeline::CheckpointIntegrity;
use crate::trust::{PublicKeys, Signer, TrustedKeys, sealed_part};

/// Everything that could be proved of a [`Record`].
#[derive(Clone, Debug)]
pub(super) struct VerifiedRecord {
    /// The key of the stored license.
    pub(super) key: Option<LicenseKey>,
    /// This machine, hashed with that key.
    pub(super) fingerprint: Option<Fingerprint>,
    /// Claims of the stored answer; present only where its signature verifies.
    pub(super) claims: Option<Claims>,
    /// The key that signed them: one that counts, or one that did.
    pub(super) signer: Signer,
    /// Meaning of those claims for this machine.
    pub(super) decision: StoredDecision,
    /// Result of comparing the time checkpoint with its seal.
    pub(super) integrity: CheckpointIntegrity,
}

impl VerifiedRecord {
    /// Verifies signature, hardware and seal of a row.
    pub(super) fn of(record: &Record, config: &Config) -> Self {
        let key = record.key.as_ref().and_then(|key| LicenseKey::parse(&key.0));
        let fingerprint =
            key.as_ref().map(|key| Fingerprint::of(key, &config.raw, record.install_id.as_ref()));
        let (claims, signer) = match signed_claims(record, config) {
            Some((claims, signer)) => (Some(claims), signer),
            None => (None, Signer::Trusted),
        };
        let decision = match (&claims, &fingerprint) {
            (Some(claims), Some(own)) => decision::stored_decision(claims, &own.lease_components(), signer),
            _ => StoredDecision::NoLicense,
        };
        let integrity = match (&claims, &key, &record.answer, decision) {
            (Some(claims), Some(key), Some(answer), StoredDecision::Leased(_)) => {
                let (stated, trust) = (lease_components(claims), sealed_part(record.trusted_keys.as_deref()));
                let seal_text = record.seal.as_deref();
                seal::check(seal_text, record.checkpoint, answer, key, &stated, trust.as_deref())
            }
            _ => CheckpointIntegrity::Intact,
        };
        Self { key, fingerprint, claims, signer, decision, integrity }
    }

    /// Second in which the stored answer was signed. An answer by a key that does not count any more is older than
    /// everything: whoever has that key can write any moment into it.
    pub(super) fn issued_at(&self) -> Option<i64> {
        self.claims.as_ref().map(|claims| match self.signer {
            Signer::Trusted => claims.at,
            Signer::Former(_) => i64::MIN,
        })
    }
}

/// Claims of the stored answer, and the signer, where its signature verifies.
fn signed_claims(record: &Record, config: &Config) -> Option<(Claims, Signer)> {
    let trusted = trusted_keys(record, config);
    let signer = Cell::new(Signer::Trusted);
    let key = |kid: &str| {
        let (key, found) = trusted.key_of_stored(kid)?;
        signer.set(found);
        Some(key)
    };
    let claims = signed::verify(record.answer.as_ref()?, &config.product, key).ok()?;
    Some((claims, signer.get()))
}

/// Seals the checkpoint of a row that holds a lease.
pub(super) fn seal_of(record: &Record, answer: &str, key: &LicenseKey, claims: &Claims) -> String {
    let trust = sealed_part(record.trusted_keys.as_deref());
    seal::seal(record.checkpoint, answer, key, &lease_components(claims), trust.as_deref())
}

/// Replaces the stored keys of a row. A seal that fitted before fits afterwards.
pub(super) fn replace_trusted_keys(record: &mut Record, keys: Option<String>, config: &Config) {
    let before = VerifiedRecord::of(record, config);
    record.trusted_keys = keys;
    if let VerifiedRecord {
        decision: StoredDecision::Leased(_),
        integrity: CheckpointIntegrity::Intact,
        claims: Some(claims),
        key: Some(key),
        ..
    } = &before
    {
        record.seal = record.answer.as_ref().map(|answer| seal_of(record, answer, key, claims));
    }
}

/// The keys that count, by the build and the stored ones.
pub(super) fn trusted_keys(record: &Record, config: &Config) -> TrustedKeys {
    TrustedKeys::of(&config.pins, record.trusted_keys.as_deref())
}

/// Returns the judgement of a row that may be another application's: whether this application's keys signed its answer
/// for this product, and whether it is a lease that counts on this machine.
pub(super) fn belonging(
    product: &Product,
    pins: &PublicKeys,
    raw: &RawComponents,
) -> Box<dyn Fn(&Record) -> Belonging + Send> {
    let (product, pins, raw) = (product.clone(), pins.clone(), raw.clone());
    Box::new(move |record| {
        let trusted = TrustedKeys::of(&pins, record.trusted_keys.as_deref());
        let known = |kid: &str| trusted.key_of_stored(kid).map(|(key, _)| key);
        let key = record.key.as_ref().and_then(|key| LicenseKey::parse(&key.0));
        let (Some(answer), Some(key)) = (&record.answer, key) else { return Belonging::Unproven };
        let own = Fingerprint::of(&key, &raw, record.install_id.as_ref());
        match signed::verify(answer, &product, known) {
            Ok(claims) if decision::is_lease_of(&claims, &own.lease_components()) => Belonging::LeasedHere,
            Ok(_) => Belonging::Signed,
            // The claims of 0.1.0 have another form, which says nothing any more. Its signature still says whose it is.
            Err(_) if signed::is_signed_for(answer, &product, known) => Belonging::Signed,
            Err(_) => Belonging::Unproven,
        }
    })
}

/// Components that a lease states; empty for a refusal.
pub(super) fn lease_components(claims: &Claims) -> LeaseComponents {
    claims.hw.as_ref().map(LeaseComponents::from_wire).unwrap_or_default()
}
