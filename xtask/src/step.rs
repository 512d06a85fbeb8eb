//! Programs that run to their end while somebody watches.

use std::ffi::OsStr;
use std::io::{PipeWriter, Write as _};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::interrupt;
use crate::process::{Output, Process};

/// Runs `command` with its output on the terminal, under a line that shows it.
pub(crate) fn watch(command: &mut Command) -> Result<ExitStatus> {
    println!("$ {}", shown(command));
    finished(command)
}

/// [`watch`], with all that it prints, in its order, into `pipe`.
pub(crate) fn watch_into(command: &mut Command, pipe: PipeWriter) -> Result<ExitStatus> {
    println!("$ {}", shown(command));
    command.stdout(pipe.try_clone()?).stderr(pipe);
    finished(command)
}

fn finished(command: &mut Command) -> Result<ExitStatus> {
    let mut process = Process::start("step", command, Path::new(""), Output::Own)?;
    loop {
        if let Some(status) = process.ended()? {
            return Ok(status);
        }
        interrupt::tick()?;
    }
}

/// [`watch`], and fails with `sentence` when the command does.
pub(crate) fn run(command: &mut Command, sentence: &str) -> Result<()> {
    let status = watch(command)?;
    if !status.success() {
        bail!("{sentence}");
    }
    Ok(())
}

/// Output of `command`, not shown; it is in the error when the command fails.
pub(crate) fn ask(command: &mut Command) -> Result<String> {
    tell(command, "")
}

/// [`ask`], with `input` on its standard input: where secrets go, since arguments are there for every user to read.
pub(crate) fn tell(command: &mut Command, input: &str) -> Result<String> {
    interrupt::check()?;
    let words = shown(command);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("`{words}` cannot be started"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read its input closes the pipe, which is its right.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{words}` failed ({}): {}", output.status, said.trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{words}` printed something that is not text"))
}

/// A command as one would type it, programs by their name alone.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}
