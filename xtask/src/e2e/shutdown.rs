//! How a stack ends: by whose wish it may, and that nothing is left of it.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::http;
use crate::interrupt;
use crate::ports;
use crate::process::{Output, Process};
use crate::process_table::{self, RunningProcess};
use crate::stack::Stack;
use crate::workspace::Workspace;

/// Everything is built by now.
const START_TIMEOUT: Duration = Duration::from_mins(3);
/// Longer than the three programs get one after another.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// Ourselves aside, what a stack consists of at least: two stand-ins, the watcher, six functions.
const FEWEST_PROCESSES: usize = 9;

/// Drops `stack`.
pub(super) fn of_a_stack(stack: Stack) -> Result<()> {
    let own = HashSet::from([i32::try_from(std::process::id())?]);
    let before = process_table::family(&process_table::running(), &own);
    ensure!(before.len() > FEWEST_PROCESSES, "the stack has only {} processes", before.len());
    drop(stack);
    let me = |entry: &RunningProcess| own.contains(&entry.pid);
    none_left(before.into_iter().filter(|entry| !me(entry)))
}

/// Runs the command itself twice on the same data, as a developer does, and ends it as a service manager does.
pub(super) fn of_dev_by_sigterm(workspace: &Workspace) -> Result<()> {
    let data = workspace.target("e2e")?.join("data");
    if data.exists() {
        fs::remove_dir_all(&data)?;
    }
    let first = one_dev(workspace, &data).context("on no data")?;
    let second = one_dev(workspace, &data).context("on kept data")?;
    ensure!(first == second, "the demo keys of the first run are not those of the second");
    Ok(())
}

/// Runs it once more on that data, after somebody broke the key ring that is kept there.
pub(super) fn of_dev_at_a_bad_ring(workspace: &Workspace) -> Result<()> {
    let data = workspace.target("e2e")?.join("data");
    fs::write(data.join("keyring.json"), r#"{"legacy":"1","1":"of no use without the other"}"#)?;
    let mut dev = start_dev(workspace, &data, ports::free_port()?)?;
    let status = wait_for_end(&mut dev, START_TIMEOUT)?;
    ensure!(!status.success(), "it ended as if nothing were wrong. {}", dev.tail());
    let sentence = "the key ring has no \"current\"; name the generation that signs";
    ensure!(dev.log().contains(sentence), "it does not say what is wrong. {}", dev.tail());
    Ok(())
}

fn start_dev(workspace: &Workspace, data: &Path, port: u16) -> Result<Process> {
    // By its place: a build of the whole workspace has put another file there since this one was started.
    let mut command = workspace.command(workspace.program("xtask"));
    command.args(["dev", "--folder", "e2e", "--port", &port.to_string(), "--data"]).arg(data);
    // It finds the checkout by what cargo told us.
    command.env("CARGO_MANIFEST_DIR", workspace.root.join("xtask"));
    let log = workspace.target("e2e")?.join("dev.log");
    Process::start("cargo xtask dev", &mut command, &log, Output::Log)
}

fn wait_for_end(dev: &mut Process, patience: Duration) -> Result<ExitStatus> {
    let begun = Instant::now();
    loop {
        if let Some(status) = dev.ended()? {
            return Ok(status);
        }
        ensure!(begun.elapsed() < patience, "it did not end. {}", dev.tail());
        interrupt::tick()?;
    }
}

/// The lines with license keys that it printed.
fn one_dev(workspace: &Workspace, data: &Path) -> Result<Vec<String>> {
    let port = ports::free_port()?;
    let mut dev = start_dev(workspace, data, port)?;
    let begun = Instant::now();
    while !dev.log().contains("Ctrl-C stops everything.") {
        dev.must_run()?;
        ensure!(begun.elapsed() < START_TIMEOUT, "it did not come up. {}", dev.tail());
        interrupt::tick()?;
    }

    let family = dev.family();
    ensure!(family.len() > FEWEST_PROCESSES, "it has only {} processes", family.len());
    dev.terminate();
    let status = wait_for_end(&mut dev, STOP_TIMEOUT)?;
    ensure!(status.success(), "it ended with {status}. {}", dev.tail());
    none_left(family.into_iter())?;
    let answer = http::get(&format!("http://127.0.0.1:{port}/api/health"));
    ensure!(answer.is_err(), "something still answers on port {port}");
    Ok(dev
        .log()
        .lines()
        .filter(|line| line.starts_with("  ") && line.contains(" QF-"))
        .map(str::to_owned)
        .collect())
}

fn none_left(family: impl Iterator<Item = RunningProcess>) -> Result<()> {
    let table = process_table::running();
    let left: Vec<String> = family
        .filter(|entry| table.iter().any(|now| now.is(entry)))
        .map(|entry| entry.pid.to_string())
        .collect();
    ensure!(left.is_empty(), "left behind: {}", left.join(", "));
    Ok(())
}
