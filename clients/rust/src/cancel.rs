//! The end of a wait, asked for by another thread.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A switch that ends the calls that wait on it. Its clones are one switch, and it cannot be turned back.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<Switch>);

#[derive(Debug, Default)]
struct Switch {
    state: Mutex<SwitchState>,
    changed: Condvar,
}

#[derive(Default, derive_more::Debug)]
struct SwitchState {
    is_cancelled: bool,
    next_id: u64,
    #[debug("{}", actions.len())]
    actions: Vec<(u64, Action)>,
}

type Action = Box<dyn FnOnce() + Send>;

/// An action of [`CancelToken::on_cancel`]. Dropping this takes the action back.
#[derive(Debug)]
pub(crate) struct CancelAction<'a> {
    token: &'a CancelToken,
    id: u64,
}

impl CancelToken {
    /// A token that is not cancelled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends all waits, those that begin later included.
    pub fn cancel(&self) {
        let actions = {
            let mut state = self.state();
            state.is_cancelled = true;
            std::mem::take(&mut state.actions)
        };
        self.0.changed.notify_all();
        for (_, action) in actions {
            action();
        }
    }

    /// True after [`cancel`](Self::cancel).
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.state().is_cancelled
    }

    /// Waits for at most `time`. True if the token is cancelled.
    #[must_use]
    pub fn wait(&self, time: Duration) -> bool {
        let waited = self.0.changed.wait_timeout_while(self.state(), time, |state| !state.is_cancelled);
        waited.unwrap_or_else(PoisonError::into_inner).0.is_cancelled
    }

    /// Runs `action` once the token is cancelled, on the cancelling thread; at once if it is cancelled already. A wait
    /// that only the operating system can end, such as a read of a socket, is ended by that.
    pub(crate) fn on_cancel(&self, action: impl FnOnce() + Send + 'static) -> CancelAction<'_> {
        let mut state = self.state();
        let id = state.next_id;
        state.next_id += 1;
        if state.is_cancelled {
            drop(state);
            action();
        } else {
            state.actions.push((id, Box::new(action)));
        }
        CancelAction { token: self, id }
    }

    /// Ignores lock poisoning: no code that can panic runs under the lock.
    fn state(&self) -> MutexGuard<'_, SwitchState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for CancelAction<'_> {
    fn drop(&mut self) {
        self.token.state().actions.retain(|(id, _)| *id != self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::thread;
    use std::time::Instant;

    use super::*;

    #[test]
    fn cancelling_ends_a_wait_of_a_clone() {
        let token = CancelToken::new();
        let waiting = token.clone();
        let begun = Instant::now();
        let thread = thread::spawn(move || waiting.wait(Duration::from_mins(5)));
        token.cancel();
        assert!(thread.join().unwrap());
        assert!(begun.elapsed() < Duration::from_mins(5));
        assert!(token.is_cancelled() && token.wait(Duration::from_mins(5)));
    }

    #[test]
    fn a_wait_ends_by_itself() {
        assert!(!CancelToken::new().wait(Duration::from_millis(1)));
    }

    #[test]
    fn actions_run_once_unless_taken_back() {
        let (token, ran) = (CancelToken::new(), Arc::new(AtomicU32::new(0)));
        let count = |by: u32| {
            let ran = Arc::clone(&ran);
            move || {
                ran.fetch_add(by, Ordering::Relaxed);
            }
        };
        drop(token.on_cancel(count(1)));
        let _kept = token.on_cancel(count(10));
        token.cancel();
        token.cancel();
        assert_eq!(ran.load(Ordering::Relaxed), 10);
        let _late = token.on_cancel(count(100));
        assert_eq!(ran.load(Ordering::Relaxed), 110, "at once");
    }
}
