//! One command of a script. The last line of output is JSON, the result of `--serve` without an id: `result` or `error`,
//! and after an error the `snapshot` beside it.
//!
//! The exit code is 0 if a state could be printed, 1 if the license could not be opened, 2 for a mistake in the
//! arguments.

use std::process::ExitCode;

use falconer_client::{Builder, Failure, Licensing};
use serde_json::json;

use crate::args::Command;
use crate::report::{self, CallResult};

/// Runs one command and prints its result.
///
/// # Errors
/// A sentence, if the settings are not valid.
pub(crate) fn run(builder: Builder, command: &Command) -> Result<ExitCode, String> {
    let licensing = builder.open().map_err(|error| format!("the license cannot be opened: {error}"))?;
    let line = match call(&licensing, command) {
        Ok(result) => json!({ "result": result.to_json(&licensing) }),
        Err(failure) => json!({ "error": failure, "snapshot": report::snapshot(&licensing) }),
    };
    println!("{line}");
    Ok(ExitCode::SUCCESS)
}

fn call(licensing: &Licensing, command: &Command) -> Result<CallResult, Failure> {
    match command {
        Command::Status => Ok(CallResult::Done),
        Command::Activate { key, name, email } => Ok(licensing.activate(key, name, email)?.into()),
        Command::Refresh => Ok(licensing.refresh()?.into()),
        Command::Transfer { key } => Ok(licensing.transfer(key.as_deref(), "", "", None)?.into()),
        Command::Deactivate => Ok(licensing.deactivate()?.into()),
    }
}
