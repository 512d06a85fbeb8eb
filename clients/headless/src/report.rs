//! The license and the results of calls as JSON.

use falconer_client::{
    Activation, Deactivation, Failure, FailureKind, License, Licensing, NetworkFailure, Pending, Platform,
    State, UserMessage,
};
use serde_json::{Value, json};

/// The whole license at this instant, without network or disk.
pub(crate) fn snapshot(licensing: &Licensing) -> Value {
    let status = status(licensing);
    json!({
        "state": status["state"],
        "unlocked": status["unlocked"],
        "lock_code": status["lock_code"],
        "message": status["message"],
        "license": license(licensing),
        "pending": pending(licensing),
        "notice": licensing.notice(),
        "now": licensing.now().0,
    })
}

/// State, and what to say about it.
pub(crate) fn status(licensing: &Licensing) -> Value {
    let state = licensing.status();
    let lock_code = match state {
        State::Locked { code } => Some(code.name()),
        _ => None,
    };
    let unlocked = licensing.license().is_some_and(|license| license.offline_until.is_some());
    json!({
        "state": state.name(),
        "unlocked": unlocked,
        "lock_code": lock_code,
        "message": state.user_message(),
    })
}

pub(crate) fn license(licensing: &Licensing) -> Option<Value> {
    let license = licensing.license()?;
    Some(json!({
        "id": license.id,
        "masked_key": license.masked_key,
        "tier": license.tier,
        "features": license.features,
        "expires_at": license.expires_at.map(|moment| moment.0),
        "offline_until": license.offline_until.map(|moment| moment.0),
        "device_id": license.device_id,
    }))
}

pub(crate) fn pending(licensing: &Licensing) -> Option<Value> {
    let pending = licensing.pending()?;
    Some(json!({ "name": pending.name(), "message": pending.user_message() }))
}

/// This device, as other users of the license see it.
pub(crate) fn device(licensing: &Licensing) -> Value {
    let device = licensing.device();
    let platform = match device.platform {
        Platform::Physical => "physical",
        Platform::Container => "container",
        Platform::VirtualMachine => "virtual_machine",
    };
    let labels: Vec<_> = device.labels.iter().map(|label| label.as_str()).collect();
    json!({ "name": device.name, "labels": labels, "platform": platform })
}

/// What an application wants to hear of when it changes: everything but the time.
pub(crate) fn situation(licensing: &Licensing) -> impl PartialEq + use<> {
    let shown: (State, Option<License>, Option<Pending>, Option<UserMessage>) =
        (licensing.status(), licensing.license(), licensing.pending(), licensing.notice());
    shown
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
            Self::Done => None,
            Self::Waiting(failure) => Some(failure),
        };
        json!({ "done": waiting_for.is_none(), "waiting_for": waiting_for, "snapshot": snapshot(licensing) })
    }
}
