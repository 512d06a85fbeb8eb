//! Customers who go on asking while the stack is worked on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Result, bail};

use super::customers::{Customer, issuer};
use crate::http;

/// Between two requests of a thread: some thirty requests a second from all of them.
const PAUSE: Duration = Duration::from_millis(50);
/// More failures than these say nothing new.
const SHOWN: usize = 3;

/// A round of requests, whose answers are added to the others.
type Round = dyn Fn(&mut Answers) -> Result<()> + Send;

/// Threads that ask until they are stopped. Dropping it stops them.
pub(super) struct Traffic {
    stopped: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Answers>>,
}

/// The answers that customers got.
#[derive(Debug, Default)]
pub(super) struct Answers {
    pub(super) requests: u32,
    pub(super) failures: Vec<String>,
    /// How many leases each issuer signed: which version answered.
    pub(super) issuers: BTreeMap<String, u32>,
}

impl Traffic {
    /// Starts a thread for each customer, and one that asks for what needs no license.
    pub(super) fn start(api: &str, customers: &[Customer]) -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        let ask = |request: Box<Round>| {
            let stopped = Arc::clone(&stopped);
            thread::spawn(move || asked_until(&stopped, &*request))
        };
        let mut threads = Vec::new();
        for customer in customers {
            let (customer, api) = (customer.clone(), api.to_owned());
            threads.push(ask(Box::new(move |answers| round_of(&customer, &api, answers))));
        }
        let api = api.to_owned();
        threads.push(ask(Box::new(move |answers| public_round(&api, answers))));
        Self { stopped, threads }
    }

    /// Stops them, and returns all answers together.
    pub(super) fn stop(mut self) -> Answers {
        self.stopped.store(true, Ordering::SeqCst);
        let mut all = Answers::default();
        for thread in self.threads.drain(..) {
            let answers = thread.join().unwrap_or_else(|_| Answers {
                failures: vec!["a thread of the traffic panicked".to_owned()],
                ..Answers::default()
            });
            all.requests += answers.requests;
            all.failures.extend(answers.failures);
            for (issuer, count) in answers.issuers {
                *all.issuers.entry(issuer).or_default() += count;
            }
        }
        all
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
    }
}

impl Answers {
    /// Fails if any request failed.
    pub(super) fn must_be_good(&self) -> Result<()> {
        if self.failures.is_empty() {
            return Ok(());
        }
        let shown = &self.failures[..self.failures.len().min(SHOWN)];
        bail!("{} of {} requests failed: {}", self.failures.len(), self.requests, shown.join("; "))
    }
}

fn asked_until(stopped: &AtomicBool, request: &Round) -> Answers {
    let mut answers = Answers::default();
    while !stopped.load(Ordering::SeqCst) {
        if let Err(error) = request(&mut answers) {
            answers.failures.push(format!("{error:#}"));
        }
        thread::sleep(PAUSE);
    }
    answers
}

fn round_of(customer: &Customer, api: &str, answers: &mut Answers) -> Result<()> {
    for (answer, code) in [(customer.verifies(api), "VALID"), (customer.activates(api), "REFRESHED")] {
        answers.requests += 1;
        let answer = answer?;
        let body = answer.json();
        if answer.status != 200 || body["code"] != code {
            bail!("{} {} instead of {code}", answer.status, answer.text);
        }
        *answers.issuers.entry(issuer(&body)?).or_default() += 1;
    }
    Ok(())
}

fn public_round(api: &str, answers: &mut Answers) -> Result<()> {
    for path in ["/api/keys", "/api/health/ready"] {
        answers.requests += 1;
        let answer = http::get(&format!("{api}{path}"))?;
        if answer.status != 200 {
            bail!("{path} is answered {} {}", answer.status, answer.text);
        }
    }
    Ok(())
}
