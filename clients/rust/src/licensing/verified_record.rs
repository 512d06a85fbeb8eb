//! The stored row, verified: the meaning that it has on this machine, as far as signatures and seals prove it.

use falconer_domain::LicenseKey;
use falconer_domain::hardware::LeaseComponents;
use falconer_domain::lease::Claims;

use super::Config;
use crate::decision;
use crate::hardware::Fingerprint;
use crate::seal;
use crate::signed;
use crate::state::StoredDecision;
use crate::store::Record;
use crate::timeline::CheckpointIntegrity;
use crate::trust::TrustedKeys;

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
    record
        .trusted_keys
        .as_ref()
        .map_or_else(|| TrustedKeys::pinned(&config.pins), |keys| TrustedKeys::extended(&config.pins, keys))
}

/// Components that a lease states; empty for a refusal.
pub(super) fn lease_components(claims: &Claims) -> LeaseComponents {
    claims.hw.as_ref().map(LeaseComponents::from_wire).unwrap_or_default()
}
