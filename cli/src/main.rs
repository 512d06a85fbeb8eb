//! `falconer`: the operator's command line.
//!
//! **Architecture invariant:** only `output` prints. It handles closed pipes, full disks and text that would control a
//! terminal; `println!` panics at the first two.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod args;
mod commands;
mod config;
mod failure;
mod input;
mod output;
mod run;

use std::process::{Command, ExitCode};

use crate::config::local;
use anyhow::{Context, Result};
use args::Arguments;
use clap::Parser;
use failure::{MessageForm, not_found};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return failure::tell_usage(&error, told_by(asks_for_json())),
    };
    let told = told_by(arguments.output.json);
    let outcome = if arguments.local { reexec_with_local_env() } else { run::run(arguments) };
    outcome.unwrap_or_else(|error| failure::tell(&error, told))
}

const fn told_by(json: bool) -> MessageForm {
    if json { MessageForm::Document } else { MessageForm::Sentence }
}

/// Returns true if `--json` is on a line that does not read.
fn asks_for_json() -> bool {
    let arguments = std::env::args_os().skip(1).take_while(|argument| argument != "--");
    arguments.into_iter().any(|argument| argument == "--json")
}

/// Runs this program again, without `--local` and with the local stack's variables.
fn reexec_with_local_env() -> Result<ExitCode> {
    let here = std::env::current_dir().context("the current folder cannot be read")?;
    let Some(file) = local::nearest_environment(&here) else {
        return Err(not_found("no local stack found here or above; start one with `cargo xtask dev`").into());
    };
    let text =
        std::fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
    let status = Command::new(std::env::current_exe().context("this program cannot find itself")?)
        .args(std::env::args_os().skip(1).filter(|argument| argument != "--local"))
        // What would win over the stack's own endpoints and credentials.
        .env_remove("AWS_PROFILE")
        .env_remove("AWS_SESSION_TOKEN")
        .env_remove("AWS_ENDPOINT_URL")
        .envs(local::variables(&text))
        .env(local::IS_LOCAL, "1")
        .status()
        .context("this program cannot be started anew")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
