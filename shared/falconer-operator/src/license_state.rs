//! States of licenses, as lists, figures and pages name and choose them.

use falconer_domain::{License, Status, UnixMillis};
use serde::Serialize;

/// The state of a license: the status that the operator set, and expiry, which follows from the end. Pages, figures and
/// lists share it, so that a license counts under the word that it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LicenseState {
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
    pub const ALL: [Self; 5] = [Self::Active, Self::Pending, Self::Suspended, Self::Revoked, Self::Expired];

    /// The state of a license at a moment.
    #[must_use]
    pub fn of(license: &License, now: UnixMillis) -> Self {
        Self::from_parts(license.status, license.expires_at, now)
    }

    /// The state that a status and an end make at a moment.
    #[must_use]
    pub fn from_parts(status: Status, expires_at: Option<UnixMillis>, now: UnixMillis) -> Self {
        match status {
            Status::Revoked => Self::Revoked,
            Status::Suspended => Self::Suspended,
            Status::Pending => Self::Pending,
            Status::Active if expires_at.is_some_and(|end| end <= now) => Self::Expired,
            Status::Active => Self::Active,
        }
    }

    /// The status that the operator set.
    #[must_use]
    pub const fn status(self) -> Status {
        match self {
            Self::Active | Self::Expired => Status::Active,
            Self::Pending => Status::Pending,
            Self::Suspended => Status::Suspended,
            Self::Revoked => Status::Revoked,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }

    /// The names of all, in the order of tables.
    #[must_use]
    pub fn words() -> [&'static str; 5] {
        Self::ALL.map(Self::word)
    }

    /// The state of a name, in any case.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| word.trim().eq_ignore_ascii_case(state.word()))
    }
}
