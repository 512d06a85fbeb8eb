//! An instance's memory of the current minute. It decides which requests the shared counter hears of; without I/O.

use std::collections::HashMap;

use falconer_domain::{LicenseId, UnixMillis};

use super::Counting;
use crate::address::Address;
use crate::fixed_window::{CAPACITY, FixedWindow, FixedWindowCounter};

/// Seconds for which a license that was found under an imported key counts as existing. No function deletes one, and an
/// hour bounds the memory.
const FOUND_SECONDS: i64 = 3_600;

/// Requests that the shared counter counts together, at one endpoint.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Bucket {
    /// About a license from an address.
    License(LicenseId, Address),
    /// From an address with imported keys whose license may not exist.
    UnknownKey(Address),
}

impl Bucket {
    /// Part of the counter's key between the endpoint and the window.
    pub(super) fn name(&self) -> String {
        match self {
            Self::License(license, address) => format!("{license}#{}", address.as_str()),
            Self::UnknownKey(address) => address.as_str().to_owned(),
        }
    }
}

/// This instance's knowledge of a bucket in this window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RequestTally {
    /// Requests that were admitted and that the shared counter does not have yet.
    Uncounted(u32),
    /// The limit is reached.
    Full,
}

/// The next step with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It is admitted without the shared counter.
    Admit,
    /// So many requests are counted at the shared counter, if it has room for all of them.
    Count(u32),
    /// It is over the limit.
    Refuse,
}

#[derive(Debug)]
pub(super) struct Memory {
    pub(super) junk: FixedWindowCounter<Address>,
    pub(super) addresses: FixedWindowCounter<Address>,
    pub(super) licenses: FixedWindowCounter<LicenseId>,
    pub(super) found: FoundLicenses,
    tallies: FixedWindow<Bucket, RequestTally>,
}

impl Memory {
    pub(super) fn new() -> Self {
        Self {
            junk: FixedWindowCounter::new(),
            addresses: FixedWindowCounter::new(),
            licenses: FixedWindowCounter::new(),
            found: FoundLicenses::default(),
            tallies: FixedWindow::new(),
        }
    }

    /// Decides about one more request of a bucket. A first one is noted and admitted, unless each is counted at once or
    /// memory is full.
    pub(super) fn step(&mut self, bucket: &Bucket, counting: Counting, quota: u32, now: UnixMillis) -> Step {
        match self.tallies.get(bucket, now).copied() {
            Some(RequestTally::Full) => Step::Refuse,
            Some(RequestTally::Uncounted(uncounted)) if uncounted >= quota => {
                self.note_full(bucket.clone(), now);
                Step::Refuse
            }
            Some(RequestTally::Uncounted(uncounted)) => Step::Count(uncounted + 1),
            None if counting == Counting::FromTheSecond => {
                if self.note_uncounted(bucket.clone(), now) {
                    Step::Admit
                } else {
                    Step::Count(1)
                }
            }
            None => Step::Count(1),
        }
    }

    /// Notes an admitted request that the shared counter does not have. `false` if there is no room.
    pub(super) fn note_uncounted(&mut self, bucket: Bucket, now: UnixMillis) -> bool {
        match self.tallies.get(&bucket, now).copied() {
            Some(RequestTally::Full) => true,
            Some(RequestTally::Uncounted(uncounted)) => {
                self.tallies.set(bucket, RequestTally::Uncounted(uncounted + 1), now)
            }
            None => self.tallies.set(bucket, RequestTally::Uncounted(1), now),
        }
    }

    /// Notes that the shared counter has taken `calls` requests, the latest and the uncounted ones before it.
    pub(super) fn note_counted(&mut self, bucket: Bucket, calls: u32, now: UnixMillis) {
        let left = match self.tallies.get(&bucket, now).copied() {
            Some(RequestTally::Full) => return,
            Some(RequestTally::Uncounted(uncounted)) => uncounted.saturating_sub(calls - 1),
            None => 0,
        };
        self.tallies.set(bucket, RequestTally::Uncounted(left), now);
    }

    /// Notes that a bucket is full, so that the shared counter is not asked again in this window.
    pub(super) fn note_full(&mut self, bucket: Bucket, now: UnixMillis) {
        self.tallies.set(bucket, RequestTally::Full, now);
    }

    pub(super) fn is_full(&mut self, bucket: &Bucket, now: UnixMillis) -> bool {
        self.tallies.get(bucket, now) == Some(&RequestTally::Full)
    }
}

/// The licenses of imported keys that this instance has found lately, at most [`CAPACITY`] of them.
#[derive(Debug, Default)]
pub(super) struct FoundLicenses(HashMap<LicenseId, i64>);

impl FoundLicenses {
    pub(super) fn note(&mut self, license: LicenseId, now: UnixMillis) {
        if self.0.len() >= CAPACITY {
            self.0.retain(|_, found| is_fresh(*found, now));
        }
        if self.0.len() < CAPACITY || self.0.contains_key(&license) {
            self.0.insert(license, now.seconds());
        }
    }

    pub(super) fn contains(&self, license: &LicenseId, now: UnixMillis) -> bool {
        self.0.get(license).is_some_and(|found| is_fresh(*found, now))
    }
}

const fn is_fresh(found: i64, now: UnixMillis) -> bool {
    now.seconds() - found < FOUND_SECONDS
}
