//! Problems: requests without a decision, in their wire form (RFC 9457).

use falconer_aws::{OverLimit, RingUnavailable, StoreError};
use falconer_domain::Code;
use serde::Serialize;

use crate::endpoint::Effect;

/// Seconds that a caller is asked to wait after a failure of the service.
const UNAVAILABLE_RETRY_SECONDS: u32 = 2;

/// Prefix of `type`; the code in lower case follows. It is a name and not an address (RFC 9457, section 3.1.1), because
/// a deployment has no page of its own to lead to. `docs/errors.md` has a section for each code.
const TYPE: &str = "urn:falconer:problem:";

/// A request without a decision: it is malformed, came too often, or a service is down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub(crate) code: Code,
    pub(crate) detail: String,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Problem {
    /// Makes a problem. `detail` says what is wrong with this request and never repeats a value of it.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), headers: Vec::new() }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Replaces the detail.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Rejects a member. `field` is one of the names in the documents, never the caller's text.
    #[must_use]
    pub fn field(field: &str, rule: &str) -> Self {
        Self::new(Code::InvalidField, format!("{field} {rule}."))
    }

    /// Reports a service that is down.
    #[must_use]
    pub fn unavailable() -> Self {
        Self::new(Code::Unavailable, Code::Unavailable.row().next_step)
            .with_header("retry-after", UNAVAILABLE_RETRY_SECONDS.to_string())
    }

    /// Reports a bug.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(Code::Internal, Code::Internal.row().next_step)
    }

    pub(crate) fn body(&self, request_id: &str, effect: Effect) -> ProblemBody<'_> {
        let row = self.code.row();
        ProblemBody {
            type_: format!("{TYPE}{}", row.name.to_ascii_lowercase()),
            title: row.text,
            status: row.status,
            detail: &self.detail,
            success: effect.failed(),
            valid: false,
            error: match self.code {
                // Clients of the Flask server show this member; it tells them which field is meant.
                Code::InvalidField => self.detail.trim_end_matches('.'),
                _ => row.text,
            },
            code: row.name,
            request_id: request_id.to_owned(),
        }
    }
}

/// The members of the Flask server and those of RFC 9457 in one object.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Problem))]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProblemBody<'a> {
    #[serde(rename = "type")]
    type_: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    success: Option<bool>,
    valid: bool,
    error: &'a str,
    code: &'static str,
    request_id: String,
}

/// The end of a request before a decision about a license.
#[derive(Debug)]
pub enum Rejection {
    /// No decision.
    Problem(Problem),
    /// A no about an invalid key. It is not about a license, so it is unsigned.
    InvalidSignature,
}

impl From<Problem> for Rejection {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<RingUnavailable> for Rejection {
    fn from(_: RingUnavailable) -> Self {
        Self::Problem(Problem::unavailable())
    }
}

impl From<OverLimit> for Rejection {
    fn from(over: OverLimit) -> Self {
        let OverLimit { policy, quota, window_seconds, retry_after_seconds } = over;
        let problem = Problem::new(Code::RateLimited, Code::RateLimited.row().next_step)
            .with_header("retry-after", retry_after_seconds.to_string())
            // draft-ietf-httpapi-ratelimit-headers
            .with_header("ratelimit-policy", format!("\"{policy}\";q={quota};w={window_seconds}"))
            .with_header("ratelimit", format!("\"{policy}\";r=0;t={retry_after_seconds}"));
        Self::Problem(problem)
    }
}

impl From<&StoreError> for Problem {
    fn from(error: &StoreError) -> Self {
        match error {
            // An unreadable row or catalog is for the operator to repair; a retry by the caller does not help.
            StoreError::Unavailable(_) | StoreError::Corrupt(_) | StoreError::Conflict => Self::unavailable(),
        }
    }
}
