//! The journal: invocations with their times, starts of instances, lines of logs.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// One event on its way through a function.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The function's name.
    pub function: String,
    /// The id the function was given.
    pub request_id: String,
    /// The instance that took it; `None` while it waits for one.
    pub instance: Option<usize>,
    /// When it was asked for.
    pub queued: Instant,
    /// When an instance took it.
    pub dispatched: Option<Instant>,
    /// When its outcome was known; [`Invocation::end`] says which.
    pub responded: Option<Instant>,
    /// When the instance asked for the next event; `None` until then, and for good if it was killed before.
    pub free: Option<Instant>,
    /// How it ended; `None` while it runs or waits.
    pub end: Option<End>,
}

/// How an invocation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The function answered.
    Answered,
    /// The function reported an error.
    Failed,
    /// The instance missed the deadline and was killed.
    TimedOut,
    /// The instance died.
    Died,
    /// No instance was free in time.
    GaveUp,
}

/// One start of an instance.
#[derive(Clone, Debug)]
pub struct Start {
    /// The function's name.
    pub function: String,
    /// The number of the instance.
    pub instance: usize,
    /// The process.
    pub pid: u32,
    /// When it was started.
    pub spawned: Instant,
    /// When it first asked for an event.
    pub ready: Option<Instant>,
    /// When it was found dead.
    pub ended: Option<Instant>,
}

/// One line an instance wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The function's name.
    pub function: String,
    /// The number of the instance.
    pub instance: usize,
    /// The stream it was written to.
    pub stream: Stream,
    /// Without the line's end; bytes that are not UTF-8 are replaced.
    pub text: String,
}

/// The source of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// The instance's standard output.
    Stdout,
    /// The instance's standard error.
    Stderr,
    /// The gateway's own remarks: starts that failed, deadlines missed, errors the runtime reported.
    Gateway,
}

impl std::fmt::Display for LogLine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let stream = match self.stream {
            Stream::Stdout => "out",
            Stream::Stderr => "err",
            Stream::Gateway => "gateway",
        };
        let (function, instance, text) = (&self.function, self.instance, &self.text);
        write!(formatter, "{function}/{instance} {stream}: {text}")
    }
}

/// The most invocations that were with an instance at the same moment.
#[must_use]
pub fn peak_overlap(invocations: &[Invocation]) -> usize {
    let mut changes: Vec<(Instant, bool)> = Vec::new();
    for invocation in invocations {
        if let (Some(begun), Some(ended)) = (invocation.dispatched, invocation.responded) {
            changes.push((begun, true));
            changes.push((ended, false));
        }
    }
    // An end at the very moment of a beginning comes first: those two did not overlap.
    changes.sort_unstable();
    let (mut running, mut peak) = (0_usize, 0);
    for (_, begins) in changes {
        running = if begins { running + 1 } else { running - 1 };
        peak = peak.max(running);
    }
    peak
}

/// Index of an invocation in the journal.
#[derive(Clone, Copy, Debug)]
pub(super) struct InvocationIndex(usize);

/// Everything that happened so far.
#[derive(Default)]
pub(super) struct Journal {
    invocations: Mutex<Vec<Invocation>>,
    starts: Mutex<Vec<Start>>,
    logs: Mutex<Vec<LogLine>>,
}

impl Journal {
    pub(super) fn invocations(&self) -> Vec<Invocation> {
        lock(&self.invocations).clone()
    }

    pub(super) fn starts(&self) -> Vec<Start> {
        lock(&self.starts).clone()
    }

    pub(super) fn logs(&self) -> Vec<LogLine> {
        lock(&self.logs).clone()
    }

    pub(super) fn queued(&self, function: &str, request_id: &str) -> InvocationIndex {
        let mut invocations = lock(&self.invocations);
        invocations.push(Invocation {
            function: function.to_owned(),
            request_id: request_id.to_owned(),
            instance: None,
            queued: Instant::now(),
            dispatched: None,
            responded: None,
            free: None,
            end: None,
        });
        InvocationIndex(invocations.len() - 1)
    }

    pub(super) fn dispatched(&self, entry: InvocationIndex, instance: usize) {
        let invocation = &mut lock(&self.invocations)[entry.0];
        invocation.instance = Some(instance);
        invocation.dispatched = Some(Instant::now());
    }

    pub(super) fn ended(&self, entry: InvocationIndex, end: End) {
        let invocation = &mut lock(&self.invocations)[entry.0];
        invocation.responded = Some(Instant::now());
        invocation.end = Some(end);
    }

    pub(super) fn free(&self, entry: InvocationIndex) {
        lock(&self.invocations)[entry.0].free = Some(Instant::now());
    }

    pub(super) fn spawned(&self, function: &str, instance: usize, pid: u32) {
        lock(&self.starts).push(Start {
            function: function.to_owned(),
            instance,
            pid,
            spawned: Instant::now(),
            ready: None,
            ended: None,
        });
    }

    pub(super) fn ready(&self, function: &str, instance: usize) {
        if let Some(start) = last(&mut lock(&self.starts), function, instance) {
            start.ready.get_or_insert_with(Instant::now);
        }
    }

    pub(super) fn died(&self, function: &str, instance: usize) {
        if let Some(start) = last(&mut lock(&self.starts), function, instance) {
            start.ended.get_or_insert_with(Instant::now);
        }
    }

    pub(super) fn log(&self, line: LogLine) {
        lock(&self.logs).push(line);
    }
}

fn last<'a>(starts: &'a mut [Start], function: &str, instance: usize) -> Option<&'a mut Start> {
    starts.iter_mut().rev().find(|start| start.function == function && start.instance == instance)
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // None of these locks is held across code that can panic half way through a change.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
