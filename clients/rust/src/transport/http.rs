//! HTTPS by the machine's settings: its proxy, its certificates, and those of the application beside them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Proxy};

use super::diagnosis::{Diagnosis, Route, diagnose};
use super::proxy::{self, InvalidProxy};
use super::{
    ATTEMPT_TIMEOUT, MAX_ATTEMPT_TIMEOUT, MAX_REPLY_BYTES, MIN_ATTEMPT_TIMEOUT, NetworkFailure, Reply,
    Transport, TransportRequest, cancellable,
};

/// Share of an attempt that its connection may take, as a fraction. A connection that takes longer failed, so that the
/// client tells a proxy of another network from a slow server.
const CONNECTION_SHARE: (u32, u32) = (4, 5);
/// Status of a proxy that wants a password. The license server has no such answer.
const PROXY_PASSWORD_STATUS: u16 = 407;

/// Text without a certificate in PEM, or with one that is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("a root certificate must be in PEM: a text with the line -----BEGIN CERTIFICATE-----")]
pub struct InvalidCertificate;

/// HTTPS that trusts the operating system's certificates and goes by the machine's proxy. `https_proxy`, `all_proxy` and
/// `no_proxy` of the environment come first, then the settings of Windows or macOS. Plain HTTP to this machine never
/// goes by a proxy.
#[derive(Clone, Debug)]
pub struct HttpTransport {
    server: String,
    proxy: ProxyChoice,
    timeout: Duration,
    roots: Vec<Certificate<'static>>,
    /// True after the application's certificates were right where the system's were not.
    own_roots_first: Arc<AtomicBool>,
}

#[derive(Clone, Debug)]
enum ProxyChoice {
    /// None at all.
    Never,
    /// The one that the machine's settings name for this host.
    Machine { host: String },
    /// The application's.
    Fixed(Proxy),
}

/// Judge of the server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Roots {
    System,
    Application,
}

impl HttpTransport {
    /// Prepares requests to a server such as `https://licenses.example.com`.
    #[must_use]
    pub fn new(server: &str) -> Self {
        let uri = server.parse::<ureq::http::Uri>().unwrap_or_default();
        // Plain HTTP stays on this machine: a proxy would carry the license key away in clear text.
        let is_plain = uri.scheme_str().is_some_and(|scheme| scheme.eq_ignore_ascii_case("http"));
        let host = uri.host().unwrap_or_default().to_owned();
        Self {
            server: server.trim_end_matches('/').to_owned(),
            proxy: if is_plain { ProxyChoice::Never } else { ProxyChoice::Machine { host } },
            timeout: ATTEMPT_TIMEOUT,
            roots: Vec::new(),
            own_roots_first: Arc::default(),
        }
    }

    /// Goes by this proxy instead of the machine's, such as `http://user:password@proxy.example.com:8080`; `https`,
    /// `socks4`, `socks4a`, `socks5` and `socks5h` are the other schemes.
    ///
    /// # Errors
    /// [`InvalidProxy`] for any other text.
    pub fn proxy(mut self, url: &str) -> Result<Self, InvalidProxy> {
        let proxy = proxy::parse(url)?;
        if !matches!(self.proxy, ProxyChoice::Never) {
            self.proxy = ProxyChoice::Fixed(proxy);
        }
        Ok(self)
    }

    /// Sets the limit of one attempt, from the name look-up to the last byte, to between [`MIN_ATTEMPT_TIMEOUT`] and
    /// [`MAX_ATTEMPT_TIMEOUT`].
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout.clamp(MIN_ATTEMPT_TIMEOUT, MAX_ATTEMPT_TIMEOUT);
        self
    }

    /// Trusts the certificates in this text (PEM) beside the operating system's.
    ///
    /// # Errors
    /// [`InvalidCertificate`] if there is none, or if one is damaged.
    pub fn root_certificate(mut self, pem: &str) -> Result<Self, InvalidCertificate> {
        let before = self.roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(|_| InvalidCertificate)?;
            let mut judge = RootCertStore::empty();
            judge.add(certificate.clone()).map_err(|_| InvalidCertificate)?;
            self.roots.push(Certificate::from_der(&certificate).to_owned());
        }
        if self.roots.len() == before { Err(InvalidCertificate) } else { Ok(self) }
    }

    fn proxy_now(&self) -> Option<Proxy> {
        match &self.proxy {
            ProxyChoice::Never => None,
            ProxyChoice::Machine { host } => proxy::of_machine(host),
            ProxyChoice::Fixed(proxy) => Some(proxy.clone()),
        }
    }

    /// An agent for one exchange. The next one may find another network, with another proxy.
    fn agent(&self, roots: Roots, proxy: Option<Proxy>, left: Duration) -> Agent {
        let roots = match roots {
            Roots::System => RootCerts::PlatformVerifier,
            Roots::Application => RootCerts::Specific(Arc::new(self.roots.clone())),
        };
        let (share, of) = CONNECTION_SHARE;
        let config = Agent::config_builder()
            .proxy(proxy)
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .timeout_global(Some(left))
            .timeout_connect(Some(left * share / of))
            .http_status_as_error(false)
            // A redirect comes from a portal, and a license key must not follow it.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("falconer-client/", env!("CARGO_PKG_VERSION")))
            .build();
        cancellable::agent(config)
    }

    /// Sends with one judge of certificates, and with the other where that may help.
    fn send_once(&self, request: &TransportRequest<'_>, proxy: Option<&Proxy>) -> Result<Reply, Diagnosis> {
        let begun = Instant::now();
        let own_first = self.own_roots_first.load(Ordering::Relaxed);
        let (first, second) =
            if own_first { (Roots::Application, Roots::System) } else { (Roots::System, Roots::Application) };
        let result = self.exchange(request, first, proxy, self.timeout);
        let Err(diagnosis) = &result else { return result };
        if !self.is_worth_another_judge(*diagnosis) {
            return result;
        }
        let result = self.exchange(request, second, proxy, self.timeout.saturating_sub(begun.elapsed()));
        if result.is_ok() {
            self.own_roots_first.store(second == Roots::Application, Ordering::Relaxed);
        }
        result
    }

    /// The application's certificates may be the right ones. Even where it has none, their judge tells a wrong clock,
    /// because it looks at the dates first.
    fn is_worth_another_judge(&self, diagnosis: Diagnosis) -> bool {
        match diagnosis {
            Diagnosis::Untrusted => !self.roots.is_empty(),
            Diagnosis::Unexplained => true,
            Diagnosis::Failure(_) => false,
        }
    }

    fn exchange(
        &self,
        request: &TransportRequest<'_>,
        roots: Roots,
        proxy: Option<&Proxy>,
        left: Duration,
    ) -> Result<Reply, Diagnosis> {
        let route = if proxy.is_some() { Route::Proxy } else { Route::Direct };
        let agent = self.agent(roots, proxy.cloned(), left);
        let ending = agent.clone();
        // A SOCKS proxy's connection is ureq's own, and ends with the agent.
        let _ends = request.cancel.on_cancel(move || ending.shutdown());
        let reply = exchange(&agent, &format!("{}{}", self.server, request.endpoint.path()), request.body);
        reply.map_err(|error| {
            let diagnosis = diagnose(&error, route);
            tracing::debug!(
                request.endpoint = request.endpoint.path(),
                failure.cause = diagnosis.failure().name(),
                failure.error = %error,
                proxy.host = proxy.map(Proxy::host),
                "no answer of the license server"
            );
            diagnosis
        })
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: &TransportRequest<'_>) -> Result<Reply, NetworkFailure> {
        let proxy = self.proxy_now();
        let reply = cancellable::with_token(&request.cancel, || self.send_once(request, proxy.as_ref()));
        if reply.is_err() && request.cancel.is_cancelled() {
            return Err(NetworkFailure::Cancelled);
        }
        let reply = reply.map_err(Diagnosis::failure)?;
        if reply.status == PROXY_PASSWORD_STATUS {
            return Err(NetworkFailure::ProxyPassword);
        }
        Ok(reply)
    }
}

/// One request and its reply, whatever its status is.
fn exchange(agent: &Agent, url: &str, body: Option<&str>) -> Result<Reply, ureq::Error> {
    let mut response = match body {
        Some(body) => agent.post(url).content_type("application/json").send(body)?,
        None => agent.get(url).call()?,
    };
    let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
    Ok(Reply {
        status: response.status().as_u16(),
        retry_after_seconds: retry_after.and_then(|text| text.trim().parse().ok()),
        body: response.body_mut().with_config().limit(MAX_REPLY_BYTES).read_to_vec()?,
    })
}

#[cfg(test)]
mod tests;
