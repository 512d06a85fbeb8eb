//! Work that the operating system does not let end early: a name look-up, a connection. It runs on a thread of its own,
//! so that its caller can stop waiting. The thread is remembered until it ends, because a plug-in may not be unloaded
//! before.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crate::cancel::CancelToken;

/// Interval at which the end of a thread is looked at: it can be joined, but not waited for with a limit.
const JOIN_INTERVAL: Duration = Duration::from_millis(2);

/// Threads whose callers stopped waiting, of all licenses of this process: one library is unloaded as a whole.
static LEFT: Mutex<Vec<JoinHandle<()>>> = Mutex::new(Vec::new());

/// Reason why there is no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoResult {
    Cancelled,
    TimedOut,
    /// The system starts no further thread, or the work panicked.
    NoThread,
}

/// Runs `work` on another thread and waits for its result, until the token is cancelled or `limit` has passed.
pub(crate) fn run<T: Send + 'static>(
    cancel: &CancelToken,
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, NoResult> {
    if cancel.is_cancelled() {
        return Err(NoResult::Cancelled);
    }
    let (sender, receiver) = channel();
    let cancels = sender.clone();
    let _cancels = cancel.on_cancel(move || drop(cancels.send(Err(NoResult::Cancelled))));
    let work = move || {
        let worked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        // The caller may have stopped waiting.
        drop(sender.send(worked.map_err(|_| NoResult::NoThread)));
    };
    let thread =
        Builder::new().name("falconer-network".to_owned()).spawn(work).map_err(|_| NoResult::NoThread)?;
    let result = match receiver.recv_timeout(limit) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => Err(NoResult::TimedOut),
        Err(RecvTimeoutError::Disconnected) => Err(NoResult::NoThread),
    };
    match result {
        Err(NoResult::Cancelled | NoResult::TimedOut) => leave(thread),
        // Only its last steps are left; a panic was the result.
        Ok(_) | Err(NoResult::NoThread) => drop(thread.join()),
    }
    result
}

/// Waits for the threads whose callers stopped waiting. Returns false if one still runs after `at_most`.
pub(crate) fn join_left(at_most: Duration) -> bool {
    let begun = Instant::now();
    loop {
        join_finished(&mut left());
        if left().is_empty() {
            return true;
        }
        if begun.elapsed() >= at_most {
            return false;
        }
        std::thread::sleep(JOIN_INTERVAL);
    }
}

fn leave(thread: JoinHandle<()>) {
    let mut left = left();
    join_finished(&mut left);
    left.push(thread);
}

fn join_finished(left: &mut Vec<JoinHandle<()>>) {
    for thread in left.extract_if(.., |thread| thread.is_finished()) {
        // Panics are caught in the thread.
        let _ = thread.join();
    }
}

fn left() -> MutexGuard<'static, Vec<JoinHandle<()>>> {
    LEFT.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn work_ends_with_result_limit_or_token() {
        let token = CancelToken::new();
        assert_eq!(run(&token, LONG, || 7), Ok(7));
        assert_eq!(run(&token, LONG, || panic!("a part of the test")), Err::<(), _>(NoResult::NoThread));
        let (go, wait) = channel::<()>();
        assert_eq!(run(&token, Duration::from_millis(1), move || wait.recv()), Err(NoResult::TimedOut));
        assert!(!join_left(Duration::from_millis(20)), "its caller has left it");
        let (cancels, (also_go, wait)) = (token.clone(), channel::<()>());
        let cancelled = run(&token, LONG, move || {
            cancels.cancel();
            wait.recv()
        });
        assert_eq!(cancelled, Err(NoResult::Cancelled));
        assert_eq!(run(&token, LONG, || panic!("it may not begin")), Err::<(), _>(NoResult::Cancelled));
        drop((go, also_go));
        assert!(join_left(LONG));
    }
}
