//! Licensing from a script, one command a run. The last line of output is JSON:
//! `{"state":…,"code":…,"tier":…,"features":[…],"until":s|null,"pending":…,"message":…,"nextStep":…}`.
//!
//! `code` is the reason of a lock, or else the code of a refusal. `features` lists those that are on. `until` is the
//! second in which they go off without another answer. `pending` is `activate`, `deactivate`, `release_seat` or null.
//! The exit code is 0 if a state could be printed, 1 if the license could not be opened, 2 for an unknown command.
//!
//! ```sh
//! export FALCONER_URL=http://127.0.0.1:9000 FALCONER_STORE=/tmp/license
//! cargo run -q -p falconer-client --example headless -- activate QF-PRO-… "Anna Example" anna@example.com
//! cargo run -q -p falconer-client --example headless -- status
//! ```

#[path = "setup/environment.rs"]
mod setup;

use std::process::ExitCode;

use falconer_client::{Activation, Deactivation, Failure, Licensing, Pending, State};
use serde::Serialize;

const USAGE: &str =
    "usage: headless activate KEY NAME EMAIL | status | refresh | transfer [KEY] | deactivate";

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let Some(command) = Command::read(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match setup::open() {
        Ok(licensing) => {
            println!("{}", report(&licensing, command.run(&licensing)));
            ExitCode::SUCCESS
        }
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}

enum Command<'a> {
    Activate { key: &'a str, name: &'a str, email: &'a str },
    Status,
    Refresh,
    Transfer { key: Option<&'a str> },
    Deactivate,
}

impl<'a> Command<'a> {
    fn read(arguments: &[&'a str]) -> Option<Self> {
        match *arguments {
            ["activate", key, name, email] => Some(Self::Activate { key, name, email }),
            ["status"] => Some(Self::Status),
            ["refresh"] => Some(Self::Refresh),
            ["transfer"] => Some(Self::Transfer { key: None }),
            ["transfer", key] => Some(Self::Transfer { key: Some(key) }),
            ["deactivate"] => Some(Self::Deactivate),
            _ => None,
        }
    }

    /// Returns the failure, if there is one. A request that waits has failed for now.
    fn run(&self, licensing: &Licensing) -> Option<Failure> {
        match *self {
            Self::Status => None,
            Self::Activate { key, name, email } => match licensing.activate(key, name, email) {
                Ok(Activation::Waiting(failure)) | Err(failure) => Some(failure),
                Ok(_) => None,
            },
            Self::Refresh => licensing.refresh().err(),
            Self::Transfer { key } => licensing.transfer(key, None).err(),
            Self::Deactivate => match licensing.deactivate() {
                Ok(Deactivation::Waiting(failure)) | Err(failure) => Some(failure),
                Ok(_) => None,
            },
        }
    }
}

/// Writes the last line of output.
fn report(licensing: &Licensing, failure: Option<Failure>) -> String {
    let (state, license) = (licensing.status(), licensing.license());
    let until = license.as_ref().and_then(|license| license.offline_until);
    let features = license.as_ref().filter(|_| until.is_some()).map(|license| license.features.clone());
    let locked = match state {
        State::Locked { code } => Some(code.name().to_owned()),
        _ => None,
    };
    let waits = licensing.pending().map(Pending::user_message);
    let message = failure.as_ref().map(Failure::user_message).or(waits).or_else(|| licensing.notice());
    let message = message.unwrap_or_else(|| state.user_message());
    let report = Report {
        state: state.name(),
        code: locked.or_else(|| failure.and_then(|failure| failure.code)),
        tier: license.and_then(|license| license.tier),
        features: features.unwrap_or_default(),
        until: until.map(|until| until.0),
        pending: licensing.pending().map(Pending::name),
        message: message.sentence,
        next_step: message.next_step,
    };
    serde_json::to_string(&report).unwrap_or_default()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    state: &'static str,
    code: Option<String>,
    tier: Option<String>,
    features: Vec<String>,
    until: Option<i64>,
    pending: Option<&'static str>,
    message: &'static str,
    next_step: &'static str,
}
