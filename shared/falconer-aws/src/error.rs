//! Errors of the store, classified by the caller's reaction.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_smithy_runtime_api::client::result::ConnectorError;

/// A failed call. The details are for the log; the caller's code is [`UNAVAILABLE`](falconer_domain::Code).
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Throttled, timed out, unreachable, denied: the outcome is unknown. The fault is the vendor's and never the customer's.
    #[error("DynamoDB did not answer ({0})")]
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

    /// The same of a single write. Another request's transaction in the way has changed the row, or will: nothing was
    /// written, so the caller decides again. The SDK does not retry it.
    pub(crate) fn of_put<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Self {
        match error.code() {
            Some("TransactionConflictException") => Self::Conflict,
            _ => Self::of(error),
        }
    }
}

/// The meaning of a failed transaction.
#[derive(Debug)]
pub(crate) enum TransactionFailure {
    /// This, and asking again changes nothing.
    Final(StoreError),
    /// Nothing happened, or nothing is known yet: the same transaction may be sent again under the same token. If it
    /// never succeeds it was this.
    Passing(StoreError),
}

impl TransactionFailure {
    /// A cancelled transaction says why for each of its items. A lost condition is final; another transaction in the
    /// way and throttling pass, and the SDK retries neither of them.
    pub(crate) fn of<R>(error: &SdkError<TransactWriteItemsError, R>) -> Self {
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionInProgressException(_)) => {
                Self::Passing(StoreError::of(error))
            }
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                let reasons = cancelled.cancellation_reasons();
                let any = |code: &str| reasons.iter().any(|reason| reason.code() == Some(code));
                if any("ConditionalCheckFailed") {
                    Self::Final(StoreError::Conflict)
                } else if any("TransactionConflict") {
                    Self::Passing(StoreError::Conflict)
                } else if any("ThrottlingError") || any("ProvisionedThroughputExceeded") {
                    Self::Passing(StoreError::of(error))
                } else {
                    Self::Final(StoreError::of(error))
                }
            }
            _ => Self::Final(StoreError::of(error)),
        }
    }
}

/// The service's code or the SDK's own stage: enough for a log, and never a value of the request.
pub(crate) fn kind<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    let stage = match error {
        SdkError::ConstructionFailure(_) => "construction",
        SdkError::TimeoutError(_) => "timeout",
        SdkError::DispatchFailure(failure) if failure.is_timeout() => "connect timeout",
        SdkError::DispatchFailure(failure) if failure.as_connector_error().is_some_and(lacks_credentials) => {
            "credentials"
        }
        SdkError::DispatchFailure(_) => "connection",
        SdkError::ResponseError(_) => "response",
        _ => "service",
    };
    error.code().unwrap_or(stage).to_owned()
}

/// True if nothing was sent, because no credentials were found or the login behind them has ended.
fn lacks_credentials(error: &ConnectorError) -> bool {
    error.source().is_some_and(<dyn Error>::is::<CredentialsError>)
}
