//! P6 and P8: starts and warm verifications with the part of a core that a function's memory buys, and their price.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use falconer_emulators::gateway::Invocation;
use serde::Serialize;
use serde_json::Value;

use crate::cost::{self, SHIPPED, WHOLE_CORE_MB};
use crate::figures::{Spread, milliseconds, percentile, rounded};
use crate::instance::StartedProgram;
use crate::servers::Bytes;
use crate::stage::{IssuedLicense, Stage, event};
use crate::subject::{MeasuredProgram, Road, Roads, Subjects};

/// Sizes that a vendor would choose, in MB: Lambda's smallest, the template's, and one more.
const MEMORY_MB: [u32; 3] = [128, 256, 512];
/// A quota counts anew after as long. Lambda does not document its own; a shorter one spreads the same share more evenly.
const PERIOD: Duration = Duration::from_millis(20);
/// Verifications before anything counts.
const WARM_UP: usize = 50;

/// One program with one share of a core.
#[derive(Debug, Serialize)]
pub(crate) struct ShareRow {
    pub(crate) name: &'static str,
    pub(crate) road: &'static str,
    pub(crate) memory_mb: u32,
    /// From spawn to asking for an event: the middle of the starts.
    pub(crate) ready_ms: f64,
    /// From spawn to the first answer.
    pub(crate) first_answer_ms: f64,
    /// Warm verifications with pauses, each of which finds its whole quota: requests that come singly.
    pub(crate) alone: Spread,
    /// Warm verifications without a pause.
    pub(crate) in_a_row: Spread,
    /// Mean of a verification that comes singly, from taking the event to asking for the next. Lambda bills it.
    pub(crate) billed_ms: f64,
    /// US dollars for a million of them, with the audit row, as [`cost`] sums them up; none for a program that asks no store.
    pub(crate) million: Option<f64>,
}

/// How often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShareEffort {
    pub(crate) starts: usize,
    pub(crate) verifications: usize,
}

/// Measures the programs in turns, by control groups' quotas. Empty where no group can be made.
pub(crate) fn measure(
    stage: &Stage,
    roads: &Roads,
    subjects: &Subjects,
    bytes: Bytes,
    effort: ShareEffort,
) -> Result<Vec<ShareRow>> {
    let customer = stage.issue(1)?;
    let event = event(&customer.key)?;
    let mut rows = Vec::new();
    // P8 starts over TLS alone; P6 waits for stores 3 ms away.
    let settings = [(128, &roads.tls)].into_iter().chain(MEMORY_MB.map(|memory| (memory, &roads.near)));
    for (memory_mb, road) in settings {
        let Some(group) = ControlGroup::make(memory_mb) else { return Ok(Vec::new()) };
        println!("  with {memory_mb} MB's part of a core, over the road \"{}\"", road.name);
        let run = Run { stage, customer: &customer, event: &event, road, under: group.joining(), effort };
        for subject in [&subjects.verify, &subjects.hello, &subjects.sdk_defaults, &subjects.python] {
            let million = |billed_ms: f64| {
                // It asks no store and writes no row.
                let asks = subject.name != subjects.hello.name;
                asks.then(|| cost::million(f64::from(memory_mb), billed_ms, bytes, SHIPPED))
            };
            rows.push(ShareRow { memory_mb, ..run.of(subject, million)? });
        }
    }
    Ok(rows)
}

struct Run<'a> {
    stage: &'a Stage,
    customer: &'a IssuedLicense,
    event: &'a Value,
    road: &'a Road,
    /// The command that joins the control group.
    under: Vec<OsString>,
    effort: ShareEffort,
}

impl Run<'_> {
    fn of(&self, subject: &MeasuredProgram, million: impl Fn(f64) -> Option<f64>) -> Result<ShareRow> {
        let environment = self.road.environment(self.stage, self.customer)?;
        let start = || StartedProgram::cold(subject, &environment, &self.under, self.event);
        let mut starts = Vec::new();
        for _ in 0..self.effort.starts {
            let (instance, cold) = start()?;
            instance.end()?;
            starts.push(cold);
        }
        let (instance, _) = start()?;
        instance.invoke(self.event, WARM_UP)?;
        let times = self.effort.verifications;
        for done in 0..times {
            instance.invocations(1 + WARM_UP + done)?;
            thread::sleep(PERIOD);
            instance.invoke(self.event, 1)?;
        }
        instance.invoke(self.event, times)?;
        let invocations = instance.invocations(1 + WARM_UP + 2 * times)?;
        let (alone, in_a_row) = invocations[1 + WARM_UP..].split_at(times);
        let billed = spans(alone, |one| one.free);
        let billed_ms =
            billed.iter().sum::<Duration>().as_secs_f64() * 1_000.0 / crate::figures::real(times as u64);
        let middle = |moments: Vec<Duration>| milliseconds(percentile(&moments, 0.5));
        instance.end()?;
        Ok(ShareRow {
            name: subject.name,
            road: self.road.name,
            memory_mb: 0,
            ready_ms: middle(starts.iter().map(|start| start.ready).collect()),
            first_answer_ms: middle(starts.iter().map(|start| start.answered).collect()),
            alone: Spread::of(&spans(alone, |one| one.responded)),
            in_a_row: Spread::of(&spans(in_a_row, |one| one.responded)),
            billed_ms: rounded(billed_ms),
            million: million(billed_ms),
        })
    }
}

/// Times from taking the event to a later moment.
fn spans(invocations: &[Invocation], end: fn(&Invocation) -> Option<Instant>) -> Vec<Duration> {
    let span = |one: &Invocation| Some(end(one)?.saturating_duration_since(one.dispatched?));
    invocations.iter().filter_map(span).collect()
}

/// A control group with a quota of processor time, removed when it is dropped.
struct ControlGroup(PathBuf);

impl ControlGroup {
    /// The quota of a function of this size.
    fn make(memory_mb: u32) -> Option<Self> {
        let period = PERIOD.as_micros();
        let quota = period * u128::from(memory_mb) / WHOLE_CORE_MB;
        for (root, files) in [
            (
                "/sys/fs/cgroup/cpu",
                vec![("cpu.cfs_period_us", period.to_string()), ("cpu.cfs_quota_us", quota.to_string())],
            ),
            ("/sys/fs/cgroup", vec![("cpu.max", format!("{quota} {period}"))]),
        ] {
            let folder = Path::new(root).join(format!("falconer-bench-{}", std::process::id()));
            if std::fs::create_dir(&folder).is_err() {
                continue;
            }
            let group = Self(folder);
            if files.iter().all(|(file, value)| std::fs::write(group.0.join(file), value).is_ok()) {
                return Some(group);
            }
        }
        println!("  no control group can be made here: small parts of a processor are left out");
        None
    }

    /// The command that starts a program within the group.
    fn joining(&self) -> Vec<OsString> {
        let tasks = self.0.join("cgroup.procs");
        let script = format!("echo $$ > {} && exec \"$@\"", tasks.display());
        ["sh", "-c", &script, "sh"].into_iter().map(OsString::from).collect()
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        // Its last process has only just ended; a group left behind has no members and costs nothing.
        thread::sleep(Duration::from_millis(50));
        let _ = std::fs::remove_dir(&self.0);
    }
}
