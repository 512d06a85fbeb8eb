//! Faults that a request can meet.

use std::time::Duration;

use serde_json::{Value, json};

/// The fate of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// Nothing: it is forwarded. Useful to spare some requests from a wider rule.
    Pass,
    /// The connection is reset; the request does not reach the upstream.
    Reset,
    /// No answer until [`Tap::heal`](super::Tap::heal); the request does not reach the upstream.
    Hang,
    /// An error answer; the request does not reach the upstream.
    Error {
        /// The HTTP status.
        status: u16,
        /// The whole body, `__type` included.
        body: Value,
    },
    /// The request takes effect upstream; then the connection is reset.
    DropReply,
    /// The request is held back this long, then forwarded, even if its sender has given up.
    Delay(Duration),
}

impl Fault {
    /// An error of DynamoDB with a message.
    #[must_use]
    pub fn error(status: u16, kind: &str, message: &str) -> Self {
        let kind = format!("com.amazonaws.dynamodb.v20120810#{kind}");
        Self::Error { status, body: json!({ "__type": kind, "message": message }) }
    }

    /// The answer of an on-demand table above its limit.
    #[must_use]
    pub fn throttling() -> Self {
        Self::error(
            400,
            "ThrottlingException",
            "Throughput exceeds the current capacity of your table or index.",
        )
    }

    /// DynamoDB's own failure, as during an outage.
    #[must_use]
    pub fn internal() -> Self {
        Self::error(500, "InternalServerError", "Internal server error")
    }

    /// A transaction that did not happen, with one reason code per item, as `["None", "TransactionConflict"]`.
    #[must_use]
    pub fn transaction_canceled(codes: &[&str]) -> Self {
        let message = format!(
            "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
            codes.join(", ")
        );
        let reasons: Vec<Value> = codes.iter().map(|code| json!({ "Code": code })).collect();
        let kind = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
        Self::Error {
            status: 400,
            body: json!({
                "__type": kind, "message": message, "Message": message, "CancellationReasons": reasons,
            }),
        }
    }

    /// A single write of an item that a running transaction holds.
    #[must_use]
    pub fn transaction_conflict() -> Self {
        Self::error(400, "TransactionConflictException", "Transaction is ongoing for the item")
    }

    /// A transaction with the same token that is still running.
    #[must_use]
    pub fn transaction_in_progress() -> Self {
        Self::error(
            400,
            "TransactionInProgressException",
            "Transaction with the given request token is already in progress.",
        )
    }

    /// An error of Secrets Manager with a message.
    #[must_use]
    pub fn secrets_error(status: u16, kind: &str, message: &str) -> Self {
        Self::Error { status, body: json!({ "__type": kind, "Message": message }) }
    }
}
