//! Is this license good, now, on this device? The decision behind `POST /api/verify`.
//!
//! The decision is a list of named checks in a fixed order; the first that fails is the refusal. `falconer explain`
//! prints the same list, so what an operator reads is what the Lambda did.

use crate::code::Code;
use crate::effective_license::EffectiveLicense;
use crate::hardware::{DeviceMatch, HashedComponents, best_match};
use crate::license::Status;
use crate::time::UnixMillis;

/// A lawful no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifyRefusal {
    /// The key is authentic, its license is not in the table.
    NotFound,
    /// The operator revoked it.
    Revoked,
    /// The operator suspended it.
    Suspended,
    /// Sold, not yet activated.
    Pending,
    /// The end has come.
    Expired,
    /// No device is bound, or hardware is required and none was given.
    NotActivated,
    /// No bound device matches the hardware given.
    HardwareMismatch,
}

impl VerifyRefusal {
    /// The refusal's row in the table of codes.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::NotFound => Code::NotFound,
            Self::Revoked => Code::Revoked,
            Self::Suspended => Code::Suspended,
            Self::Pending => Code::Pending,
            Self::Expired => Code::Expired,
            Self::NotActivated => Code::NotActivated,
            Self::HardwareMismatch => Code::HardwareMismatch,
        }
    }

    /// Returns true if the refusal follows from the device that asks, and not from the license alone.
    #[must_use]
    pub const fn is_about_device(self) -> bool {
        match self {
            Self::NotActivated | Self::HardwareMismatch => true,
            Self::NotFound | Self::Revoked | Self::Suspended | Self::Pending | Self::Expired => false,
        }
    }
}

/// Everything the checks look at.
#[derive(Debug)]
pub struct Facts<'a> {
    standing: &'a EffectiveLicense,
    now: UnixMillis,
    hardware_given: bool,
    found: Option<DeviceMatch<'a>>,
}

/// A value a check compared, as `explain` prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compared {
    /// The license's status.
    Status(Status),
    /// The license's end, `None` for perpetual, and the moment.
    Expiry {
        /// The end.
        expires_at: Option<UnixMillis>,
        /// The moment of the question.
        now: UnixMillis,
    },
    /// True if anything is bound, given and required.
    Activation {
        /// True if the request brought hardware.
        hardware_given: bool,
        /// True if the policy asks for it.
        hardware_required: bool,
        /// Devices bound.
        bound: usize,
    },
    /// How far the best device agrees.
    Hardware {
        /// True if the request brought hardware.
        hardware_given: bool,
        /// Labels in common with the device that matches.
        common: Option<usize>,
        /// The policy's threshold.
        threshold: u32,
    },
}

/// One check, made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The check.
    pub name: &'static str,
    /// The compared values.
    pub compared: Compared,
    /// The refusal, if it failed.
    pub refusal: Option<VerifyRefusal>,
}

/// The checks in the order they decide.
const CHECKS: [fn(&Facts<'_>) -> Check; 6] =
    [not_revoked, not_suspended, not_pending, not_expired, activated, hardware_matches];

impl<'a> Facts<'a> {
    /// Gathers what the checks compare. `hardware` is what the request brought, hashed as this license stores it.
    #[must_use]
    pub fn gather(
        standing: &'a EffectiveLicense,
        hardware: Option<&HashedComponents>,
        now: UnixMillis,
    ) -> Self {
        let threshold = standing.policy.hardware_match_threshold;
        let found =
            hardware.and_then(|hardware| best_match(&standing.license.devices, hardware, threshold, now));
        Self { standing, now, hardware_given: hardware.is_some(), found }
    }

    /// Makes the checks one by one, in order.
    pub fn checks(&self) -> impl Iterator<Item = Check> {
        CHECKS.iter().map(move |check| check(self))
    }

    /// The decision: the first refusal, or none.
    ///
    /// # Errors
    /// The [`VerifyRefusal`] of the first check that failed.
    pub fn decide(&self) -> Result<(), VerifyRefusal> {
        self.checks().find_map(|check| check.refusal).map_or(Ok(()), Err)
    }

    /// The device the hardware belongs to.
    #[must_use]
    pub const fn device(&self) -> Option<&DeviceMatch<'a>> {
        self.found.as_ref()
    }
}

fn status_is_not(facts: &Facts<'_>, name: &'static str, refused: Status, refusal: VerifyRefusal) -> Check {
    let status = facts.standing.license.status;
    Check { name, compared: Compared::Status(status), refusal: (status == refused).then_some(refusal) }
}

fn not_revoked(facts: &Facts<'_>) -> Check {
    status_is_not(facts, "not revoked", Status::Revoked, VerifyRefusal::Revoked)
}

fn not_suspended(facts: &Facts<'_>) -> Check {
    status_is_not(facts, "not suspended", Status::Suspended, VerifyRefusal::Suspended)
}

fn not_pending(facts: &Facts<'_>) -> Check {
    status_is_not(facts, "not pending", Status::Pending, VerifyRefusal::Pending)
}

fn not_expired(facts: &Facts<'_>) -> Check {
    Check {
        name: "not expired",
        compared: Compared::Expiry { expires_at: facts.standing.license.expires_at, now: facts.now },
        refusal: facts.standing.license.has_expired(facts.now).then_some(VerifyRefusal::Expired),
    }
}

fn activated(facts: &Facts<'_>) -> Check {
    let hardware_required = facts.standing.policy.hardware_required;
    let bound = facts.standing.license.devices.len();
    let failed = if facts.hardware_given { bound == 0 } else { hardware_required };
    Check {
        name: "activated",
        compared: Compared::Activation { hardware_given: facts.hardware_given, hardware_required, bound },
        refusal: failed.then_some(VerifyRefusal::NotActivated),
    }
}

fn hardware_matches(facts: &Facts<'_>) -> Check {
    let common = facts.found.as_ref().map(|found| found.common.len());
    let failed = facts.hardware_given && common.is_none();
    Check {
        name: "hardware matches",
        compared: Compared::Hardware {
            hardware_given: facts.hardware_given,
            common,
            threshold: facts.standing.policy.hardware_match_threshold,
        },
        refusal: failed.then_some(VerifyRefusal::HardwareMismatch),
    }
}

#[cfg(test)]
mod tests;
