//! States of licenses, as pages name and choose them.

use falconer_domain::{License, Status, UnixMillis};

/// The state of a license: the status that the operator set, and expiry, which follows from the end. Pages, figures and
/// looks share it, so that a license counts under the word that it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LicenseState {
    /// In use, and not ended.
    Active,
    /// Sold, and not activated yet.
    Pending,
    /// Stopped by the operator.
    Suspended,
    /// Ended by the operator.
    Revoked,
    /// In use until its end, which has passed.
    Expired,
}

impl LicenseState {
    /// Every state, in the order of tables.
    pub(crate) const ALL: [Self; 5] =
        [Self::Active, Self::Pending, Self::Suspended, Self::Revoked, Self::Expired];

    pub(crate) fn of(license: &License, now: UnixMillis) -> Self {
        match license.status {
            Status::Revoked => Self::Revoked,
            Status::Suspended => Self::Suspended,
            Status::Pending => Self::Pending,
            Status::Active if license.has_expired(now) => Self::Expired,
            Status::Active => Self::Active,
        }
    }

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// The colour of its tag.
    pub(crate) const fn tone(self) -> &'static str {
        match self {
            Self::Active => "good",
            Self::Pending => "quiet",
            Self::Suspended | Self::Expired => "warn",
            Self::Revoked => "bad",
        }
    }
}
