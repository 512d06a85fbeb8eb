//! The changes that an operator makes to one license: each with its name in the audit, and its rule.

use std::collections::BTreeSet;

use falconer_domain::air_gap::{Guarded, HeldOffline, OperatorWord, guarded};
use falconer_domain::hardware::DeviceId;
use falconer_domain::limits::{LimitsChange, LimitsRefusal};
use falconer_domain::maintenance::{self, UpdatesEnd};
use falconer_domain::operate::{
    self, Correction, ExtendRefusal, Extension, FeatureRefusal, NoSuchDevice, PolicyChange, PolicyRefusal,
    Reset, SeatsRefusal, StatusRefusal, TierRefusal,
};
use falconer_domain::person::Note;
use falconer_domain::{Catalog, License, TierName, UnixMillis};

use crate::license_service::AuditAction;

/// A change of one license. No `Debug`: some are about a person.
#[derive(Clone)]
pub enum LicenseChange {
    /// Stops it until it is reinstated.
    Suspend,
    /// Makes it active again.
    Reinstate,
    /// Ends it.
    Revoke,
    /// Changes its end.
    Extend(Extension),
    /// Gives it another tier; the devices that lose their seat.
    SetTier(TierName, BTreeSet<DeviceId>),
    /// Gives it seats of its own; the devices that lose theirs.
    SetSeats(u32, BTreeSet<DeviceId>),
    /// Adds a feature beyond its tier's.
    AddFeature(String),
    /// Takes a feature of its own away.
    RemoveFeature(String),
    /// Changes the limits of its own.
    SetLimits(LimitsChange),
    /// Changes the end of its maintenance.
    SetUpdatesUntil(UpdatesEnd),
    /// Changes its own policy; the devices that lose their seat.
    SetPolicy(PolicyChange, BTreeSet<DeviceId>),
    /// Corrects who the customer is.
    SetCustomer(Correction),
    /// Writes a note over the one before.
    Note(Option<Note>),
    /// Frees seats; whether also those of machines without a network that have a lease.
    ResetHardware(Reset, OperatorWord),
}

/// Why a license stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeRefusal {
    /// The status of the license does not allow it.
    #[error(transparent)]
    Status(#[from] StatusRefusal),
    /// The end is not possible.
    #[error(transparent)]
    Extend(#[from] ExtendRefusal),
    /// The tier is not possible.
    #[error(transparent)]
    Tier(#[from] TierRefusal),
    /// The seats are not possible.
    #[error(transparent)]
    Seats(#[from] SeatsRefusal),
    /// The feature is not possible.
    #[error(transparent)]
    Feature(#[from] FeatureRefusal),
    /// The limits are not possible.
    #[error(transparent)]
    Limits(#[from] LimitsRefusal),
    /// The policy is not possible.
    #[error(transparent)]
    Policy(#[from] PolicyRefusal),
    /// A device.
    #[error(transparent)]
    Device(#[from] NoSuchDevice),
    /// A machine without a network has a lease.
    #[error(transparent)]
    Held(HeldOffline),
}

impl ChangeRefusal {
    fn of<E: std::error::Error + Into<Self>>(refusal: Guarded<E>) -> Self {
        match refusal {
            Guarded::Held(held) => Self::Held(held),
            Guarded::Rule(refusal) => refusal.into(),
        }
    }
}

impl LicenseChange {
    /// Returns the command, and the code of its audit row.
    #[must_use]
    pub const fn names(&self) -> (&'static str, &'static str) {
        match self {
            Self::Suspend => ("suspend", "SUSPENDED"),
            Self::Reinstate => ("reinstate", "REINSTATED"),
            Self::Revoke => ("revoke", "REVOKED"),
            Self::Extend(_) => ("extend", "EXTENDED"),
            Self::SetTier(..) => ("set-tier", "TIER_SET"),
            Self::SetSeats(..) => ("set-seats", "SEATS_SET"),
            Self::AddFeature(_) => ("add-feature", "FEATURE_ADDED"),
            Self::RemoveFeature(_) => ("remove-feature", "FEATURE_REMOVED"),
            Self::SetLimits(_) => ("set-limit", "LIMITS_SET"),
            Self::SetUpdatesUntil(_) => ("set-updates-until", "UPDATES_UNTIL_SET"),
            Self::SetPolicy(..) => ("set-policy", "POLICY_SET"),
            Self::SetCustomer(_) => ("set-customer", "CUSTOMER_SET"),
            Self::Note(_) => ("note", "NOTED"),
            Self::ResetHardware(..) => ("reset-hardware", "HARDWARE_RESET"),
        }
    }

    /// Returns the action of its audit row.
    #[must_use]
    pub const fn audit_action<'a>(&self, reason: Option<&'a str>) -> AuditAction<'a> {
        let (action, code) = self.names();
        AuditAction { action, code, reason }
    }

    /// Applies the rule.
    ///
    /// # Errors
    /// [`ChangeRefusal`].
    pub fn apply(
        &self,
        license: License,
        catalog: &Catalog,
        now: UnixMillis,
    ) -> Result<License, ChangeRefusal> {
        Ok(match self {
            Self::Suspend => operate::suspend(license)?,
            Self::Reinstate => operate::reinstate(license)?,
            Self::Revoke => operate::revoke(license)?,
            Self::Extend(extension) => operate::extend(license, *extension, now)?,
            Self::SetTier(tier, release) => {
                let rule = |license| operate::set_tier(license, tier.clone(), catalog, release);
                keeping(license, release, now, rule)?
            }
            Self::SetSeats(seats, release) => {
                keeping(license, release, now, |license| operate::set_seats(license, *seats, release))?
            }
            Self::AddFeature(feature) => operate::add_feature(license, feature)?,
            Self::RemoveFeature(feature) => operate::remove_feature(license, feature)?,
            Self::SetLimits(change) => operate::set_limits(license, change)?,
            Self::SetUpdatesUntil(end) => maintenance::set_updates_until(license, *end),
            Self::SetPolicy(change, release) => {
                let rule = |license| operate::set_policy(license, change, catalog, release);
                keeping(license, release, now, rule)?
            }
            Self::SetCustomer(correction) => operate::set_customer(license, correction),
            Self::Note(note) => License { notes: note.clone(), ..license },
            Self::ResetHardware(reset, word) => {
                operate::reset_offline(license, reset, *word, now).map_err(ChangeRefusal::of)?
            }
        })
    }
}

/// Takes seats from devices, unless one of them has a lease without a network.
fn keeping<E: std::error::Error + Into<ChangeRefusal>>(
    license: License,
    leaving: &BTreeSet<DeviceId>,
    now: UnixMillis,
    rule: impl FnOnce(License) -> Result<License, E>,
) -> Result<License, ChangeRefusal> {
    guarded(license, |_| leaving.clone(), OperatorWord::Keep, now, rule).map_err(ChangeRefusal::of)
}
