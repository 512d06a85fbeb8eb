//! P5 and P7: how long a start and a verification take, what they keep resident, and how large the program is.

use std::io::Write as _;
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
