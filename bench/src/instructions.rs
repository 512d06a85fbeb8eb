//! P1 and P2: instructions, counted by callgrind. A count over plain HTTP repeats itself to a hundredth, whatever else the
//! machine does, so that each is taken once.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use serde_json::Value;

use crate::instance::Seat;
use crate::stage::{IssuedLicense, Stage, event};
use crate::subject::{MeasuredProgram, Road, Roads, Subjects};

/// Two lengths of a run: what is done once falls out of their difference.
pub(crate) const SHORT: usize = 20;
pub(crate) const LONG: usize = 120;
/// Starts over TLS, of which the least counts: under callgrind a handshake takes so long that the time given to a connection
/// may pass, and it is made again.
pub(crate) const TLS_STARTS: usize = 4;

/// Instructions of one program.
#[derive(Debug, Serialize)]
pub(crate) struct InstructionsRow {
    pub(crate) name: &'static str,
    /// From spawn to asking for an event, over plain HTTP.
    pub(crate) start_plain: u64,
    /// The same over TLS: the least of some starts, since Callgrind is so slow that a handshake may be begun anew.
    pub(crate) start_tls: u64,
    /// For each verification, its audit row included, over plain HTTP.
    pub(crate) each: u64,
}

/// Counts.
pub(crate) fn count(
    stage: &Stage,
    roads: &Roads,
    subjects: &Subjects,
    folder: &Path,
) -> Result<Vec<InstructionsRow>> {
    let customer = stage.issue(1)?;
    let event = event(&customer.key)?;
    let counter = Counter { stage, customer: &customer, event: &event, folder };
    [&subjects.verify, &subjects.bare_calls, &subjects.hello, &subjects.sdk_defaults]
        .into_iter()
        .map(|subject| {
            println!("  counting {}", subject.name);
            let short = counter.run(subject, &roads.plain, SHORT)?;
            let before = stage.recorded()?;
            let long = counter.run(subject, &roads.plain, LONG)?;
            // hello asks nobody.
            let rows = if subject.name == subjects.hello.name { 0 } else { LONG };
            ensure!(stage.recorded()? - before == rows, "{} wrote other audit rows than these", subject.name);
            let over_tls =
                (0..TLS_STARTS).map(|_| counter.run(subject, &roads.tls, 0)).collect::<Result<Vec<_>>>()?;
            Ok(InstructionsRow {
                name: subject.name,
                start_plain: counter.run(subject, &roads.plain, 0)?,
                start_tls: over_tls.into_iter().min().context("it was started over TLS")?,
                each: long.saturating_sub(short) / (LONG - SHORT) as u64,
            })
        })
        .collect()
}

/// Everything that a run under callgrind needs.
pub(crate) struct Counter<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) customer: &'a IssuedLicense,
    pub(crate) event: &'a Value,
    pub(crate) folder: &'a Path,
}

impl Counter<'_> {
    /// Instructions from the start until `times` verifications are done, their audit rows with them.
    fn run(&self, subject: &MeasuredProgram, road: &Road, times: usize) -> Result<u64> {
        let text = self.written(subject, road, times)?;
        let total = text.lines().rev().find_map(|line| line.strip_prefix("totals: "));
        total.and_then(|total| total.trim().parse().ok()).context("callgrind wrote no total")
    }

    /// The file that callgrind writes of the same.
    pub(crate) fn written(&self, subject: &MeasuredProgram, road: &Road, times: usize) -> Result<String> {
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
        std::fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))
    }
}
