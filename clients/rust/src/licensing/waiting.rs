//! Calls that wait, and what ends them early.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::refresher::{LOOK_INTERVAL, Refresher};
use super::session::Session;
use super::{Licensing, Shared};
use crate::cancel::CancelToken;
use crate::failure::Failure;
use crate::state::State;

impl Licensing {
    /// Returns a handle of the same license whose calls end early once `cancel` is cancelled: between two attempts,
    /// inside a pause, inside a read, and while an earlier call goes on. A cancelled call changes nothing. An activation
    /// may have taken a seat on the server by then; [`pending`](Self::pending) then returns
    /// [`ReleaseSeat`](super::Pending::ReleaseSeat), and a later refresh frees that seat.
    #[must_use]
    pub fn cancelled_by(&self, cancel: &CancelToken) -> Self {
        Self { shared: Arc::clone(&self.shared), cancel: cancel.clone() }
    }

    /// Starts a background thread that refreshes the license in time. Returns at once; dropping the result stops it. In a
    /// forked child no thread starts.
    #[must_use = "the thread ends when this is dropped"]
    pub fn start_refresher(&self) -> Refresher {
        Refresher::start(&self.shared)
    }

    /// Blocks until the state differs from `seen`, `at_most` has passed or the call is cancelled, and returns the state. A
    /// change by time alone is noticed within fifteen seconds.
    #[must_use]
    pub fn wait_for_change(&self, seen: State, at_most: Duration) -> State {
        let started = Instant::now();
        let shared = Arc::downgrade(&self.shared);
        let is_forked = self.shared.is_forked();
        let _wake = (!is_forked).then(|| self.cancel.on_cancel(move || wake(&shared)));
        loop {
            // The look and the wait are under one lock, so that no change comes between them. A child takes none.
            let notified =
                (!is_forked).then(|| self.shared.notified.lock().unwrap_or_else(PoisonError::into_inner));
            let state = self.status();
            let left = at_most.saturating_sub(started.elapsed()).min(LOOK_INTERVAL);
            if state != seen || left.is_zero() {
                return state;
            }
            match notified {
                None => std::thread::sleep(left),
                Some(_) if self.cancel.is_cancelled() => return state,
                Some(notified) => drop(self.shared.changed.wait_timeout(notified, left)),
            }
        }
    }

    /// Waits for the session before it.
    pub(super) fn session(&self) -> Result<Session<'_>, Failure> {
        Ok(Session::begin(&self.shared, &self.cancel)?)
    }
}

/// Wakes the waits for a change. The lock makes sure that none of them is between its look and its wait.
fn wake(shared: &std::sync::Weak<Shared>) {
    let Some(shared) = shared.upgrade() else { return };
    drop(shared.notified.lock().unwrap_or_else(PoisonError::into_inner));
    shared.changed.notify_all();
}
