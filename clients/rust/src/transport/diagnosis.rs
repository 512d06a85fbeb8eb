//! The cause of a failed request, from the errors of the libraries below.

use std::io::{self, ErrorKind};

use rustls::CertificateError;
use ureq::{Error, Timeout};

use super::NetworkFailure;

/// Beginning of the standard library's message for a name that was not resolved. Its error has no kind of its own.
const LOOKUP_FAILED: &str = "failed to lookup address information";
/// `WSAHOST_NOT_FOUND` to `WSANO_DATA`: the codes of Windows for the same.
const WINDOWS_LOOKUP_CODES: std::ops::RangeInclusive<i32> = 11_001..=11_004;
/// Status of a proxy that wants a password.
const PROXY_PASSWORD_STATUS: &str = "407";

/// ureq's words for a SOCKS proxy that wants a password, or another one.
const SOCKS_PASSWORD: [&str; 3] =
    ["no acceptable auth methods", "unknown auth method", "password authentication failed"];

/// Route that a request took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Direct,
    Proxy,
}

/// Error of an exchange, as far as the next step depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Diagnosis {
    /// A cause that has nothing to do with certificates, or a wrong clock.
    Failure(NetworkFailure),
    /// The certificate is not trusted: its authority is unknown, or has the name of a known one.
    Untrusted,
    /// The certificate is rejected for a reason that has no code, as macOS does for a wrong clock.
    Unexplained,
}

impl Diagnosis {
    pub(super) const fn failure(self) -> NetworkFailure {
        match self {
            Self::Failure(failure) => failure,
            Self::Untrusted | Self::Unexplained => NetworkFailure::Certificate,
        }
    }
}

/// Reads an error of ureq.
pub(super) fn diagnose(error: &Error, route: Route) -> Diagnosis {
    let failure = match error {
        Error::Io(error) => return of_io(error, route),
        Error::Rustls(error) => return of_tls(error),
        Error::HostNotFound | Error::Timeout(Timeout::Resolve) => unresolved(route),
        Error::Timeout(Timeout::Connect) if route == Route::Proxy => NetworkFailure::Proxy,
        Error::Timeout(_) => NetworkFailure::Timeout,
        Error::ConnectionFailed => unconnected(route),
        Error::ConnectProxyFailed(reason) => of_proxy(reason),
        _ => NetworkFailure::Other,
    };
    Diagnosis::Failure(failure)
}

/// A proxy resolves the server's name, so a name that was not found here is the proxy's.
const fn unresolved(route: Route) -> NetworkFailure {
    match route {
        Route::Direct => NetworkFailure::Dns,
        Route::Proxy => NetworkFailure::Proxy,
    }
}

const fn unconnected(route: Route) -> NetworkFailure {
    match route {
        Route::Direct => NetworkFailure::Connect,
        Route::Proxy => NetworkFailure::Proxy,
    }
}

fn of_io(error: &io::Error, route: Route) -> Diagnosis {
    if let Some(inner) = error.get_ref() {
        if let Some(error) = inner.downcast_ref::<rustls::Error>() {
            return of_tls(error);
        }
        if let Some(error) = inner.downcast_ref::<Error>() {
            return diagnose(error, route);
        }
    }
    let is_windows_lookup =
        cfg!(windows) && error.raw_os_error().is_some_and(|code| WINDOWS_LOOKUP_CODES.contains(&code));
    if is_windows_lookup || error.to_string().starts_with(LOOKUP_FAILED) {
        return Diagnosis::Failure(unresolved(route));
    }
    if route == Route::Proxy && SOCKS_PASSWORD.contains(&error.to_string().as_str()) {
        return Diagnosis::Failure(NetworkFailure::ProxyPassword);
    }
    Diagnosis::Failure(match error.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => NetworkFailure::Timeout,
        ErrorKind::ConnectionRefused
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown
        | ErrorKind::AddrNotAvailable
        | ErrorKind::PermissionDenied => unconnected(route),
        // Broken off: the server or the network, while a proxy only hands that on.
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof
            if route == Route::Direct =>
        {
            NetworkFailure::Connect
        }
        // The refusals of a SOCKS proxy, which has no statuses that ureq hands on.
        ErrorKind::Other | ErrorKind::InvalidData if route == Route::Proxy => NetworkFailure::Proxy,
        _ => NetworkFailure::Other,
    })
}

fn of_tls(error: &rustls::Error) -> Diagnosis {
    let rustls::Error::InvalidCertificate(error) = error else {
        return match error {
            // The Linux verifier's answer where the system has no root certificates.
            rustls::Error::General(_) => Diagnosis::Untrusted,
            // Plain text where TLS was expected.
            rustls::Error::InvalidMessage(_) => Diagnosis::Failure(NetworkFailure::Intercepted),
            _ => Diagnosis::Failure(NetworkFailure::Other),
        };
    };
    match error {
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => Diagnosis::Failure(NetworkFailure::Clock),
        CertificateError::Other(_) => Diagnosis::Unexplained,
        _ => Diagnosis::Untrusted,
    }
}

/// ureq gives the status in words alone: "proxy server responded 407/407". A redirect, or "sign in first" (511), comes
/// from a portal.
fn of_proxy(reason: &str) -> NetworkFailure {
    let status = reason.rsplit(['/', ' ']).next().unwrap_or_default();
    match status.as_bytes() {
        _ if status == PROXY_PASSWORD_STATUS => NetworkFailure::ProxyPassword,
        b"511" | [b'3', _, _] => NetworkFailure::Intercepted,
        _ => NetworkFailure::Proxy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_has_its_cause() {
        let io = |kind: ErrorKind| Error::Io(io::Error::from(kind));
        let tls = |error| {
            Error::Io(io::Error::new(ErrorKind::InvalidData, rustls::Error::InvalidCertificate(error)))
        };
        let proxy = |text: &str| Error::ConnectProxyFailed(text.to_owned());
        for (error, direct, behind_proxy) in [
            (Error::HostNotFound, NetworkFailure::Dns, NetworkFailure::Proxy),
            (io(ErrorKind::ConnectionRefused), NetworkFailure::Connect, NetworkFailure::Proxy),
            (io(ErrorKind::NetworkUnreachable), NetworkFailure::Connect, NetworkFailure::Proxy),
            (io(ErrorKind::ConnectionReset), NetworkFailure::Connect, NetworkFailure::Other),
            (Error::Timeout(Timeout::Connect), NetworkFailure::Timeout, NetworkFailure::Proxy),
            (Error::Timeout(Timeout::Global), NetworkFailure::Timeout, NetworkFailure::Timeout),
            (
                proxy("proxy server responded 407/407"),
                NetworkFailure::ProxyPassword,
                NetworkFailure::ProxyPassword,
            ),
            (proxy("proxy server responded 502/502"), NetworkFailure::Proxy, NetworkFailure::Proxy),
            (
                proxy("proxy server responded 302/302"),
                NetworkFailure::Intercepted,
                NetworkFailure::Intercepted,
            ),
            (
                proxy("proxy server responded 511/511"),
                NetworkFailure::Intercepted,
                NetworkFailure::Intercepted,
            ),
            (proxy("proxy server did not respond"), NetworkFailure::Proxy, NetworkFailure::Proxy),
            (tls(CertificateError::Expired), NetworkFailure::Clock, NetworkFailure::Clock),
            (tls(CertificateError::NotValidYet), NetworkFailure::Clock, NetworkFailure::Clock),
            (tls(CertificateError::UnknownIssuer), NetworkFailure::Certificate, NetworkFailure::Certificate),
            (
                tls(CertificateError::NotValidForName),
                NetworkFailure::Certificate,
                NetworkFailure::Certificate,
            ),
            (tls(CertificateError::Revoked), NetworkFailure::Certificate, NetworkFailure::Certificate),
        ] {
            assert_eq!(diagnose(&error, Route::Direct).failure(), direct, "{error}");
            assert_eq!(diagnose(&error, Route::Proxy).failure(), behind_proxy, "{error}");
        }
    }
}
