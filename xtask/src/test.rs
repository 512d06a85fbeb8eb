//! `cargo xtask test`: every test that needs only Rust.

mod durations;

use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader, PipeReader, Write as _};
use std::num::NonZero;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use self::durations::Durations;
use crate::workspace::Workspace;
use crate::{caller, interrupt, step};

/// Time for the last lines to arrive after the tests have ended.
const OUTPUT_TIMEOUT: Duration = Duration::from_secs(2);
/// How many of the slowest tests are listed.
const SLOWEST: usize = 10;

/// Arguments that are handed on.
#[derive(clap::Args, Default)]
pub(crate) struct TestOptions {
    /// For `cargo test --workspace`: part of a test's name, or options such as `--test it`.
    #[arg(allow_hyphen_values = true)]
    arguments: Vec<OsString>,
    /// For the test programs, as `--nocapture`.
    #[arg(last = true)]
    programs: Vec<OsString>,
}

impl TestOptions {
    /// Arguments for `cargo test` alone.
    pub(crate) fn of(arguments: &[&str]) -> Self {
        Self { arguments: arguments.iter().map(OsString::from).collect(), programs: Vec::new() }
    }
}

/// Builds everything, then tests it. One set of packages for both, so that nothing is compiled a second time.
///
/// A failing program does not keep the others from running; all failures are named at the end.
pub(crate) fn run(workspace: &Workspace, options: &TestOptions) -> Result<()> {
    // Tests start the functions' binaries, and `cargo test` alone builds those of the package under test only.
    let mut build = workspace.cargo();
    build.args(["build", "--workspace", "--bins", "--tests"]);
    step::run(&mut build, "the build failed: the compiler's message is above")?;

    let mut test = workspace.cargo();
    caller::forget_surroundings(&mut test);
    test.args(["test", "--workspace", "--no-fail-fast"]).args(&options.arguments);
    if !options.programs.is_empty() {
        test.arg("--").args(&options.programs);
    }
    test.env("FALCONER_BIN_DIR", workspace.debug());
    passed(&mut test, threads(&options.programs))
}

/// How many tests a program runs at a time, as libtest decides it.
fn threads(programs: &[OsString]) -> usize {
    let words: Vec<_> = programs.iter().map(|word| word.to_string_lossy()).collect();
    let option =
        words.iter().enumerate().find_map(|(index, word)| match word.strip_prefix("--test-threads") {
            Some("") => words.get(index + 1).map(ToString::to_string),
            Some(value) => value.strip_prefix('=').map(str::to_owned),
            None => None,
        });
    let chosen =
        option.or_else(|| std::env::var("RUST_TEST_THREADS").ok()).and_then(|text| text.parse().ok());
    chosen.unwrap_or_else(|| thread::available_parallelism().map_or(1, NonZero::get))
}

/// Runs `cargo test`, shows what it prints and the slowest tests; fails with the names of the failed tests.
fn passed(test: &mut Command, threads: usize) -> Result<()> {
    let (reader, writer) = io::pipe()?;
    let summary = Arc::new(Mutex::new(Summary::new(threads)));
    let reading = thread::spawn({
        let summary = Arc::clone(&summary);
        move || show(reader, &summary)
    });
    let status = step::watch_into(test, writer)?;
    // A process that outlived its test may hold the pipe open: its last words are not worth waiting for.
    let ended = Instant::now();
    while !reading.is_finished() && ended.elapsed() < OUTPUT_TIMEOUT {
        interrupt::tick()?;
    }
    let summary = summary.lock().unwrap_or_else(PoisonError::into_inner);
    print!("{}", summary.durations.slowest(SLOWEST));
    if status.success() {
        return Ok(());
    }
    let named = summary.failures.iter().map(|(program, name)| format!("\n  {program} {name}"));
    let named: Vec<String> = named.collect();
    match named.len() {
        0 => bail!("the tests did not run to their end ({status}): the message is above"),
        1 => bail!("one test failed; its message is above:{}", named.concat()),
        count => bail!("{count} tests failed; their messages are above:{}", named.concat()),
    }
}

/// Copies each line onto the terminal, and reads it on the way.
fn show(reader: PipeReader, summary: &Mutex<Summary>) {
    let (mut lines, mut line) = (BufReader::new(reader), Vec::new());
    while matches!(lines.read_until(b'\n', &mut line), Ok(count) if count > 0) {
        // A terminal that is gone must not block the tests.
        let _ = io::stdout().write_all(&line);
        let text = String::from_utf8_lossy(&line);
        summary.lock().unwrap_or_else(PoisonError::into_inner).read(&text);
        line.clear();
    }
}

/// The failed and the slowest tests, read from what `cargo test` prints.
struct Summary {
    /// Program and name of each.
    failures: Vec<(String, String)>,
    /// As cargo announces it: `it`, `xtask`, or the crate of documentation tests.
    program: String,
    /// Names of a list that may be the one a test program ends with: its result has to follow.
    list: Option<Vec<String>>,
    named: bool,
    durations: Durations,
}

impl Summary {
    fn new(threads: usize) -> Self {
        Self {
            failures: Vec::new(),
            program: String::new(),
            list: None,
            named: false,
            durations: Durations::new(threads),
        }
    }

    fn read(&mut self, line: &str) {
        let line = line.trim_end();
        self.durations.read(&self.program, line, Instant::now());
        let words = line.trim_start();
        if let Some(program) = words.strip_prefix("Running ").or_else(|| words.strip_prefix("Doc-tests ")) {
            // `Running unittests src/main.rs (target/debug/deps/xtask-0123456789abcdef)`
            let file = program.rsplit_once('/').map_or(program, |(_, file)| file);
            let name = file.rsplit_once('-').map_or(file, |(name, _hash)| name);
            (self.program, self.list, self.named) = (name.to_owned(), None, false);
        } else if line == "failures:" {
            self.list = Some(Vec::new());
        } else if line.starts_with("test result:") {
            let names = self.list.take().unwrap_or_default();
            self.named |= !names.is_empty();
            self.failures.extend(names.into_iter().map(|name| (self.program.clone(), name)));
        } else if let (true, Some(list)) = (line.starts_with("    "), &mut self.list) {
            list.push(words.to_owned());
        } else if !line.is_empty() {
            self.list = None;
            // A program that died names no test: cargo says how it ended.
            if line.starts_with("error: test failed") && !self.named {
                self.failures.push((self.program.clone(), "ended without naming a test".to_owned()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_named_with_their_program() {
        let printed = "\
     Running unittests src/main.rs (target/debug/deps/xtask-0123456789abcdef)

running 2 tests
test a::good ... ok
test a::bad ... FAILED

failures:

---- a::bad stdout ----

thread 'a::bad' panicked at src/main.rs:1:1:
failures:
    a test's own words

failures:
    a::bad
    b::worse

test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

error: test failed, to rerun pass `-p xtask --bin xtask`
     Running tests/it/main.rs (target/debug/deps/it-0123456789abcdef)
error: test failed, to rerun pass `-p falconer-tests --test it`

Caused by:
  process didn't exit successfully: `it` (signal: 6, SIGABRT: process abort signal)
   Doc-tests falconer_client
error: 2 targets failed:
    `-p xtask --bin xtask`
";
        let mut summary = Summary::new(2);
        printed.lines().for_each(|line| summary.read(line));
        let named: Vec<_> =
            summary.failures.iter().map(|(program, name)| (program.as_str(), name.as_str())).collect();
        let expected = [("xtask", "a::bad"), ("xtask", "b::worse"), ("it", "ended without naming a test")];
        assert_eq!(named, expected);
    }
}
