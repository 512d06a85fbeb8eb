//! What the row of the store means on this machine, believed as far as it can be proved.

use falconer_domain::LicenseKey;
use falconer_domain::hardware::LeaseComponents;
use falconer_domain::lease::{self, Claims};

use super::Config;
use crate::decision;
use crate::hardware::Fingerprint;
use crate::seal;
use crate::state::StoredDecision;
use crate::store::Record;
use crate::timeline::CheckpointIntegrity;
use crate::trust::TrustedKeys;

/// What is known.
#[derive(Clone, Debug)]
pub(super) struct VerifiedRecord {
    /// The key of the stored license.
    pub(super) key: Option<LicenseKey>,
    /// This machine, as that license knows it.
    pub(super) own: Option<Fingerprint>,
    /// The stored answer, its signature verified again.
    pub(super) claims: Option<Claims>,
    /// What follows for this machine.
    pub(super) standing: StoredDecision,
    /// Whether the time marks can be believed.
    pub(super) marks: CheckpointIntegrity,
}

impl VerifiedRecord {
    /// Proves what can be proved of a row.
    pub(super) fn of(record: &Record, config: &Config) -> Self {
        let key = record.key.as_ref().and_then(|key| LicenseKey::parse(&key.0));
        let own = key.as_ref().map(|key| Fingerprint::of(key, &config.raw, record.install.as_ref()));
        let claims = record.answer.as_ref().and_then(|answer| {
            let trust = trusted_keys(record, config);
            lease::verify(answer, &config.product, |kid| trust.key(kid)).ok()
        });
        let standing = match (&claims, &own) {
            (Some(claims), Some(own)) => decision::stored_decision(claims, &own.stated()),
            _ => StoredDecision::NoLicense,
        };
        let marks = match (&claims, &key, &record.answer, standing) {
            (Some(claims), Some(key), Some(answer), StoredDecision::Leased(_)) => {
                seal::evaluate(record.seal.as_deref(), record.marks, answer, key, &stated(claims))
            }
            _ => CheckpointIntegrity::Intact,
        };
        Self { key, own, claims, standing, marks }
    }
}

/// The keys that count, with those that came from the network.
pub(super) fn trusted_keys(record: &Record, config: &Config) -> TrustedKeys {
    record
        .keys
        .as_ref()
        .map_or_else(|| TrustedKeys::pinned(&config.pins), |keys| TrustedKeys::extended(&config.pins, keys))
}

/// The components a lease states; none for a refusal.
pub(super) fn stated(claims: &Claims) -> LeaseComponents {
    claims.hw.as_ref().map(LeaseComponents::from_wire).unwrap_or_default()
}
