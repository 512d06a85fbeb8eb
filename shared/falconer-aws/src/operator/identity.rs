//! The identity of an operator's credentials: a name in the audit that nobody can type.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sts::config::Builder;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use tokio::sync::OnceCell;
use tokio::time::timeout;

use crate::clients::Operator;
use crate::error::kind;

/// Longest that a change waits for the answer, credentials included.
const IDENTITY_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest that one attempt takes.
const ATTEMPT: Duration = Duration::from_millis(1_400);
/// Attempts.
const ATTEMPTS: u32 = 2;

/// The caller behind the credentials. It is asked for at the first change of a command, and once.
#[derive(Clone, Debug)]
pub struct Caller {
    sts: aws_sdk_sts::Client,
    told: Arc<OnceCell<Result<String, String>>>,
}

impl Caller {
    /// Nothing is asked yet.
    #[must_use]
    pub fn of(operator: &Operator) -> Self {
        Self { sts: operator.sts.clone(), told: Arc::default() }
    }

    /// The ARN of the caller; `None` where STS does not tell it in time. That never costs a change.
    pub(crate) async fn arn(&self) -> Option<&str> {
        let told = self.told.get_or_init(|| async {
            timeout(IDENTITY_TIMEOUT, self.ask()).await.unwrap_or_else(|_| Err("timeout".to_owned()))
        });
        told.await.as_deref().ok()
    }

    async fn ask(&self) -> Result<String, String> {
        let timeouts = TimeoutConfig::builder().connect_timeout(ATTEMPT).operation_attempt_timeout(ATTEMPT);
        let bounded = Builder::new()
            .timeout_config(timeouts.operation_timeout(IDENTITY_TIMEOUT).build())
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS));
        let asked = self.sts.get_caller_identity().customize().config_override(bounded).send().await;
        let answer = asked.map_err(|error| kind(&error))?;
        answer.arn.ok_or_else(|| "no ARN".to_owned())
    }

    /// Why it is not known, if it was asked for.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        self.told.get()?.as_ref().err().map(String::as_str)
    }
}
