//! Schedule of the background requests. Pure.

use std::time::Duration;

use crate::clock::UnixSeconds;
use crate::state::{LockCode, State};

/// Pause after the first failure; it doubles with each further one.
const MIN_BACKOFF: Duration = Duration::from_secs(60);
/// Longest pause: a laptop opened on a train is online again within the hour.
const MAX_BACKOFF: Duration = Duration::from_secs(3_600);

/// How the stored license gets its next lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RenewedBy {
    Network,
    /// By a file that a person carries: nothing is sent by itself.
    File,
}

/// Inputs of the schedule.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScheduleInputs {
    pub(super) state: State,
    pub(super) now: UnixSeconds,
    /// Start of the period in which a valid lease is renewed.
    pub(super) refresh_at: Option<UnixSeconds>,
    pub(super) has_key: bool,
    /// A request to the server is pending.
    pub(super) has_pending: bool,
    pub(super) renewed_by: RenewedBy,
    /// Consecutive failures, and the pause that the server asked for.
    pub(super) failures: u32,
    pub(super) retry_after: Duration,
    /// Time since the last attempt of this run; `None` before the first.
    pub(super) since_last: Option<Duration>,
}

/// Time until the next request; `None` if only a change can bring one.
pub(super) fn delay_until_next(inputs: &ScheduleInputs) -> Option<Duration> {
    let overdue = match inputs.state {
        _ if inputs.has_pending => true,
        _ if inputs.renewed_by == RenewedBy::File => return None,
        State::NotActivated if !inputs.has_key => return None,
        State::Active => {
            let left = inputs.refresh_at?.0.saturating_sub(inputs.now.0);
            return Some(Duration::from_secs(left.max(0).unsigned_abs()));
        }
        State::RefreshDue
        | State::Grace { .. }
        | State::ClockSuspect
        | State::Locked { code: LockCode::LeaseExpired } => true,
        // The vendor may have unlocked the license, and the server may know a machine that the lease does not. Ask at
        // every start, then hourly.
        State::Locked { .. } | State::NotActivated => inputs.since_last.is_none(),
    };
    let pause = match (overdue, inputs.failures) {
        (true, 0) => Duration::ZERO,
        (true, failures) => MIN_BACKOFF.saturating_mul(2_u32.saturating_pow(failures - 1)).min(MAX_BACKOFF),
        (false, _) => MAX_BACKOFF,
    };
    let left = match inputs.state {
        State::Grace { until } => until.0.saturating_sub(inputs.now.0),
        _ => i64::MAX,
    };
    // Ask once more in the last minute of offline use, however long the pause has grown.
    let before_last_minute = Duration::from_secs(left.max(0).unsigned_abs()).saturating_sub(MIN_BACKOFF);
    let pause = if before_last_minute.is_zero() { pause.min(MIN_BACKOFF) } else { pause };
    let pause = pause.max(inputs.retry_after.min(MAX_BACKOFF));
    let wait = pause.saturating_sub(inputs.since_last.unwrap_or(pause));
    Some(if before_last_minute.is_zero() { wait } else { wait.min(before_last_minute) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixSeconds = UnixSeconds(1_800_000_000);
    const GRACE: State = State::Grace { until: UnixSeconds(1_800_000_900) };
    const LAST_MINUTE: State = State::Grace { until: UnixSeconds(1_800_000_060) };
    const REVOKED: State = State::Locked { code: LockCode::Revoked };
    const LEASE_EXPIRED: State = State::Locked { code: LockCode::LeaseExpired };

    #[test]
    fn table_of_delays() {
        let seconds = |seconds: u64| Some(Duration::from_secs(seconds));
        for (state, has_pending, failures, asked, since_last, expected) in [
            (State::NotActivated, false, 0, 0, None, None),
            (State::NotActivated, true, 0, 0, None, seconds(0)),
            (State::NotActivated, true, 1, 0, seconds(10), seconds(50)),
            (State::Active, false, 0, 0, None, seconds(500)),
            (State::Active, false, 0, 0, seconds(10), seconds(500)),
            (State::Active, true, 0, 0, None, seconds(0)),
            (State::RefreshDue, false, 0, 0, None, seconds(0)),
            (GRACE, false, 1, 0, seconds(0), seconds(60)),
            (GRACE, false, 1, 0, seconds(59), seconds(1)),
            (GRACE, false, 1, 0, seconds(61), seconds(0)),
            (GRACE, false, 3, 0, seconds(0), seconds(240)),
            (GRACE, false, 1, 90, seconds(0), seconds(90)),
            (LEASE_EXPIRED, false, 40, 0, seconds(0), seconds(3_600)),
            (LEASE_EXPIRED, false, 1, u64::MAX, seconds(0), seconds(3_600)),
            // Fifteen minutes are left: the pause of an hour ends one minute before, and the last minute asks anew.
            (GRACE, false, 40, 0, seconds(0), seconds(840)),
            (LAST_MINUTE, false, 40, 0, seconds(1_000), seconds(0)),
            (LAST_MINUTE, false, 40, 0, seconds(10), seconds(50)),
            (LAST_MINUTE, false, 40, 90, seconds(10), seconds(80)),
            // An earlier run failed last; this one may ask at once.
            (GRACE, false, 0, 0, None, seconds(0)),
            (State::ClockSuspect, false, 0, 0, None, seconds(0)),
            (LEASE_EXPIRED, false, 2, 0, seconds(0), seconds(120)),
            (REVOKED, false, 0, 0, None, seconds(0)),
            (REVOKED, false, 0, 0, seconds(600), seconds(3_000)),
        ] {
            let inputs = ScheduleInputs {
                state,
                now: NOW,
                refresh_at: Some(UnixSeconds(NOW.0 + 500)),
                has_key: state != State::NotActivated,
                has_pending,
                renewed_by: RenewedBy::Network,
                failures,
                retry_after: Duration::from_secs(asked),
                since_last,
            };
            assert_eq!(delay_until_next(&inputs), expected, "{inputs:?}");
        }
    }

    #[test]
    fn license_by_file_asks_never() {
        for state in [State::Active, State::RefreshDue, GRACE, State::ClockSuspect, LEASE_EXPIRED] {
            let inputs = |has_pending| ScheduleInputs {
                state,
                now: NOW,
                refresh_at: Some(UnixSeconds(NOW.0 - 500)),
                has_key: true,
                has_pending,
                renewed_by: RenewedBy::File,
                failures: 0,
                retry_after: Duration::ZERO,
                since_last: None,
            };
            assert_eq!(delay_until_next(&inputs(false)), None, "{state:?}");
            assert_eq!(
                delay_until_next(&inputs(true)),
                Some(Duration::ZERO),
                "a wish of the user: {state:?}"
            );
        }
    }

    #[test]
    fn stored_key_without_lease_asks_hourly() {
        for (failures, since_last, expected) in
            [(0, None, 0), (0, Some(0), 3_600), (1, Some(600), 3_000), (1, Some(3_600), 0)]
        {
            let inputs = ScheduleInputs {
                state: State::NotActivated,
                now: NOW,
                refresh_at: None,
                has_key: true,
                has_pending: false,
                renewed_by: RenewedBy::Network,
                failures,
                retry_after: Duration::ZERO,
                since_last: since_last.map(Duration::from_secs),
            };
            assert_eq!(delay_until_next(&inputs), Some(Duration::from_secs(expected)), "{inputs:?}");
        }
    }
}
