//! Calls that wait: without the interpreter's lock, counted, cancelled by others and by Ctrl-C.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use falconer_client::{CancelToken, Licensing};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// Time between two looks for Ctrl-C. Python handles signals on its main thread alone, and only while that runs.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(100);

static IN_PROGRESS: AtomicUsize = AtomicUsize::new(0);

/// Number of calls that wait without the interpreter's lock.
#[pyfunction]
pub(crate) fn calls_in_progress() -> usize {
    IN_PROGRESS.load(Ordering::SeqCst)
}

/// Forgets the calls of the parent, in a forked child: their threads do not exist there.
#[pyfunction]
pub(crate) fn forget_calls() {
    IN_PROGRESS.store(0, Ordering::SeqCst);
}

/// A call that is counted until it is dropped.
struct InProgress;

impl InProgress {
    fn begin() -> Self {
        IN_PROGRESS.fetch_add(1, Ordering::SeqCst);
        Self
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        // After a fork the count begins anew, and a call of the forking thread may still end.
        let _ = IN_PROGRESS.try_update(Ordering::SeqCst, Ordering::SeqCst, |count| count.checked_sub(1));
    }
}

/// Tokens of the calls of one license. Locked only by a thread that holds the interpreter's lock.
#[derive(Clone, Default)]
pub(crate) struct CallTokens(Arc<Mutex<Tokens>>);

#[derive(Default)]
struct Tokens {
    next_id: u64,
    waiting: Vec<(u64, CancelToken)>,
}

impl CallTokens {
    /// Ends all calls that wait now.
    pub(crate) fn cancel(&self) {
        let waiting = std::mem::take(&mut self.tokens().waiting);
        for (_, token) in waiting {
            token.cancel();
        }
    }

    /// Runs `work` without the interpreter's lock.
    ///
    /// # Errors
    /// The exception of a handler of a signal, as `KeyboardInterrupt`; the call was cancelled then.
    pub(crate) fn run<T: Send>(
        &self,
        py: Python<'_>,
        licensing: &Licensing,
        work: impl FnOnce(&Licensing) -> T + Send,
    ) -> PyResult<T> {
        let token = CancelToken::new();
        let licensing = licensing.cancelled_by(&token);
        let id = self.begin(&token);
        let result = if is_main_thread(py)? {
            wait_for_signals(py, &token, || work(&licensing))
        } else {
            Ok(without_lock(py, || work(&licensing)))
        };
        self.tokens().waiting.retain(|(other, _)| *other != id);
        py.detach(move || drop(licensing));
        result
    }

    fn begin(&self, token: &CancelToken) -> u64 {
        let mut tokens = self.tokens();
        let id = tokens.next_id;
        tokens.next_id += 1;
        tokens.waiting.push((id, token.clone()));
        id
    }

    fn tokens(&self) -> MutexGuard<'_, Tokens> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs `work` without the interpreter's lock, and counts it.
pub(crate) fn without_lock<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> T {
    py.detach(|| {
        let _call = InProgress::begin();
        work()
    })
}

/// Runs `work` on another thread, so that this one can look for signals.
fn wait_for_signals<T: Send>(
    py: Python<'_>,
    token: &CancelToken,
    work: impl FnOnce() -> T + Send,
) -> PyResult<T> {
    without_lock(py, || {
        thread::scope(|scope| {
            let (ends, ended) = channel();
            let worker = scope.spawn(move || {
                let result = work();
                // The other end waits for this.
                let _ = ends.send(());
                result
            });
            let mut raised = None;
            while ended.recv_timeout(SIGNAL_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                if raised.is_none() {
                    #[expect(
                        clippy::redundant_closure_for_method_calls,
                        reason = "the method has one lifetime"
                    )]
                    let checked = Python::attach(|py| py.check_signals());
                    raised = checked.err();
                    if raised.is_some() {
                        token.cancel();
                    }
                }
            }
            match (worker.join(), raised) {
                (Ok(_), Some(raised)) => Err(raised),
                (Ok(result), None) => Ok(result),
                (Err(panic), _) => std::panic::resume_unwind(panic),
            }
        })
    })
}

fn is_main_thread(py: Python<'_>) -> PyResult<bool> {
    static CURRENT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static MAIN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let current = CURRENT.import(py, "threading", "current_thread")?.call0()?;
    let main = MAIN.import(py, "threading", "main_thread")?.call0()?;
    Ok(current.is(&main))
}
