//! P1 and P2: instructions, counted by callgrind. A count repeats itself whatever else the machine does.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::Value;

use crate::figures::median;
use crate::instance::Seat;
use crate::stage::{Customer, Stage, event};
use crate::subject::{Road, Roads, Subject, Subjects};

/// Two lengths of a run: what is done once falls out of their difference.
const SHORT: usize = 20;
const LONG: usize = 120;

/// What one program takes.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// From spawn to asking for an event, over plain HTTP.
    pub(crate) start_plain: u64,
    /// The same over TLS.
    pub(crate) start_tls: u64,
    /// For each verification, its audit row included, over plain HTTP.
    pub(crate) each: u64,
}

/// Counts; each count is the middle one of `rounds`.
pub(crate) fn count(
    stage: &Stage,
    roads: &Roads,
    subjects: &Subjects,
    folder: &Path,
    rounds: usize,
) -> Result<Vec<Row>> {
    let customer = stage.issue(1)?;
    let event = event(&customer.key)?;
    let counter = Counter { stage, customer: &customer, event: &event, folder };
    [&subjects.verify, &subjects.bare_calls, &subjects.hello, &subjects.sdk_defaults]
        .into_iter()
        .map(|subject| {
            println!("  counting {}", subject.name);
            let start = |road| middle(rounds, || counter.run(subject, road, 0));
            let each = middle(rounds, || {
                let short = counter.run(subject, &roads.plain, SHORT)?;
                let long = counter.run(subject, &roads.plain, LONG)?;
                Ok(long.saturating_sub(short) / (LONG - SHORT) as u64)
            });
            Ok(Row {
                name: subject.name,
                start_plain: start(&roads.plain)?,
                start_tls: start(&roads.tls)?,
                each: each?,
            })
        })
        .collect()
}

fn middle(rounds: usize, count: impl Fn() -> Result<u64>) -> Result<u64> {
    let counts: Vec<u64> = (0..rounds.max(1)).map(|_| count()).collect::<Result<_>>()?;
    Ok(median(&counts))
}

struct Counter<'a> {
    stage: &'a Stage,
    customer: &'a Customer,
    event: &'a Value,
    folder: &'a Path,
}

impl Counter<'_> {
    /// Instructions from the start until `times` verifications are done, their audit rows with them.
    fn run(&self, subject: &Subject, road: &Road, times: usize) -> Result<u64> {
        let environment: BTreeMap<_, _> = road.environment(self.stage, self.customer)?;
        let file = self.folder.join("callgrind.out");
        let under = ["valgrind", "--quiet", "--tool=callgrind"]
            .into_iter()
            .map(OsString::from)
            .chain([OsString::from(format!("--callgrind-out-file={}", file.display()))])
            .collect::<Vec<_>>();
        let mut instance = Seat::open()?.take(subject, &environment, &under)?;
        instance.wait_until_ready()?;
        instance.invoke(self.event, times)?;
        instance.invocations(times)?;
        instance.end()?;
        let text =
            std::fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        let total = text.lines().rev().find_map(|line| line.strip_prefix("totals: "));
        total.and_then(|total| total.trim().parse().ok()).context("callgrind wrote no total")
    }
}
