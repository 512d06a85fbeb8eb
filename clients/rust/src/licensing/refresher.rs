//! Background refresh. The thread asks the server when the schedule says so, stores the time, and announces changes
//! that come by time alone. No other thread waits for it.

use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Shared;
use super::schedule::{ScheduleInputs, delay_until_next};
use super::session::Session;
use crate::clock::ClockReading;
use crate::retry::jitter;
use crate::state::{LockCode, State, StoredDecision};

/// Interval at which the thread wakes: short enough to announce a change, and to lose little of the elapsed time when
/// the program is killed.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Longest time that passes before it is stored.
const PERSIST_INTERVAL: Duration = Duration::from_secs(60);
/// Longest random delay of the first request, for clients that all start at nine in the morning.
const START_JITTER: Duration = Duration::from_secs(2);

/// A running background thread. Dropping it stops the thread without waiting for a request under way.
pub struct Refresher {
    stop: Arc<StopSignal>,
    /// Handle for `Debug`, which shows whether the thread runs.
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct StopSignal {
    requested: Mutex<bool>,
    wake: Condvar,
}

/// Failures and pauses of this run.
#[derive(Default)]
struct RefreshHistory {
    failures: u32,
    retry_after: Duration,
    last_attempt: Option<ClockReading>,
    /// State at the last wake-up.
    last_state: Option<State>,
    /// Monotonic time at which the time was last stored.
    persisted_at: Duration,
}

impl Refresher {
    pub(super) fn start(shared: &Arc<Shared>) -> Self {
        let shared = Arc::downgrade(shared);
        let stop = Arc::new(StopSignal::default());
        let (listening, name) = (Arc::clone(&stop), "falconer-refresher".to_owned());
        // Without a thread nothing refreshes by itself; an application that calls refresh() works as before.
        let thread = std::thread::Builder::new().name(name).spawn(move || run(&shared, &listening)).ok();
        if thread.is_none() {
            tracing::warn!(
                "refresher thread not started; the license is refreshed only by calls of refresh()"
            );
        }
        Self { stop, thread }
    }
}

impl Drop for Refresher {
    fn drop(&mut self) {
        *self.stop.requested.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.wake.notify_all();
    }
}

impl std::fmt::Debug for Refresher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let running = self.thread.as_ref().is_some_and(|thread| !thread.is_finished());
        f.debug_struct("Refresher").field("running", &running).finish_non_exhaustive()
    }
}

/// Runs until the license or the refresher is dropped.
fn run(shared: &Weak<Shared>, stop: &StopSignal) {
    let mut history = RefreshHistory::default();
    let spread = shared.upgrade().map(|shared| jitter(&*shared.config.random, START_JITTER));
    let mut wait = spread.unwrap_or_default();
    while !stop.stopped_within(wait) {
        let Some(shared) = shared.upgrade() else { return };
        wait = history.poll(&shared).clamp(Duration::from_millis(10), POLL_INTERVAL);
    }
}

impl RefreshHistory {
    /// Does the work that is due. Returns the time until the next.
    fn poll(&mut self, shared: &Shared) -> Duration {
        shared.notify_if_changed();
        let now = shared.config.clock.now().monotonic;
        if now.saturating_sub(self.persisted_at) >= PERSIST_INTERVAL {
            self.persisted_at = now;
            Session::begin(shared).keep_time(Duration::from_secs(1));
        }
        self.reset_backoff_when_locked(shared.evaluation().state);
        let wait = delay_until_next(&schedule_inputs(shared, self)).unwrap_or(POLL_INTERVAL);
        if wait.is_zero() {
            self.refresh(shared);
        }
        wait
    }

    /// Drops the grown pauses once time alone has locked the license.
    fn reset_backoff_when_locked(&mut self, state: State) {
        let overdue = State::Locked { code: LockCode::LeaseExpired };
        if state == overdue && self.last_state != Some(overdue) {
            *self = Self { persisted_at: self.persisted_at, ..Self::default() };
        }
        self.last_state = Some(state);
    }

    /// Asks the server and counts the result.
    fn refresh(&mut self, shared: &Shared) {
        let result = Session::begin(shared).refresh();
        self.last_attempt = Some(shared.config.clock.now());
        (self.failures, self.retry_after) = match result {
            Ok(()) => (0, Duration::ZERO),
            Err(failure) => (self.failures.saturating_add(1), failure.retry_after.unwrap_or_default()),
        };
        shared.notify_if_changed();
    }
}

fn schedule_inputs(shared: &Shared, history: &RefreshHistory) -> ScheduleInputs {
    let clocks = shared.config.clock.now();
    let mut memory = shared.memory();
    let now = memory.observe_time(&shared.config).now();
    let state: State = memory.evaluation(&shared.config).state;
    let refresh_at = match memory.decision {
        StoredDecision::Leased(term) => Some(term.refresh_at),
        _ => None,
    };
    ScheduleInputs {
        state,
        now,
        refresh_at,
        has_key: memory.key.is_some(),
        has_pending: memory.pending.is_some(),
        failures: history.failures,
        retry_after: history.retry_after,
        since_last: history.last_attempt.map(|last| elapsed(last, clocks)),
    }
}

/// Takes the longer of both differences: the monotonic clock may stop while the machine sleeps, and the wall clock may
/// be turned back.
fn elapsed(last: ClockReading, now: ClockReading) -> Duration {
    let wall = now.wall.0.saturating_sub(last.wall.0).max(0).unsigned_abs();
    now.monotonic.saturating_sub(last.monotonic).max(Duration::from_millis(wall))
}

impl StopSignal {
    /// Waits, and returns true once the thread has to stop.
    fn stopped_within(&self, time: Duration) -> bool {
        let requested = self.requested.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.wake.wait_timeout_while(requested, time, |requested| !*requested);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

#[cfg(test)]
mod tests {
    use falconer_domain::UnixMillis;

    use super::*;

    const fn clocks(wall_seconds: i64, monotonic_seconds: u64) -> ClockReading {
        ClockReading {
            wall: UnixMillis(wall_seconds * 1_000),
            monotonic: Duration::from_secs(monotonic_seconds),
        }
    }

    #[test]
    fn takes_longer_of_two_clocks() {
        for (wall, monotonic, expected) in
            [(160, 60, 60), (7_300, 60, 7_200), (100, 60, 60), (-9_000, 60, 60), (150, 0, 50)]
        {
            let passed = elapsed(clocks(100, 0), clocks(wall, monotonic));
            assert_eq!(passed, Duration::from_secs(expected), "{wall} {monotonic}");
        }
    }

    #[test]
    fn resets_backoff_once_when_lease_ends() {
        let overdue = State::Locked { code: LockCode::LeaseExpired };
        let mut history = RefreshHistory {
            failures: 9,
            retry_after: Duration::from_secs(9),
            last_attempt: Some(clocks(0, 0)),
            last_state: Some(State::ClockSuspect),
            persisted_at: Duration::from_secs(5),
        };
        history.reset_backoff_when_locked(State::RefreshDue);
        assert_eq!(history.failures, 9);
        history.reset_backoff_when_locked(overdue);
        assert_eq!(
            (history.failures, history.last_attempt, history.persisted_at),
            (0, None, Duration::from_secs(5))
        );
        (history.failures, history.last_attempt) = (1, Some(clocks(1, 1)));
        history.reset_backoff_when_locked(overdue);
        assert_eq!((history.failures, history.last_attempt), (1, Some(clocks(1, 1))), "once");
    }
}
