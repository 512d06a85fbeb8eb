//! Work that goes on beside its page: how far it is, a wish to stop it, and how it ended.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A piece of work. Its outcome is there when it has ended, and until it begins again.
pub(crate) struct BackgroundRun<T> {
    done: AtomicU64,
    of: AtomicU64,
    stop: AtomicBool,
    state: Mutex<RunState<T>>,
}

/// How far a piece of work is.
pub(crate) enum RunState<T> {
    /// It has not begun.
    NotBegun,
    /// It goes on, also without a page.
    GoesOn,
    /// It has ended so.
    Ended(Arc<T>),
}

impl<T> Clone for RunState<T> {
    fn clone(&self) -> Self {
        match self {
            Self::NotBegun => Self::NotBegun,
            Self::GoesOn => Self::GoesOn,
            Self::Ended(outcome) => Self::Ended(Arc::clone(outcome)),
        }
    }
}

/// Rows done, of all; for a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) done: u64,
    pub(crate) of: u64,
    pub(crate) stops: Stops,
}

/// A wish to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stops {
    /// Nobody has.
    No,
    /// The work ends with the rows that are under way.
    Soon,
}

impl<T> BackgroundRun<T> {
    pub(crate) const fn new() -> Self {
        Self {
            done: AtomicU64::new(0),
            of: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            state: Mutex::new(RunState::NotBegun),
        }
    }

    /// Begins, unless it goes on already or `may` refuses its present state. Of two requests at a time, one begins it.
    pub(crate) fn begin(&self, may: impl FnOnce(&RunState<T>) -> bool) -> bool {
        let mut state = self.lock();
        if matches!(*state, RunState::GoesOn) || !may(&state) {
            return false;
        }
        self.stop.store(false, Ordering::Relaxed);
        self.done.store(0, Ordering::Relaxed);
        *state = RunState::GoesOn;
        true
    }

    /// Says how many rows there are.
    pub(crate) fn of(&self, rows: u64) {
        self.of.store(rows, Ordering::Relaxed);
    }

    /// Says how many rows are done, and hears whether to go on.
    pub(crate) fn at(&self, rows: u64) -> ControlFlow<()> {
        self.done.store(rows, Ordering::Relaxed);
        if self.stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    pub(crate) fn end(&self, outcome: T) {
        *self.lock() = RunState::Ended(Arc::new(outcome));
    }

    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    pub(crate) fn state(&self) -> RunState<T> {
        self.lock().clone()
    }

    pub(crate) fn outcome(&self) -> Option<Arc<T>> {
        match self.state() {
            RunState::Ended(outcome) => Some(outcome),
            RunState::NotBegun | RunState::GoesOn => None,
        }
    }

    pub(crate) fn goes_on(&self) -> bool {
        matches!(*self.lock(), RunState::GoesOn)
    }

    /// How far it is, while it goes on.
    pub(crate) fn progress(&self) -> Option<Progress> {
        matches!(*self.lock(), RunState::GoesOn).then(|| Progress {
            done: self.done.load(Ordering::Relaxed),
            of: self.of.load(Ordering::Relaxed),
            stops: if self.stop.load(Ordering::Relaxed) { Stops::Soon } else { Stops::No },
        })
    }

    fn lock(&self) -> MutexGuard<'_, RunState<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_begins_and_a_stop_is_heard() {
        let run = BackgroundRun::new();
        assert!(run.progress().is_none() && run.begin(|_| true));
        assert!(!run.begin(|_| true), "it goes on already");
        run.of(9);
        assert!(run.at(4).is_continue());
        run.stop();
        assert!(run.at(5).is_break());
        assert_eq!(run.progress(), Some(Progress { done: 5, of: 9, stops: Stops::Soon }));
        run.end(7);
        assert_eq!(run.outcome().as_deref(), Some(&7));
        assert!(!run.begin(|state| !matches!(state, RunState::Ended(_))), "what is there says no");
        assert!(run.begin(|_| true) && run.at(0).is_continue(), "an old stop is forgotten");
    }
}
