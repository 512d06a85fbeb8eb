//! An answer: status, headers and body, and what the log and the audit say of it.

use falconer_aws::AuditRow;
use falconer_domain::{Code, LicenseId};
use lambda_http::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use lambda_http::{Body, Response};
use serde::Serialize;

use crate::problem::{Problem, Stop};

const JSON: &str = "application/json";
const PROBLEM_JSON: &str = "application/problem+json";

/// What a handler returns.
#[derive(Debug)]
pub struct Answer {
    code: Code,
    content: Content,
    cache_control: &'static str,
    license_id: Option<LicenseId>,
    audit: Option<AuditRow>,
}

#[derive(Debug)]
enum Content {
    Json(Vec<u8>),
    Problem(Problem),
    InvalidSignature,
}

/// What every refusal says. S1's members first.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RefusalBody<'a> {
    valid: bool,
    error: &'static str,
    code: &'static str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    lease: Option<&'a str>,
}

impl Answer {
    /// A body of the endpoint's own, with the status of its code.
    #[must_use]
    pub fn json(code: Code, body: &impl Serialize) -> Self {
        // Unwrap safety: wire structs hold strings, numbers, lists and maps of strings, which always serialize.
        Self::with(code, Content::Json(serde_json::to_vec(body).unwrap()))
    }

    /// A signed no about a license.
    #[must_use]
    pub fn refusal(code: Code, request_id: &str, lease: &str) -> Self {
        let row = code.row();
        let lease = Some(lease);
        Self::json(code, &RefusalBody { valid: false, error: row.text, code: row.name, request_id, lease })
    }

    /// What caches may do; without this, nothing.
    #[must_use]
    pub const fn cached(mut self, cache_control: &'static str) -> Self {
        self.cache_control = cache_control;
        self
    }

    /// The license it is about, for the log.
    #[must_use]
    pub fn about(mut self, license_id: LicenseId) -> Self {
        self.license_id = Some(license_id);
        self
    }

    /// The row to write after it has been posted.
    #[must_use]
    pub fn audited(mut self, row: AuditRow) -> Self {
        self.audit = Some(row);
        self
    }

    /// Its code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    pub(crate) const fn license_id(&self) -> Option<&LicenseId> {
        self.license_id.as_ref()
    }

    pub(crate) fn take_audit(&mut self) -> Option<AuditRow> {
        self.audit.take()
    }

    /// Its wire form.
    #[must_use]
    pub fn into_response(self, request_id: &str) -> Response<Body> {
        let row = self.code.row();
        let (content_type, body, headers) = match self.content {
            Content::Json(body) => (JSON, body, Vec::new()),
            Content::Problem(problem) => {
                (PROBLEM_JSON, serialized(&problem.body(request_id)), problem.headers)
            }
            Content::InvalidSignature => {
                let body =
                    RefusalBody { valid: false, error: row.text, code: row.name, request_id, lease: None };
                (JSON, serialized(&body), Vec::new())
            }
        };
        // Our bodies are JSON, and JSON is text: the gateway needs no base64.
        let body = String::from_utf8(body).unwrap_or_default();
        let mut response = Response::builder()
            .status(row.status)
            .header(CONTENT_TYPE, content_type)
            .header(CACHE_CONTROL, self.cache_control);
        // A gateway's id is a header value; one that is not is left out, and the answer goes out without it.
        if let Ok(request_id) = HeaderValue::from_str(request_id) {
            response = response.header("x-request-id", request_id);
        }
        for (name, value) in headers {
            response = response.header(name, value);
        }
        // Unwrap safety: every other name and value is ours, in plain ASCII.
        response.body(Body::Text(body)).unwrap()
    }

    const fn with(code: Code, content: Content) -> Self {
        Self { code, content, cache_control: "no-store", license_id: None, audit: None }
    }
}

impl From<Stop> for Answer {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Problem(problem) => problem.into(),
            Stop::InvalidSignature => Self::with(Code::InvalidSignature, Content::InvalidSignature),
        }
    }
}

impl From<Problem> for Answer {
    fn from(problem: Problem) -> Self {
        Self::with(problem.code, Content::Problem(problem))
    }
}

fn serialized(body: &impl Serialize) -> Vec<u8> {
    // Unwrap safety: these two structs hold strings, a number and a flag.
    serde_json::to_vec(body).unwrap()
}
