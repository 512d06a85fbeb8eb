//! An answer: status, headers and body, with the facts that log and audit record.

use falconer_aws::AuditRow;
use falconer_domain::hardware::{DeviceId, Sighting};
use falconer_domain::{Code, LicenseId};
use lambda_http::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use lambda_http::{Body, http};
use serde::Serialize;

use crate::endpoint::Effect;
use crate::problem::{Problem, Rejection};
use crate::request::Request;

const JSON: &str = "application/json";
/// Seconds a caller is asked to wait when others were faster: the crowd will have passed.
const CONTENDED_RETRY_SECONDS: u32 = 1;
const PROBLEM_JSON: &str = "application/problem+json";

/// The answer of a handler.
#[derive(Debug)]
pub struct Response {
    code: Code,
    content: Content,
    cache_control: &'static str,
    license_id: Option<LicenseId>,
    audit: Option<AuditRow>,
    asker: Asker,
}

/// The asking device, for the audit.
#[derive(Clone, Debug, Default)]
pub struct Asker {
    /// The bound device, if it is one.
    pub device: Option<DeviceId>,
    /// The machine, if the request names its hardware.
    pub machine: Option<Sighting>,
}

#[derive(Debug)]
enum Content {
    Json(Vec<u8>),
    Problem(Problem),
    /// A no without a lease: not about a license, or without a decision.
    Unsigned {
        retry_after_seconds: Option<u32>,
    },
}

/// The members of every refusal. Those of the Flask server come first.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RefusalResponse))]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefusalResponse<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    success: Option<bool>,
    valid: bool,
    error: &'static str,
    code: &'static str,
    request_id: &'a str,
    /// The signed refusal: `typ` `refusal+jwt`, `aud` the product and `/refusal`. It is not a lease.
    #[serde(skip_serializing_if = "Option::is_none")]
    lease: Option<&'a str>,
    /// Members of the request that were not taken as they were sent; absent when all were.
    #[serde(skip_serializing_if = "no_names")]
    ignored: &'a [String],
}

impl<'a> RefusalResponse<'a> {
    pub(crate) fn new(code: Code, request: &'a Request, lease: Option<&'a str>, effect: Effect) -> Self {
        let row = code.row();
        Self {
            success: effect.failed(),
            valid: false,
            error: row.text,
            code: row.name,
            request_id: &request.request_id,
            lease,
            ignored: request.ignored(),
        }
    }
}

pub(crate) const fn no_names(ignored: &&[String]) -> bool {
    ignored.is_empty()
}

impl Response {
    /// An endpoint's own body, with the status of its code.
    #[must_use]
    pub fn json(code: Code, body: &impl Serialize) -> Self {
        // Unwrap safety: wire structs hold strings, numbers, lists and maps of strings, which always serialize.
        Self::with(code, Content::Json(serde_json::to_vec(body).unwrap()))
    }

    /// A signed no about a license.
    pub(crate) fn refusal(code: Code, request: &Request, lease: &str, effect: Effect) -> Self {
        Self::json(code, &RefusalResponse::new(code, request, Some(lease), effect))
    }

    /// An unsigned no: other requests were faster each time, so there is no decision to sign.
    pub(crate) const fn contended() -> Self {
        let retry_after_seconds = Some(CONTENDED_RETRY_SECONDS);
        Self::with(Code::ConcurrentUpdate, Content::Unsigned { retry_after_seconds })
    }

    /// Allows caching, which is forbidden by default.
    #[must_use]
    pub const fn cached(mut self, cache_control: &'static str) -> Self {
        self.cache_control = cache_control;
        self
    }

    /// Names the license, for the log.
    #[must_use]
    pub fn about(mut self, license_id: LicenseId) -> Self {
        self.license_id = Some(license_id);
        self
    }

    /// Adds the audit row, which is written after the response is posted.
    #[must_use]
    pub fn audited(mut self, row: AuditRow) -> Self {
        self.audit = Some(row);
        self
    }

    /// Names the asking device, for the audit row.
    #[must_use]
    pub fn asked_by(mut self, asker: Asker) -> Self {
        self.asker = asker;
        self
    }

    pub(crate) fn take_asker(&mut self) -> Asker {
        std::mem::take(&mut self.asker)
    }

    /// The code: status, text, metric and audit entry follow from it.
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

    /// The HTTP response.
    #[must_use]
    pub fn into_http(self, request: &Request, effect: Effect) -> http::Response<Body> {
        let row = self.code.row();
        let (content_type, body, headers) = match self.content {
            Content::Json(body) => (JSON, body, Vec::new()),
            Content::Problem(problem) => {
                (PROBLEM_JSON, serialized(&problem.body(&request.request_id, effect)), problem.headers)
            }
            Content::Unsigned { retry_after_seconds } => {
                let body = serialized(&RefusalResponse::new(self.code, request, None, effect));
                let retry_after = retry_after_seconds.map(|seconds| ("retry-after", seconds.to_string()));
                (JSON, body, retry_after.into_iter().collect())
            }
        };
        // Our bodies are JSON, and JSON is text: the gateway needs no base64.
        let body =
            if request.is_head() { String::new() } else { String::from_utf8(body).unwrap_or_default() };
        let mut response = http::Response::builder()
            .status(request.status(row.status))
            .header(CONTENT_TYPE, content_type)
            .header(CACHE_CONTROL, self.cache_control);
        // Every id of the gateway is a valid header value. Any other id is left out.
        if let Ok(request_id) = HeaderValue::from_str(&request.request_id) {
            response = response.header("x-request-id", request_id);
        }
        for (name, value) in headers {
            response = response.header(name, value);
        }
        // Unwrap safety: every other name and value is a constant or a number, in plain ASCII.
        response.body(Body::Text(body)).unwrap()
    }

    const fn with(code: Code, content: Content) -> Self {
        let asker = Asker { device: None, machine: None };
        Self { code, content, cache_control: "no-store", license_id: None, audit: None, asker }
    }
}

impl From<Rejection> for Response {
    fn from(stop: Rejection) -> Self {
        match stop {
            Rejection::Problem(problem) => problem.into(),
            Rejection::InvalidSignature => {
                Self::with(Code::InvalidSignature, Content::Unsigned { retry_after_seconds: None })
            }
        }
    }
}

impl From<Problem> for Response {
    fn from(problem: Problem) -> Self {
        Self::with(problem.code, Content::Problem(problem))
    }
}

fn serialized(body: &impl Serialize) -> Vec<u8> {
    // Unwrap safety: these two structs hold strings, a number and a flag.
    serde_json::to_vec(body).unwrap()
}
