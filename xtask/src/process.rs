//! Programs that run beside us: each in a session of its own, stopped with all its descendants.
//!
//! A session of its own has no terminal. A program in a mere process group keeps `xtask` in the background: a shell with
//! job control stops itself there, and a question at `/dev/tty` waits for good.

use std::collections::HashSet;
use std::fs::{self, File};
use std::mem;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use process_wrap::std::{ChildWrapper, CommandWrap, ProcessSession};
use rustix::process::{Pid, Signal, kill_process};

use crate::logs;
use crate::process_table::{self, RunningProcess};

/// Time for a program to end by itself. `ministack` writes its state, `cargo lambda watch` waits a second.
const STOP_TIMEOUT: Duration = Duration::from_secs(4);
const TICK: Duration = Duration::from_millis(25);

/// Everything started and not yet stopped, for the second Ctrl-C.
static STARTED: Mutex<Vec<i32>> = Mutex::new(Vec::new());

/// The destination of a program's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// Into its log alone.
    Log,
    /// Into its log, and onto the terminal.
    LogAndTerminal,
    /// The command's own output: a step whose progress somebody watches.
    Own,
}

/// A running program. Dropping it stops it.
pub(crate) struct Process {
    name: String,
    child: Box<dyn ChildWrapper>,
    log: Option<PathBuf>,
}

impl Process {
    /// Starts `command`, which is used up; what it prints goes to `log` as `output` says.
    pub(crate) fn start(name: &str, command: &mut Command, log: &Path, output: Output) -> Result<Self> {
        command.stdin(Stdio::null());
        let log = if output == Output::Own {
            None
        } else {
            let file = File::create(log).with_context(|| format!("{} cannot be written", log.display()))?;
            if output == Output::Log {
                command.stdout(file.try_clone()?).stderr(file);
            } else {
                command.stdout(Stdio::piped()).stderr(Stdio::piped());
            }
            Some(log.to_owned())
        };
        let program = command.get_program().to_owned();
        let mut command = CommandWrap::from(mem::replace(command, Command::new(&program)));
        let mut child = command
            .wrap(ProcessSession)
            .spawn()
            .with_context(|| format!("{} cannot be started", program.display()))?;
        started().push(pid(&*child));
        if let (Output::LogAndTerminal, Some(log)) = (output, &log) {
            logs::copy(&mut *child, log)?;
        }
        Ok(Self { name: name.to_owned(), child, log })
    }

    /// How it ended, or `None` while it runs.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Fails when it has ended, with the last lines it said.
    pub(crate) fn must_run(&mut self) -> Result<()> {
        let Some(status) = self.ended()? else {
            return Ok(());
        };
        let said = self.log.as_deref().map(logs::tail).unwrap_or_default();
        bail!("{} ended ({status}). {said}", self.name)
    }

    /// The last lines it printed, for the message of a caller that stopped waiting.
    pub(crate) fn tail(&self) -> String {
        self.log.as_deref().map(logs::tail).unwrap_or_default()
    }

    /// Everything it printed so far.
    pub(crate) fn log(&self) -> String {
        let log = self.log.as_deref().map(fs::read).and_then(Result::ok).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Asks it to end, it alone, and does not wait.
    pub(crate) fn terminate(&self) {
        signal(pid(&*self.child), Signal::TERM);
    }

    /// It and all its descendants.
    pub(crate) fn family(&self) -> HashSet<RunningProcess> {
        process_table::family(&process_table::running(), &HashSet::from([pid(&*self.child)]))
    }

    /// Asks it to end, and makes it after a while; its descendants too, whatever group they are in.
    pub(crate) fn stop(&mut self) {
        let own = pid(&*self.child);
        let mut family = self.family();
        signal(own, Signal::TERM);
        let begun = Instant::now();
        let mut told = HashSet::from([own]);
        loop {
            let ended = !matches!(self.child.try_wait(), Ok(None));
            let table = process_table::running();
            // Children that were started meanwhile belong to it as well.
            let known: HashSet<i32> = family.iter().map(|entry| entry.pid).collect();
            family.extend(process_table::family(&table, &known));
            family.retain(|entry| is_in(entry, &table));
            if ended && family.is_empty() {
                break;
            }
            let timed_out = begun.elapsed() > STOP_TIMEOUT;
            for entry in &family {
                if timed_out {
                    signal(entry.pid, Signal::KILL);
                } else if ended && told.insert(entry.pid) {
                    // Left behind by its parent: nobody else will tell it.
                    signal(entry.pid, Signal::TERM);
                }
            }
            if begun.elapsed() > 2 * STOP_TIMEOUT {
                break;
            }
            thread::sleep(TICK);
        }
        let _ = self.child.try_wait();
        started().retain(|pid| *pid != own);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

/// True if `entry` is still the same process; a number alone may have been used again.
fn is_in(entry: &RunningProcess, table: &[RunningProcess]) -> bool {
    table.iter().any(|now| now.is(entry))
}

/// Ends everything at once, with all descendants.
pub(crate) fn kill_everything() {
    let roots: HashSet<i32> = started().iter().copied().collect();
    for entry in process_table::family(&process_table::running(), &roots) {
        signal(entry.pid, Signal::KILL);
    }
}

fn started() -> MutexGuard<'static, Vec<i32>> {
    STARTED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn pid(child: &dyn ChildWrapper) -> i32 {
    i32::try_from(child.id()).unwrap_or_default()
}

fn signal(pid: i32, signal: Signal) {
    // An error means that it has ended by itself.
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = kill_process(pid, signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Python takes seconds to start on a busy machine.
    const START_TIMEOUT: Duration = Duration::from_mins(1);

    /// Two children in sessions of their own, as `cargo lambda watch` gives each function a group of its own.
    const PARENT: &str = "import subprocess\n\
        children = [subprocess.Popen(['sleep', '300'], start_new_session=True) for _ in range(2)]\n\
        [child.wait() for child in children]";

    fn started(program: &str, arguments: &[&str]) -> (Process, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut command = Command::new(program);
        command.args(arguments);
        (Process::start(program, &mut command, &log, Output::Log).unwrap(), folder)
    }

    fn ended(process: &mut Process) -> Option<ExitStatus> {
        let begun = Instant::now();
        loop {
            let status = process.ended().unwrap();
            if status.is_some() || begun.elapsed() > START_TIMEOUT {
                return status;
            }
            thread::sleep(TICK);
        }
    }

    #[test]
    fn stop_reaches_grandchildren_in_other_sessions() {
        let (mut process, _folder) = started("python3", &["-c", PARENT]);
        let begun = Instant::now();
        let mut family = process.family();
        // Python may have helpers of its own for a moment, so two looks must agree.
        while begun.elapsed() < START_TIMEOUT {
            thread::sleep(TICK);
            let before = std::mem::replace(&mut family, process.family());
            if family.len() >= 3 && family == before {
                break;
            }
        }
        assert!(family.len() >= 3, "a parent and two children: {family:?}");

        process.stop();

        let table = process_table::running();
        assert!(family.iter().all(|entry| !is_in(entry, &table)));
    }

    /// In a terminal, such a shell used to stop itself in the background, and everything waited for it.
    #[test]
    fn a_shell_with_job_control_runs_to_its_end() {
        let (mut process, _folder) = started("sh", &["-c", "set -m; sleep 0 & wait; exit 7"]);
        assert_eq!(ended(&mut process).and_then(|status| status.code()), Some(7), "{}", process.log());
    }

    #[test]
    fn a_started_program_has_no_terminal() {
        let (mut process, _folder) = started("sh", &["-c", "exec 3<>/dev/tty"]);
        let status = ended(&mut process).expect("an end");
        assert!(!status.success(), "it could ask somebody at the terminal");
    }
}
