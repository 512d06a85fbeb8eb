//! What can go wrong with the store, classified by what the caller does about it.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// A failed call. What failed is for the log; the caller is told only [`UNAVAILABLE`](falconer_domain::Code).
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Throttled, timed out, unreachable, denied: nothing is known about the outcome. Ours, never the customer's.
    #[error("the store is unavailable ({0})")]
    Unavailable(String),
    /// A condition did not hold: somebody else was first.
    #[error("the row changed meanwhile")]
    Conflict,
    /// A row that does not read as what it should be.
    #[error("a row is not readable ({0})")]
    Corrupt(String),
}

impl StoreError {
    /// Whether the same call may go better.
    #[must_use]
    pub const fn retryable(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
            Self::Conflict | Self::Corrupt(_) => false,
        }
    }

    pub(crate) fn of<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Self {
        match error.code() {
            Some("ConditionalCheckFailedException") => Self::Conflict,
            Some("TransactionCanceledException") if lost_condition(error) => Self::Conflict,
            _ => Self::Unavailable(kind(error)),
        }
    }
}

/// A cancelled transaction says why for each of its items, in its message: `[None, ConditionalCheckFailed]`.
fn lost_condition<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    error.message().is_some_and(|message| message.contains("ConditionalCheckFailed"))
}

/// The service's code or the SDK's own stage: enough for a log, and never a value of the request.
pub(crate) fn kind<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    let stage = match error {
        SdkError::ConstructionFailure(_) => "construction",
        SdkError::TimeoutError(_) => "timeout",
        SdkError::DispatchFailure(failure) if failure.is_timeout() => "connect timeout",
        SdkError::DispatchFailure(_) => "connection",
        SdkError::ResponseError(_) => "response",
        _ => "service",
    };
    error.code().unwrap_or(stage).to_owned()
}
