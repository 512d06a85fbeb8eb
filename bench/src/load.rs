//! Minutes of mixed traffic at the highest rate this machine takes, with instances killed all the while and DynamoDB gone
//! for a time in the middle. Nothing that was acknowledged may be lost or done twice, and no verdict may be wrong: the run
//! fails if one is. What an instance holds in memory is written down for a person to judge.

mod customer;
mod ledger;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Args;
use falconer_emulators::gateway::{Gateway, Start};
use falconer_emulators::tap::{Fault, Matcher, Tap};
use serde::Serialize;

use crate::figures::{Spread, real, rounded};
use crate::machine::MachineInfo;
use crate::process;
use crate::stage::Stage;
use customer::{Asking, Moving};
use ledger::Ledger;

/// Instances of each function. The first of each is never killed: its memory is watched.
const INSTANCES: usize = 3;
/// Threads that verify, and threads that change licenses.
const VERIFYING: usize = 3;
const CHANGING: usize = 3;
const KILL_EVERY: Duration = Duration::from_secs(5);
const REPORT_INTERVAL: Duration = Duration::from_secs(5);
/// How long DynamoDB is away, in a run of minutes.
const OUTAGE: Duration = Duration::from_secs(20);
const START_LIMIT: Duration = Duration::from_secs(30);
const KILLED: [&str; 4] = ["verify", "activate-sync", "transfer", "deactivate"];

#[derive(Args)]
pub(crate) struct LoadOptions {
    /// The folder of our built functions.
    #[arg(long)]
    programs: PathBuf,
    /// How long.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// The folder for the summary.
    #[arg(long)]
    results: PathBuf,
}

/// The counts of a run.
#[derive(Serialize)]
struct Summary {
    date: String,
    machine: MachineInfo,
    emulated: &'static str,
    seconds: u64,
    requests: usize,
    per_second: f64,
    /// Answers by endpoint, status and code.
    answers: BTreeMap<String, usize>,
    /// Latency of answers outside of the outage, by endpoint.
    latency: BTreeMap<&'static str, Spread>,
    /// Latency of the honest 503 within it.
    outage_latency: Spread,
    outage_seconds: u64,
    killed: usize,
    /// Licenses whose whole life was checked against the tables.
    lives: usize,
    /// Answers that contradict what was acknowledged before, and tables that do.
    wrong: Vec<String>,
    /// Resident memory of the instances that lived throughout, in MiB: at a tenth of the time, at the end, at its peak.
    memory: BTreeMap<String, [f64; 3]>,
}

/// Times of a run.
#[derive(Clone, Copy)]
struct Length {
    whole: Duration,
    /// How long DynamoDB is away in its middle.
    outage: Duration,
}

pub(crate) fn run(options: &LoadOptions) -> Result<()> {
    let whole = Duration::from_secs(options.minutes.max(1) * 60);
    let summary = drive(&options.programs, Length { whole, outage: OUTAGE })?;
    std::fs::create_dir_all(&options.results)?;
    let file = options.results.join(format!("{}-load.json", summary.date));
    std::fs::write(&file, serde_json::to_string_pretty(&summary)? + "\n")?;
    println!("{}\nWritten: {}", serde_json::to_string_pretty(&summary)?, file.display());
    ensure!(summary.wrong.is_empty(), "{} contradictions", summary.wrong.len());
    Ok(())
}

/// Keeps these functions under load.
fn drive(programs: &Path, length: Length) -> Result<Summary> {
    let stage = Stage::set()?;
    let way = Tap::start(stage.database.endpoint())?;
    let config = stage.functions(programs, INSTANCES, &way.endpoint(), &stage.secrets.endpoint())?;
    let gateway = Gateway::start(config)?;
    gateway.wait_until_ready(START_LIMIT)?;
    let (ledger, over) = (Ledger::default(), AtomicBool::new(false));
    let begun = Instant::now();
    let mut course = Course::default();
    thread::scope(|scope| -> Result<()> {
        let mut threads = Vec::new();
        for number in 0..VERIFYING {
            let mut asking = Asking::new(&stage, &gateway.url(), &ledger)?;
            let over = &over;
            threads.push(scope.spawn(move || {
                let mut turn = number;
                while !over.load(Ordering::Relaxed) {
                    asking.ask(turn);
                    turn += 1;
                }
                anyhow::Ok(0)
            }));
        }
        for _ in 0..CHANGING {
            let moving = Moving::new(&stage, &gateway.url(), &ledger);
            let over = &over;
            threads.push(scope.spawn(move || {
                let mut lives = 0;
                while !over.load(Ordering::Relaxed) {
                    moving.live()?;
                    lives += 1;
                }
                anyhow::Ok(lives)
            }));
        }
        course.follow(&gateway, &way, &ledger, begun, length);
        over.store(true, Ordering::Relaxed);
        for thread in threads {
            match thread.join() {
                Ok(lives) => course.lives += lives?,
                Err(_) => ledger.wrong("a caller panicked".to_owned()),
            }
        }
        Ok(())
    })?;
    // Every instance that died under a request was killed by us.
    let died = ledger
        .answers()
        .iter()
        .filter(|(answer, _)| answer.ends_with(" 500 "))
        .map(|(_, count)| count)
        .sum::<usize>();
    if died > course.killed {
        ledger.wrong(format!("{died} requests lost their instance, and {} were killed", course.killed));
    }
    Ok(summary(&course, &ledger, length.outage, begun.elapsed()))
}

/// Events of the run beside the traffic.
#[derive(Default)]
struct Course {
    killed: usize,
    lives: usize,
    /// Memory of the watched instances, at each look.
    memory: BTreeMap<String, Vec<u64>>,
}

impl Course {
    /// Kills, breaks, heals and looks, until the time is over.
    fn follow(&mut self, gateway: &Gateway, way: &Tap, ledger: &Ledger, begun: Instant, length: Length) {
        let outage = length.whole / 2;
        let (mut next_kill, mut next_look) = (KILL_EVERY, REPORT_INTERVAL);
        let (mut is_broken, mut is_healed) = (false, false);
        while begun.elapsed() < length.whole {
            let now = begun.elapsed();
            if now >= next_kill {
                let function = KILLED[self.killed % KILLED.len()];
                let instance = 1 + self.killed / KILLED.len() % (INSTANCES - 1);
                // It may be starting at this moment.
                self.killed += usize::from(gateway.kill(function, instance).is_ok());
                next_kill += KILL_EVERY;
            }
            if now >= next_look {
                self.look(&gateway.starts());
                // What was seen is remembered by the tap for tests, which last seconds.
                way.forget();
                println!("  {:>4} s, {} answers", now.as_secs(), ledger.count());
                next_look += REPORT_INTERVAL;
            }
            if !is_broken && now >= outage {
                ledger.outage(true);
                way.break_all(Matcher::any(), Fault::Reset);
                is_broken = true;
            }
            if !is_healed && now >= outage + length.outage {
                way.heal();
                ledger.outage(false);
                is_healed = true;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn look(&mut self, starts: &[Start]) {
        for start in starts.iter().filter(|start| start.instance == 0 && start.ended.is_none()) {
            if let Ok(bytes) = process::memory(start.pid) {
                self.memory.entry(start.function.clone()).or_default().push(bytes);
            }
        }
    }
}

fn summary(course: &Course, ledger: &Ledger, outage: Duration, took: Duration) -> Summary {
    let answers = ledger.answers();
    let requests = answers.values().sum();
    #[expect(clippy::cast_precision_loss, reason = "bytes of a process")]
    let mebibytes = |bytes: u64| rounded(bytes as f64 / 1_048_576.0);
    let memory = course.memory.iter().map(|(function, looks)| {
        let at = |index: usize| mebibytes(looks.get(index).copied().unwrap_or_default());
        let peak = mebibytes(looks.iter().copied().max().unwrap_or_default());
        (function.clone(), [at(looks.len() / 10), at(looks.len().saturating_sub(1)), peak])
    });
    Summary {
        date: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
        machine: MachineInfo::look("python3".as_ref()),
        emulated: crate::EMULATED,
        seconds: took.as_secs(),
        requests,
        per_second: rounded(real(requests as u64) / took.as_secs_f64()),
        answers,
        latency: ledger.latency(),
        outage_latency: ledger.outage_latency(),
        outage_seconds: outage.as_secs(),
        killed: course.killed,
        lives: course.lives,
        wrong: ledger.contradictions(),
        memory: memory.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::debug_programs;

    /// Nothing else runs the callers before somebody measures, and by then what they expect may be old.
    #[test]
    fn seconds_of_load_contradict_nothing() {
        let length = Length { whole: Duration::from_secs(14), outage: Duration::from_secs(2) };
        let summary = drive(&debug_programs(), length).unwrap();
        assert_eq!(summary.wrong, [""; 0]);
        assert!(summary.lives > 0 && summary.killed > 0, "{} lives, {} kills", summary.lives, summary.killed);
        assert!(summary.answers.contains_key("verify 503 UNAVAILABLE"), "{:?}", summary.answers);
    }
}
