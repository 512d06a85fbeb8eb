//! The refresher, and waiting for its results. No duration is asserted: each test waits for an event, and a limit far
//! above the usual time ends a test that hangs.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use falconer_client::transport::{ApiEndpoint, NetworkFailure, Reply, TransportRequest};
use falconer_client::{CancelToken, Clock, ClockReading, Pending, Refresher, State, Transport};

use crate::harness::{DAY, Machine, NetworkFault, Server, TestClock, TestSetup, builder, key};

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

/// A clock whose pauses end by being cancelled alone.
#[derive(Clone)]
struct EndlessPauses(TestClock);

impl Clock for EndlessPauses {
    fn now(&self) -> ClockReading {
        self.0.now()
    }

    fn sleep(&self, _: Duration, cancel: &CancelToken) {
        assert!(cancel.wait(LIMIT), "nobody ended the pause");
    }
}

#[test]
fn sleeping_refresher_ends_at_once() {
    let ends: [fn(TestSetup, &Refresher); 2] =
        [|setup, _| drop(setup), |_, refresher| assert!(refresher.stop(LIMIT))];
    for end in ends {
        let mut setup = TestSetup::new();
        let builder = builder(&setup.server, &setup.clock, &setup.machine);
        setup.client = builder.clock(EndlessPauses(setup.clock.clone())).open().unwrap();
        let refresher = setup.client.start_refresher();
        end(setup, &refresher);
        let begun = std::time::Instant::now();
        while format!("{refresher:?}").contains("running: true") {
            assert!(begun.elapsed() < LIMIT / 2, "the thread sleeps on");
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(refresher.stop(LIMIT));
    }
}

/// A transport whose request lasts until it is cancelled.
struct UntilCancelled {
    asked: Sender<()>,
    has_returned: Arc<AtomicBool>,
}

impl Transport for UntilCancelled {
    fn send(&self, request: &TransportRequest<'_>) -> Result<Reply, NetworkFailure> {
        let _ = self.asked.send(());
        assert!(request.cancel.wait(LIMIT), "nobody cancelled the request");
        // A drop that does not wait would be seen here.
        std::thread::sleep(Duration::from_millis(50));
        self.has_returned.store(true, Ordering::SeqCst);
        Err(NetworkFailure::Cancelled)
    }
}

#[test]
fn refresher_is_joined_out_of_a_request() {
    let ends: [fn(Refresher); 2] = [|refresher| assert!(refresher.stop(LIMIT)), drop];
    for end in ends {
        let (setup, folder) = (TestSetup::new(), tempfile::tempdir().unwrap());
        let path = folder.path().join("license.db");
        setup.on(&path).activate(&key(1), "", "").unwrap();
        setup.clock.pass(2 * DAY);
        let ((asked, asks), has_returned) = (channel(), Arc::new(AtomicBool::new(false)));
        let transport = UntilCancelled { asked, has_returned: Arc::clone(&has_returned) };
        let builder = builder(&setup.server, &setup.clock, &setup.machine).transport(transport);
        let client = builder.store(&path).open().unwrap();
        let refresher = client.start_refresher();
        asks.recv_timeout(LIMIT).unwrap();
        end(refresher);
        assert!(has_returned.load(Ordering::SeqCst), "the thread was left inside the transport");
        assert_eq!(client.status(), State::RefreshDue, "a cancelled check is not a failed one");
    }
}

#[test]
fn stop_reports_thread_that_still_runs() {
    let (setup, folder) = (TestSetup::new(), tempfile::tempdir().unwrap());
    let path = folder.path().join("license.db");
    setup.on(&path).activate(&key(1), "", "").unwrap();
    setup.clock.pass(2 * DAY);
    let ((asked, asks), (release, released)) = (channel(), channel());
    let held = HeldTransport { server: setup.server.clone(), asked, released: Mutex::new(released) };
    let builder = builder(&setup.server, &setup.clock, &setup.machine).transport(held);
    let client = builder.store(&path).open().unwrap();
    let refresher = client.start_refresher();
    asks.recv_timeout(LIMIT).unwrap();
    assert!(!refresher.stop(Duration::from_millis(5)), "its transport does not look at the token");
    release.send(()).unwrap();
    assert!(refresher.stop(LIMIT));
    assert_eq!(client.status(), State::Active, "the answer that came counts");
}

#[test]
fn listener_may_stop_its_own_thread() {
    let (setup, (listens, listening), (stops, stopped)) = (TestSetup::new(), channel(), channel());
    let (refresher, ends) = (Arc::new(OnceLock::<Refresher>::new()), Mutex::new((listens, stops)));
    let held = Arc::clone(&refresher);
    let client = builder(&setup.server, &setup.clock, &setup.machine)
        .on_change(move |_| {
            if std::thread::current().name() == Some("falconer-refresher") {
                let (listens, stops) = &*ends.lock().unwrap();
                listens.send(()).unwrap();
                // The other thread is inside its own stop by now, or soon.
                std::thread::sleep(Duration::from_millis(20));
                stops.send(held.wait().stop(LIMIT)).unwrap();
            }
        })
        .open()
        .unwrap();
    setup.set_fault(NetworkFault::Down);
    client.activate(&key(1), "", "").unwrap();
    setup.set_fault(NetworkFault::None);
    refresher.set(client.start_refresher()).unwrap();
    listening.recv_timeout(LIMIT).unwrap();
    assert!(refresher.wait().stop(LIMIT), "the listener held its own thread");
    assert_eq!(stopped.recv_timeout(LIMIT), Ok(false), "the thread cannot wait for itself");
}

/// A clock that lets every pause pass at once, until the day is over, and notes the pauses and the stored times.
struct CountedDay {
    clock: TestClock,
    store: rusqlite::Connection,
    counts: Sender<(u64, usize)>,
    pauses: u64,
    stored: BTreeSet<i64>,
}

#[derive(Clone)]
struct CountingClock(TestClock, Arc<Mutex<CountedDay>>);

const ALMOST_A_DAY: i64 = 23 * 3_600;

impl CountingClock {
    fn new(setup: &TestSetup, path: &Path) -> (Self, Receiver<(u64, usize)>) {
        let (counts, counted) = channel();
        let store = rusqlite::Connection::open(path).unwrap();
        let (clock, pauses, stored) = (setup.clock.clone(), 0, BTreeSet::new());
        let day = CountedDay { clock: clock.clone(), store, counts, pauses, stored };
        (Self(clock, Arc::new(Mutex::new(day))), counted)
    }
}

impl Clock for CountingClock {
    fn now(&self) -> ClockReading {
        self.0.now()
    }

    fn sleep(&self, time: Duration, cancel: &CancelToken) {
        let mut day = self.1.lock().unwrap();
        day.pauses += 1;
        let stored = day.store.query_row("SELECT floor_millis FROM license_info", [], |row| row.get(0));
        day.stored.insert(stored.unwrap());
        if day.clock.real().0 >= crate::harness::START.0 + ALMOST_A_DAY * 1_000 {
            let _ = day.counts.send((day.pauses, day.stored.len()));
            drop(day);
            assert!(cancel.wait(LIMIT), "nobody ended the day");
            return;
        }
        // The clocks of tests pass whole seconds.
        day.clock.pass(i64::try_from(time.as_secs()).unwrap().max(1));
    }
}

#[test]
fn refresher_looks_and_writes_rarely() {
    let (setup, folder) = (TestSetup::new(), tempfile::tempdir().unwrap());
    let path = folder.path().join("license.db");
    setup.on(&path).activate(&key(1), "", "").unwrap();
    setup.server.state().requests.clear();
    let (clock, counted) = CountingClock::new(&setup, &path);
    let builder = builder(&setup.server, &setup.clock, &setup.machine).clock(clock);
    let client = builder.store(&path).open().unwrap();
    let refresher = client.start_refresher();
    let (looks, writes) = counted.recv_timeout(LIMIT).unwrap();
    assert!(refresher.stop(LIMIT));
    let hours = ALMOST_A_DAY.unsigned_abs() / 3_600;
    assert!((hours * 239..=hours * 240 + 2).contains(&looks), "{looks} looks, and one in 15 seconds");
    let writes = u64::try_from(writes).unwrap();
    assert!((hours * 5..=hours * 6 + 1).contains(&writes), "{writes} writes, and one in ten minutes");
    assert_eq!(setup.server.asked(), [], "the lease is not due");
    assert_eq!(client.status(), State::Active);
}
