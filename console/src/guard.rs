//! The guards in front of every page: host, secret path, cookie, origin and token of a change, and the headers of each
//! answer.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use futures_util::StreamExt;
use tempfile::TempPath;

use crate::entrance;
use crate::forms::Form;
use crate::refusals;
use crate::tokens::Token;

/// The largest form: a file of some 100,000 orders or rows.
pub(crate) const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;
/// Bytes that are read and dropped, so that the sender hears why.
const MAX_BYTES_DROPPED: usize = 1_000_000_000;
/// Pause after which a console with work looks again whether it goes on.
const WORK_PAUSE: Duration = Duration::from_secs(1);
/// Name of the cookie.
const COOKIE: &str = "falconer";
/// Header of the token of a change, where a script sends a file.
const CSRF_HEADER: &str = "x-csrf";
/// Field of the token of a change.
pub(crate) const CSRF_FIELD: &str = "csrf";
/// Header of a request that a page makes by itself: it keeps no console open.
const LIVE_HEADER: &str = "x-live";

/// Headers of every answer. Nothing is loaded from elsewhere, framed, kept, or taken for another type. A referrer goes
/// to the console alone: without one, browsers send `Origin: null` with a form.
const HEADERS: [(HeaderName, &str); 8] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

/// Secrets of one run, and the moment of its last request. No `Debug`: they open the console.
pub(crate) struct Guard {
    address: SocketAddr,
    secret: Token,
    cookie: Token,
    csrf: Token,
    ticket: Mutex<Option<Ticket>>,
    last_request: Mutex<Instant>,
    /// Pieces of work that go on beside their pages.
    works: AtomicUsize,
}

/// A piece of work. The console does not end before it.
pub(crate) struct WorkInProgress<'a>(&'a Guard);

/// The one-time token, and the file that has it.
struct Ticket {
    token: Token,
    file: TempPath,
}

/// Reasons why a console does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GuardError {
    /// The operating system.
    #[error("no random bytes from the operating system: {0}")]
    Random(#[from] getrandom::Error),
    /// The file that opens the console.
    #[error("the file that opens the console cannot be written: {0}")]
    File(#[from] std::io::Error),
}

/// Why a request does not reach a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GuardRefusal {
    /// The name in `Host` is not the loopback's: another name leads to this port.
    Host,
    /// The path does not begin with the secret. Nothing is said about the paths that do.
    Path,
    /// The cookie is missing or another one.
    Cookie,
    /// The one-time token was used before, or is another one.
    Ticket,
    /// A change comes from a page that is not of this console.
    Origin,
    /// A change lacks the token of this run.
    Csrf,
    /// The body is larger than any file.
    TooLarge,
    /// Neither a page nor a change.
    Method,
}

impl Guard {
    /// Makes the secrets of a run, and the file that opens it.
    ///
    /// # Errors
    /// [`GuardError`].
    pub(crate) fn at(address: SocketAddr) -> Result<Self, GuardError> {
        let (secret, token) = (Token::fresh()?, Token::fresh()?);
        let file = entrance::write(address, &secret, &token)?;
        let ticket = Mutex::new(Some(Ticket { token, file }));
        let last_request = Mutex::new(Instant::now());
        let (cookie, csrf) = (Token::fresh()?, Token::fresh()?);
        Ok(Self { address, secret, cookie, csrf, ticket, last_request, works: AtomicUsize::new(0) })
    }

    /// Returns the path of every page, with a slash at both ends.
    pub(crate) fn base(&self) -> String {
        format!("/{}/", self.secret.as_str())
    }

    /// Returns the token that each change has to send.
    pub(crate) fn csrf(&self) -> &str {
        self.csrf.as_str()
    }

    /// Returns the file that opens the console, until it was used.
    pub(crate) fn file(&self) -> Option<std::path::PathBuf> {
        let ticket = self.ticket.lock().unwrap_or_else(PoisonError::into_inner);
        ticket.as_ref().map(|ticket| ticket.file.to_path_buf())
    }

    /// Waits until nobody has asked for anything for so long, and no work goes on.
    pub(crate) async fn idle_for(&self, longest: Duration) {
        loop {
            while self.works.load(Ordering::Relaxed) > 0 {
                tokio::time::sleep(WORK_PAUSE).await;
            }
            let last = *self.last_request.lock().unwrap_or_else(PoisonError::into_inner);
            match longest.checked_sub(last.elapsed()) {
                Some(left) if !left.is_zero() => tokio::time::sleep(left).await,
                _ => return,
            }
        }
    }

    /// Notes that work has begun. It has ended when the value is dropped.
    pub(crate) fn work(&self) -> WorkInProgress<'_> {
        self.works.fetch_add(1, Ordering::Relaxed);
        WorkInProgress(self)
    }

    /// Notes that somebody uses the console.
    fn is_used(&self) {
        *self.last_request.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    async fn admit(&self, request: Request) -> Result<Request, GuardRefusal> {
        self.check_host(&request)?;
        let path = request.uri().path();
        let inner = path.strip_prefix('/').and_then(|path| path.split_once('/'));
        let (secret, page) = inner.ok_or(GuardRefusal::Path)?;
        if !self.secret.is(secret) {
            return Err(GuardRefusal::Path);
        }
        if page == "open" {
            return if *request.method() == Method::POST { Ok(request) } else { Err(GuardRefusal::Method) };
        }
        if !cookies(request.headers()).any(|cookie| self.cookie.is(cookie)) {
            return Err(GuardRefusal::Cookie);
        }
        if !request.headers().contains_key(LIVE_HEADER) {
            self.is_used();
        }
        match *request.method() {
            Method::GET | Method::HEAD => Ok(request),
            Method::POST => self.admit_change(request).await,
            _ => Err(GuardRefusal::Method),
        }
    }

    /// The name that the browser asked for is the loopback's own: otherwise a name of elsewhere was made to lead here.
    fn check_host(&self, request: &Request) -> Result<(), GuardRefusal> {
        let mut hosts = request.headers().get_all(header::HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok());
        let expected = self.address.to_string();
        let authority = request.uri().authority().map(Authority::as_str);
        let is_ours = host == Some(&*expected)
            && hosts.next().is_none()
            && authority.is_none_or(|authority| authority == expected);
        if is_ours { Ok(()) } else { Err(GuardRefusal::Host) }
    }

    /// A change comes from a page of this console, and has its token.
    async fn admit_change(&self, request: Request) -> Result<Request, GuardRefusal> {
        let origin = request.headers().get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
        if origin != Some(&*format!("http://{}", self.address)) {
            return Err(GuardRefusal::Origin);
        }
        let (parts, body) = request.into_parts();
        let body = whole(body).await?;
        let by_header = parts.headers.get(CSRF_HEADER).and_then(|token| token.to_str().ok());
        let is_ours = if let Some(token) = by_header {
            self.csrf.is(token)
        } else {
            let form = Form::sent(&parts.headers, &body).await;
            form.get(CSRF_FIELD).is_some_and(|token| self.csrf.is(token))
        };
        if is_ours { Ok(Request::from_parts(parts, Body::from(body))) } else { Err(GuardRefusal::Csrf) }
    }

    /// Takes the one-time token for the cookie. The file goes with it.
    fn redeem(&self, token: &str) -> Result<HeaderValue, GuardRefusal> {
        let mut ticket = self.ticket.lock().unwrap_or_else(PoisonError::into_inner);
        if !ticket.as_ref().is_some_and(|ticket| ticket.token.is(token)) {
            return Err(GuardRefusal::Ticket);
        }
        *ticket = None;
        let (cookie, path) = (self.cookie.as_str(), self.base());
        let set = format!("{COOKIE}={cookie}; Path={path}; SameSite=Strict; HttpOnly");
        HeaderValue::from_str(&set).map_err(|_| GuardRefusal::Ticket)
    }
}

impl Drop for WorkInProgress<'_> {
    fn drop(&mut self) {
        // The time without a request begins with the end of the work.
        self.0.is_used();
        self.0.works.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Lets a request through to the pages, or answers it, and seals the answer.
pub(crate) async fn check(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let mut answer = match guard.admit(request).await {
        Ok(request) => next.run(request).await,
        Err(refusal) => refusals::page(refusal, &guard.base(), &path),
    };
    for (name, value) in HEADERS {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// `POST open`: the file's form. The page that it answers leads on by itself: a cookie of `SameSite=Strict` is not sent
/// with a redirect that a file began.
pub(crate) async fn open(State(guard): State<Arc<Guard>>, body: Bytes) -> Response {
    match guard.redeem(Form::read(&body).get("ticket").unwrap_or_default()) {
        Ok(cookie) => {
            let page = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Falconer console</title>\n\
                        <meta http-equiv=\"refresh\" content=\"0;url=./\">\n<p><a href=\"./\">Open the console</a></p>\n";
            ([(header::SET_COOKIE, cookie)], Html(page)).into_response()
        }
        Err(refusal) => refusals::page(refusal, &guard.base(), ""),
    }
}

/// Reads a body. One that is too large is read to its end all the same: a browser that still sends shows no answer.
async fn whole(body: Body) -> Result<Bytes, GuardRefusal> {
    let (mut stream, mut bytes, mut length) = (body.into_data_stream(), Vec::new(), 0);
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| GuardRefusal::TooLarge)?;
        length += chunk.len();
        match length {
            0..=MAX_BODY_BYTES => bytes.extend_from_slice(&chunk),
            length if length <= MAX_BYTES_DROPPED => bytes = Vec::new(),
            _ => break,
        }
    }
    if length <= MAX_BODY_BYTES { Ok(bytes.into()) } else { Err(GuardRefusal::TooLarge) }
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let texts = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = texts.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}
