//! Logs of started programs.

use std::fs::{self, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::path::Path;
use std::thread;

use anyhow::Result;
use process_wrap::std::ChildWrapper;

/// Enough to hold a compiler's error or a panic with its place.
const TAIL_LINES: usize = 25;

/// The end of a log, introduced by its path; nothing when it is empty.
pub(crate) fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    if lines.is_empty() {
        return String::new();
    }
    let last = &lines[lines.len().saturating_sub(TAIL_LINES)..];
    format!("The end of {}:\n  {}", log.display(), last.join("\n  "))
}

/// Copies what `child` prints into `log` and onto the terminal, line by line, until it ends.
pub(crate) fn copy(child: &mut dyn ChildWrapper, log: &Path) -> Result<()> {
    let appending = || OpenOptions::new().append(true).open(log);
    if let Some(stdout) = child.stdout().take() {
        let log = appending()?;
        thread::spawn(move || copy_lines(stdout, log, io::stdout()));
    }
    if let Some(stderr) = child.stderr().take() {
        let log = appending()?;
        thread::spawn(move || copy_lines(stderr, log, io::stderr()));
    }
    Ok(())
}

fn copy_lines(from: impl Read, mut log: impl Write, mut terminal: impl Write) {
    let mut lines = BufReader::new(from);
    let mut line = Vec::new();
    while matches!(lines.read_until(b'\n', &mut line), Ok(count) if count > 0) {
        // Neither a full disk nor a closed terminal is a reason to block the program that prints.
        let _ = log.write_all(&line);
        let _ = terminal.write_all(&line);
        line.clear();
    }
}
