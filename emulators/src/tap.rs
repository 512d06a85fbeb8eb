//! A proxy in front of a stand-in: it counts requests, and breaks those that a rule names.
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! use falconer_emulators::tap::{Fault, Matcher, Tap};
//!
//! let tap = Tap::start("http://127.0.0.1:8000")?;
//! tap.break_next(2, Matcher::operation("GetItem"), Fault::throttling());
//! // … point AWS_ENDPOINT_URL_DYNAMODB at tap.endpoint() and send requests …
//! assert_eq!(tap.records().len(), 3);
//! tap.heal();
//! # Ok(())
//! # }
//! ```

mod fault;
mod forward;
mod record;
mod rules;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use tokio::sync::watch;

use crate::client::Client;
use crate::server::Server;
use rules::{Lives, Rules};

pub use fault::Fault;
pub use record::{TapRecord, Units};
pub use rules::{Matcher, Seen};

/// A running proxy. Dropping it closes the port and every connection.
pub struct Tap {
    server: Server,
    shared: Arc<TapState>,
    /// Counts the healings; a hanging request is let go when it changes, or when the tap is dropped.
    healings: watch::Sender<u64>,
}

struct TapState {
    upstream: String,
    client: Client,
    measures_capacity: AtomicBool,
    next_number: AtomicU64,
    rules: Mutex<Rules>,
    records: Mutex<Vec<TapRecord>>,
}

impl Tap {
    /// Listens on any free port of 127.0.0.1 and forwards to `upstream`, as `http://127.0.0.1:8000`.
    ///
    /// # Errors
    /// No port is free.
    pub fn start(upstream: impl Into<String>) -> Result<Self> {
        let shared = Arc::new(TapState {
            upstream: upstream.into().trim_end_matches('/').to_owned(),
            client: Client::new(),
            measures_capacity: AtomicBool::new(false),
            next_number: AtomicU64::new(0),
            rules: Mutex::default(),
            records: Mutex::default(),
        });
        let (healings, healed) = watch::channel(0);
        let for_calls = Arc::clone(&shared);
        let server =
            Server::start(0, move |call| forward::handle(Arc::clone(&for_calls), healed.clone(), call))?;
        Ok(Self { server, shared, healings })
    }

    /// The address that clients use instead of the upstream.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.server.url()
    }

    /// From now on the tap adds `ReturnConsumedCapacity: TOTAL` to DynamoDB's requests, so that
    /// [`TapRecord::units`] is exact whatever the client asked for.
    pub fn measure_capacity(&self) {
        self.shared.measures_capacity.store(true, Ordering::Relaxed);
    }

    /// Breaks every matching request until [`Tap::heal`]. Of several rules the one made last decides.
    pub fn break_all(&self, matcher: Matcher, fault: Fault) {
        lock(&self.shared.rules).add(matcher, fault, Lives::UntilHealed);
    }

    /// Breaks the next `count` matching requests.
    pub fn break_next(&self, count: usize, matcher: Matcher, fault: Fault) {
        lock(&self.shared.rules).add(matcher, fault, Lives::For(count));
    }

    /// Lets a closure decide: `None` leaves a request to the rules made before.
    pub fn break_when(&self, decide: impl Fn(&Seen) -> Option<Fault> + Send + Sync + 'static) {
        lock(&self.shared.rules).add_closure(Box::new(decide));
    }

    /// Removes every rule. Connections of requests that hang are reset: those requests never reached the upstream
    /// and never will.
    pub fn heal(&self) {
        lock(&self.shared.rules).clear();
        self.healings.send_modify(|count| *count += 1);
    }

    /// Every request so far, in the order of arrival.
    #[must_use]
    pub fn records(&self) -> Vec<TapRecord> {
        lock(&self.shared.records).clone()
    }

    /// The requests that match.
    #[must_use]
    pub fn matching(&self, matcher: &Matcher) -> Vec<TapRecord> {
        let mut records = self.records();
        records.retain(|record| matcher.matches(&record.seen()));
        records
    }

    /// Forgets the requests so far.
    pub fn forget(&self) {
        lock(&self.shared.records).clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic under this lock can only come from a test's own closure; the records stay readable.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
