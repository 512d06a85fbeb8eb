//! How often seats may move: two windows over the moments of counted bindings.

use crate::catalog::Policy;
use crate::code::Code;
use crate::license::License;
use crate::time::{MILLIS_PER_DAY, MILLIS_PER_HOUR, UnixMillis};

/// Length of the long window.
pub const YEAR_DAYS: i64 = 365;
/// Counted bindings a license may have in the long window, whatever its policy says: their moments are kept in its row,
/// some nine bytes each.
pub const MAX_TRANSFERS_A_YEAR: u32 = 1_000;

/// The state of a license's two transfer windows at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferQuota {
    /// Counted bindings in the last 365 days.
    pub used: u32,
    /// How many there may be.
    pub max: u32,
    /// When the next one will be possible; `None` if it is possible now, or never.
    pub next_at: Option<UnixMillis>,
    spent: Option<TransferLimit>,
}

/// The window that is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferLimit {
    /// The 365 days.
    Year,
    /// The cool-down.
    Cooldown,
}

impl TransferLimit {
    /// The refusal's row in the table of codes.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::Year => Code::TransferLimitReached,
            Self::Cooldown => Code::TransferCooldown,
        }
    }
}

impl TransferQuota {
    /// Looks at both windows. A moment exactly one length ago has left its window.
    #[must_use]
    pub fn of(license: &License, policy: &Policy, now: UnixMillis) -> Self {
        let year = Window { millis: YEAR_DAYS * MILLIS_PER_DAY, room: yearly(policy) };
        let cooldown = Window {
            millis: i64::from(policy.transfer_cooldown_hours) * MILLIS_PER_HOUR,
            room: policy.seats,
        };
        let spent = if year.is_full(&license.transfers, now) {
            Some(TransferLimit::Year)
        } else {
            cooldown.is_full(&license.transfers, now).then_some(TransferLimit::Cooldown)
        };
        let opens = [year, cooldown]
            .into_iter()
            .filter(|window| window.is_full(&license.transfers, now))
            .map(|window| window.opens_at(&license.transfers, now));
        // Both have to have room; one that never has any leaves no moment to name.
        let next_at = opens.collect::<Option<Vec<_>>>().and_then(|moments| moments.into_iter().max());
        Self { used: year.count(&license.transfers, now), max: year.room, next_at, spent }
    }

    /// Lets one more binding be counted.
    ///
    /// # Errors
    /// The window that is full.
    pub fn admit(&self) -> Result<(), TransferLimit> {
        self.spent.map_or(Ok(()), Err)
    }
}

fn yearly(policy: &Policy) -> u32 {
    policy.max_transfers.saturating_mul(policy.seats).min(MAX_TRANSFERS_A_YEAR)
}

/// The moments of the long window, those of one more binding included.
pub(super) fn counted(transfers: &[UnixMillis], now: UnixMillis) -> Vec<UnixMillis> {
    let since = now.0 - YEAR_DAYS * MILLIS_PER_DAY;
    transfers.iter().copied().filter(|at| at.0 > since).chain([now]).collect()
}

#[derive(Clone, Copy)]
struct Window {
    millis: i64,
    room: u32,
}

impl Window {
    /// A request that was overtaken may find moments later than its own; they count, but not in a window of no length.
    fn within(self, transfers: &[UnixMillis], now: UnixMillis) -> impl Iterator<Item = UnixMillis> {
        transfers.iter().copied().filter(move |at| self.millis > 0 && at.0 > now.0 - self.millis)
    }

    fn count(self, transfers: &[UnixMillis], now: UnixMillis) -> u32 {
        u32::try_from(self.within(transfers, now).count()).unwrap_or(u32::MAX)
    }

    fn is_full(self, transfers: &[UnixMillis], now: UnixMillis) -> bool {
        self.count(transfers, now) >= self.room
    }

    /// Returns the moment at which enough transfers have left the window; `None` if the window has no room at all.
    fn opens_at(self, transfers: &[UnixMillis], now: UnixMillis) -> Option<UnixMillis> {
        let leaving = usize::try_from(self.count(transfers, now).checked_sub(self.room)?).ok()?;
        let mut moments: Vec<_> = self.within(transfers, now).collect();
        moments.sort_unstable();
        moments.get(leaving).map(|at| UnixMillis(at.0.saturating_add(self.millis)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seats::tests::license;

    const DAY: i64 = MILLIS_PER_DAY;
    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

    /// `(days ago, …)`, policy, used, next in days from now, what is spent.
    #[test]
    fn windows_fill_and_open_again() {
        type Case<'a> = (&'a [i64], Policy, u32, Option<i64>, Result<(), TransferLimit>);
        let policy = |seats, max_transfers, transfer_cooldown_hours| Policy {
            seats,
            max_transfers,
            transfer_cooldown_hours,
            ..Policy::DEFAULT
        };
        let cases: &[Case<'_>] = &[
            (&[], policy(1, 3, 24), 0, None, Ok(())),
            (&[0], policy(1, 3, 24), 1, Some(1), Err(TransferLimit::Cooldown)),
            (&[1], policy(1, 3, 24), 1, None, Ok(())),
            (&[0], policy(2, 3, 24), 1, None, Ok(())),
            (&[0, 0], policy(2, 3, 24), 2, Some(1), Err(TransferLimit::Cooldown)),
            (&[300, 200, 100], policy(1, 3, 24), 3, Some(65), Err(TransferLimit::Year)),
            (&[365, 200, 100], policy(1, 3, 24), 2, None, Ok(())),
            // The year is full, and what leaves it next leaves before the cool-down ends.
            (&[364, 10, 0], policy(1, 3, 48), 3, Some(2), Err(TransferLimit::Year)),
            // Seats were taken away: two have to leave before there is room.
            (&[300, 200, 100, 50], policy(1, 3, 24), 4, Some(165), Err(TransferLimit::Year)),
            (&[], policy(1, 0, 24), 0, None, Err(TransferLimit::Year)),
            (&[0], policy(1, 0, 24), 1, None, Err(TransferLimit::Year)),
            (&[0, 0, 0], policy(1, 9, 0), 3, None, Ok(())),
            (&[-1], policy(1, 9, 0), 1, None, Ok(())),
            (&[-1], policy(1, 9, 24), 1, Some(2), Err(TransferLimit::Cooldown)),
        ];
        for (days_ago, policy, used, next_days, admitted) in cases {
            let transfers = days_ago.iter().map(|days| UnixMillis(NOW.0 - days * DAY)).collect();
            let license = License { transfers, ..license() };
            let told = TransferQuota::of(&license, policy, NOW);
            let next = told.next_at.map(|at| (at.0 - NOW.0) / DAY);
            assert_eq!(
                (told.used, next, told.admit()),
                (*used, *next_days, *admitted),
                "{days_ago:?} {policy:?}"
            );
        }
    }

    #[test]
    fn caps_transfers_a_year() {
        let policy = Policy { max_transfers: u32::MAX, seats: 100, ..Policy::DEFAULT };
        assert_eq!(TransferQuota::of(&license(), &policy, NOW).max, MAX_TRANSFERS_A_YEAR);
    }
}
