//! One request, taken out of its event: everything a handler may look at.

use std::fmt;
use std::time::Duration;

use falconer_aws::Address;
use falconer_domain::{Code, UnixMillis};
use lambda_http::http::{Method, header};
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt};
use tokio::time::Instant;

use crate::problem::Problem;
use crate::random;

/// With less time left than this nothing is begun: it would hardly come back in time.
const LEAST_TIME: Duration = Duration::from_millis(500);

/// A request.
#[derive(Clone)]
pub struct Call {
    /// The gateway's id of it, in every answer, log line and audit row.
    pub request_id: String,
    /// Its one moment.
    pub now: UnixMillis,
    /// Where it came from, as the gateway saw it: never a header.
    pub address: Address,
    /// Its path.
    pub path: String,
    deadline: Instant,
    method: Method,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Call {
    /// Takes a request out of the gateway's event. It is to be answered by `deadline`.
    #[must_use]
    pub fn new(request: Request, now: UnixMillis, deadline: Instant) -> Self {
        let (request_id, source_ip) = match request.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(context)) => {
                (context.request_id.clone(), context.http.source_ip.clone())
            }
            _ => (None, None),
        };
        let (parts, body) = request.into_parts();
        Self {
            request_id: request_id.filter(|id| !id.is_empty()).unwrap_or_else(random::id),
            now,
            address: Address::fold(source_ip.as_deref().unwrap_or_default()),
            path: parts.uri.path().to_owned(),
            deadline,
            method: parts.method,
            content_type: parts
                .headers
                .get(header::CONTENT_TYPE)
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
            body: body.to_vec(),
        }
    }

    /// Asks whether there is time for another call to a service.
    ///
    /// # Errors
    /// `UNAVAILABLE` when there is not.
    pub fn begin(&self) -> Result<(), Problem> {
        if self.deadline.saturating_duration_since(Instant::now()) < LEAST_TIME {
            tracing::warn!("too little time left to begin another call");
            return Err(Problem::unavailable());
        }
        Ok(())
    }

    /// Lets one method through.
    ///
    /// # Errors
    /// `METHOD_NOT_ALLOWED` for every other.
    pub fn require(&self, method: &Method) -> Result<(), Problem> {
        if self.method == *method {
            return Ok(());
        }
        Err(Problem::new(Code::MethodNotAllowed, format!("This endpoint answers {method} only."))
            .with_header("allow", method.to_string()))
    }
}

/// The body holds a license key, and the address is a person's.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Call");
        shown.field("request_id", &self.request_id).field("path", &self.path).finish_non_exhaustive()
    }
}
