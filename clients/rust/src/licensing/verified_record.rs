//! The stored row, verified: the meaning that it has on this machine, as far as signatures and seals prove it.

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
use crate::trust::{PublicKeys, TrustedKeys};

/// Everything that could be proved of a [`Record`].
#[derive(Clone, Debug)]
pub(super) struct VerifiedRecord {
    /// The key of the stored license.
    pub(super) key: Option<LicenseKey>,
    /// This machine, hashed with that key.
    pub(super) fingerprint: Option<Fingerprint>,
    /// Claims of the stored answer; present only where its signature verifies.
    pub(super) claims: Option<Claims>,
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
        let claims = record.answer.as_ref().and_then(|answer| {
            let trusted = trusted_keys(record, config);
            signed::verify(answer, &config.product, |kid| trusted.key(kid)).ok()
        });
        let decision = match (&claims, &fingerprint) {
            (Some(claims), Some(own)) => decision::stored_decision(claims, &own.lease_components()),
            _ => StoredDecision::NoLicense,
        };
        let integrity = match (&claims, &key, &record.answer, decision) {
            (Some(claims), Some(key), Some(answer), StoredDecision::Leased(_)) => {
                let stated = lease_components(claims);
                seal::check(record.seal.as_deref(), record.checkpoint, answer, key, &stated)
            }
            _ => CheckpointIntegrity::Intact,
        };
        Self { key, fingerprint, claims, decision, integrity }
    }
}

/// The pinned keys and the stored ones that they endorse.
pub(super) fn trusted_keys(record: &Record, config: &Config) -> TrustedKeys {
    all_trusted(record, &config.pins)
}

fn all_trusted(record: &Record, pins: &PublicKeys) -> TrustedKeys {
    let stored = record.trusted_keys.as_ref();
    stored.map_or_else(|| TrustedKeys::pinned(pins), |keys| TrustedKeys::extended(pins, keys))
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
        let trusted = all_trusted(record, &pins);
        let key = record.key.as_ref().and_then(|key| LicenseKey::parse(&key.0));
        let (Some(answer), Some(key)) = (&record.answer, key) else { return Belonging::Unproven };
        let own = Fingerprint::of(&key, &raw, record.install_id.as_ref());
        match signed::verify(answer, &product, |kid| trusted.key(kid)) {
            Ok(claims) if decision::is_lease_of(&claims, &own.lease_components()) => Belonging::LeasedHere,
            Ok(_) => Belonging::Signed,
            // The claims of 0.1.0 have another form, which says nothing any more. Its signature still says whose it is.
            Err(_) if signed::is_signed_for(answer, &product, |kid| trusted.key(kid)) => Belonging::Signed,
            Err(_) => Belonging::Unproven,
        }
    })
}

/// Components that a lease states; empty for a refusal.
pub(super) fn lease_components(claims: &Claims) -> LeaseComponents {
    claims.hw.as_ref().map(LeaseComponents::from_wire).unwrap_or_default()
}
