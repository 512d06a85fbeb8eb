//! Tests in a process of their own: its environment names the proxy and the system's certificates, or turns its clock.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use falconer_client::transport::{ApiEndpoint, HttpTransport, TransportRequest};
use falconer_client::{FailureKind, NetworkFailure, Transport};

use super::certificates::{Authority, Validity};
use super::listeners::{Listener, Page};
use super::real_programs::{self, variable};
use super::{Network, TestProxy, at, https, recorded_events};
use crate::harness::key;

/// Variable that a test sets which runs another one in a process of its own.
const ALONE: &str = "FALCONER_TEST_ALONE";

/// Runs a test of this file again, in an environment of its own.
fn in_environment(test: &str, variables: &[(&str, &str)]) {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", &format!("network::environment::{test}"), "--nocapture"]);
    for name in ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"] {
        child.env_remove(name);
    }
    let output = child.envs(variables.iter().copied()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && told.contains("1 passed"),
        "{variables:?}: {told}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Without the variable that the test below sets, it shows nothing and passes.
#[test]
fn reached_as_the_environment_says() {
    let (Some(url), Some(expected)) = (variable("FALCONER_TEST_URL"), variable("FALCONER_TEST_EXPECTED"))
    else {
        return;
    };
    let mut transport = HttpTransport::new(&url).timeout(Duration::from_secs(1));
    if let Some(root) = variable("FALCONER_TEST_ROOT") {
        transport = transport.root_certificate(&std::fs::read_to_string(root).unwrap()).unwrap();
    }
    let reply = transport.send(&TransportRequest::new(ApiEndpoint::Keys, None));
    let seen = reply.map_or_else(|failure| failure.to_string(), |reply| reply.status.to_string());
    assert_eq!(seen, expected);
}

#[test]
fn environment_names_the_proxy_and_exceptions() {
    let network = Network::new();
    let listener = network.licenses(Validity::Now);
    let proxy = Listener::proxy(listener.address());
    let root = written(network.folder.path(), "root.pem", &network.authority.pem());
    let login = format!("http://anna:secret@127.0.0.1:{}", proxy.port());
    let no_password = at(proxy.port());
    let direct = NetworkFailure::Dns.to_string();
    for (variables, expected) in [
        (&[("https_proxy", login.as_str())][..], "200"),
        (&[("ALL_PROXY", login.as_str())][..], "200"),
        (&[("HTTPS_PROXY", no_password.as_str())][..], "proxy wants a password"),
        (&[("HTTPS_PROXY", login.as_str()), ("NO_PROXY", "other.example.com,.test")][..], &direct),
        (&[("HTTP_PROXY", login.as_str())][..], &direct),
        (&[][..], &direct),
    ] {
        let mut all = vec![
            ("FALCONER_TEST_URL", "https://licenses.test"),
            ("FALCONER_TEST_EXPECTED", expected),
            ("FALCONER_TEST_ROOT", root.as_str()),
        ];
        all.extend(variables);
        in_environment("reached_as_the_environment_says", &all);
    }
    // Another machine's loopback is not ours.
    let url = https(&listener);
    let here = [
        ("FALCONER_TEST_URL", url.as_str()),
        ("FALCONER_TEST_EXPECTED", "200"),
        ("FALCONER_TEST_ROOT", root.as_str()),
        ("HTTPS_PROXY", "http://127.0.0.1:9"),
    ];
    in_environment("reached_as_the_environment_says", &here);
    let plain = Listener::http(Page::Licenses(network.server.clone()));
    let url = at(plain.port());
    let plain = [
        ("FALCONER_TEST_URL", url.as_str()),
        ("FALCONER_TEST_EXPECTED", "200"),
        ("HTTP_PROXY", "http://127.0.0.1:9"),
        ("ALL_PROXY", "http://127.0.0.1:9"),
    ];
    in_environment("reached_as_the_environment_says", &plain);
}

/// On Linux the system's certificates come from the file that `SSL_CERT_FILE` names.
#[cfg(target_os = "linux")]
#[test]
fn extra_roots_stand_beside_the_systems() {
    let (network, other) = (Network::new(), Authority::new());
    let ours = network.licenses(Validity::Now);
    let theirs = Listener::https(&other.identity(Validity::Now), Page::Licenses(network.server.clone()));
    let folder = network.folder.path();
    let root = written(folder, "root.pem", &network.authority.pem());
    let system = written(folder, "system.pem", &other.pem());
    let empty = written(folder, "empty.pem", "");
    let untrusted = "certificate not trusted";
    for (listener, system, extra, expected) in [
        (&theirs, &system, None, "200"),
        (&theirs, &system, Some(&root), "200"),
        (&ours, &system, Some(&root), "200"),
        (&ours, &system, None, untrusted),
        // A slim container has no certificates at all.
        (&ours, &empty, None, untrusted),
        (&ours, &empty, Some(&root), "200"),
    ] {
        let url = https(listener);
        let mut variables = vec![
            ("FALCONER_TEST_URL", url.as_str()),
            ("FALCONER_TEST_EXPECTED", expected),
            ("SSL_CERT_FILE", system.as_str()),
        ];
        variables.extend(extra.map(|root| ("FALCONER_TEST_ROOT", root.as_str())));
        in_environment("reached_as_the_environment_says", &variables);
    }
}

/// A right certificate, and a machine that takes the year for another. Without libfaketime, it shows nothing and passes.
#[test]
fn wrong_clocks_are_told_by_a_right_server() {
    let Some(libfaketime) = real_programs::libfaketime() else { return };
    let network = Network::new();
    let listener = network.licenses(Validity::Now);
    let url = https(&listener);
    let root = written(network.folder.path(), "root.pem", &network.authority.pem());
    for (clock, expected) in [
        ("@1970-01-02 00:00:00", "certificate outside of its time"),
        ("+0", "200"),
        ("@2099-01-01 00:00:00", "certificate outside of its time"),
    ] {
        let variables = [
            ("FALCONER_TEST_URL", url.as_str()),
            ("FALCONER_TEST_EXPECTED", expected),
            ("FALCONER_TEST_ROOT", root.as_str()),
            ("LD_PRELOAD", libfaketime.as_str()),
            ("FAKETIME", clock),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ];
        in_environment("reached_as_the_environment_says", &variables);
    }
}

fn written(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// In a process of its own: `tracing` decides once for all threads whether an event is wanted.
#[test]
fn events_hold_the_cause_and_no_secret() {
    in_environment("events_of_a_proxy_with_a_password", &[(ALONE, "1")]);
}

/// Without the variable that the test above sets, it shows nothing and passes.
#[test]
fn events_of_a_proxy_with_a_password() {
    if variable(ALONE).is_none() {
        return;
    }
    let network = Network::new();
    let listener = network.licenses(Validity::Now);
    let proxy = TestProxy::before(&listener);
    let builder = network.trusting(&proxy.url).proxy(&proxy.address("anna:wrong-word@"));
    let (result, events) = recorded_events::during(|| network.refresh_after_activation(&proxy.url, builder));
    assert_eq!(result, Err(FailureKind::Offline(NetworkFailure::ProxyPassword)));
    assert!(events.contains("no answer of the license server"), "{events}");
    assert!(events.contains("proxy wants a password") && events.contains("/api/verify"), "{events}");
    let license_key = key(1);
    let random_part = license_key.rsplit('-').next().unwrap();
    for secret in ["wrong-word", "anna", license_key.as_str(), random_part] {
        assert!(!events.contains(secret), "{secret} is in {events}");
    }
    let transport = HttpTransport::new(&proxy.url).proxy(&proxy.address("anna:wrong-word@")).unwrap();
    assert!(!format!("{transport:?}").contains("wrong-word"), "{transport:?}");
}
