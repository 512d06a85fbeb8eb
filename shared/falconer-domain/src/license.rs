//! A license, as the rules see it.

use std::collections::BTreeMap;

use crate::catalog::{PolicyOverrides, TierName};
use crate::hardware::{ComponentForm, DeviceId, StoredComponents};
use crate::keyring::GenerationNumber;
use crate::license_id::LicenseId;
use crate::license_key::Product;
use crate::person::{DeviceName, Email, Note, PersonName};
use crate::seats::Released;
use crate::time::UnixMillis;

/// What the operator has made of a license. Expiry is never a status: it follows from `expires_at` and the moment.
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

    /// As the table writes it, read back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// A device that holds a seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// What the customer called it.
    pub name: Option<DeviceName>,
    /// Its hashed components.
    pub components: StoredComponents,
    /// What its client makes components of.
    pub form: ComponentForm,
    /// When it first took its seat. Coming back to it, by a return or a reclaim, leaves this as it was.
    pub bound_at: UnixMillis,
    /// When it last refreshed its binding, to the hour; [`NEVER_SEEN`] for one that came with an import. Ask
    /// [`Device::last_seen`].
    pub seen_at: UnixMillis,
}

/// What stands for the moment at which a device was seen that never asked: the beginning of time, so that of several
/// devices it was not seen for the longest.
pub const NEVER_SEEN: UnixMillis = UnixMillis(0);

impl Device {
    /// When it last refreshed its binding, if it ever did.
    #[must_use]
    pub fn last_seen(&self) -> Option<UnixMillis> {
        (self.seen_at != NEVER_SEEN).then_some(self.seen_at)
    }
}

/// A license. Its parts that are about a person show nothing of it in `Debug`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct License {
    /// Its partition key.
    pub id: LicenseId,
    /// The product it is for.
    pub product: Product,
    /// Its tier; the authority, whatever its key prints.
    pub tier: TierName,
    /// What the operator has made of it.
    pub status: Status,
    /// The vendor's own id of the customer.
    pub user_id: Option<String>,
    /// The customer's e-mail, as the operator entered it.
    pub email: Option<Email>,
    /// The customer's name: the operator's, else what the first client said.
    pub licensee_name: Option<PersonName>,
    /// The e-mail that the first client said.
    pub licensee_email: Option<Email>,
    /// When it ends; `None` is perpetual.
    pub expires_at: Option<UnixMillis>,
    /// Days that a pending license lasts from its first binding on.
    pub duration_days: Option<u32>,
    /// Features beyond its tier's.
    pub features: Vec<String>,
    /// What it sets differently from its tier, seats included.
    pub policy: PolicyOverrides,
    /// The devices bound to it.
    pub devices: BTreeMap<DeviceId, Device>,
    /// Devices that held a seat and may have it back without being counted.
    pub released: BTreeMap<DeviceId, Released>,
    /// Bindings that were free of count: the first of each seat.
    pub free_used: u32,
    /// When counted bindings happened, those of the last 365 days, in order.
    pub transfers: Vec<UnixMillis>,
    /// How many there ever were.
    pub transfers_total: u32,
    /// What the operator wrote down about it; may name a person.
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
    /// Whether it has ended by `now`. The moment of expiry itself is past it.
    #[must_use]
    pub fn has_expired(&self, now: UnixMillis) -> bool {
        self.expires_at.is_some_and(|expires_at| expires_at <= now)
    }

    /// How many devices hold a seat.
    #[must_use]
    pub fn bound(&self) -> u32 {
        u32::try_from(self.devices.len()).unwrap_or(u32::MAX)
    }

    /// Whether its term begins with its first binding. Until then it has to be pending, or it would never end.
    #[must_use]
    pub const fn waits_for_its_term(&self) -> bool {
        self.duration_days.is_some() && self.expires_at.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_read_back_what_they_write() {
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(status));
        }
        assert_eq!(Status::parse("expired"), None);
    }
}
