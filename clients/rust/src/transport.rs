//! The network behind one method. [`HttpTransport`] is the default.

mod cancellable;
mod diagnosis;
#[allow(dead_code, reason = "each system reads its own spelling, and tests on each read all")]
mod exceptions;
mod failure;
mod http;
#[allow(dead_code, reason = "as above")]
mod proxy;

use std::time::Duration;

use crate::cancel::CancelToken;

pub use failure::NetworkFailure;
pub use http::{HttpTransport, InvalidCertificate};
pub use proxy::InvalidProxy;
pub(crate) use proxy::is_this_machine;

/// Limit of one attempt, from the name look-up to the last byte, unless the application sets another.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// Shortest limit that an application can set. A connection around the world takes most of a second.
pub const MIN_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(1);
/// Longest limit that an application can set. A call has several attempts, and a person waits for it.
pub const MAX_ATTEMPT_TIMEOUT: Duration = Duration::from_mins(1);
/// Longest body that is read. The largest genuine one, with a hundred devices, has some 20 KB.
pub const MAX_REPLY_BYTES: u64 = 64 * 1024;
/// Status "network authentication required" of RFC 6585: a portal wants somebody to sign in.
pub(crate) const PORTAL_STATUS: u16 = 511;

/// An endpoint of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApiEndpoint {
    /// `POST /api/verify`.
    Verify,
    /// `POST /api/activate-sync`.
    Activate,
    /// `POST /api/transfer`.
    Transfer,
    /// `POST /api/deactivate`.
    Deactivate,
    /// `GET /api/keys`.
    Keys,
}

impl ApiEndpoint {
    /// Path below the server's address.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Verify => "/api/verify",
            Self::Activate => "/api/activate-sync",
            Self::Transfer => "/api/transfer",
            Self::Deactivate => "/api/deactivate",
            Self::Keys => "/api/keys",
        }
    }
}

/// A reply of the server, or of a system in between. Nothing in it is authenticated yet.
#[derive(Clone, derive_more::Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply {
    /// HTTP status code.
    pub status: u16,
    /// Value of `Retry-After`, where it is a number of seconds.
    pub retry_after_seconds: Option<u64>,
    /// Body, at most [`MAX_REPLY_BYTES`] long. `Debug` omits it, because it may name devices.
    #[debug("{} bytes", body.len())]
    pub body: Vec<u8>,
}

impl Reply {
    /// A reply without `Retry-After`.
    #[must_use]
    pub const fn new(status: u16, body: Vec<u8>) -> Self {
        Self { status, retry_after_seconds: None, body }
    }

    /// The same with a `Retry-After` of so many seconds.
    #[must_use]
    pub fn with_retry_after(self, seconds: u64) -> Self {
        Self { retry_after_seconds: Some(seconds), ..self }
    }
}

/// One request of the library.
#[derive(Clone, derive_more::Debug)]
#[non_exhaustive]
pub struct TransportRequest<'a> {
    /// Endpoint.
    pub endpoint: ApiEndpoint,
    /// JSON body of a `POST`; a `GET` has none. It holds the license key, so `Debug` omits it.
    #[debug("{} bytes", body.map_or(0, str::len))]
    pub body: Option<&'a str>,
    /// Switch that the application may use while the request waits. A transport returns
    /// [`NetworkFailure::Cancelled`] soon after; one that does not delays the end of the call until it returns.
    pub cancel: CancelToken,
}

impl<'a> TransportRequest<'a> {
    /// A request that nobody cancels.
    #[must_use]
    pub fn new(endpoint: ApiEndpoint, body: Option<&'a str>) -> Self {
        Self { endpoint, body, cancel: CancelToken::new() }
    }
}

/// One request and its reply. The library retries, so a transport must not.
pub trait Transport: Send + Sync {
    /// Sends the body as JSON by `POST`, or a `GET` without a body. Any status is a reply and no error. The body holds
    /// the license key, so do not log it.
    ///
    /// # Errors
    /// The reason, if no whole reply arrived. [`NetworkFailure::Other`] is right for a transport that knows none.
    fn send(&self, request: &TransportRequest<'_>) -> Result<Reply, NetworkFailure>;
}
