//! `falconer`: the operator's command line.

mod arguments;
mod catalogs;
mod exports;
mod imports;
mod inputs;
mod issuing;
mod licenses;
mod pages;
mod progress;
mod rings;
mod rotations;
mod run;
mod shown;
mod statistics;
mod understanding;

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use arguments::Arguments;
use clap::Parser;
use falconer::local;
use falconer_aws::StoreError;
use falconer_aws::keyring::RingWriteError;
use falconer_aws::operator::stacks::StackError;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = if arguments.local { again_with_local_environment() } else { run::run(arguments) };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("falconer: {}", told(&error));
            exit_code(&error)
        }
    }
}

/// An error and its causes, each said once: some sentences quote the cause they are about.
fn told(error: &anyhow::Error) -> String {
    error.chain().skip(1).fold(error.to_string(), |told, cause| {
        let cause = cause.to_string();
        if told.contains(&cause) { told } else { format!("{told}: {cause}") }
    })
}

/// 1: refused, and asking again changes nothing. 3: something does not answer; ask again. clap itself ends with 2.
fn exit_code(error: &anyhow::Error) -> ExitCode {
    let down = |cause: &(dyn std::error::Error + 'static)| {
        matches!(cause.downcast_ref(), Some(StoreError::Unavailable(_)))
            || matches!(cause.downcast_ref(), Some(StackError::Unavailable(_)))
            || matches!(cause.downcast_ref(), Some(RingWriteError::Unavailable(_)))
    };
    ExitCode::from(if error.chain().any(down) { 3 } else { 1 })
}

/// Starts this program anew, without `--local` and with the local stack's variables.
fn again_with_local_environment() -> Result<ExitCode> {
    let here = std::env::current_dir().context("the current folder cannot be read")?;
    let Some(file) = local::nearest_environment(&here) else {
        bail!("no local stack found here or above; start one with `cargo xtask dev`");
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
        .status()
        .context("this program cannot be started anew")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
