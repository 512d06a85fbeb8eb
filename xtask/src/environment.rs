//! Environment variables of the local stack, and the file that hands them to other programs.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

/// Names and values, in the order of the names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Settings that the SDK needs before it sends anything. No stand-in looks at it.
    pub(crate) fn dummy_account() -> Self {
        let mut environment = Self::default();
        for (name, value) in [
            ("AWS_ACCESS_KEY_ID", "local"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ] {
            environment.set(name, value);
        }
        environment
    }

    /// Sets one.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Adds lines of the form `NAME=value`.
    pub(crate) fn read_lines(&mut self, lines: &str) -> Result<()> {
        for line in lines.lines().filter(|line| !line.trim().is_empty()) {
            let (name, value) = line.split_once('=').with_context(|| format!("no NAME=value: {line:?}"))?;
            self.set(name, value);
        }
        Ok(())
    }

    /// The value of `name`.
    pub(crate) fn get(&self, name: &str) -> Result<&str> {
        let value = self.0.get(name).map(String::as_str);
        value.with_context(|| format!("template.yaml gives the functions no {name}"))
    }

    /// Gives all of them to `command`. What would mislead it is gone already: [`crate::caller`] took it away.
    pub(crate) fn apply(&self, command: &mut Command) {
        command.envs(&self.0);
    }

    /// Writes them for a shell, readable by their owner alone: demo keys of a stack with `--data` live on.
    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let line = |(name, value): (&String, &String)| format!("export {name}={}\n", quoted(value));
        let text: Vec<String> = self.0.iter().map(line).collect();
        write_private(file, &text.concat())
    }
}

/// Writes a file that only its owner may read: whole, or not at all.
pub(crate) fn write_private(file: &Path, text: &str) -> Result<()> {
    let complaint = || format!("{} cannot be written", file.display());
    let unfinished = file.with_extension("new");
    // A left-over would keep its own mode.
    let _ = fs::remove_file(&unfinished);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut handle = options.open(&unfinished).with_context(complaint)?;
    handle.write_all(text.as_bytes()).with_context(complaint)?;
    fs::rename(&unfinished, file).with_context(complaint)
}

/// A value as a shell reads it back, whatever is in it.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_back_what_was_written() {
        let nasty = "it's $HOME `id` \"x\" \\ \n!";
        let output =
            Command::new("sh").arg("-c").arg(format!("printf %s {}", quoted(nasty))).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), nasty);
    }

    #[test]
    fn values_may_hold_equals_signs() {
        let mut environment = Environment::default();
        environment.read_lines("A=b=c\n\nD=\n").unwrap();
        assert_eq!(environment.get("A").unwrap(), "b=c");
        assert_eq!(environment.get("D").unwrap(), "");
    }
}
