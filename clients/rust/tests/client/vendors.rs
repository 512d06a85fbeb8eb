//! Applications of two vendors on one machine, as two processes over one home folder and two servers on real sockets.
//! Both have the product code QF.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use falconer_client::transport::{ApiEndpoint, TransportRequest};
use falconer_client::{HttpTransport, Licensing, Pending, PublicKeys, Transport};
use falconer_domain::KeyRing;
use falconer_domain::jwks::Jwks;
use serde_json::{Value, json};

use crate::harness::{Machine, Server, TestClock, key, ring};

/// Environment variable that gives the child, this test program again, its settings.
const SETTINGS: &str = "FALCONER_TEST_APPLICATION";
const CHILD: &str = "vendors::child_that_is_an_application";

/// A vendor's server on a socket of its own.
struct NeighbourVendor {
    server: Server,
    address: String,
    keys: String,
}

impl NeighbourVendor {
    /// A vendor whose only key is this generation.
    fn new(generation: u8) -> Self {
        let server = Server::new(&TestClock::new());
        server.state().ring = ring(generation);
        server.state().policy.seats = 9;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let front = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(&front, stream);
            }
        });
        let mut jwks = Jwks::of(ring(generation));
        jwks.keys.retain(|jwk| jwk.kid == generation.to_string());
        Self { server, address, keys: serde_json::to_string(&jwks).unwrap() }
    }

    fn application(&self) -> Application {
        Application { settings: json!({ "server": self.address, "keys": self.keys }) }
    }

    /// The license keys that arrived here since the last look.
    fn received(&self) -> Vec<String> {
        let requests = std::mem::take(&mut self.server.state().requests);
        requests.iter().filter_map(|(_, body)| Some(body["license_key"].as_str()?.to_owned())).collect()
    }
}

/// Answers one request of HTTP and closes the connection.
fn answer(server: &Server, mut stream: std::net::TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut line, mut length) = (String::new(), 0);
    reader.read_line(&mut line).unwrap();
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        let Some((name, value)) = header.split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let body = String::from_utf8(body).unwrap();
    let all = [ApiEndpoint::Verify, ApiEndpoint::Activate, ApiEndpoint::Deactivate, ApiEndpoint::Keys];
    let Some(endpoint) = all.into_iter().find(|endpoint| endpoint.path() == path) else { return };
    let body = Some(body.as_str()).filter(|body| !body.is_empty());
    let reply = server.send(&TransportRequest::new(endpoint, body)).unwrap();
    let head = format!(
        "HTTP/1.1 {} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        reply.status,
        reply.body.len()
    );
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&reply.body));
}

/// Settings of an application; each run is a process.
#[derive(Clone)]
struct Application {
    settings: Value,
}

impl Application {
    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.settings[name] = value.into();
        self
    }

    /// Runs the application in this home folder and returns what it saw.
    fn run(&self, home: &Path, action: &str) -> Value {
        let report = home.join("report.json");
        let settings = self.clone().with("action", action).with("report", report.to_str().unwrap()).settings;
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", CHILD, "--nocapture"])
            .env(SETTINGS, settings.to_string())
            .env("HOME", home)
            .env_remove("XDG_DATA_HOME")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let seen = serde_json::from_slice(&fs::read(&report).unwrap()).unwrap();
        fs::remove_file(report).unwrap();
        seen
    }
}

/// The child: an application with the library's own transport, clock and folder. Without a parent it returns at once.
#[test]
fn child_that_is_an_application() {
    #[expect(clippy::disallowed_methods, reason = "how the parent tells its child which application it is")]
    let Ok(settings) = std::env::var(SETTINGS) else { return };
    let settings: Value = serde_json::from_str(&settings).unwrap();
    let text = |name: &str| settings[name].as_str();
    let (server, keys) = (text("server").unwrap(), PublicKeys::parse(text("keys").unwrap()).unwrap());
    let mut builder = Licensing::builder("QF", server, keys).hardware(Machine::named("home"));
    if let Some(id) = text("app_id") {
        builder = builder.app_id(id);
    }
    if let Some(host) = text("formerly") {
        builder = builder.formerly(host);
    }
    if let Some(path) = text("store") {
        builder = builder.store(path);
    }
    if text("network") == Some("none") {
        builder = builder.transport(HttpTransport::new("http://127.0.0.1:9"));
    }
    let client = builder.open().unwrap();
    let before = format!("{:?}", client.status());
    match text("action").unwrap() {
        "look" => {}
        "refresh" => drop(client.refresh()),
        key => drop(client.activate(key, "Anna", "")),
    }
    let license = client.license().map(|license| license.masked_key);
    let pending = client.pending().map(Pending::name);
    let state = format!("{:?}", client.status());
    let seen = json!({ "before": before, "state": state, "license": license, "pending": pending });
    fs::write(text("report").unwrap(), seen.to_string()).unwrap();
}

/// Runs both applications over one home and asserts that neither knows of the other.
fn know_nothing_of_each_other(
    first: &(NeighbourVendor, Application),
    second: &(NeighbourVendor, Application),
) {
    let home = tempfile::tempdir().unwrap();
    let activated = first.1.run(home.path(), &key(1));
    assert_eq!(activated["state"], "Active");
    assert_eq!(first.0.received(), [key(1)]);
    for action in ["look", "refresh"] {
        let seen = second.1.run(home.path(), action);
        assert_eq!((&seen["state"], &seen["license"]), (&json!("NotActivated"), &Value::Null));
    }
    assert_eq!(second.0.received(), [""; 0], "a key of another vendor");
    assert_eq!(second.1.run(home.path(), &key(2))["state"], "Active");
    for ((vendor, application), key) in [(first, key(1)), (second, key(2))] {
        let _ = vendor.received();
        let seen = application.run(home.path(), "refresh");
        assert_eq!((&seen["before"], &seen["state"]), (&json!("Active"), &json!("Active")));
        assert!(vendor.received().iter().all(|received| *received == key));
    }
}

fn two() -> [(NeighbourVendor, Application); 2] {
    [1, 9].map(|generation| {
        let vendor = NeighbourVendor::new(generation);
        let application = vendor.application();
        (vendor, application)
    })
}

#[test]
fn vendors_with_ids_know_nothing_of_each_other() {
    let [(a, first), (b, second)] = two();
    let (first, second) = (first.with("app_id", "com.example.app"), second.with("app_id", "org.example.app"));
    know_nothing_of_each_other(&(a, first), &(b, second));
}

#[test]
fn vendors_without_ids_have_folders_by_host() {
    let [first, second] = two();
    know_nothing_of_each_other(&first, &second);
}

#[test]
fn vendors_in_one_file_have_rows_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shared.db");
    let [first, second] = two().map(|(vendor, application)| {
        let application = application.with("store", path.to_str().unwrap());
        (vendor, application)
    });
    know_nothing_of_each_other(&first, &second);
}

#[test]
fn waiting_key_goes_to_no_unnamed_host() {
    let [(a, first), (b, second)] = two();
    let (first, second) = (first.with("app_id", "com.example.app"), second.with("app_id", "com.example.app"));
    let home = tempfile::tempdir().unwrap();
    let waiting = first.clone().with("network", "none").run(home.path(), &key(1));
    assert_eq!(waiting["pending"], "activate");
    let seen = second.run(home.path(), "refresh");
    assert_eq!((&seen["pending"], b.received().len()), (&Value::Null, 0));
    assert_eq!(first.run(home.path(), "refresh")["state"], "Active", "it still waits for its own server");
    assert_eq!(a.received(), [key(1)]);
}

/// One vendor's server gets another address. The application's next release decides whether keys go there.
#[test]
fn key_follows_to_a_named_host_alone() {
    for app_id in [Some("com.example.app"), None] {
        let (old, new) = (NeighbourVendor::new(1), NeighbourVendor::new(1));
        let [before, after] = [&old, &new].map(|vendor| match app_id {
            Some(id) => vendor.application().with("app_id", id),
            None => vendor.application(),
        });
        let home = tempfile::tempdir().unwrap();
        assert_eq!(before.run(home.path(), &key(1))["state"], "Active");
        assert_eq!(after.run(home.path(), "refresh")["state"], "NotActivated");
        assert_eq!(new.received(), [""; 0]);
        let _ = old.received();
        let moved = after.clone().with("formerly", old.address.as_str());
        assert_eq!(moved.run(home.path(), "look")["state"], "Active", "{app_id:?}: the lease still counts");
        assert_eq!(new.received(), [""; 0]);
        let _ = moved.run(home.path(), "refresh");
        assert!(new.received().contains(&key(1)) && old.received().is_empty());
    }
}

/// Puts a store of version 0.1.0 where that version had it.
fn with_file_of_0_1(home: &Path, write: impl FnOnce(&Path)) -> (PathBuf, Vec<u8>) {
    let file = home.join(".local/share/qf/license.db");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    write(&file);
    let content = fs::read(&file).unwrap();
    (file, content)
}

#[test]
fn file_of_0_1_is_taken_over_by_its_vendor_alone() {
    let [(a, first), (b, second)] = two();
    let home = tempfile::tempdir().unwrap();
    let made = tempfile::tempdir().unwrap();
    let current = made.path().join("license.db");
    first.clone().with("store", current.to_str().unwrap()).run(made.path(), &key(1));
    let _ = a.received();
    let (file, content) = with_file_of_0_1(home.path(), |file| as_version_1(&current, file));
    assert_eq!(second.run(home.path(), "refresh")["state"], "NotActivated");
    assert_eq!(b.received(), [""; 0], "a key of another vendor");
    assert_eq!(first.run(home.path(), "look")["state"], "Active");
    assert_eq!(first.run(home.path(), "refresh")["state"], "Active");
    assert!(a.received().contains(&key(1)));
    assert_eq!(fs::read(file).unwrap(), content, "the file of 0.1.0 stays as it was");
}

/// The same with a lease that 0.1.0 wrote: its claims are not read any more, and its signature still says whose it is.
#[test]
fn lease_of_0_1_proves_whose_key_it_is() {
    let records = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/0.1");
    let ring = KeyRing::parse(&fs::read_to_string(records.join("ring.json")).unwrap()).unwrap();
    let keys = serde_json::to_string(&Jwks::of(&ring)).unwrap();
    let rows: Value = serde_json::from_slice(&fs::read(records.join("rows.json")).unwrap()).unwrap();
    let vendor = NeighbourVendor::new(1);
    let other = vendor.application();
    let own = vendor.application().with("keys", keys);
    let home = tempfile::tempdir().unwrap();
    let (file, content) =
        with_file_of_0_1(home.path(), |file| drop(fs::copy(records.join("client-store.db"), file)));
    assert_eq!(other.run(home.path(), "refresh")["state"], "NotActivated");
    assert_eq!(vendor.received(), [""; 0]);
    let _ = own.run(home.path(), "refresh");
    assert_eq!(vendor.received().first().map(String::as_str), rows[0]["key"].as_str());
    assert_eq!(fs::read(file).unwrap(), content);
}

/// Writes the row of a store into the tables of version 0.1.0.
fn as_version_1(current: &Path, file: &Path) {
    let database = rusqlite::Connection::open(file).unwrap();
    database.execute_batch(include_str!("../../../../tests/fixtures/0.1/client-store.sql")).unwrap();
    database.execute("ATTACH ?1 AS current", [current.to_str().unwrap()]).unwrap();
    let columns = "license_key, licensee_name, licensee_email, lease, trusted_keys, sent_components, install_id, \
        failed_at_seconds, floor_millis, skew_millis, seal, pending, pending_key, given_up_keys";
    database
        .execute(&format!("INSERT INTO license_info SELECT 1, {columns} FROM current.license_info"), [])
        .unwrap();
}
