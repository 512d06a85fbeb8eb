//! An open license.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use falconer_client::{Licensing, Refresher};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::call::{CallTokens, without_lock};
use crate::changes::{Changes, Queue};
use crate::report;

/// An open license, until `close`. Texts that it returns are JSON; states are the names of the library.
#[pyclass(frozen, module = "falconer_licensing._native")]
pub(crate) struct Handle {
    /// Locked only by a thread that holds the interpreter's lock.
    open: Mutex<Option<OpenLicense>>,
    calls: CallTokens,
    queue: Arc<Queue>,
    /// Id of the process that opened the license.
    process: u32,
}

/// The fields are dropped in their order: the refresher before the license.
struct OpenLicense {
    refresher: Option<Refresher>,
    licensing: Licensing,
}

impl Handle {
    pub(crate) fn new(licensing: Licensing, queue: Arc<Queue>) -> Self {
        Self {
            open: Mutex::new(Some(OpenLicense { refresher: None, licensing })),
            calls: CallTokens::default(),
            queue,
            process: std::process::id(),
        }
    }

    /// Runs a call that may wait.
    pub(crate) fn call<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&Licensing) -> T + Send,
    ) -> PyResult<T> {
        self.calls.run(py, &self.licensing()?, work)
    }

    /// Looks at the license, without network and disk.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Licensing) -> T) -> PyResult<T> {
        self.open().as_ref().map(|open| look(&open.licensing)).ok_or_else(closed)
    }

    fn licensing(&self) -> PyResult<Licensing> {
        self.look(Clone::clone)
    }

    fn open(&self) -> MutexGuard<'_, Option<OpenLicense>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_forked(&self) -> bool {
        self.process != std::process::id()
    }
}

#[pymethods]
impl Handle {
    /// Name of the state.
    #[getter]
    fn state(&self) -> PyResult<&'static str> {
        self.look(|licensing| licensing.status().name())
    }

    /// True while the application may run.
    #[getter]
    fn unlocked(&self) -> PyResult<bool> {
        self.look(Licensing::is_unlocked)
    }

    /// False after `close`.
    #[getter]
    fn is_open(&self) -> bool {
        self.open().is_some()
    }

    /// States of this license that come from now on.
    fn changes(&self) -> Changes {
        self.queue.listen();
        Changes(Arc::clone(&self.queue))
    }

    fn has_feature(&self, name: &str) -> PyResult<bool> {
        self.look(|licensing| licensing.has_feature(name))
    }

    /// The snapshot as the library writes it.
    fn snapshot(&self) -> PyResult<String> {
        self.look(|licensing| serde_json::to_string(&licensing.snapshot()).unwrap_or_default())
    }

    fn activate(&self, py: Python<'_>, key: &str, name: &str, email: &str) -> PyResult<String> {
        self.call(py, |licensing| report::outcome(&licensing.activate(key, name, email)))
    }

    fn refresh(&self, py: Python<'_>) -> PyResult<String> {
        self.call(py, |licensing| report::outcome(&licensing.refresh()))
    }

    fn transfer(
        &self,
        py: Python<'_>,
        key: Option<&str>,
        name: &str,
        email: &str,
        from_device: Option<&str>,
    ) -> PyResult<String> {
        self.call(py, |licensing| report::outcome(&licensing.transfer(key, name, email, from_device)))
    }

    fn deactivate(&self, py: Python<'_>) -> PyResult<String> {
        self.call(py, |licensing| report::outcome(&licensing.deactivate()))
    }

    fn activation_request(&self, py: Python<'_>, key: &str, name: &str, email: &str) -> PyResult<String> {
        self.call(py, |licensing| report::outcome(&licensing.activation_request(key, name, email)))
    }

    fn renewal_request(&self, py: Python<'_>) -> PyResult<String> {
        self.call(py, |licensing| report::outcome(&licensing.renewal_request()))
    }

    fn import_response(&self, py: Python<'_>, text: &str) -> PyResult<String> {
        self.call(py, |licensing| report::outcome(&licensing.import_response(text)))
    }

    fn deactivate_by_receipt(&self, py: Python<'_>) -> PyResult<String> {
        self.call(py, |licensing| report::outcome(&licensing.deactivate_by_receipt()))
    }

    /// Waits until the state has another name than `seen`, or for so many seconds. Returns the state's name.
    fn wait_for_change(&self, py: Python<'_>, seen: &str, seconds: f64) -> PyResult<&'static str> {
        let (begun, at_most) = (Instant::now(), duration(seconds));
        self.call(py, |licensing| {
            loop {
                let (state, left) = (licensing.status(), at_most.saturating_sub(begun.elapsed()));
                if state.name() != seen || left.is_zero() {
                    return state.name();
                }
                if licensing.wait_for_change(state, left) == state {
                    // Time is over, or the call was cancelled.
                    return state.name();
                }
            }
        })
    }

    /// Starts the thread that refreshes the license, unless it runs.
    fn start_refresher(&self) -> PyResult<()> {
        let mut open = self.open();
        let open = open.as_mut().ok_or_else(closed)?;
        open.refresher.get_or_insert_with(|| open.licensing.start_refresher());
        Ok(())
    }

    /// Stops that thread. False if it still runs after so many seconds.
    fn stop_refresher(&self, py: Python<'_>, seconds: f64) -> bool {
        let Some(refresher) = self.open().as_mut().and_then(|open| open.refresher.take()) else {
            return true;
        };
        let refresher = without_lock(py, || (!refresher.stop(duration(seconds))).then_some(refresher));
        let Some(running) = refresher else { return true };
        if let Some(open) = self.open().as_mut() {
            open.refresher.get_or_insert(running);
        }
        false
    }

    /// Ends the calls that wait. Later calls work.
    fn cancel(&self) {
        if !self.is_forked() {
            self.calls.cancel();
        }
    }

    /// Closes the license. False if the refresher still runs after so many seconds. In a forked child the parent's
    /// license stays open.
    fn close(&self, py: Python<'_>, seconds: f64) -> bool {
        let Some(open) = self.open().take() else { return true };
        if self.is_forked() {
            return true;
        }
        self.queue.close();
        self.calls.cancel();
        without_lock(py, || {
            let stopped = open.refresher.as_ref().is_none_or(|refresher| refresher.stop(duration(seconds)));
            drop(open);
            stopped
        })
    }
}

impl Drop for Handle {
    /// Closes a license that nobody closed. Python drops it with its lock held, and the disk may be slow.
    fn drop(&mut self) {
        let Some(open) = self.open().take() else { return };
        if self.is_forked() {
            return;
        }
        self.queue.close();
        let mut open = Some(open);
        // Without an interpreter it is dropped here.
        Python::try_attach(|py| py.detach(|| open.take()));
    }
}

fn closed() -> PyErr {
    PyRuntimeError::new_err("closed")
}

/// Reads seconds of Python: a negative number becomes zero, and a longer time than a year becomes a year.
fn duration(seconds: f64) -> Duration {
    const YEAR: f64 = 365.0 * 86_400.0;
    Duration::try_from_secs_f64(seconds.min(YEAR)).unwrap_or_default()
}
