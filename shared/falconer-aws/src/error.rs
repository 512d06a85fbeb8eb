//! What can go wrong with the store, classified by what the caller does about it.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;

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
    pub(crate) fn of<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Self {
        match error.code() {
            Some("ConditionalCheckFailedException") => Self::Conflict,
            _ => Self::Unavailable(kind(error)),
        }
    }

    /// A cancelled transaction says why for each of its items. Only a lost condition is a conflict: throttling and other
    /// transactions in the way say nothing about the row.
    pub(crate) fn of_transaction<R>(error: &SdkError<TransactWriteItemsError, R>) -> Self {
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled))
                if cancelled
                    .cancellation_reasons()
                    .iter()
                    .any(|reason| reason.code() == Some("ConditionalCheckFailed")) =>
            {
                Self::Conflict
            }
            _ => Self::of(error),
        }
    }
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
