//! An answer: status, headers and body, and what the log and the audit say of it.

use falconer_aws::AuditRow;
use falconer_domain::hardware::{DeviceId, Sighting};
use falconer_domain::{Code, LicenseId};
use lambda_http::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use lambda_http::{Body, Response};
use serde::Serialize;

use crate::call::Call;
use crate::problem::{Problem, Stop};
use crate::serve::Effect;

const JSON: &str = "application/json";
/// Seconds a caller is asked to wait when others were faster: the crowd will have passed.
const CONTENDED_RETRY_SECONDS: u32 = 1;
const PROBLEM_JSON: &str = "application/problem+json";

/// What a handler returns.
#[derive(Debug)]
pub struct Answer {
    code: Code,
    content: Content,
    cache_control: &'static str,
    license_id: Option<LicenseId>,
    audit: Option<AuditRow>,
    asker: Asker,
}

/// Who asks, for the audit.
#[derive(Clone, Debug, Default)]
pub struct Asker {
    /// The bound device it is.
    pub device: Option<DeviceId>,
    /// The machine it is on, where it said so.
    pub machine: Option<Sighting>,
}

#[derive(Debug)]
enum Content {
    Json(Vec<u8>),
    Problem(Problem),
    /// A no without a lease: about no license, or without a decision.
    Unsigned {
        retry_after_seconds: Option<u32>,
    },
}

/// What every refusal says. S1's members first.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Refusal))]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefusalBody<'a> {
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

impl<'a> RefusalBody<'a> {
    pub(crate) fn new(code: Code, call: &'a Call, lease: Option<&'a str>, effect: Effect) -> Self {
        let row = code.row();
        Self {
            success: effect.failed(),
            valid: false,
            error: row.text,
            code: row.name,
            request_id: &call.request_id,
            lease,
            ignored: call.ignored(),
        }
    }
}

pub(crate) const fn no_names(ignored: &&[String]) -> bool {
    ignored.is_empty()
}

impl Effect {
    /// The member `success` of an answer that is no yes.
    pub(crate) const fn failed(self) -> Option<bool> {
        match self {
            Self::Tells => None,
            Self::Changes => Some(false),
        }
    }
}

impl Answer {
    /// A body of the endpoint's own, with the status of its code.
    #[must_use]
    pub fn json(code: Code, body: &impl Serialize) -> Self {
        // Unwrap safety: wire structs hold strings, numbers, lists and maps of strings, which always serialize.
        Self::with(code, Content::Json(serde_json::to_vec(body).unwrap()))
    }

    /// A signed no about a license, of an endpoint that tells.
    #[must_use]
    pub fn refusal(code: Code, call: &Call, lease: &str) -> Self {
        Self::json(code, &RefusalBody::new(code, call, Some(lease), Effect::Tells))
    }

    /// Others were faster, again and again. Nothing is known that could be signed.
    pub(crate) const fn contended() -> Self {
        let retry_after_seconds = Some(CONTENDED_RETRY_SECONDS);
        Self::with(Code::ConcurrentUpdate, Content::Unsigned { retry_after_seconds })
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

    /// Who asked, for the row that will record it.
    #[must_use]
    pub fn asked_by(mut self, asker: Asker) -> Self {
        self.asker = asker;
        self
    }

    pub(crate) fn take_asker(&mut self) -> Asker {
        std::mem::take(&mut self.asker)
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
    pub fn into_response(self, call: &Call, effect: Effect) -> Response<Body> {
        let row = self.code.row();
        let (content_type, body, headers) = match self.content {
            Content::Json(body) => (JSON, body, Vec::new()),
            Content::Problem(problem) => {
                (PROBLEM_JSON, serialized(&problem.body(&call.request_id, effect)), problem.headers)
            }
            Content::Unsigned { retry_after_seconds } => {
                let body = serialized(&RefusalBody::new(self.code, call, None, effect));
                let retry_after = retry_after_seconds.map(|seconds| ("retry-after", seconds.to_string()));
                (JSON, body, retry_after.into_iter().collect())
            }
        };
        // Our bodies are JSON, and JSON is text: the gateway needs no base64.
        let body = if call.is_head() { String::new() } else { String::from_utf8(body).unwrap_or_default() };
        let mut response = Response::builder()
            .status(call.status(row.status))
            .header(CONTENT_TYPE, content_type)
            .header(CACHE_CONTROL, self.cache_control);
        // A gateway's id is a header value; one that is not is left out, and the answer goes out without it.
        if let Ok(request_id) = HeaderValue::from_str(&call.request_id) {
            response = response.header("x-request-id", request_id);
        }
        for (name, value) in headers {
            response = response.header(name, value);
        }
        // Unwrap safety: every other name and value is ours, in plain ASCII.
        response.body(Body::Text(body)).unwrap()
    }

    const fn with(code: Code, content: Content) -> Self {
        let asker = Asker { device: None, machine: None };
        Self { code, content, cache_control: "no-store", license_id: None, audit: None, asker }
    }
}

impl From<Stop> for Answer {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Problem(problem) => problem.into(),
            Stop::InvalidSignature => {
                Self::with(Code::InvalidSignature, Content::Unsigned { retry_after_seconds: None })
            }
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
