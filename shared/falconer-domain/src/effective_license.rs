//! A license with the rules it lives under: what every decision begins with.

use crate::catalog::{Catalog, Policy};
use crate::code::Code;
use crate::date::CalendarDate;
use crate::hardware::{DeviceId, HashedComponents, best_match};
use crate::lease::Terms;
use crate::license::{License, Status};
use crate::limits::Limits;
use crate::maintenance::Maintenance;
use crate::time::UnixMillis;

/// The catalog does not know the license's tier: our failure, never the customer's, and never silently `free`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the catalog lacks the license's tier")]
pub struct UnknownTier(
    /// The license, to be tried again with a younger catalog.
    pub Box<License>,
);

/// A license, its policy, its features, limits and maintenance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveLicense {
    /// The license.
    pub license: License,
    /// The rules, after every override.
    pub policy: Policy,
    /// The tier's features, then its own.
    pub features: Vec<String>,
    /// The license's limits, where it has none of a name its tier's.
    pub limits: Limits,
    /// The builds that it covers; `None` covers every one.
    pub maintenance: Option<Maintenance>,
}

/// Why a license grants nothing to any device, now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inactive {
    /// The operator revoked it.
    Revoked,
    /// The operator suspended it.
    Suspended,
    /// The end has come.
    Expired,
}

impl Inactive {
    /// The refusal's row in the table of codes.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::Revoked => Code::Revoked,
            Self::Suspended => Code::Suspended,
            Self::Expired => Code::Expired,
        }
    }
}

impl EffectiveLicense {
    /// Puts a license under its catalog's rules.
    ///
    /// # Errors
    /// [`UnknownTier`]: the catalog is older than the license; read it again, then give up with 503.
    pub fn of(license: License, catalog: &Catalog) -> Result<Self, UnknownTier> {
        match Self::ruled(&license, catalog) {
            Some((policy, features, limits)) => {
                let maintenance = license.updates_until.map(|until| Maintenance {
                    until,
                    newest_version: catalog.releases().newest_until(until).map(str::to_owned),
                });
                Ok(Self { license, policy, features, limits, maintenance })
            }
            None => Err(UnknownTier(Box::new(license))),
        }
    }

    fn ruled(license: &License, catalog: &Catalog) -> Option<(Policy, Vec<String>, Limits)> {
        let policy = catalog.policy(&license.tier, &license.policy)?;
        let features = catalog.features(&license.tier, &license.features)?;
        let limits = license.limits.over(&catalog.limits(&license.tier)?);
        Some((policy, features, limits))
    }

    /// The bound device that hardware belongs to.
    #[must_use]
    pub fn device_of(&self, hardware: &HashedComponents, now: UnixMillis) -> Option<DeviceId> {
        let threshold = self.policy.hardware_match_threshold;
        best_match(&self.license.devices, hardware, threshold, now).map(|found| found.id.clone())
    }

    /// Returns true if a build of this date is covered.
    #[must_use]
    pub fn covers(&self, build: CalendarDate) -> bool {
        self.maintenance.as_ref().is_none_or(|maintenance| maintenance.covers(build))
    }

    /// Returns the terms that the license grants, for the lease and the answer.
    #[must_use]
    pub fn terms(&self) -> Terms<'_> {
        Terms {
            tier: &self.license.tier,
            features: &self.features,
            limits: &self.limits,
            maintenance: self.maintenance.as_ref(),
            expires_at: self.license.expires_at,
            policy: &self.policy,
        }
    }

    /// Returns true if a device may be bound or refreshed at all. A pending license may: that is what it waits for.
    ///
    /// # Errors
    /// [`Inactive`], in the order the answers are decided.
    pub(crate) fn check_active(&self, now: UnixMillis) -> Result<(), Inactive> {
        match self.license.status {
            Status::Revoked => Err(Inactive::Revoked),
            Status::Suspended => Err(Inactive::Suspended),
            Status::Active | Status::Pending if self.license.has_expired(now) => Err(Inactive::Expired),
            Status::Active | Status::Pending => Ok(()),
        }
    }
}
