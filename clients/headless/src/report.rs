//! What answers and events say, as JSON.

use falconer_client::{
    Activation, AirGapText, Deactivation, Failure, FailureKind, Licensing, NetworkFailure, Snapshot, State,
    UnixSeconds,
};
use serde_json::{Value, json};

/// State, and what to say about it: members of the snapshot.
pub(crate) fn status(licensing: &Licensing) -> Value {
    let Snapshot { state, unlocked, lock_code, message, detail, .. } = licensing.snapshot();
    json!({ "state": state, "unlocked": unlocked, "lock_code": lock_code, "message": message, "detail": detail })
}

/// What an application wants to hear of when it changes: everything but the time.
pub(crate) fn situation(licensing: &Licensing) -> Snapshot {
    let mut snapshot = licensing.snapshot();
    snapshot.now = UnixSeconds(0);
    snapshot
}

/// The error of a call that was cancelled before it began.
pub(crate) fn cancelled() -> Failure {
    Failure::new(FailureKind::Offline(NetworkFailure::Cancelled))
}

/// Result of a call that asked the server.
pub(crate) enum CallResult {
    /// The server did it.
    Done,
    /// Saved; a refresh sends it.
    Waiting(Failure),
    /// A text for a person to carry to the vendor.
    Text(AirGapText),
}

impl From<Activation> for CallResult {
    fn from(activation: Activation) -> Self {
        match activation {
            Activation::Waiting(failure) => Self::Waiting(failure),
            _ => Self::Done,
        }
    }
}

impl From<Deactivation> for CallResult {
    fn from(deactivation: Deactivation) -> Self {
        match deactivation {
            Deactivation::Waiting(failure) => Self::Waiting(failure),
            _ => Self::Done,
        }
    }
}

impl From<State> for CallResult {
    fn from(_: State) -> Self {
        Self::Done
    }
}

impl CallResult {
    /// The member `result` of an answer.
    pub(crate) fn to_json(&self, licensing: &Licensing) -> Value {
        let waiting_for = match self {
            Self::Done | Self::Text(_) => None,
            Self::Waiting(failure) => Some(failure),
        };
        let snapshot = licensing.snapshot();
        let mut result =
            json!({ "done": waiting_for.is_none(), "waiting_for": waiting_for, "snapshot": snapshot });
        if let Self::Text(AirGapText { file, short, file_name, .. }) = self {
            result["text"] = json!({ "file": file, "short": short, "file_name": file_name });
        }
        result
    }
}
