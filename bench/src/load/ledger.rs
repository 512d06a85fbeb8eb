//! Counts of the answers that callers received.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::figures::Spread;

/// Every so many answers one is remembered with its latency: enough for a distribution, and memory stays small.
const EVERY: usize = 10;

/// Shared by all callers.
#[derive(Default)]
pub(super) struct Ledger {
    is_out: AtomicBool,
    told: Mutex<LoadTotals>,
}

#[derive(Default)]
struct LoadTotals {
    count: usize,
    answers: BTreeMap<String, usize>,
    latency: BTreeMap<&'static str, Vec<Duration>>,
    outage: Vec<Duration>,
    wrong: Vec<String>,
}

impl Ledger {
    /// Says that DynamoDB is away, or back.
    pub(super) fn outage(&self, is_out: bool) {
        self.is_out.store(is_out, Ordering::Relaxed);
    }

    /// Takes note of an answer.
    pub(super) fn answered(&self, endpoint: &'static str, status: u16, code: &str, took: Duration) {
        let mut told = self.lock();
        told.count += 1;
        *told.answers.entry(format!("{endpoint} {status} {code}")).or_default() += 1;
        if status == 503 && self.is_out.load(Ordering::Relaxed) {
            told.outage.push(took);
        } else if told.count.is_multiple_of(EVERY) {
            told.latency.entry(endpoint).or_default().push(took);
        }
    }

    /// Takes note of a contradiction.
    pub(super) fn wrong(&self, sentence: String) {
        eprintln!("  WRONG: {sentence}");
        self.lock().wrong.push(sentence);
    }

    pub(super) fn count(&self) -> usize {
        self.lock().count
    }

    pub(super) fn answers(&self) -> BTreeMap<String, usize> {
        self.lock().answers.clone()
    }

    pub(super) fn latency(&self) -> BTreeMap<&'static str, Spread> {
        self.lock().latency.iter().map(|(endpoint, samples)| (*endpoint, Spread::of(samples))).collect()
    }

    pub(super) fn outage_latency(&self) -> Spread {
        Spread::of(&self.lock().outage)
    }

    pub(super) fn contradictions(&self) -> Vec<String> {
        self.lock().wrong.clone()
    }

    fn lock(&self) -> MutexGuard<'_, LoadTotals> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
