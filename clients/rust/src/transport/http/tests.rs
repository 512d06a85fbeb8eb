//! Tests of the transport's settings, and of the judge that knows no authority.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::thread;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::*;
use crate::transport::ApiEndpoint;

#[test]
fn plain_http_uses_no_proxy() {
    for server in ["http://127.0.0.1:9000", "HTTP://localhost:9000/"] {
        let transport = HttpTransport::new(server).proxy("http://proxy.example.com:8080").unwrap();
        assert_eq!(transport.proxy_now(), None, "{server}");
    }
    let transport = HttpTransport::new("https://licenses.example.com").proxy("proxy.example.com").unwrap();
    assert_eq!(transport.proxy_now().map(|proxy| proxy.port()), Some(80));
}

#[test]
fn proxies_without_a_host_are_refused() {
    for url in ["", "http://", "ftp://proxy.example.com", "http://proxy example", "://"] {
        let transport = HttpTransport::new("https://licenses.example.com");
        assert_eq!(transport.proxy(url).map(drop), Err(InvalidProxy), "{url}");
    }
}

#[test]
fn texts_without_a_certificate_are_refused() {
    let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for pem in ["", "no certificate", damaged, &damaged.replace("AAAA", "?")] {
        let transport = HttpTransport::new("https://licenses.example.com");
        assert_eq!(transport.root_certificate(pem).map(drop), Err(InvalidCertificate), "{pem}");
    }
}

#[test]
fn timeouts_stay_within_their_bounds() {
    let timeout = |seconds| {
        HttpTransport::new("https://licenses.example.com").timeout(Duration::from_secs(seconds)).timeout
    };
    assert_eq!(timeout(0), MIN_ATTEMPT_TIMEOUT);
    assert_eq!(timeout(10), Duration::from_secs(10));
    assert_eq!(timeout(u64::MAX), MAX_ATTEMPT_TIMEOUT);
}

/// macOS rejects a certificate outside of its time without a code that says so. The other judge looks at the dates before
/// it looks for an authority, and it knows none here.
#[test]
fn dates_are_judged_without_an_authority() {
    for (from, until, expected) in [
        (2010, 2020, Diagnosis::Failure(NetworkFailure::Clock)),
        (2090, 2095, Diagnosis::Failure(NetworkFailure::Clock)),
        (2020, 2090, Diagnosis::Untrusted),
    ] {
        let transport = HttpTransport::new(&format!("https://localhost:{}", port_of_server(from, until)));
        assert!(transport.is_worth_another_judge(Diagnosis::Unexplained));
        let request = TransportRequest::new(ApiEndpoint::Keys, None);
        let result = transport.exchange(&request, Roots::Application, None, transport.timeout);
        assert_eq!(result, Err(expected), "{from} to {until}");
    }
}

/// Starts a server for one connection, with a certificate from one year until another.
fn port_of_server(from: i32, until: i32) -> u16 {
    let mut parameters = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    parameters.not_before = date_time_ymd(from, 1, 1);
    parameters.not_after = date_time_ymd(until, 1, 1);
    let key = KeyPair::generate().unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut stream = StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), stream);
        // The client hangs up in the handshake.
        let _ = stream.read(&mut [0]);
        let _ = stream.flush();
    });
    port
}
