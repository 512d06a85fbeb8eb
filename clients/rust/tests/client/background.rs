//! The refresher, and waiting for its results. No duration is asserted: each test waits for an event, and a limit far
//! above the usual time ends a test that hangs.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use falconer_client::transport::{ApiEndpoint, NetworkFailure, Reply, TransportRequest};
use falconer_client::{Pending, State, Transport};

use crate::harness::{DAY, Machine, NetworkFault, Server, TestSetup, builder, key};

const LIMIT: Duration = Duration::from_secs(60);

/// A transport that holds each answer back until the test releases it.
struct HeldTransport {
    server: Server,
    asked: Sender<ApiEndpoint>,
    released: Mutex<Receiver<()>>,
}

impl Transport for HeldTransport {
    fn send(&self, request: &TransportRequest<'_>) -> Result<Reply, NetworkFailure> {
        let endpoint = request.endpoint;
        let _ = self.asked.send(endpoint);
        let _ = self.released.lock().unwrap().recv();
        self.server.send(request)
    }
}

#[test]
fn start_and_status_never_wait() {
    let (setup, folder) = (TestSetup::new(), tempfile::tempdir().unwrap());
    let path = folder.path().join("license.db");
    setup.on(&path).activate(&key(1), "", "").unwrap();
    setup.clock.pass(2 * DAY);
    let ((asked, asks), (release, released)) = (channel(), channel());
    let held = HeldTransport { server: setup.server.clone(), asked, released: Mutex::new(released) };
    let client =
        builder(&setup.server, &setup.clock, &setup.machine).transport(held).store(&path).open().unwrap();
    let refresher = client.start_refresher();
    assert_eq!(asks.recv_timeout(LIMIT), Ok(ApiEndpoint::Verify), "it asks by itself");
    // The request is under way, and everything else works.
    assert_eq!(client.status(), State::RefreshDue);
    assert!(client.has_feature(crate::harness::FEATURE) && client.license().is_some());
    release.send(()).unwrap();
    assert_eq!(client.wait_for_change(State::RefreshDue, LIMIT), State::Active);
    drop((refresher, release));
}

#[test]
fn pending_is_sent_and_announced() {
    let setup = TestSetup::new();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&heard);
    let client = builder(&setup.server, &setup.clock, &setup.machine)
        .on_change(move |state| listener.lock().unwrap().push(state))
        .open()
        .unwrap();
    setup.set_fault(NetworkFault::Down);
    client.activate(&key(1), "", "").unwrap();
    assert_eq!(client.pending(), Some(Pending::Activate));
    setup.set_fault(NetworkFault::None);
    let _refresher = client.start_refresher();
    assert_eq!(client.wait_for_change(State::NotActivated, LIMIT), State::Active);
    // A look may see the state before the listener does.
    while heard.lock().unwrap().is_empty() {
        std::thread::sleep(Duration::from_millis(1));
    }
    // Changes by time alone are announced too.
    setup.set_fault(NetworkFault::Down);
    setup.clock.pass(DAY);
    let grace = loop {
        match client.wait_for_change(State::RefreshDue, LIMIT) {
            State::Active => {}
            state => break state,
        }
    };
    assert!(matches!(grace, State::Grace { .. }), "{grace:?}");
    while heard.lock().unwrap().last() != Some(&grace) {
        std::thread::sleep(Duration::from_millis(1));
    }
    let heard = heard.lock().unwrap().clone();
    assert_eq!(heard.first(), Some(&State::Active), "{heard:?}");
}

/// Two components changed at once, so the lease does not count, but the server has learned the machine.
#[test]
fn stored_key_is_verified_without_lease() {
    let (setup, folder) = (TestSetup::new(), tempfile::tempdir().unwrap());
    let path = folder.path().join("license.db");
    setup.on(&path).activate(&key(1), "", "").unwrap();
    let office = Machine::named("office");
    let elsewhere = setup.of(&folder.path().join("another.db"), &office);
    setup.server.state().devices.clear();
    elsewhere.activate(&key(1), "", "").unwrap();
    let client = setup.of(&path, &office);
    assert_eq!(client.status(), State::NotActivated);
    let _refresher = client.start_refresher();
    assert_eq!(client.wait_for_change(State::NotActivated, LIMIT), State::Active);
}

#[test]
fn wait_ends_after_its_limit() {
    let setup = TestSetup::new();
    assert_eq!(
        setup.client.wait_for_change(State::NotActivated, Duration::from_millis(5)),
        State::NotActivated
    );
    assert_eq!(setup.client.wait_for_change(State::Active, LIMIT), State::NotActivated, "another already");
}

#[test]
fn refresher_ends_with_the_license() {
    let setup = TestSetup::activated();
    let refresher = setup.client.start_refresher();
    assert!(format!("{refresher:?}").contains("running: true"));
    drop(setup);
    for _ in 0..60_000 {
        if format!("{refresher:?}").contains("running: false") {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("the thread lives on without a license to keep");
}
