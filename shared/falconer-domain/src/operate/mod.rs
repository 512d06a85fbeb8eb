//! Operations of an operator on a license. Each takes the present license and returns the changed one; the
//! store writes it under the version that was read, with an audit row that names actor and reason.

mod customer;
mod erasure;
mod limits;
mod policy;
mod rotation;

use std::collections::BTreeSet;

use crate::air_gap::{Guarded, OperatorWord, guarded};
use crate::catalog::{Catalog, MAX_SEATS, TierName};
use crate::hardware::DeviceId;
use crate::issue::{MAX_EXTRA_FEATURES, MAX_TERM_DAYS, is_feature};
use crate::license::{License, Status};
use crate::license_id::LicenseId;
use crate::time::{LATEST_END, UnixMillis};

pub use customer::{Correction, set_customer};
pub use erasure::{Personal, erase, holds_address, lift_erasure, names_person, personal};
pub use limits::set_limits;
pub use policy::{BadSetting, OwnValue, PolicyChange, PolicyRefusal, own_policy, set_policy};
pub use rotation::{Rotated, rotate};

/// Why a license's status stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatusRefusal {
    /// It is in that status.
    #[error("the license is {} already", .0.as_str())]
    Already(Status),
    /// Only a license that is not revoked can be suspended.
    #[error("the license is revoked; `falconer reinstate` takes it back")]
    Revoked,
    /// Only suspended and revoked licenses can be reinstated.
    #[error("the license is {}, so there is nothing to reinstate", .0.as_str())]
    Stands(Status),
    /// The key was replaced.
    #[error("the license was replaced by {0}; change that one")]
    Replaced(LicenseId),
}

/// The last day before [`LATEST_END`], for sentences.
const LAST_DAY: &str = "9998-12-31";

/// Why a term stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExtendRefusal {
    /// It never ends.
    #[error("the license never ends; `--until` gives it an end")]
    Perpetual,
    /// Days outside 1 to [`MAX_TERM_DAYS`].
    #[error("days must be 1 to {MAX_TERM_DAYS}")]
    Days,
    /// The end would lie beyond the calendar.
    #[error(
        "the license would end after {LAST_DAY}, the last day that works; `--perpetual` lets it never end"
    )]
    TooLate,
    /// The end would lie in the past.
    #[error("that moment has passed; `falconer revoke` ends a license at once")]
    Past,
}

/// Why seats stay as they are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeatsRefusal {
    /// Outside 1 to [`MAX_SEATS`].
    #[error("seats must be 1 to {MAX_SEATS}")]
    Seats,
    /// Devices would be left without a seat.
    #[error(transparent)]
    Release(#[from] ReleaseRefusal),
}

/// Why a tier stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TierRefusal {
    /// The catalog lacks it.
    #[error("the product has no tier {0}; `falconer catalog show` lists its tiers")]
    NoSuchTier(TierName),
    /// Devices would be left without a seat.
    #[error(transparent)]
    Release(#[from] ReleaseRefusal),
}

/// Why devices keep their seats.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseRefusal {
    /// More devices are bound than there would be seats.
    #[error("{bound} devices are bound; name {} of them with --release", bound - seats)]
    Bound {
        /// Devices bound.
        bound: u32,
        /// Seats there would be.
        seats: u32,
    },
    /// The same, beside seats that offline leases keep.
    #[error(
        "{}, and {} a seat until an offline lease ends: {} too many for {seats}. \
         Name bound ones with --release. `falconer show` says until when a seat is kept, and `falconer reset-hardware \
         --despite-offline-lease` frees it all the same",
        if *bound == 1 { "1 device is bound".to_owned() } else { format!("{bound} devices are bound") },
        if *kept == 1 { "1 more keeps".to_owned() } else { format!("{kept} more keep") },
        (bound + kept).saturating_sub(*seats)
    )]
    BoundAndKept {
        /// Devices bound.
        bound: u32,
        /// Devices that have left with a long lease.
        kept: u32,
        /// Seats there would be.
        seats: u32,
    },
    /// A device that is not bound.
    #[error("device {0} is not bound to this license; `falconer show` lists its devices")]
    NoSuchDevice(DeviceId),
}

/// Why features stay as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeatureRefusal {
    /// Not a name, or one too many.
    #[error("a feature has 1 to 64 of a-z, 0-9 and _, and a license at most {MAX_EXTRA_FEATURES} of its own")]
    Feature,
    /// It has it.
    #[error("the license has this feature of its own already")]
    Already,
    /// It has not.
    #[error(
        "the license has no such feature of its own; what its tier gives cannot be taken from one license"
    )]
    Missing,
}

/// A device that is not bound.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("device {0} is not bound to this license; `falconer show` lists its devices")]
pub struct NoSuchDevice(pub DeviceId);

/// How a term changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extension {
    /// So many days more: from its end on, or from now on where that has passed.
    Days(u32),
    /// Until a moment; one in the year 9999 or later is for good.
    Until(UnixMillis),
    /// For good.
    Perpetual,
}

/// The devices to reset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reset {
    /// One.
    One(DeviceId),
    /// All, and the rights of every device that held a seat before.
    All,
}

/// Stops a license for a while.
///
/// # Errors
/// [`StatusRefusal`].
pub fn suspend(mut license: License) -> Result<License, StatusRefusal> {
    match license.status {
        Status::Suspended => return Err(StatusRefusal::Already(Status::Suspended)),
        Status::Revoked => return Err(StatusRefusal::Revoked),
        Status::Active | Status::Pending => license.status = Status::Suspended,
    }
    Ok(license)
}

/// Ends a license.
///
/// # Errors
/// [`StatusRefusal::Already`].
pub fn revoke(mut license: License) -> Result<License, StatusRefusal> {
    if license.status == Status::Revoked {
        return Err(StatusRefusal::Already(Status::Revoked));
    }
    license.status = Status::Revoked;
    Ok(license)
}

/// Takes a suspended or revoked license back: to active, or to pending if its term has not begun, since it would be
/// perpetual by accident otherwise.
///
/// # Errors
/// [`StatusRefusal`]; never one whose key was replaced.
pub fn reinstate(mut license: License) -> Result<License, StatusRefusal> {
    if let Some(replaced_by) = license.replaced_by {
        return Err(StatusRefusal::Replaced(replaced_by));
    }
    match license.status {
        Status::Active | Status::Pending => return Err(StatusRefusal::Stands(license.status)),
        Status::Suspended | Status::Revoked if license.waits_for_its_term() => {
            license.status = Status::Pending;
        }
        Status::Suspended | Status::Revoked => license.status = Status::Active,
    }
    Ok(license)
}

/// Changes a term.
///
/// # Errors
/// [`ExtendRefusal`].
pub fn extend(mut license: License, extension: Extension, now: UnixMillis) -> Result<License, ExtendRefusal> {
    match extension {
        Extension::Days(days) => {
            if !(1..=MAX_TERM_DAYS).contains(&days) {
                return Err(ExtendRefusal::Days);
            }
            match (license.expires_at, license.duration_days) {
                (Some(ends), _) => {
                    let end = ends.max(now).plus_days(days);
                    license.expires_at = Some(end).filter(|end| *end < LATEST_END);
                    license.expires_at.ok_or(ExtendRefusal::TooLate)?;
                }
                (None, Some(duration)) => {
                    let total = duration.checked_add(days).filter(|total| *total <= MAX_TERM_DAYS);
                    license.duration_days = Some(total.ok_or(ExtendRefusal::Days)?);
                }
                (None, None) => return Err(ExtendRefusal::Perpetual),
            }
        }
        Extension::Until(moment) if moment <= now => return Err(ExtendRefusal::Past),
        Extension::Until(moment) if moment < LATEST_END => license.expires_at = Some(moment),
        // 9999-12-31 is how calendars without "never" write it.
        Extension::Until(_) | Extension::Perpetual => {
            license.expires_at = None;
            license.duration_days = None;
        }
    }
    Ok(license)
}

/// Gives a license another tier. A tier with fewer seats than there are devices only if those that lose theirs are
/// named.
///
/// # Errors
/// [`TierRefusal`].
pub fn set_tier(
    mut license: License,
    tier: TierName,
    catalog: &Catalog,
    release: &BTreeSet<DeviceId>,
    now: UnixMillis,
) -> Result<License, TierRefusal> {
    let Some(policy) = catalog.policy(&tier, &license.policy) else {
        return Err(TierRefusal::NoSuchTier(tier));
    };
    license.tier = tier;
    Ok(fitted(license, policy.seats, release, now)?)
}

/// Gives a license seats of its own. Fewer than there are devices only if those that lose theirs are named.
///
/// # Errors
/// [`SeatsRefusal`].
pub fn set_seats(
    license: License,
    seats: u32,
    release: &BTreeSet<DeviceId>,
    now: UnixMillis,
) -> Result<License, SeatsRefusal> {
    if !(1..=MAX_SEATS).contains(&seats) {
        return Err(SeatsRefusal::Seats);
    }
    let mut license = fitted(license, seats, release, now)?;
    license.policy.seats = Some(seats);
    Ok(license)
}

/// A license whose devices fit so many seats: nobody's machine stops by surprise, and no seat is promised twice beside one
/// that an offline lease keeps. A device that is released gives its free binding back, as a reset does.
fn fitted(
    mut license: License,
    seats: u32,
    release: &BTreeSet<DeviceId>,
    now: UnixMillis,
) -> Result<License, ReleaseRefusal> {
    for id in release {
        license.devices.remove(id).ok_or_else(|| ReleaseRefusal::NoSuchDevice(id.clone()))?;
        license.free_used = license.free_used.saturating_sub(1);
    }
    let (bound, taken) = (license.bound(), license.seats_taken(now));
    match taken.saturating_sub(bound) {
        _ if taken <= seats => Ok(license),
        0 => Err(ReleaseRefusal::Bound { bound, seats }),
        kept => Err(ReleaseRefusal::BoundAndKept { bound, kept, seats }),
    }
}

/// Adds a feature of the license's own.
///
/// # Errors
/// [`FeatureRefusal`].
pub fn add_feature(mut license: License, feature: &str) -> Result<License, FeatureRefusal> {
    if !is_feature(feature) || license.features.len() >= MAX_EXTRA_FEATURES {
        return Err(FeatureRefusal::Feature);
    }
    if license.features.iter().any(|own| own == feature) {
        return Err(FeatureRefusal::Already);
    }
    license.features.push(feature.to_owned());
    Ok(license)
}

/// Takes a feature of the license's own away.
///
/// # Errors
/// [`FeatureRefusal::Missing`].
pub fn remove_feature(mut license: License, feature: &str) -> Result<License, FeatureRefusal> {
    let before = license.features.len();
    license.features.retain(|own| own != feature);
    if license.features.len() == before { Err(FeatureRefusal::Missing) } else { Ok(license) }
}

/// Frees seats so that the next bindings to them are not counted.
///
/// [`Reset::All`] makes every seat vacant and free of count. It takes every right of former devices: none can take a
/// seat back from the device that is bound next, and none loses by it, since a free binding replaces its uncounted
/// return. [`Reset::One`] frees the seat of one device, and every other vacant seat; the device has no right to come
/// back, and others keep theirs.
///
/// # Errors
/// [`NoSuchDevice`].
pub fn reset_hardware(mut license: License, reset: &Reset) -> Result<License, NoSuchDevice> {
    match reset {
        Reset::One(id) => {
            license.devices.remove(id).ok_or_else(|| NoSuchDevice(id.clone()))?;
            license.free_used = license.free_used.saturating_sub(1).min(license.bound());
        }
        Reset::All => {
            license.devices.clear();
            license.released.clear();
            license.free_used = 0;
        }
    }
    Ok(license)
}

/// The same for a license of which machines without a network have leases: their seats are free only by the operator's
/// word. A device that has left and keeps its seat until its lease ends can be named too.
///
/// # Errors
/// [`Guarded`].
pub fn reset_offline(
    license: License,
    reset: &Reset,
    word: OperatorWord,
    now: UnixMillis,
) -> Result<License, Guarded<NoSuchDevice>> {
    let leaving = |license: &License| match reset {
        Reset::One(id) => BTreeSet::from([id.clone()]),
        Reset::All => license.offline.keys().cloned().collect(),
    };
    let kept = license.devices_kept_offline(now);
    guarded(license, leaving, word, now, |mut license| match reset {
        Reset::One(id) if kept.contains(id) => {
            license.released.remove(id);
            Ok(license)
        }
        _ => reset_hardware(license, reset),
    })
}

#[cfg(test)]
mod tests;
