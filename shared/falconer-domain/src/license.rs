//! A license, as the rules see it.

use std::collections::BTreeMap;
use std::fmt;

use crate::catalog::{PolicyOverrides, TierName};
use crate::encoding::CROCKFORD_LOWER;
use crate::hardware::{DeviceId, StoredComponents};
use crate::keyring::GenerationNumber;
use crate::license_key::Product;
use crate::time::UnixMillis;

const ID_PREFIX: &str = "lic_";
/// 120 of the hash's bits: 24 characters, and no two licenses of any vendor ever meet.
const ID_BYTES: usize = 15;

/// `lic_` and 24 lower-case Crockford characters: the partition key of a license.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LicenseId(String);

impl LicenseId {
    pub(crate) fn from_hash(hash: &[u8]) -> Self {
        Self(format!("{ID_PREFIX}{}", CROCKFORD_LOWER.encode(&hash[..ID_BYTES])))
    }

    /// `text` as a license id, exactly as it must be written.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hash = CROCKFORD_LOWER.decode(text.strip_prefix(ID_PREFIX)?.as_bytes()).ok()?;
        (hash.len() == ID_BYTES).then(|| Self(text.to_owned()))
    }

    /// The id itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LicenseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for LicenseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

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
    pub name: Option<String>,
    /// Its hashed components.
    pub components: StoredComponents,
    /// When it took the seat.
    pub bound_at: UnixMillis,
    /// When it last refreshed its binding, to the hour.
    pub seen_at: UnixMillis,
}

/// A license.
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
    /// When it ends; `None` is perpetual.
    pub expires_at: Option<UnixMillis>,
    /// Features beyond its tier's.
    pub features: Vec<String>,
    /// What it sets differently from its tier, seats included.
    pub policy: PolicyOverrides,
    /// The devices bound to it.
    pub devices: BTreeMap<DeviceId, Device>,
    /// The generation whose pepper and escrow key it uses.
    pub generation: GenerationNumber,
}

impl License {
    /// Whether it has ended by `now`. The moment of expiry itself is past it.
    #[must_use]
    pub fn has_expired(&self, now: UnixMillis) -> bool {
        self.expires_at.is_some_and(|expires_at| expires_at <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_statuses_read_back_what_they_write() {
        let id = LicenseId::from_hash(&[0xAB; 32]);
        assert_eq!(id.as_str().len(), 28);
        assert_eq!(LicenseId::parse(id.as_str()), Some(id.clone()));
        for text in ["", "lic_", "lic_0", &id.as_str().to_uppercase(), &format!("{id}0")] {
            assert_eq!(LicenseId::parse(text), None, "{text}");
        }
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(status));
        }
        assert_eq!(Status::parse("expired"), None);
    }
}
