//! What stops a request early, in its wire form (RFC 9457).

use falconer_aws::{OverLimit, RingUnavailable, StoreError};
use falconer_domain::Code;
use serde::Serialize;

use crate::serve::Effect;

/// Seconds a caller is asked to wait when it is our failure.
const UNAVAILABLE_RETRY_SECONDS: u32 = 2;

/// How `type` begins; the code in lower case follows. A name and not an address (RFC 9457, section 3.1.1): a deployment
/// has no page of its own to lead to, and `docs/errors.md` has a section for each code.
const TYPE: &str = "urn:falconer:problem:";

/// A request that was not decided: it was badly formed, came too often, or something of ours is down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub(crate) code: Code,
    pub(crate) detail: String,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Problem {
    /// A problem. `detail` says what is wrong with this request and never repeats a value of it.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), headers: Vec::new() }
    }

    /// The same, with a header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same, with another detail.
    #[must_use]
    pub fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// A member that is wrong. `field` is one of our own names.
    #[must_use]
    pub fn field(field: &str, rule: &str) -> Self {
        Self::new(Code::InvalidField, format!("{field} {rule}."))
    }

    /// Something of ours is down.
    #[must_use]
    pub fn unavailable() -> Self {
        Self::new(Code::Unavailable, Code::Unavailable.row().next_step)
            .with_header("retry-after", UNAVAILABLE_RETRY_SECONDS.to_string())
    }

    /// A bug of ours.
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
                // S1's clients show this member; it is where they learn which field is meant.
                Code::InvalidField => self.detail.trim_end_matches('.'),
                _ => row.text,
            },
            code: row.name,
            request_id: request_id.to_owned(),
        }
    }
}

/// S1's members and RFC 9457's in one object.
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

/// Why a handler ends before it has decided about a license.
#[derive(Debug)]
pub enum Stop {
    /// Not decided.
    Problem(Problem),
    /// The key is no key of ours. A lawful no, but about no license, so unsigned.
    InvalidSignature,
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<RingUnavailable> for Stop {
    fn from(_: RingUnavailable) -> Self {
        Self::Problem(Problem::unavailable())
    }
}

impl From<OverLimit> for Stop {
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
            // A row or catalog that does not read is ours to repair, and a restart of the caller's will not help it.
            StoreError::Unavailable(_) | StoreError::Corrupt(_) | StoreError::Conflict => Self::unavailable(),
        }
    }
}
