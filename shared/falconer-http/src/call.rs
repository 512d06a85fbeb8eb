//! One request, taken out of its event: everything a handler may look at.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use falconer_aws::Address;
use falconer_domain::{Code, UnixMillis};
use lambda_http::http::Method;
use tokio::time::Instant;

use crate::event::{HttpRequest, NotARequest};
use crate::notes::Notes;
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
    notes: OnceLock<Notes>,
}

impl Call {
    /// Takes a request out of the event that Lambda hands over. It is to be answered by `deadline`.
    ///
    /// # Errors
    /// [`NotARequest`]: the event is another one.
    pub fn read(event: &str, now: UnixMillis, deadline: Instant) -> Result<Self, NotARequest> {
        let request = HttpRequest::read(event)?;
        Ok(Self {
            request_id: request.request_id.unwrap_or_else(random::id),
            now,
            address: Address::fold(&request.source_ip),
            path: request.path,
            deadline,
            // A method that is none is one that no endpoint answers.
            method: Method::from_bytes(request.method.as_bytes()).unwrap_or(Method::TRACE),
            content_type: request.content_type,
            body: request.body,
            notes: OnceLock::new(),
        })
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

    /// Lets one method through, and with GET also HEAD.
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

    /// Whether the answer's body stays at home.
    pub(crate) fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }

    /// Keeps what the request asks of its answer.
    pub(crate) fn note(&self, notes: Notes) {
        // A body is read once.
        let _ = self.notes.set(notes);
    }

    /// The members that were not taken as they were sent, for the answer.
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
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Call");
        shown.field("request_id", &self.request_id).field("path", &self.path).finish_non_exhaustive()
    }
}
