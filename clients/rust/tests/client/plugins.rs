//! The library inside a shared object that a host loads, stops and unloads, and inside a process that forks. The host is
//! `tests/plugin/host.py`, because its calls need no `unsafe` here.

use std::path::{Path, PathBuf};
use std::process::Command;

use falconer_client::transport::{NetworkFailure, Reply};
use falconer_client::{Deactivation, Licensing, Pending, State, Transport, TransportRequest};

use crate::vendor::Vendor;

struct NoNetwork;

impl Transport for NoNetwork {
    fn send(&self, _: &TransportRequest<'_>) -> Result<Reply, NetworkFailure> {
        Err(NetworkFailure::Other)
    }
}

/// Cargo builds the plug-in beside this program, as a dependency of the tests.
fn library() -> PathBuf {
    let beside = std::env::current_exe().unwrap();
    let library = beside.with_file_name("libfalconer_plugin.so");
    assert!(library.exists(), "{} was not built", library.display());
    library
}

/// Makes a folder with the vendor's keys and a store. Its license is active, and a deactivation waits, so that the
/// refresher asks at once and for ever.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (vendor, store) = (Vendor::new(), folder.path().join("license.db"));
    std::fs::write(folder.path().join("keys.json"), vendor.key_file()).unwrap();
    let (keys, key) = (vendor.public_keys(), vendor.issue());
    let builder = || Licensing::builder("QF", "https://licenses.example.com", keys.clone()).store(&store);
    builder().transport(vendor).open().unwrap().activate(&key, "", "").unwrap();
    let offline = builder().transport(NoNetwork).open().unwrap();
    assert!(matches!(offline.deactivate(), Ok(Deactivation::Waiting(_))));
    assert_eq!((offline.status(), offline.pending()), (State::Active, Some(Pending::Deactivate)));
    folder
}

fn host(mode: &str, rounds: u32) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plugin/host.py");
    let folder = folder();
    let host = Command::new("python3")
        .args([script.as_os_str(), mode.as_ref(), library().as_os_str(), rounds.to_string().as_ref()])
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .output()
        .unwrap();
    let heard = String::from_utf8_lossy(&host.stderr);
    assert!(host.status.success(), "{}: {heard}", host.status);
    String::from_utf8(host.stdout).unwrap().trim().to_owned()
}

#[test]
fn plugin_is_unloaded_a_thousand_times() {
    assert_eq!(host("unload", 1_000), "1000 rounds");
}

#[test]
fn forked_child_neither_hangs_nor_writes() {
    let done = host("fork", 200);
    let children: u32 = done.strip_suffix(" children").unwrap().parse().unwrap();
    assert!(children >= 20, "{children} children in three seconds show little");
}
