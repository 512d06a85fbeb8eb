//! The end of a wait, asked for by another thread.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A switch that ends the calls that wait on it. Its clones are one switch, and it cannot be turned back.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<Switch>);

#[derive(Debug, Default)]
struct Switch {
    is_cancelled: Mutex<bool>,
    changed: Condvar,
}

impl CancelToken {
    /// A token that is not cancelled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends all waits, those that begin later included.
    pub fn cancel(&self) {
        *self.0.is_cancelled.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.changed.notify_all();
    }

    /// True after [`cancel`](Self::cancel).
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        *self.0.is_cancelled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for at most `time`. True if the token is cancelled.
    #[must_use]
    pub fn wait(&self, time: Duration) -> bool {
        let guard = self.0.is_cancelled.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.changed.wait_timeout_while(guard, time, |is_cancelled| !*is_cancelled);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

#[cfg(test)]
mod tests {
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
}
