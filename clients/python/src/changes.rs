//! The queue of new states, between threads of the library and the thread of Python that calls listeners.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use falconer_client::State;
use pyo3::prelude::*;

use crate::call::without_lock;

/// States that wait at most. Where listeners are slower than that, the oldest are dropped.
const CAPACITY: usize = 64;

#[derive(Default, PartialEq, Eq)]
enum Stage {
    /// Nobody fetches states, so none are kept.
    #[default]
    Unheard,
    Heard,
    Closed,
}

/// The queue, and its end.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<QueueState>,
    changed: Condvar,
}

#[derive(Default)]
struct QueueState {
    waiting: VecDeque<&'static str>,
    stage: Stage,
}

impl Queue {
    /// Adds a state. Threads of the library call this without the interpreter's lock; a forked child calls it never.
    pub(crate) fn push(&self, state: State) {
        let mut queue = self.state();
        if queue.stage != Stage::Heard {
            return;
        }
        if queue.waiting.len() == CAPACITY {
            queue.waiting.pop_front();
        }
        queue.waiting.push_back(state.name());
        drop(queue);
        self.changed.notify_all();
    }

    /// Keeps the states that come from now on.
    pub(crate) fn listen(&self) {
        let mut queue = self.state();
        if queue.stage == Stage::Unheard {
            queue.stage = Stage::Heard;
        }
    }

    /// Ends the waits for the next state, those that begin later included.
    pub(crate) fn close(&self) {
        self.state().stage = Stage::Closed;
        self.changed.notify_all();
    }

    fn next(&self) -> Option<&'static str> {
        let nothing_new = |queue: &mut QueueState| queue.waiting.is_empty() && queue.stage != Stage::Closed;
        let mut queue =
            self.changed.wait_while(self.state(), nothing_new).unwrap_or_else(PoisonError::into_inner);
        if queue.stage == Stage::Closed { None } else { queue.waiting.pop_front() }
    }

    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// New states of one license. It holds no license, so that a thread that waits here keeps none open.
#[pyclass(frozen, module = "falconer_licensing._native")]
pub(crate) struct Changes(pub(crate) Arc<Queue>);

#[pymethods]
impl Changes {
    /// Waits for the next state and returns its name; `None` after `close`.
    fn next(&self, py: Python<'_>) -> Option<&'static str> {
        without_lock(py, || self.0.next())
    }

    /// Ends `next`.
    fn close(&self) {
        self.0.close();
    }
}
