//! A license, as the rules see it.

use std::collections::BTreeMap;

use crate::air_gap::OfflineLease;
use crate::catalog::{PolicyOverrides, TierName};
use crate::date::CalendarDate;
use crate::hardware::{ComponentForm, DeviceId, StoredComponents};
use crate::keyring::GenerationNumber;
use crate::license_id::LicenseId;
use crate::license_key::Product;
use crate::limits::Limits;
use crate::person::{DeviceName, Email, Note, PersonName};
use crate::seats::FormerDevice;
use crate::time::UnixMillis;

/// The status that the operator set. Expiry is never a status: it follows from `expires_at` and the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// In use.
    Active,
    /// Sold, not yet activated: the first binding makes it active and starts its term.
    Pending,
    /// Stopped by the operator, to be reinstated.
    Suspended,
    /// Ended by the operator.
    Revoked,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Active, Self::Pending, Self::Suspended, Self::Revoked];

    /// As the table writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
        }
    }

    /// Returns true if the end of a license is one for its customer: a suspended or revoked license runs out unseen.
    #[must_use]
    pub const fn ends(self) -> bool {
        match self {
            Self::Active | Self::Pending => true,
            Self::Suspended | Self::Revoked => false,
        }
    }

    /// As the table writes it, read back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// A device that holds a seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The customer's name for it.
    pub name: Option<DeviceName>,
    /// The hashed components.
    pub components: StoredComponents,
    /// The content of its components.
    pub form: ComponentForm,
    /// The moment of its first binding. A return or a reclaim does not change it.
    pub bound_at: UnixMillis,
    /// The hour of its last refresh; [`NEVER_SEEN`] for an imported device that has not asked since. Use
    /// [`Device::last_seen`].
    pub seen_at: UnixMillis,
}

/// The stored moment for a device that was never seen: the beginning of time, so that of several
/// devices it counts as unseen for the longest.
pub const NEVER_SEEN: UnixMillis = UnixMillis(0);

impl Device {
    /// Returns the moment of its last refresh, if there was one.
    #[must_use]
    pub fn last_seen(&self) -> Option<UnixMillis> {
        (self.seen_at != NEVER_SEEN).then_some(self.seen_at)
    }
}

/// A license. Its parts that are about a person show nothing of it in `Debug`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct License {
    /// The partition key.
    pub id: LicenseId,
    /// The product it is for.
    pub product: Product,
    /// The tier; the authority, whatever its key prints.
    pub tier: TierName,
    /// The status that the operator set.
    pub status: Status,
    /// The vendor's own id of the customer.
    pub user_id: Option<String>,
    /// The customer's e-mail, as the operator entered it.
    pub email: Option<Email>,
    /// The customer's name: the operator's, else what the first client said.
    pub licensee_name: Option<PersonName>,
    /// The e-mail that the first client said.
    pub licensee_email: Option<Email>,
    /// The end; `None` is perpetual.
    pub expires_at: Option<UnixMillis>,
    /// Days that a pending license lasts from its first binding on.
    pub duration_days: Option<u32>,
    /// Features beyond its tier's.
    pub features: Vec<String>,
    /// Limits of its own, in the place of its tier's.
    pub limits: Limits,
    /// The last day whose builds it covers; `None` covers every build.
    pub updates_until: Option<CalendarDate>,
    /// Overrides of its tier's policy, seats included.
    pub policy: PolicyOverrides,
    /// The devices bound to it.
    pub devices: BTreeMap<DeviceId, Device>,
    /// Devices that held a seat and may have it back without being counted.
    pub released: BTreeMap<DeviceId, FormerDevice>,
    /// The long lease of each device that has one, for as long as the lease may be in use. A device that has left keeps
    /// its seat by it.
    pub offline: BTreeMap<DeviceId, OfflineLease>,
    /// Bindings that were free of count: the first of each seat.
    pub free_used: u32,
    /// When counted bindings happened, those of the last 365 days, in order.
    pub transfers: Vec<UnixMillis>,
    /// How many there ever were.
    pub transfers_total: u32,
    /// The operator's notes, which may name a person.
    pub notes: Option<Note>,
    /// When its person was erased. From then on nothing that a client says about a person is stored, until the operator
    /// enters a new customer.
    pub erased_at: Option<UnixMillis>,
    /// The license whose key this one's replaced.
    pub replaces: Option<LicenseId>,
    /// The license that replaced this one: it never comes back.
    pub replaced_by: Option<LicenseId>,
    /// The generation whose pepper and escrow key it uses.
    pub generation: GenerationNumber,
}

impl License {
    /// Returns true if it has ended by `now`. The moment of expiry itself is past it.
    #[must_use]
    pub fn has_expired(&self, now: UnixMillis) -> bool {
        self.expires_at.is_some_and(|expires_at| expires_at <= now)
    }

    /// How many devices hold a seat.
    #[must_use]
    pub fn bound(&self) -> u32 {
        u32::try_from(self.devices.len()).unwrap_or(u32::MAX)
    }

    /// Returns true if its term begins with its first binding. Until then it has to be pending, or it would never end.
    #[must_use]
    pub const fn waits_for_its_term(&self) -> bool {
        self.duration_days.is_some() && self.expires_at.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_never_asked_was_never_seen() {
        let last_seen = |seen_at| {
            let (components, form) = (StoredComponents::default(), ComponentForm::Keyed);
            Device { name: None, components, form, bound_at: UnixMillis(5), seen_at }.last_seen()
        };
        assert_eq!(last_seen(NEVER_SEEN), None);
        assert_eq!(last_seen(UnixMillis(7)), Some(UnixMillis(7)));
    }

    #[test]
    fn statuses_read_back() {
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(status));
        }
        assert_eq!(Status::parse("expired"), None);
    }
}
