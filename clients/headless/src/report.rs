//! The license and the results of calls as JSON.

use falconer_client::{
    ActivateError, Activation, DeactivateError, Deactivation, License, Licensing, Pending, Platform,
    RefreshError, Refusal, RequestFailure, SeatHolder, State, TransferError, UserMessage,
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
        "notice": notice(licensing),
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
        "message": message(state.user_message()),
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
    Some(json!({ "name": pending.name(), "message": message(pending.user_message()) }))
}

pub(crate) fn notice(licensing: &Licensing) -> Option<Value> {
    licensing.notice().map(message)
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
pub(crate) fn cancelled() -> Value {
    json!({
        "kind": "cancelled",
        "code": null,
        "sentence": "The call was cancelled before it began.",
        "next_step": "Nothing to do.",
    })
}

fn message(message: UserMessage) -> Value {
    json!({ "sentence": message.sentence, "next_step": message.next_step })
}

/// Result of a call that asked the server.
pub(crate) enum CallResult {
    /// The server did it.
    Done,
    /// Saved; a refresh sends it.
    Waiting(RequestFailure),
}

/// Reason why a call did nothing.
pub(crate) struct Failure {
    kind: &'static str,
    message: UserMessage,
    refusal: Option<Refusal>,
    retry_after: Option<u64>,
}

impl From<Activation> for CallResult {
    fn from(activation: Activation) -> Self {
        match activation {
            Activation::Done(_) => Self::Done,
            Activation::Waiting(failure) => Self::Waiting(failure),
        }
    }
}

impl From<Deactivation> for CallResult {
    fn from(deactivation: Deactivation) -> Self {
        match deactivation {
            Deactivation::Done => Self::Done,
            Deactivation::Waiting(failure) => Self::Waiting(failure),
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
            Self::Waiting(failure) => Some(Failure::of(*failure).to_json()),
        };
        json!({ "done": waiting_for.is_none(), "waiting_for": waiting_for, "snapshot": snapshot(licensing) })
    }
}

impl Failure {
    fn of(failure: RequestFailure) -> Self {
        let (kind, retry_after) = match failure {
            RequestFailure::Busy { retry_after_seconds } => ("offline", retry_after_seconds),
            _ => ("offline", None),
        };
        Self { kind, message: failure.user_message(), refusal: None, retry_after }
    }

    fn new(kind: &'static str, message: UserMessage, refusal: Option<&Refusal>) -> Self {
        Self { kind, message, refusal: refusal.cloned(), retry_after: None }
    }

    /// The member `error` of an answer.
    pub(crate) fn to_json(&self) -> Value {
        let refusal = self.refusal.as_ref();
        let holders: Vec<_> = refusal.iter().flat_map(|refusal| &refusal.holders).map(holder).collect();
        json!({
            "kind": self.kind,
            "code": refusal.map(|refusal| &refusal.code),
            "sentence": self.message.sentence,
            "next_step": self.message.next_step,
            "retry_after": self.retry_after,
            "next_transfer_at": refusal.and_then(|refusal| refusal.next_transfer_at).map(|moment| moment.0),
            "holders": holders,
        })
    }
}

fn holder(holder: &SeatHolder) -> Value {
    json!({ "id": holder.id, "name": holder.name, "last_seen_at": holder.last_seen_at.map(|moment| moment.0) })
}

impl From<ActivateError> for Failure {
    fn from(error: ActivateError) -> Self {
        match &error {
            ActivateError::Input(_) => Self::new("input", error.user_message(), None),
            ActivateError::Mismatch(failure) => Self::of(*failure),
            ActivateError::Refused(refusal) => Self::new("refused", error.user_message(), Some(refusal)),
        }
    }
}

impl From<TransferError> for Failure {
    fn from(error: TransferError) -> Self {
        match &error {
            TransferError::Input(_) => Self::new("input", error.user_message(), None),
            TransferError::RequestFailed(failure) => Self::of(*failure),
            TransferError::Refused(refusal) => Self::new("refused", error.user_message(), Some(refusal)),
        }
    }
}

impl From<RefreshError> for Failure {
    fn from(error: RefreshError) -> Self {
        match &error {
            RefreshError::RequestFailed(failure) => Self::of(*failure),
            RefreshError::Refused(refusal) => Self::new("refused", error.user_message(), Some(refusal)),
        }
    }
}

impl From<DeactivateError> for Failure {
    fn from(error: DeactivateError) -> Self {
        let refusal = error.refusal().cloned();
        Self::new("refused", error.user_message(), refusal.as_ref())
    }
}
