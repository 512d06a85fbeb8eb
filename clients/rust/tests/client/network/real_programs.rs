//! Programs of others, where the environment names them: `cargo xtask e2e` does. Without them, the tests' own servers and
//! proxies are in their places.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use super::certificates::Identity;

/// A Python, whose TLS is OpenSSL's.
const PYTHON: &str = "FALCONER_TEST_PYTHON";
/// Address of a proxy that wants `anna:secret`.
const PROXY: &str = "FALCONER_TEST_PROXY";
/// The library that gives a process a clock of its own.
const LIBFAKETIME: &str = "FALCONER_TEST_LIBFAKETIME";

/// TLS of OpenSSL in front of a plain server. Dropping it ends it.
pub(super) struct OpensslFront {
    child: Child,
    pub(super) address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl OpensslFront {
    /// Starts it, where a Python is named.
    pub(super) fn start(identity: &Identity, server: SocketAddr) -> Option<Self> {
        let python = variable(PYTHON)?;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("certificate.pem");
        std::fs::write(&file, identity.pem()).unwrap();
        let mut child = Command::new(python)
            .args(["-c", include_str!("openssl_front.py")])
            .arg(&file)
            .arg(server.port().to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut port).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port.trim().parse().unwrap()));
        Some(Self { child, address, _folder: folder })
    }
}

impl Drop for OpensslFront {
    fn drop(&mut self) {
        // An error means that it has ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Address of a proxy that wants `anna:secret`.
pub(super) fn proxy() -> Option<SocketAddr> {
    variable(PROXY).map(|address| address.parse().unwrap())
}

pub(super) fn libfaketime() -> Option<String> {
    variable(LIBFAKETIME)
}

/// A variable of the tests.
#[expect(clippy::disallowed_methods, reason = "the tests read no settings of a function")]
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
