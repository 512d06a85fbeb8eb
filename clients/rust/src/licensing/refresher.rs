//! Background refresh. The thread asks the server when the schedule says so, stores the time, and announces changes
//! that come by time alone. No other thread waits for it.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{JoinHandle, ThreadId};
use std::time::{Duration, Instant};

use super::schedule::{RenewedBy, ScheduleInputs, delay_until_next};
use super::session::Session;
use super::{Pending, Shared};
use crate::cancel::CancelToken;
use crate::clock::ClockReading;
use crate::failure::Failure;
use crate::retry::jitter;
use crate::state::{LockCode, State, StoredDecision};
use crate::threads;
use crate::trust::LOOK_ALONE_SECONDS;

/// Longest time between two looks. Each look wakes the processor of a laptop, and a change by time alone is announced
/// that much later at most; `has_feature` evaluates the time at every call and never waits for a look.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_secs(15);
/// Shortest time between two looks, whatever the schedule says.
const MIN_LOOK_INTERVAL: Duration = Duration::from_millis(10);
/// Longest time that passes before it is stored. Each write wakes the disk, and a program that is killed forgets that
/// much of its run at most, which counts only where the clock is turned back as well.
const PERSIST_INTERVAL: Duration = Duration::from_secs(600);
/// Time between two tries to look for the root's statement beside the requests.
const STATEMENT_INTERVAL: Duration = Duration::from_hours(1);
/// Longest random delay of the first request, for clients that all start at nine in the morning.
const START_JITTER: Duration = Duration::from_secs(2);
/// Name of the thread, for debuggers.
const THREAD: &str = "falconer-refresher";
/// Longest wait of a drop. A cancelled thread ends within milliseconds, unless a listener, a custom transport or a slow
/// disk holds it; a window that closes may not hang for longer.
const DROP_LIMIT: Duration = Duration::from_secs(2);

/// A running background thread. [`stop`](Self::stop) ends it.
///
/// Dropping it cancels a request under way and waits for the thread, for two seconds at most. A plug-in calls `stop` and
/// unloads only after `true`: a thread that still runs would return into code that is gone.
pub struct Refresher {
    stop: CancelToken,
    /// Id of the process in which the thread runs. A forked child has no such thread.
    process: u32,
    /// Id of the thread, which cannot wait for itself.
    id: Option<ThreadId>,
    thread: Mutex<Option<Thread>>,
}

struct Thread {
    handle: JoinHandle<()>,
    /// Closed by the thread as it ends.
    ended: Receiver<()>,
}

/// Failures and pauses of this run.
#[derive(Default)]
struct RefreshHistory {
    failures: u32,
    retry_after: Duration,
    last_attempt: Option<ClockReading>,
    /// State at the last look.
    last_state: Option<State>,
    /// Monotonic time at which the time was last stored.
    persisted_at: Duration,
    /// Monotonic time of the last try to look for the root's statement.
    looked_at: Option<Duration>,
}

impl Refresher {
    pub(super) fn start(shared: &Arc<Shared>) -> Self {
        let stop = CancelToken::new();
        let thread = if shared.is_forked() { None } else { spawn(shared, &stop) };
        let id = thread.as_ref().map(|thread| thread.handle.thread().id());
        Self { stop, process: std::process::id(), id, thread: Mutex::new(thread) }
    }

    /// Stops the thread and waits until it has ended, cancelling a request under way. Returns false if it still runs
    /// after `at_most`; call it again then, and do not unload the library. True also means that no name look-up of an
    /// earlier request is left in the background.
    ///
    /// Called from the listener of `on_change`, it returns false at once, because that runs on this thread.
    #[must_use = "the library may be unloaded only after true"]
    pub fn stop(&self, at_most: Duration) -> bool {
        if self.process != std::process::id() {
            return true;
        }
        let begun = Instant::now();
        self.stop.cancel();
        if self.id == Some(std::thread::current().id()) {
            return false;
        }
        let mut slot = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = slot.take() {
            if thread.ended.recv_timeout(at_most) == Err(RecvTimeoutError::Timeout) {
                *slot = Some(thread);
                return false;
            }
            // A panic of the thread ended it as well.
            let _ = thread.handle.join();
        }
        drop(slot);
        threads::join_left(at_most.saturating_sub(begun.elapsed()))
    }
}

impl Drop for Refresher {
    fn drop(&mut self) {
        if self.process != std::process::id() {
            // The handle is of a thread that this process does not have.
            std::mem::forget(self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take());
        } else if !self.stop(DROP_LIMIT) {
            tracing::warn!("refresher thread still runs; do not unload the library");
        }
    }
}

impl std::fmt::Debug for Refresher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let thread = self.thread.try_lock();
        let running = thread
            .is_ok_and(|thread| thread.as_ref().is_some_and(|thread| !thread.handle.is_finished()))
            && self.process == std::process::id();
        f.debug_struct("Refresher").field("running", &running).finish_non_exhaustive()
    }
}

/// Without a thread nothing refreshes by itself; an application that calls `refresh` works as before.
fn spawn(shared: &Arc<Shared>, stop: &CancelToken) -> Option<Thread> {
    let mut refreshers = shared.refreshers.lock().unwrap_or_else(PoisonError::into_inner);
    refreshers.retain(|refresher| !refresher.is_cancelled());
    refreshers.push(stop.clone());
    drop(refreshers);
    let (shared, stop, (ends, ended)) = (Arc::downgrade(shared), stop.clone(), channel());
    let run = move || {
        run(&shared, &stop);
        drop(ends);
    };
    let Ok(handle) = std::thread::Builder::new().name(THREAD.to_owned()).spawn(run) else {
        tracing::warn!("refresher thread not started; the license is refreshed only by calls of refresh()");
        return None;
    };
    Some(Thread { handle, ended })
}

/// Runs until the license or the refresher is dropped. Between two looks it does not hold the license.
fn run(shared: &Weak<Shared>, stop: &CancelToken) {
    let mut history = RefreshHistory::default();
    let started = shared
        .upgrade()
        .map(|shared| (Arc::clone(&shared.config.clock), jitter(&*shared.config.random, START_JITTER)));
    let Some((clock, mut wait)) = started else { return };
    loop {
        clock.sleep(wait, stop);
        if stop.is_cancelled() {
            return;
        }
        let Some(shared) = shared.upgrade() else { return };
        wait = history.look(&shared, stop).clamp(MIN_LOOK_INTERVAL, LOOK_INTERVAL);
    }
}

impl RefreshHistory {
    /// Does the work that is due. Returns the time until the next.
    fn look(&mut self, shared: &Shared, stop: &CancelToken) -> Duration {
        shared.notify_if_changed();
        let now = shared.config.clock.now().monotonic;
        if now.saturating_sub(self.persisted_at) >= PERSIST_INTERVAL {
            self.persisted_at = now;
            if let Ok(mut session) = Session::begin(shared, stop) {
                session.keep_time(Duration::from_secs(1));
            }
        }
        self.look_for_statement(shared, stop, now);
        self.reset_backoff_when_locked(shared.evaluation().state);
        let wait = delay_until_next(&schedule_inputs(shared, self)).unwrap_or(LOOK_INTERVAL);
        if wait.is_zero() {
            self.refresh(shared, stop);
        }
        wait
    }

    /// Looks for the root's statement where no request has for a day, since a lease by a leaked key may put the next
    /// request off for years.
    fn look_for_statement(&mut self, shared: &Shared, stop: &CancelToken, now: Duration) {
        let is_early = self.looked_at.is_some_and(|at| now.saturating_sub(at) < STATEMENT_INTERVAL);
        // Without a network the vendor's answers bring the statement.
        if !shared.config.pins.has_root() || is_early || shared.memory().is_air_gapped() {
            return;
        }
        self.looked_at = Some(now);
        if let Ok(mut session) = Session::begin(shared, stop)
            && session.state.verified.key.is_some()
        {
            session.look_for_statement(LOOK_ALONE_SECONDS);
        }
        // Without the session: the listener may ask for it.
        shared.notify_if_changed();
    }

    /// Drops the grown pauses once time alone has locked the license.
    fn reset_backoff_when_locked(&mut self, state: State) {
        let overdue = State::Locked { code: LockCode::LeaseExpired };
        if state == overdue && self.last_state != Some(overdue) {
            let Self { persisted_at, looked_at, .. } = *self;
            *self = Self { persisted_at, looked_at, ..Self::default() };
        }
        self.last_state = Some(state);
    }

    /// Asks the server and counts the result.
    fn refresh(&mut self, shared: &Shared, stop: &CancelToken) {
        let session = Session::begin(shared, stop).map_err(Failure::from);
        let result = session.and_then(|mut session| session.refresh());
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
        has_pending: memory.pending.is_some_and(Pending::is_for_network),
        renewed_by: if memory.is_air_gapped() { RenewedBy::File } else { RenewedBy::Network },
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
            looked_at: None,
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
