//! The network, as the library sees it: one method. The default is HTTPS by `ureq`.

use std::time::Duration;

use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

/// How long one try may take, from the look-up of the name to the last byte.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest answer that is read. The largest honest one, a hundred devices, has some 20 KB.
pub const MAX_REPLY_BYTES: u64 = 64 * 1024;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// The path below the server's address.
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

/// An answer of somebody: the server, or whatever stands in between.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The header `Retry-After`, where it is a number of seconds.
    pub retry_after_seconds: Option<u64>,
    /// The body, at most [`MAX_REPLY_BYTES`].
    pub body: Vec<u8>,
}

/// Shows no body: it may name devices.
impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Nobody answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no answer")]
pub struct NoReply;

/// One request, one answer. Nothing is tried again here: the library does that for every transport.
pub trait Transport: Send + Sync {
    /// Sends `body` to an endpoint: `POST` as JSON, or `GET` if there is none. A status is never an error. The body holds
    /// the license key: do not log it.
    ///
    /// # Errors
    /// [`NoReply`] where no whole answer came, whatever the reason.
    fn send(&self, endpoint: ApiEndpoint, body: Option<&str>) -> Result<Reply, NoReply>;
}

/// HTTPS with the certificates that the operating system trusts, and its proxy settings from the environment.
#[derive(Clone, Debug)]
pub struct HttpTransport {
    agent: Agent,
    server: String,
}

impl HttpTransport {
    /// Talks to a server, `https://licenses.example.com`.
    #[must_use]
    pub fn new(server: &str) -> Self {
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let agent = Agent::config_builder();
        // Plain HTTP is for this machine alone: by way of a proxy the license key would leave it in clear.
        let plain = server.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http:"));
        let agent = if plain { agent.proxy(None) } else { agent };
        let agent = agent
            .tls_config(tls)
            .timeout_global(Some(ATTEMPT_TIMEOUT))
            .http_status_as_error(false)
            // A portal that redirects to its own page is no answer, and a license key goes nowhere else.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("falconer-client/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        Self { agent, server: server.trim_end_matches('/').to_owned() }
    }
}

impl Transport for HttpTransport {
    fn send(&self, endpoint: ApiEndpoint, body: Option<&str>) -> Result<Reply, NoReply> {
        let url = format!("{}{}", self.server, endpoint.path());
        let answer = match body {
            Some(body) => self.agent.post(url).content_type("application/json").send(body),
            None => self.agent.get(url).call(),
        };
        let mut response = answer.map_err(|_| NoReply)?;
        let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        Ok(Reply {
            status: response.status().as_u16(),
            retry_after_seconds: retry_after.and_then(|text| text.trim().parse().ok()),
            body: response
                .body_mut()
                .with_config()
                .limit(MAX_REPLY_BYTES)
                .read_to_vec()
                .map_err(|_| NoReply)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn plain_http_stays_on_this_machine() {
        assert!(HttpTransport::new("http://127.0.0.1:9000").agent.config().proxy().is_none());
    }

    #[test]
    fn plain_http_stays_on_this_machine_whatever_the_environment_says() {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "transport::tests::plain_http_stays_on_this_machine"])
            .env("HTTP_PROXY", "http://127.0.0.1:9")
            .env("ALL_PROXY", "http://127.0.0.1:9")
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success() && told.contains("1 passed"), "{told}");
    }
}
