//! P5, P7 and P8: how long a start and a verification take, what they keep resident, and how large the program is.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde::Serialize;
use serde_json::Value;

use crate::figures::{Spread, milliseconds, percentile, rounded};
use crate::instance::StartedProgram;
use crate::process;
use crate::stage::{IssuedLicense, Stage, event};
use crate::subject::{MeasuredProgram, Road, Roads, Subjects};

/// Verifications in a row before another program has its turn.
const BLOCK: usize = 100;

/// Times of one program over one network path.
#[derive(Debug, Serialize)]
pub(crate) struct SpeedRow {
    pub(crate) name: &'static str,
    pub(crate) road: &'static str,
    /// From spawn to asking for an event: the middle of the starts.
    pub(crate) ready_ms: f64,
    /// Processor time until then.
    pub(crate) ready_processor_ms: f64,
    /// From spawn to the first answer.
    pub(crate) first_answer_ms: f64,
    /// A warm verification, from taking the event to its answer.
    pub(crate) warm: Spread,
    /// From taking the event to asking for the next: the audit row is in it.
    pub(crate) until_free: Spread,
    /// Processor time of a warm verification, all of it.
    pub(crate) processor_us: f64,
    pub(crate) peak_memory_mib: f64,
    /// The samples of `warm`, for the picture.
    #[serde(skip)]
    pub(crate) samples: Vec<Duration>,
}

/// How often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) starts: usize,
    pub(crate) blocks: usize,
}

/// Times every program over the plain road and the near one, in turns, so that what the machine does meanwhile falls on
/// all of them.
pub(crate) fn time(
    stage: &Stage,
    roads: &Roads,
    subjects: &Subjects,
    effort: Effort,
) -> Result<Vec<SpeedRow>> {
    let customer = stage.issue(1)?;
    let event = event(&customer.key)?;
    let mut rows = Vec::new();
    for road in [&roads.plain, &roads.tls, &roads.near, &roads.far] {
        let all = [
            &subjects.verify,
            &subjects.bare_calls,
            &subjects.hello,
            &subjects.sdk_defaults,
            &subjects.python,
        ];
        // What says hello asks nobody.
        let asking = all.into_iter().filter(|subject| road.name == "plain" || subject.name != "hello");
        println!("  timing over the road \"{}\"", road.name);
        // A long road is slow to walk and steady: fewer walks tell as much.
        let effort = match road.round_trip() {
            None => effort,
            Some(_) => Effort { starts: effort.starts.div_ceil(4), blocks: effort.blocks.div_ceil(4) },
        };
        rows.extend(over(stage, &customer, &event, road, &asking.collect::<Vec<_>>(), effort)?);
    }
    Ok(rows)
}

fn over(
    stage: &Stage,
    customer: &IssuedLicense,
    event: &Value,
    road: &Road,
    subjects: &[&MeasuredProgram],
    effort: Effort,
) -> Result<Vec<SpeedRow>> {
    let environment = road.environment(stage, customer)?;
    let mut starts = vec![Vec::new(); subjects.len()];
    for _ in 0..effort.starts {
        for (subject, starts) in subjects.iter().zip(&mut starts) {
            let (instance, cold) = StartedProgram::cold(subject, &environment, &[], event)?;
            instance.end()?;
            starts.push((cold, StartedProgram::processor_until_ready(subject, &environment)?));
        }
    }
    let running: Vec<_> = subjects
        .iter()
        .map(|subject| {
            let (instance, _) = StartedProgram::cold(subject, &environment, &[], event)?;
            // What is warmed by use is warm.
            instance.invoke(event, BLOCK)?;
            instance.invocations(1 + BLOCK)?;
            let before = process::processor_time(instance.pid())?;
            anyhow::Ok((instance, before))
        })
        .collect::<Result<_>>()?;
    for _ in 0..effort.blocks {
        for (instance, _) in &running {
            instance.invoke(event, BLOCK)?;
        }
    }
    let mut rows = Vec::new();
    for ((subject, (instance, before)), starts) in subjects.iter().zip(running).zip(starts) {
        let count = effort.blocks * BLOCK;
        let invocations = instance.invocations(1 + BLOCK + count)?;
        let measured = &invocations[1 + BLOCK..];
        let spans = |end: fn(&falconer_emulators::gateway::Invocation) -> Option<std::time::Instant>| {
            let span = |one| Some(end(one)?.saturating_duration_since(one.dispatched?));
            measured.iter().filter_map(span).collect::<Vec<_>>()
        };
        let samples = spans(|one| one.responded);
        let processor = process::processor_time(instance.pid())?.saturating_sub(before);
        let count = u32::try_from(count).context("a count of verifications")?;
        let middle = |moments: Vec<Duration>| milliseconds(percentile(&moments, 0.5));
        #[expect(clippy::cast_precision_loss, reason = "bytes of a process")]
        let peak = process::peak_memory(instance.pid())? as f64;
        rows.push(SpeedRow {
            name: subject.name,
            road: road.name,
            ready_ms: middle(starts.iter().map(|(cold, _)| cold.ready).collect()),
            ready_processor_ms: middle(starts.iter().map(|(_, processor)| *processor).collect()),
            first_answer_ms: middle(starts.iter().map(|(cold, _)| cold.answered).collect()),
            warm: Spread::of(&samples),
            until_free: Spread::of(&spans(|one| one.free)),
            processor_us: rounded((processor / count).as_secs_f64() * 1e6),
            peak_memory_mib: rounded(peak / 1_048_576.0),
            samples,
        });
        instance.end()?;
    }
    Ok(rows)
}

/// The size of one program.
#[derive(Debug, Serialize)]
pub(crate) struct Size {
    pub(crate) name: &'static str,
    pub(crate) bytes: u64,
    /// Deflated as strongly as zip does; a zip adds some hundred bytes of names.
    pub(crate) zipped_bytes: u64,
}

/// Weighs the programs that are one file.
pub(crate) fn weigh(subjects: &Subjects) -> Result<Vec<Size>> {
    let all = [&subjects.verify, &subjects.bare_calls, &subjects.hello, &subjects.sdk_defaults];
    all.into_iter()
        .filter_map(|subject| Some((subject.name, subject.binary.as_ref()?)))
        .map(|(name, file)| {
            let program =
                std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
            let mut zipped = DeflateEncoder::new(Vec::new(), Compression::best());
            zipped.write_all(&program)?;
            let zipped = zipped.finish()?;
            Ok(Size { name, bytes: program.len() as u64, zipped_bytes: zipped.len() as u64 })
        })
        .collect()
}

/// A start with a small part of a processor.
#[derive(Debug, Serialize)]
pub(crate) struct Throttled {
    pub(crate) name: &'static str,
    /// Percent of one core.
    pub(crate) percent: u32,
    pub(crate) ready_ms: f64,
    pub(crate) first_answer_ms: f64,
}

/// The processor's part of a function of 128 MB: it has a whole one at 1,769 MB.
const PERCENT: u32 = 7;
/// The kernel's usual period.
const PERIOD_MICROSECONDS: u32 = 100_000;

/// Starts with [`PERCENT`] of a core, by a control group's quota over TLS. `None` where no group can be made.
pub(crate) fn throttle(
    stage: &Stage,
    roads: &Roads,
    subjects: &Subjects,
    starts: usize,
) -> Result<Option<Vec<Throttled>>> {
    let Some(group) = Group::make() else { return Ok(None) };
    let customer = stage.issue(1)?;
    let event = event(&customer.key)?;
    let environment: BTreeMap<_, _> = roads.tls.environment(stage, &customer)?;
    let under = group.joining();
    let measured = [&subjects.verify, &subjects.sdk_defaults, &subjects.python];
    let mut cold = vec![Vec::new(); measured.len()];
    for _ in 0..starts {
        for (subject, cold) in measured.iter().zip(&mut cold) {
            let (instance, start) = StartedProgram::cold(subject, &environment, &under, &event)?;
            cold.push(start);
            instance.end()?;
        }
    }
    let rows = measured.iter().zip(cold).map(|(subject, cold)| {
        let middle = |moments: Vec<Duration>| milliseconds(percentile(&moments, 0.5));
        Throttled {
            name: subject.name,
            percent: PERCENT,
            ready_ms: middle(cold.iter().map(|start| start.ready).collect()),
            first_answer_ms: middle(cold.iter().map(|start| start.answered).collect()),
        }
    });
    Ok(Some(rows.collect()))
}

/// A control group with a quota of processor time, removed when it is dropped.
struct Group(std::path::PathBuf);

impl Group {
    fn make() -> Option<Self> {
        let quota = PERIOD_MICROSECONDS / 100 * PERCENT;
        for (root, files) in [
            (
                "/sys/fs/cgroup/cpu",
                vec![
                    ("cpu.cfs_period_us", PERIOD_MICROSECONDS.to_string()),
                    ("cpu.cfs_quota_us", quota.to_string()),
                ],
            ),
            ("/sys/fs/cgroup", vec![("cpu.max", format!("{quota} {PERIOD_MICROSECONDS}"))]),
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
        println!("  no control group can be made here: starts with a small part of a processor are left out");
        None
    }

    /// The command that starts a program within the group.
    fn joining(&self) -> Vec<OsString> {
        let tasks = self.0.join("cgroup.procs");
        let script = format!("echo $$ > {} && exec \"$@\"", tasks.display());
        ["sh", "-c", &script, "sh"].into_iter().map(OsString::from).collect()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Its last process has only just ended; a group left behind has no members and costs nothing.
        std::thread::sleep(Duration::from_millis(50));
        let _ = std::fs::remove_dir(&self.0);
    }
}
