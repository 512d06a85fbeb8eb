//! One command of a script. The last line of output is JSON, the result of `--serve` without an id: `result` or `error`,
//! and after an error the `snapshot` beside it.
//!
//! The exit code is 0 if a state could be printed, 1 if the license could not be opened, 2 for a mistake in the
//! arguments.

use std::io::{self, Read};
use std::path::Path;
use std::process::ExitCode;

use falconer_client::{AirGapText, Builder, Failure, Licensing};
use serde_json::json;

use crate::args::Command;
use crate::report::CallResult;

/// Longest text that is read: a mail around the largest answer.
const MAX_TEXT_BYTES: u64 = 256 * 1024;

/// Runs one command and prints its result.
///
/// # Errors
/// A sentence, if the settings are not valid, or a file cannot be read or written.
pub(crate) fn run(builder: Builder, command: &Command) -> Result<ExitCode, String> {
    let licensing = builder.open().map_err(|error| format!("the license cannot be opened: {error}"))?;
    let line = match call(&licensing, command)? {
        Ok(result) => json!({ "result": result.to_json(&licensing) }),
        Err(failure) => json!({ "error": failure, "snapshot": licensing.snapshot() }),
    };
    println!("{line}");
    Ok(ExitCode::SUCCESS)
}

fn call(licensing: &Licensing, command: &Command) -> Result<Result<CallResult, Failure>, String> {
    Ok(match command {
        Command::Status => Ok(CallResult::Done),
        Command::Activate { key, name, email } => licensing.activate(key, name, email).map(CallResult::from),
        Command::Refresh => licensing.refresh().map(CallResult::from),
        Command::Transfer { key } => licensing.transfer(key.as_deref(), "", "", None).map(CallResult::from),
        Command::Deactivate => licensing.deactivate().map(CallResult::from),
        Command::RequestFile { key: Some(key), name, email, out } => {
            written(licensing.activation_request(key, name, email), out.as_deref())?
        }
        Command::RequestFile { key: None, out, .. } => written(licensing.renewal_request(), out.as_deref())?,
        Command::ReceiptFile { out } => written(licensing.deactivate_by_receipt(), out.as_deref())?,
        Command::ImportFile { file } => licensing.import_response(&text(file)?).map(CallResult::from),
    })
}

/// Writes the file of a text, where one is named.
fn written(
    made: Result<AirGapText, Failure>,
    out: Option<&Path>,
) -> Result<Result<CallResult, Failure>, String> {
    if let (Ok(text), Some(out)) = (&made, out) {
        std::fs::write(out, &text.file)
            .map_err(|error| format!("{} cannot be written: {error}", out.display()))?;
    }
    Ok(made.map(CallResult::Text))
}

fn text(file: &Path) -> Result<String, String> {
    let told = |error: io::Error| format!("{} cannot be read: {error}", file.display());
    let source: Box<dyn Read> = if file.as_os_str() == "-" {
        Box::new(io::stdin())
    } else {
        Box::new(std::fs::File::open(file).map_err(told)?)
    };
    let mut bytes = Vec::new();
    source.take(MAX_TEXT_BYTES).read_to_end(&mut bytes).map_err(told)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
