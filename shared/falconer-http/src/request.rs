//! A request, read from its Lambda event.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use falconer_aws::{Address, OriginSecrets};
use falconer_domain::{Code, UnixMillis};
use lambda_http::http::Method;
use tokio::time::Instant;

use crate::caller;
use crate::lambda_event::{HttpRequest, NotARequest};
use crate::notes::Notes;
use crate::problem::Problem;
use crate::random;

/// Least time for a call to a service. With less, its answer would hardly come in time.
const MIN_REMAINING: Duration = Duration::from_millis(500);

/// A request.
#[derive(Clone)]
pub struct Request {
    /// The gateway's id, repeated in the answer, its log lines and its audit row.
    pub request_id: String,
    /// The moment of arrival. No other clock is read for this request.
    pub now: UnixMillis,
    /// The sender, as the gateway saw it. A header says it only beside CloudFront's proof.
    pub address: Address,
    /// The path of the URL.
    pub path: String,
    deadline: Instant,
    method: Method,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Vec<u8>,
    notes: OnceLock<Notes>,
}

impl Request {
    /// Reads a request from a Lambda event. The answer is due at `deadline`. No header says who sent it.
    ///
    /// # Errors
    /// [`NotARequest`]: the event has another sender.
    pub fn read(event: &str, now: UnixMillis, deadline: Instant) -> Result<Self, NotARequest> {
        Self::read_behind(event, now, deadline, None)
    }

    /// Reads a request that may have come through CloudFront, which proves it by one of `secrets`.
    ///
    /// # Errors
    /// As for [`Request::read`].
    pub fn read_behind(
        event: &str,
        now: UnixMillis,
        deadline: Instant,
        secrets: Option<&OriginSecrets>,
    ) -> Result<Self, NotARequest> {
        let request = HttpRequest::read(event)?;
        Ok(Self {
            request_id: request.request_id.unwrap_or_else(random::id),
            now,
            address: caller::address(&request.source_ip, &request.headers, secrets),
            path: request.path,
            deadline,
            // An invalid method becomes one that no endpoint answers.
            method: Method::from_bytes(request.method.as_bytes()).unwrap_or(Method::TRACE),
            content_type: request.content_type,
            body: request.body,
            notes: OnceLock::new(),
        })
    }

    /// Asks whether there is time for another request to a service.
    ///
    /// # Errors
    /// `UNAVAILABLE` when there is not.
    pub fn begin(&self) -> Result<(), Problem> {
        if self.deadline.saturating_duration_since(Instant::now()) < MIN_REMAINING {
            tracing::warn!("request not begun; too little time left");
            return Err(Problem::unavailable());
        }
        Ok(())
    }

    /// Checks the method. `GET` includes `HEAD`.
    ///
    /// # Errors
    /// `METHOD_NOT_ALLOWED` for every other.
    pub fn require(&self, method: &Method) -> Result<(), Problem> {
        if self.method == *method || (self.is_head() && *method == Method::GET) {
            return Ok(());
        }
        let (only, allowed) = if *method == Method::GET {
            ("GET and HEAD", "GET, HEAD")
        } else {
            (method.as_str(), method.as_str())
        };
        Err(Problem::new(Code::MethodNotAllowed, format!("This endpoint answers {only} only."))
            .with_header("allow", allowed))
    }

    /// True for a request whose answer has no body.
    pub(crate) fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }

    /// Keeps the notes that the body leaves for the answer.
    pub(crate) fn note(&self, notes: Notes) {
        // A body is read once.
        let _ = self.notes.set(notes);
    }

    /// Names of the members that were not taken as they were sent, for the answer.
    #[must_use]
    pub fn ignored(&self) -> &[String] {
        self.notes.get().map_or(&[], |notes| &notes.ignored)
    }

    /// The status of an answer whose code has this one.
    pub(crate) fn status(&self, status: u16) -> u16 {
        match self.notes.get().and_then(|notes| notes.refusal_status) {
            Some(wanted) if status == 401 => wanted.code(),
            _ => status,
        }
    }
}

/// The body holds a license key, and the address is a person's.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Request");
        shown.field("request_id", &self.request_id).field("path", &self.path).finish_non_exhaustive()
    }
}
