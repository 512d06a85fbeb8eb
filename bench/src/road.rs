//! The road from a program to a stand-in: plain, behind TLS, or behind TLS and as long as a road in a region is.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// Bytes that are passed on at once.
const CHUNK: usize = 64 * 1024;

/// A name and a certificate for it, signed by an authority of this run.
pub(crate) struct Certificates {
    /// The authority's certificate, in PEM.
    roots: PathBuf,
    server: Arc<ServerConfig>,
}

impl Certificates {
    /// Makes them; the authority's goes into a file of this folder.
    pub(crate) fn make(folder: &Path) -> Result<Self> {
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // OpenSSL takes a certificate for self-signed whose issuer has its own name.
        authority.distinguished_name.push(DnType::CommonName, "Falconer bench authority");
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?
            .signed_by(&key, &authority)?;
        let roots = folder.join("roots.pem");
        std::fs::write(&roots, authority.pem())
            .with_context(|| format!("{} cannot be written", roots.display()))?;
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)?;
        Ok(Self { roots, server: Arc::new(server) })
    }

    /// The file that a client has to trust.
    pub(crate) fn roots(&self) -> &Path {
        &self.roots
    }
}

/// A TLS listener in front of `upstream`, for as long as `runtime` lives.
pub(crate) fn behind_tls(
    runtime: &Runtime,
    certificates: &Certificates,
    upstream: SocketAddr,
) -> Result<SocketAddr> {
    let acceptor = TlsAcceptor::from(Arc::clone(&certificates.server));
    let listener = runtime.block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    let address = listener.local_addr()?;
    runtime.spawn(async move {
        while let Ok((caller, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let _ = caller.set_nodelay(true);
                let (Ok(mut caller), Ok(mut server)) =
                    (acceptor.accept(caller).await, tokio::net::TcpStream::connect(upstream).await)
                else {
                    return;
                };
                let _ = server.set_nodelay(true);
                // Either side may hang up; there is nobody to tell.
                let _ = tokio::io::copy_bidirectional(&mut caller, &mut server).await;
            });
        }
    });
    Ok(address)
}

/// A listener in front of `upstream` that answers a round trip later, a new connection's handshake too. It lives as long
/// as this process.
///
/// Threads and not tasks: a sleeping thread wakes within some fifty microseconds, tokio's timer has steps of a
/// millisecond.
pub(crate) fn delayed(upstream: SocketAddr, round_trip: Duration) -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for caller in listener.incoming() {
            let (Ok(caller), Ok(server)) = (caller, TcpStream::connect(upstream)) else { continue };
            let _ = (caller.set_nodelay(true), server.set_nodelay(true));
            let (Ok(caller_out), Ok(server_out)) = (caller.try_clone(), server.try_clone()) else { continue };
            // The kernel has shaken hands at once; what the caller says first waits for that round trip as well.
            let open_from = Instant::now() + round_trip;
            pass_on(caller, server_out, open_from, round_trip / 2);
            pass_on(server, caller_out, open_from, round_trip / 2);
        }
    });
    Ok(address)
}

/// Passes bytes on, each `late` after it came.
fn pass_on(mut from: TcpStream, mut to: TcpStream, open_from: Instant, late: Duration) {
    let (sender, receiver) = mpsc::channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut buffer = vec![0; CHUNK];
        while let Ok(read) = from.read(&mut buffer) {
            let due = Instant::now().max(open_from) + late;
            if read == 0 || sender.send((due, buffer[..read].to_vec())).is_err() {
                return;
            }
        }
    });
    thread::spawn(move || {
        while let Ok((due, bytes)) = receiver.recv() {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
}

/// The address in a URL of a stand-in, as `http://127.0.0.1:8000`.
pub(crate) fn address(url: &str) -> Result<SocketAddr> {
    url.trim_start_matches("http://").parse().with_context(|| format!("{url} is no address of a stand-in"))
}
