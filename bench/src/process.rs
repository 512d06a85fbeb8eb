//! The kernel's figures of a process, and how to end one.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};

/// Ticks of `/proc/PID/stat` in a second: fixed in Linux's interface, whatever the kernel's own clock.
const TICKS_PER_SECOND: f64 = 100.0;

/// Processor time of a process so far, in its own code and in the kernel's.
pub(crate) fn processor_time(pid: u32) -> Result<Duration> {
    let stat = read(pid, "stat")?;
    // The program's name stands in brackets and may hold anything; what follows it is numbers.
    let fields: Vec<&str> =
        stat.rsplit_once(')').map(|(_, after)| after.split_whitespace().collect()).unwrap_or_default();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok());
    let (own, kernel) = ticks(11).zip(ticks(12)).context("a /proc/PID/stat of another form")?;
    Ok(Duration::from_secs_f64((own + kernel) / TICKS_PER_SECOND))
}

/// Processor time of a process that has only just started: to the nanosecond, for the threads that it still has.
pub(crate) fn processor_time_of_start(pid: u32) -> Result<Duration> {
    let folder = format!("/proc/{pid}/task");
    let threads = fs::read_dir(&folder).with_context(|| format!("{folder} cannot be read"))?;
    let spent = threads.map(|thread| {
        let thread = thread?.file_name();
        let told = read(pid, &format!("task/{}/schedstat", thread.display()))?;
        let nanoseconds = told.split_whitespace().next().and_then(|first| first.parse().ok());
        nanoseconds.map(Duration::from_nanos).context("a schedstat of another form")
    });
    spent.sum()
}

/// The most memory a process has had resident, in bytes.
pub(crate) fn peak_memory(pid: u32) -> Result<u64> {
    kilobytes(pid, "VmHWM:")
}

/// The memory a process has resident now, in bytes.
pub(crate) fn memory(pid: u32) -> Result<u64> {
    kilobytes(pid, "VmRSS:")
}

fn kilobytes(pid: u32, name: &str) -> Result<u64> {
    let status = read(pid, "status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kilobytes.with_context(|| format!("process {pid} has no {name}"))? * 1_024)
}

/// Asks a process to end.
pub(crate) fn end(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // It may have ended by itself.
        let _ = kill_process(pid, Signal::TERM);
    }
}

fn read(pid: u32, name: &str) -> Result<String> {
    let file = format!("/proc/{pid}/{name}");
    fs::read_to_string(&file).with_context(|| format!("{file} cannot be read"))
}
