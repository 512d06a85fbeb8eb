//! The network behind one method. [`HttpTransport`] is the default.

mod cancellable;

use std::time::Duration;

use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

use crate::cancel::CancelToken;

/// Limit of one attempt, from the name look-up to the last byte.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest body that is read. The largest genuine one, with a hundred devices, has some 20 KB.
pub const MAX_REPLY_BYTES: u64 = 64 * 1024;

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

/// Reason why no whole reply arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkFailure {
    /// The server's name could not be resolved.
    #[error("name not resolved")]
    Dns,
    /// No connection to the server.
    #[error("no connection")]
    Connect,
    /// No connection to the proxy, or the proxy refused it.
    #[error("proxy unreachable")]
    Proxy,
    /// The proxy wants a user name and a password.
    #[error("proxy wants a password")]
    ProxyPassword,
    /// The certificate is of an unknown authority or of another server.
    #[error("certificate not trusted")]
    Certificate,
    /// The certificate is not valid at the time of this machine's clock.
    #[error("certificate outside of its time")]
    Clock,
    /// The time of one attempt is over.
    #[error("timed out")]
    Timeout,
    /// The application cancelled the call.
    #[error("cancelled")]
    Cancelled,
    /// Any other reason.
    #[error("no answer")]
    Other,
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

/// HTTPS that trusts the operating system's certificates and takes proxy settings from the environment.
#[derive(Clone, Debug)]
pub struct HttpTransport {
    agent: Agent,
    server: String,
}

impl HttpTransport {
    /// Prepares requests to a server such as `https://licenses.example.com`.
    #[must_use]
    pub fn new(server: &str) -> Self {
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let agent = Agent::config_builder();
        // Plain HTTP stays on this machine: a proxy would carry the license key away in clear text.
        let plain = server.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http:"));
        let agent = if plain { agent.proxy(None) } else { agent };
        let config = agent
            .tls_config(tls)
            .timeout_global(Some(ATTEMPT_TIMEOUT))
            .http_status_as_error(false)
            // A redirect comes from a portal, and a license key must not follow it.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("falconer-client/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: cancellable::agent(config), server: server.trim_end_matches('/').to_owned() }
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: &TransportRequest<'_>) -> Result<Reply, NetworkFailure> {
        let answer = cancellable::with_token(&request.cancel, || self.send_request(request));
        if answer.is_err() && request.cancel.is_cancelled() { Err(NetworkFailure::Cancelled) } else { answer }
    }
}

impl HttpTransport {
    fn send_request(&self, request: &TransportRequest<'_>) -> Result<Reply, NetworkFailure> {
        let &TransportRequest { endpoint, body, .. } = request;
        let url = format!("{}{}", self.server, endpoint.path());
        let answer = match body {
            Some(body) => self.agent.post(url).content_type("application/json").send(body),
            None => self.agent.get(url).call(),
        };
        let mut response = answer.map_err(|_| NetworkFailure::Other)?;
        let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        Ok(Reply {
            status: response.status().as_u16(),
            retry_after_seconds: retry_after.and_then(|text| text.trim().parse().ok()),
            body: response
                .body_mut()
                .with_config()
                .limit(MAX_REPLY_BYTES)
                .read_to_vec()
                .map_err(|_| NetworkFailure::Other)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn plain_http_uses_no_proxy() {
        assert!(HttpTransport::new("http://127.0.0.1:9000").agent.config().proxy().is_none());
    }

    #[test]
    fn plain_http_ignores_proxy_environment() {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "transport::tests::plain_http_uses_no_proxy"])
            .env("HTTP_PROXY", "http://127.0.0.1:9")
            .env("ALL_PROXY", "http://127.0.0.1:9")
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success() && told.contains("1 passed"), "{told}");
    }
}
