//! One instance of a program, behind the Lambda Runtime API.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use falconer_emulators::cors::Cors;
use falconer_emulators::gateway::{Config, FunctionConfig, Gateway, Invocation, Launch};
use serde_json::Value;

use crate::process;
use crate::subject::{MeasuredProgram, RuntimeApi};

/// The gateway's name for whatever is measured.
const NAME: &str = "subject";
/// Under callgrind, a start over TLS takes half a minute.
const START_TIMEOUT: Duration = Duration::from_secs(120);
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// A gateway with room for one instance, which is not there yet.
pub(crate) struct Seat {
    gateway: Gateway,
}

impl Seat {
    pub(crate) fn open() -> Result<Self> {
        let function = FunctionConfig {
            name: NAME.to_owned(),
            instances: 1,
            timeout: START_TIMEOUT,
            memory_megabytes: 256,
            routes: Vec::new(),
            environment: BTreeMap::new(),
        };
        let config =
            Config { port: 0, launch: Launch::External, functions: vec![function], cors: Cors::default() };
        Ok(Self { gateway: Gateway::start(config)? })
    }

    /// Starts the program, under another one if `under` names it.
    pub(crate) fn take(
        self,
        subject: &MeasuredProgram,
        environment: &BTreeMap<String, String>,
        under: &[OsString],
    ) -> Result<StartedProgram> {
        let process = self.spawn(subject, environment, under)?;
        Ok(StartedProgram { seat: self, process })
    }

    fn spawn(
        &self,
        subject: &MeasuredProgram,
        environment: &BTreeMap<String, String>,
        under: &[OsString],
    ) -> Result<Running> {
        let words: Vec<_> = under.iter().chain(&subject.command).collect();
        let (program, arguments) = words.split_first().context("a command without a program")?;
        let log = tempfile::NamedTempFile::new()?;
        let (_, kept) = log.keep()?;
        let output = File::options().append(true).open(&kept)?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(&subject.folder)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(environment)
            .env("AWS_LAMBDA_RUNTIME_API", self.runtime_api(subject))
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        let started = Instant::now();
        let child = command.spawn().with_context(|| format!("{} cannot be started", subject.name))?;
        Ok(Running { child, started, log: kept })
    }

    fn runtime_api(&self, subject: &MeasuredProgram) -> String {
        let url = self.gateway.runtime_api(NAME, 0);
        match subject.runtime_api {
            RuntimeApi::Url => url,
            RuntimeApi::Authority => url.trim_start_matches("http://").to_owned(),
        }
    }

    fn ask(&self, event: &Value) -> Result<Value> {
        self.gateway.invoke(NAME, event)?.into_json()
    }

    fn invoke(&self, event: &Value) -> Result<()> {
        let answer = self.ask(event)?;
        ensure!(answer["statusCode"] == 200, "not the answer that is to be measured: {answer}");
        Ok(())
    }

    /// The invocations so far, when the instance has asked for another event.
    fn done(&self, count: usize) -> Result<Vec<Invocation>> {
        let begun = Instant::now();
        loop {
            let invocations = self.gateway.invocations();
            if invocations.iter().filter(|one| one.free.is_some()).count() >= count {
                return Ok(invocations);
            }
            ensure!(begun.elapsed() < START_TIMEOUT, "an answer's work never ended");
            thread::sleep(POLL_INTERVAL);
        }
    }
}

struct Running {
    child: Child,
    started: Instant,
    log: PathBuf,
}

/// A started program.
pub(crate) struct StartedProgram {
    seat: Seat,
    process: Running,
}

/// From its start to its first answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ColdStart {
    /// Until it asked for its first event.
    pub(crate) ready: Duration,
    /// Until its first answer was there.
    pub(crate) answered: Duration,
}

impl StartedProgram {
    /// Starts a program that finds an event waiting, as a cold start does.
    pub(crate) fn cold(
        subject: &MeasuredProgram,
        environment: &BTreeMap<String, String>,
        under: &[OsString],
        event: &Value,
    ) -> Result<(Self, ColdStart)> {
        let seat = Seat::open()?;
        let process = thread::scope(|scope| {
            let asked = scope.spawn(|| seat.invoke(event));
            while seat.gateway.invocations().is_empty() {
                thread::sleep(POLL_INTERVAL);
            }
            let process = seat.spawn(subject, environment, under)?;
            match asked.join() {
                Ok(answer) => answer
                    .map(|()| process)
                    .with_context(|| format!("{} did not answer its first event", subject.name)),
                Err(_) => bail!("a caller panicked"),
            }
        })?;
        let first = seat.done(1)?.pop().context("an invocation")?;
        let since = |moment: Option<Instant>| {
            moment.map(|moment| moment.saturating_duration_since(process.started)).context("a moment")
        };
        let cold = ColdStart { ready: since(first.dispatched)?, answered: since(first.responded)? };
        Ok((Self { seat, process }, cold))
    }

    /// Processor time of a start until it asks for its first event, which never comes.
    pub(crate) fn processor_until_ready(
        subject: &MeasuredProgram,
        environment: &BTreeMap<String, String>,
    ) -> Result<Duration> {
        let mut instance = Seat::open()?.take(subject, environment, &[])?;
        instance.wait_until_ready()?;
        let spent = process::processor_time_of_start(instance.pid())?;
        instance.end()?;
        Ok(spent)
    }

    /// Blocks until it has asked for its first event.
    pub(crate) fn wait_until_ready(&mut self) -> Result<()> {
        let ready = self.seat.gateway.wait_until_ready(START_TIMEOUT);
        ready.with_context(|| format!("it wrote: {}", self.log()))
    }

    /// Sends events, one after the other.
    pub(crate) fn invoke(&self, event: &Value, times: usize) -> Result<()> {
        (0..times)
            .try_for_each(|_| self.seat.invoke(event))
            .with_context(|| format!("it wrote: {}", self.log()))
    }

    /// The answer to one event.
    pub(crate) fn ask(&self, event: &Value) -> Result<Value> {
        self.seat.ask(event).with_context(|| format!("it wrote: {}", self.log()))
    }

    /// The invocations so far, of which there are `count`, each with the work after its answer.
    pub(crate) fn invocations(&self, count: usize) -> Result<Vec<Invocation>> {
        self.seat.done(count)
    }

    /// The process's number.
    pub(crate) fn pid(&self) -> u32 {
        self.process.child.id()
    }

    /// The lines it has written.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.process.log).unwrap_or_default()
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn end(mut self) -> Result<()> {
        process::end(self.pid());
        self.process.child.wait()?;
        Ok(())
    }
}

impl Drop for StartedProgram {
    fn drop(&mut self) {
        // Both fail where it has ended already.
        let _ = (self.process.child.kill(), self.process.child.wait());
        let _ = std::fs::remove_file(&self.process.log);
    }
}
