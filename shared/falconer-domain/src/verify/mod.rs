//! Is this license good, now, on this device? The decision behind `POST /api/verify`.
//!
//! The decision is a list of named checks in a fixed order; the first that fails is the refusal. `falconer explain`
//! prints the same list, so what an operator reads is what the Lambda did.

use crate::catalog::{Catalog, Policy};
use crate::code::Code;
use crate::hardware::{DeviceMatch, HashedComponents, matching_device};
use crate::lease::Terms;
use crate::license::{License, Status};
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
    /// Its end has come.
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
}

/// The catalog does not know the license's tier: our failure, never the customer's, and never silently `free`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the catalog lacks the license's tier")]
pub struct UnknownTier;

/// Everything the checks look at.
#[derive(Debug)]
pub struct Facts<'a> {
    license: &'a License,
    now: UnixMillis,
    hardware_given: bool,
    found: Option<DeviceMatch<'a>>,
    policy: Policy,
    features: Vec<String>,
}

/// A value a check compared, as `explain` prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compared {
    /// The license's status.
    Status(Status),
    /// The license's end, `None` for perpetual, and the moment.
    Expiry {
        /// Its end.
        expires_at: Option<UnixMillis>,
        /// The moment of the question.
        now: UnixMillis,
    },
    /// Whether anything is bound, given and required.
    Activation {
        /// Whether the request brought hardware.
        hardware_given: bool,
        /// Whether the policy asks for it.
        hardware_required: bool,
        /// Devices bound.
        bound: usize,
    },
    /// How far the best device agrees.
    Hardware {
        /// Whether the request brought hardware.
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
    /// What was asked.
    pub name: &'static str,
    /// What was compared.
    pub compared: Compared,
    /// The refusal, if it failed.
    pub refusal: Option<VerifyRefusal>,
}

/// The checks in the order they decide.
const CHECKS: [fn(&Facts<'_>) -> Check; 6] =
    [not_revoked, not_suspended, not_pending, not_expired, activated, hardware_matches];

impl<'a> Facts<'a> {
    /// Gathers what the checks compare. `hardware` is what the request brought, hashed as this license stores it.
    ///
    /// # Errors
    /// [`UnknownTier`]: the catalog is older than the license; read it again, then give up with 503.
    pub fn gather(
        license: &'a License,
        catalog: &Catalog,
        hardware: Option<&HashedComponents>,
        now: UnixMillis,
    ) -> Result<Self, UnknownTier> {
        let policy = catalog.policy(&license.tier, &license.policy).ok_or(UnknownTier)?;
        let features = catalog.features(&license.tier, &license.features).ok_or(UnknownTier)?;
        let found = hardware.and_then(|hardware| {
            matching_device(&license.devices, hardware, policy.hardware_match_threshold)
        });
        Ok(Self { license, now, hardware_given: hardware.is_some(), found, policy, features })
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

    /// What the license grants, for the lease and the answer.
    #[must_use]
    pub fn terms(&self) -> Terms<'_> {
        Terms {
            tier: &self.license.tier,
            features: &self.features,
            expires_at: self.license.expires_at,
            policy: &self.policy,
        }
    }
}

fn status_is_not(facts: &Facts<'_>, name: &'static str, refused: Status, refusal: VerifyRefusal) -> Check {
    let status = facts.license.status;
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
        compared: Compared::Expiry { expires_at: facts.license.expires_at, now: facts.now },
        refusal: facts.license.has_expired(facts.now).then_some(VerifyRefusal::Expired),
    }
}

fn activated(facts: &Facts<'_>) -> Check {
    let hardware_required = facts.policy.hardware_required;
    let bound = facts.license.devices.len();
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
            threshold: facts.policy.hardware_match_threshold,
        },
        refusal: failed.then_some(VerifyRefusal::HardwareMismatch),
    }
}

#[cfg(test)]
mod tests;
