//! Calls that wait for the server: one after another, on a thread of their own.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use falconer_client::CancelToken;

use super::request::{BadRequest, Id, RequestedCall};

/// Calls that may wait. An application with more has lost count.
const MAX_CALLS: usize = 16;

/// A call, its id, and the switch that ends it.
pub(super) struct Job {
    pub(super) id: Id,
    pub(super) call: RequestedCall,
    pub(super) cancel: CancelToken,
}

/// The calls in the order of their requests. The first one runs.
#[derive(Default)]
pub(super) struct RunningCalls {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    /// The call that runs, or whose answer is being written. Its id is free again before the answer.
    running: Option<(Option<Id>, CancelToken)>,
    waiting: VecDeque<Job>,
}

/// Effect of a request to cancel.
pub(super) enum Cancelled {
    /// The call had not begun.
    Waiting(Id),
    /// The call is asked to end; its answer tells how it ended.
    Running,
    /// No such call.
    Unknown,
}

impl RunningCalls {
    /// Adds a call.
    ///
    /// # Errors
    /// [`BadRequest::IdInUse`] and [`BadRequest::TooManyCalls`].
    pub(super) fn add(&self, id: Id, call: RequestedCall) -> Result<(), BadRequest> {
        let mut queue = self.queue();
        if queue.ids().any(|used| *used == id) {
            return Err(BadRequest::IdInUse);
        }
        if queue.ids().count() >= MAX_CALLS {
            return Err(BadRequest::TooManyCalls);
        }
        queue.waiting.push_back(Job { id, call, cancel: CancelToken::new() });
        self.changed.notify_all();
        Ok(())
    }

    /// Waits for the next call and marks it as running.
    pub(super) fn next(&self) -> Job {
        let mut queue = self.queue();
        loop {
            if let Some(job) = queue.waiting.pop_front() {
                queue.running = Some((Some(job.id.clone()), job.cancel.clone()));
                return job;
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Lets the application use the id of the running call again.
    pub(super) fn release_id(&self) {
        if let Some((id, _)) = &mut self.queue().running {
            *id = None;
        }
    }

    /// Marks the running call as answered.
    pub(super) fn finish(&self) {
        self.queue().running = None;
        self.changed.notify_all();
    }

    /// Ends one call.
    pub(super) fn cancel(&self, id: &Id) -> Cancelled {
        let mut queue = self.queue();
        if let Some((running, token)) = &queue.running
            && running.as_ref() == Some(id)
        {
            token.cancel();
            return Cancelled::Running;
        }
        let place = queue.waiting.iter().position(|job| job.id == *id);
        let job = place.and_then(|place| queue.waiting.remove(place));
        job.map_or(Cancelled::Unknown, |job| Cancelled::Waiting(job.id))
    }

    /// Ends all calls. Returns those that had not begun.
    pub(super) fn cancel_all(&self) -> Vec<Id> {
        let mut queue = self.queue();
        if let Some((_, token)) = &queue.running {
            token.cancel();
        }
        queue.waiting.drain(..).map(|job| job.id).collect()
    }

    /// Waits until every call is answered, for at most `time`.
    pub(super) fn wait_until_idle(&self, time: Duration) {
        let is_busy = |queue: &mut Queue| queue.running.is_some() || !queue.waiting.is_empty();
        drop(self.changed.wait_timeout_while(self.queue(), time, is_busy));
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn ids(&self) -> impl Iterator<Item = &Id> {
        let running = self.running.iter().filter_map(|(id, _)| id.as_ref());
        running.chain(self.waiting.iter().map(|job| &job.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_free_before_its_answer() {
        let calls = RunningCalls::default();
        let add = || calls.add(Id::of_number(1), RequestedCall::Refresh);
        add().unwrap();
        assert!(matches!(add(), Err(BadRequest::IdInUse)));
        calls.next();
        assert!(matches!(add(), Err(BadRequest::IdInUse)));
        calls.release_id();
        assert!(add().is_ok(), "the answer is about to be written");
    }
}
