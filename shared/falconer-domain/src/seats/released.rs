//! Devices that held a seat and may have it back uncounted.
//!
//! | how it lost the seat | return: back to a vacant seat | reclaim: back even from another device |
//! | --- | --- | --- |
//! | it gave it up, or a reclaim took it | until others have filled the seats, 365 days at most | once a counted binding has taken a seat it could have returned to, as below |
//! | a transfer took it | the same | always, until a later transfer displaces another; then for one cool-down after its own |
//! | a keyed device took it in place of this opaque one | the same | for one cool-down |
//!
//! The device that the *latest* transfer displaced may reclaim its seat. With several seats a second transfer may follow
//! at once and take that right from the owner whom the first one displaced; so every displaced device keeps the right for
//! a cool-down. With one seat the two rules are the same.

//!
//! **Returns.** A seat is remembered for the device that left it. With each binding, those that may return stay so many
//! that they and the bound devices fit the seats, the latest to leave first. So no more machines than seats come and go
//! uncounted, and as many as there are seats do: ten machines of one license can all be reinstalled in any order. The
//! device that this very binding displaced may return besides.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::transfers::YEAR_DAYS;
use crate::catalog::Policy;
use crate::hardware::DeviceId;
use crate::license::Device;
use crate::time::{MILLIS_PER_DAY, MILLIS_PER_HOUR, UnixMillis};

/// A device that held a seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormerDevice {
    /// As it was bound.
    pub device: Device,
    /// The moment at which it lost the seat.
    pub at: UnixMillis,
    /// True if a seat is remembered for it.
    pub may_return: bool,
    /// True if it may take the seat from another device.
    pub reclaim: Reclaim,
}

/// The right to take a seat back from another device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reclaim {
    /// It gave the seat up itself, and nobody has taken it by a transfer since; or it lost it to a reclaim.
    Never,
    /// For one cool-down after it lost the seat: a transfer displaced it and a later one another device, or a keyed
    /// device took its place.
    DuringCooldown,
    /// The latest transfer displaced it.
    Always,
}

impl Reclaim {
    /// Every right.
    pub const ALL: [Self; 3] = [Self::Never, Self::DuringCooldown, Self::Always];

    /// As the table writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::DuringCooldown => "during_cooldown",
            Self::Always => "always",
        }
    }

    /// As the table writes it, read back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|right| right.as_str() == text)
    }
}

impl FormerDevice {
    pub(super) fn has_return(&self, now: UnixMillis) -> bool {
        self.may_return && now.0.saturating_sub(self.at.0) < YEAR_DAYS * MILLIS_PER_DAY
    }

    pub(super) fn has_reclaim(&self, policy: &Policy, now: UnixMillis) -> bool {
        let cooldown_millis = i64::from(policy.transfer_cooldown_hours) * MILLIS_PER_HOUR;
        match self.reclaim {
            Reclaim::Never => false,
            Reclaim::DuringCooldown => now.0.saturating_sub(self.at.0) <= cooldown_millis,
            Reclaim::Always => true,
        }
    }

    pub(super) fn has_right(&self, policy: &Policy, now: UnixMillis) -> bool {
        self.has_return(now) || self.has_reclaim(policy, now)
    }
}

/// A transfer took a vacant seat: from those that could have come back to it, as if it had displaced them.
pub(super) fn displace_absent(released: &mut BTreeMap<DeviceId, FormerDevice>, now: UnixMillis) {
    demote(released);
    for absent in released.values_mut().filter(|absent| absent.has_return(now)) {
        absent.reclaim = Reclaim::Always;
    }
}

/// A device was bound and so many seats are vacant: so many devices may return, those that left last, and those that may
/// `besides`: the one whose seat it took, and those whose seat a long lease keeps.
pub(super) fn keep_what_fits(
    released: &mut BTreeMap<DeviceId, FormerDevice>,
    vacant: u32,
    besides: impl Fn(&DeviceId) -> bool,
    now: UnixMillis,
) {
    let vacant = usize::try_from(vacant).unwrap_or(usize::MAX);
    let mut others: Vec<_> = released.iter_mut().filter(|(id, _)| !besides(id)).collect();
    others.sort_by_key(|(id, other)| (Reverse(other.has_return(now)), Reverse(other.at), *id));
    for (_, other) in others.into_iter().skip(vacant) {
        other.may_return = false;
    }
}

/// A transfer displaced another device: it is the latest now.
pub(super) fn demote(released: &mut BTreeMap<DeviceId, FormerDevice>) {
    for other in released.values_mut().filter(|other| other.reclaim == Reclaim::Always) {
        other.reclaim = Reclaim::DuringCooldown;
    }
}

/// Forgets those without any right left, but for those whose seat is kept.
pub(super) fn prune_expired(
    released: &mut BTreeMap<DeviceId, FormerDevice>,
    policy: &Policy,
    is_kept: impl Fn(&DeviceId) -> bool,
    now: UnixMillis,
) {
    released.retain(|id, released| released.has_right(policy, now) || is_kept(id));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reclaim_rights_read_back() {
        for (right, text) in [
            (Reclaim::Never, "never"),
            (Reclaim::DuringCooldown, "during_cooldown"),
            (Reclaim::Always, "always"),
        ] {
            assert_eq!((right.as_str(), Reclaim::parse(text)), (text, Some(right)));
        }
        assert_eq!(Reclaim::parse("Always"), None);
    }
}
