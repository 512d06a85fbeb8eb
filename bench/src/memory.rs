//! Memory of each function over many invocations of one instance, beside a function that does nothing.

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Serialize;
use serde_json::Value;

use crate::figures::{real, rounded};
use crate::instance::Seat;
use crate::process;
use crate::stage::{IssuedLicense, Stage, checkout};
use crate::subject::{MeasuredProgram, Road};

/// Each function's event, of those that the tests hold against AWS's.
const EVENTS: [(&str, &str); 6] = [
    ("verify", "verify/post.json"),
    ("activate-sync", "activate-sync/post.json"),
    ("transfer", "transfer/post.json"),
    ("deactivate", "deactivate/post.json"),
    ("keys", "keys/get.json"),
    ("health", "health/ready.json"),
];
/// The license in the bodies of these events, in whose place a genuine one is put.
const PLACEHOLDER: &str = "QF-PRO-a1b2c3d4e5f6-1234567890";
/// Everything that is filled once is filled by then.
const SETTLED: usize = 1_000;
/// Looks at the memory after that.
const LOOKS: usize = 4;

/// One program's memory.
#[derive(Debug, Serialize)]
pub(crate) struct MemoryRow {
    pub(crate) name: String,
    /// Invocations so far, and the memory that the process has resident then, in MiB.
    pub(crate) resident_mib: Vec<(usize, f64)>,
    /// Bytes for each invocation, from the first look to the last.
    pub(crate) bytes_each: f64,
    /// Answers by status and code.
    pub(crate) answers: BTreeMap<String, usize>,
}

/// Asks each program so often, two programs at a time: memory does not depend on the other's load.
pub(crate) fn measure(
    stage: &Stage,
    road: &Road,
    programs: &Path,
    hello: &MeasuredProgram,
    invocations: usize,
) -> Result<Vec<MemoryRow>> {
    let mut subjects = vec![(hello.clone(), "verify", EVENTS[0].1)];
    for (name, event) in EVENTS {
        subjects.push((MeasuredProgram::binary(name, programs.join(name)), name, event));
    }
    let mut rows = Vec::new();
    for pair in subjects.chunks(2) {
        thread::scope(|scope| {
            let running: Vec<_> = pair
                .iter()
                .map(|(subject, function, event)| {
                    println!("  {} for {invocations} invocations", subject.name);
                    scope.spawn(move || follow(stage, road, subject, function, event, invocations))
                })
                .collect();
            running.into_iter().try_for_each(|follower| match follower.join() {
                Ok(row) => row.map(|row| rows.push(row)),
                Err(_) => bail!("a caller panicked"),
            })
        })?;
    }
    Ok(rows)
}

fn follow(
    stage: &Stage,
    road: &Road,
    subject: &MeasuredProgram,
    function: &str,
    event: &str,
    invocations: usize,
) -> Result<MemoryRow> {
    let customer = stage.issue(1)?;
    let event = genuine(event, &customer)?;
    let environment = road.environment_of(stage, function, &customer)?;
    let mut instance = Seat::open()?.take(subject, &environment, &[])?;
    instance.wait_until_ready()?;
    let mut answers = BTreeMap::new();
    let mut resident = Vec::new();
    for done in 1..=invocations {
        let answer = instance.ask(&event)?;
        let status = answer["statusCode"].as_u64().context("an answer without a status")?;
        ensure!(status < 500, "{}: {answer}", subject.name);
        let body: Value =
            serde_json::from_str(answer["body"].as_str().unwrap_or_default()).unwrap_or_default();
        *answers.entry(format!("{status} {}", body["code"].as_str().unwrap_or_default())).or_default() += 1;
        let is_look = done == SETTLED.min(invocations) || done % (invocations / LOOKS).max(1) == 0;
        if is_look {
            resident.push((done, process::memory(instance.pid())?));
        }
    }
    instance.end()?;
    let (first, last) = resident.first().zip(resident.last()).context("no look at the memory")?;
    let span = real((last.0 - first.0) as u64).max(1.0);
    Ok(MemoryRow {
        name: subject.name.to_owned(),
        bytes_each: rounded((real(last.1) - real(first.1)) / span),
        resident_mib: resident
            .iter()
            .map(|(done, bytes)| (*done, rounded(real(*bytes) / 1_048_576.0)))
            .collect(),
        answers,
    })
}

/// An event with a genuine license in its body.
fn genuine(file: &str, customer: &IssuedLicense) -> Result<Value> {
    let file = checkout().join("events").join(file);
    let text =
        std::fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
    Ok(serde_json::from_str(&text.replace(PLACEHOLDER, &customer.key))?)
}
