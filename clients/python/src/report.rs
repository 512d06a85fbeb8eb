//! JSON for Python.

use falconer_client::{Activation, AirGapText, Deactivation, Failure, State};
use serde_json::{Value, json};

/// A failure with its English text.
pub(crate) fn failure(failure: &Failure) -> Value {
    let mut report = serde_json::to_value(failure).unwrap_or_default();
    report["advice"] = json!(failure.to_string());
    report
}

/// An outcome: an object with one member, `done`, `waiting` or `failed`.
pub(crate) fn outcome<T: Report>(outcome: &Result<T, Failure>) -> String {
    match outcome {
        Ok(done) => done.report(),
        Err(refused) => json!({ "failed": failure(refused) }),
    }
    .to_string()
}

/// A result of a call that asks the server.
pub(crate) trait Report {
    /// The result as JSON.
    fn report(&self) -> Value;
}

impl Report for AirGapText {
    fn report(&self) -> Value {
        json!({ "done": { "file": self.file, "short": self.short, "file_name": self.file_name } })
    }
}

impl Report for State {
    fn report(&self) -> Value {
        json!({ "done": self })
    }
}

impl Report for Activation {
    fn report(&self) -> Value {
        match self {
            Self::Waiting(reason) => json!({ "waiting": failure(reason) }),
            Self::Done(state) => json!({ "done": state }),
            _ => json!({ "done": null }),
        }
    }
}

impl Report for Deactivation {
    fn report(&self) -> Value {
        match self {
            Self::Waiting(reason) => json!({ "waiting": failure(reason) }),
            _ => json!({ "done": null }),
        }
    }
}
