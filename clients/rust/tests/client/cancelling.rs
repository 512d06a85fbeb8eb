//! Cancelled calls: between two attempts, inside a pause, inside a read, and behind another call. A pause
//! of the test's own clock lasts until it is cancelled, and the server never answers.

use std::io::Read;
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use falconer_client::transport::{ATTEMPT_TIMEOUT, ApiEndpoint, Reply};
use falconer_client::{
    Activation, CancelToken, Clock, ClockReading, FailureKind, HttpTransport, Licensing, NetworkFailure,
    Pending, State, Transport, TransportRequest,
};

use crate::harness::{DAY, NetworkFault, Server, TestClock, TestSetup, builder, key, reply, unlocked};

/// Ends a test that hangs; far above every time-out of a request.
const LIMIT: Duration = Duration::from_secs(60);
const CANCELLED: FailureKind = FailureKind::Offline(NetworkFailure::Cancelled);

/// Kinds of calls that wait for the server.
#[derive(Clone, Copy, Debug)]
enum CancelledCall {
    Activate,
    Transfer,
    Refresh,
    Deactivate,
}

const CALLS: [CancelledCall; 4] =
    [CancelledCall::Activate, CancelledCall::Transfer, CancelledCall::Refresh, CancelledCall::Deactivate];

impl CancelledCall {
    /// Makes the call. True if its result says that it was cancelled.
    fn is_cancelled_by(self, client: &Licensing) -> bool {
        let failure = match self {
            Self::Activate => client.activate(&key(2), "Bob", "bob@example.com").err(),
            Self::Transfer => client.transfer(None, "", "", None).err(),
            Self::Refresh => client.refresh().err(),
            Self::Deactivate => client.deactivate().err(),
        };
        failure.is_some_and(|failure| failure.kind == CANCELLED)
    }
}

/// Opens a client on a store with an active license whose check is due. The folder holds the store.
fn due(transport: impl Transport + 'static, clock: impl Clock + 'static) -> (tempfile::TempDir, Licensing) {
    let (setup, folder) = (TestSetup::new(), tempfile::tempdir().unwrap());
    let path = folder.path().join("license.db");
    setup.on(&path).activate(&key(1), "Anna", "anna@example.com").unwrap();
    setup.clock.pass(2 * DAY);
    let builder = builder(&setup.server, &setup.clock, &setup.machine);
    let client = builder.transport(transport).clock(clock).store(&path).open().unwrap();
    assert_eq!(client.status(), State::RefreshDue);
    (folder, client)
}

/// Asserts that a cancelled call changed nothing; an activation alone may leave a seat to free.
fn changed_nothing(call: CancelledCall, client: &Licensing) {
    let seat = matches!(call, CancelledCall::Activate).then_some(Pending::ReleaseSeat);
    assert_eq!((client.status(), client.pending()), (State::RefreshDue, seat), "{call:?}");
    assert!(unlocked(client) && client.notice().is_none(), "{call:?}");
}

/// The time of a client whose check is due.
fn later() -> TestClock {
    let clock = TestClock::new();
    clock.pass(2 * DAY);
    clock
}

/// A server that is busy, and cancels the token while it answers.
struct BusyServer {
    asked: Arc<Mutex<Vec<ApiEndpoint>>>,
    cancel: CancelToken,
    retry_after_seconds: Option<u64>,
    cancels_at: usize,
}

impl Transport for BusyServer {
    fn send(&self, request: &TransportRequest<'_>) -> Result<Reply, NetworkFailure> {
        let mut asked = self.asked.lock().unwrap();
        asked.push(request.endpoint);
        if asked.len() == self.cancels_at {
            self.cancel.cancel();
        }
        let busy = reply(503, b"".to_vec());
        Ok(match self.retry_after_seconds {
            Some(seconds) => busy.with_retry_after(seconds),
            None => busy,
        })
    }
}

#[test]
fn call_ends_between_two_attempts() {
    for call in CALLS {
        for cancels_at in [1, 2] {
            let (asked, cancel) = (Arc::default(), CancelToken::new());
            let server = BusyServer {
                asked: Arc::clone(&asked),
                cancel: cancel.clone(),
                retry_after_seconds: None,
                cancels_at,
            };
            let (_folder, client) = due(server, later());
            assert!(call.is_cancelled_by(&client.cancelled_by(&cancel)), "{call:?}");
            assert_eq!(asked.lock().unwrap().len(), cancels_at, "{call:?}");
            changed_nothing(call, &client);
        }
    }
}

/// A clock whose pauses last until they are cancelled, and are reported.
struct EndlessPauses {
    clock: TestClock,
    paused: Mutex<Sender<Duration>>,
}

impl Clock for EndlessPauses {
    fn now(&self) -> ClockReading {
        self.clock.now()
    }

    fn sleep(&self, time: Duration, cancel: &CancelToken) {
        let _ = self.paused.lock().unwrap().send(time);
        assert!(cancel.wait(LIMIT), "nobody cancelled the pause");
    }
}

#[test]
fn call_ends_inside_a_pause() {
    for call in CALLS {
        let (asked, cancel, (sender, pauses)) = (Arc::default(), CancelToken::new(), channel());
        let server = BusyServer {
            asked: Arc::clone(&asked),
            cancel: cancel.clone(),
            retry_after_seconds: Some(10),
            cancels_at: usize::MAX,
        };
        let clock = EndlessPauses { clock: later(), paused: Mutex::new(sender) };
        let (_folder, client) = due(server, clock);
        let cancelled = client.cancelled_by(&cancel);
        let ended = thread::spawn(move || call.is_cancelled_by(&cancelled));
        assert_eq!(pauses.recv_timeout(LIMIT), Ok(Duration::from_secs(10)), "the pause of Retry-After");
        cancel.cancel();
        assert!(ended.join().unwrap(), "{call:?}");
        assert_eq!(asked.lock().unwrap().len(), 1, "{call:?}");
        changed_nothing(call, &client);
    }
}

/// A server that takes every request and never answers. Returns its address, and a report of each request.
fn silent_server() -> (String, Receiver<std::net::TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (asked, requests) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4_096]);
            if asked.send(stream).is_err() {
                return;
            }
        }
    });
    (address, requests)
}

#[test]
fn call_ends_inside_a_read() {
    let (address, requests) = silent_server();
    for call in CALLS {
        let cancel = CancelToken::new();
        let (_folder, client) = due(HttpTransport::new(&address), later());
        let cancelled = client.cancelled_by(&cancel);
        let ended = thread::spawn(move || call.is_cancelled_by(&cancelled));
        let _connection = requests.recv_timeout(LIMIT).unwrap();
        let begun = Instant::now();
        cancel.cancel();
        assert!(ended.join().unwrap(), "{call:?}");
        assert!(begun.elapsed() < ATTEMPT_TIMEOUT / 2, "{call:?} ended by its time-out");
        assert!(requests.try_recv().is_err(), "{call:?} asked again");
        changed_nothing(call, &client);
    }
}

#[test]
fn call_ends_behind_another_call() {
    let (address, requests) = silent_server();
    let (_folder, client) = due(HttpTransport::new(&address), later());
    let first = CancelToken::new();
    let (running, ended) = (client.cancelled_by(&first), channel());
    let before = thread::spawn(move || {
        let cancelled = CancelledCall::Refresh.is_cancelled_by(&running);
        ended.0.send(()).unwrap();
        cancelled
    });
    let _connection = requests.recv_timeout(LIMIT).unwrap();
    for call in CALLS {
        let cancel = CancelToken::new();
        let cancelled = client.cancelled_by(&cancel);
        let behind = thread::spawn(move || call.is_cancelled_by(&cancelled));
        // Time to come to the wait; a call that comes later is cancelled before it.
        thread::sleep(Duration::from_millis(50));
        cancel.cancel();
        assert!(behind.join().unwrap(), "{call:?}");
        assert!(ended.1.try_recv().is_err(), "the first call ended by itself");
        assert_eq!(client.pending(), None, "nothing was sent, so nothing is left to free");
    }
    first.cancel();
    assert!(before.join().unwrap());
}

#[test]
fn wait_for_change_ends_when_cancelled() {
    let (setup, cancel) = (TestSetup::activated(), CancelToken::new());
    let waiting = setup.client.cancelled_by(&cancel);
    let wait = thread::spawn(move || waiting.wait_for_change(State::Active, LIMIT * 60));
    cancel.cancel();
    assert_eq!(wait.join().unwrap(), State::Active);
}

/// A server that acts, and whose answer is lost because the user cancels.
#[derive(Clone)]
struct CancelledTooLate {
    server: Server,
    cancel: Arc<Mutex<Option<CancelToken>>>,
}

impl Transport for CancelledTooLate {
    fn send(&self, request: &TransportRequest<'_>) -> Result<Reply, NetworkFailure> {
        let answer = self.server.send(request);
        match self.cancel.lock().unwrap().take() {
            Some(cancel) => {
                cancel.cancel();
                Err(NetworkFailure::Cancelled)
            }
            None => answer,
        }
    }
}

/// A setup with five seats, whose next request is cancelled after the server has acted.
fn cancelled_too_late() -> (TestSetup, Licensing, CancelledTooLate) {
    let setup = TestSetup::new();
    setup.server.state().policy.seats = 5;
    let server = CancelledTooLate { server: setup.server.clone(), cancel: Arc::default() };
    let client = builder(&server, &setup.clock, &setup.machine).open().unwrap();
    (setup, client, server)
}

fn cancel_next(client: &Licensing, server: &CancelledTooLate) -> Licensing {
    let cancel = CancelToken::new();
    *server.cancel.lock().unwrap() = Some(cancel.clone());
    client.cancelled_by(&cancel)
}

#[test]
fn seat_of_cancelled_activation_is_freed() {
    let (setup, client, server) = cancelled_too_late();
    assert!(CancelledCall::Activate.is_cancelled_by(&cancel_next(&client, &server)));
    assert_eq!((client.status(), client.pending()), (State::NotActivated, Some(Pending::ReleaseSeat)));
    assert_eq!(setup.server.state().devices.len(), 1, "taken, although nobody heard it");
    client.refresh().unwrap();
    assert_eq!((client.pending(), setup.server.state().devices.len()), (None, 0));
}

/// A network whose attempts end before anything is sent, and the last of them is cancelled.
struct NothingLeaves {
    cancel: CancelToken,
    cause: NetworkFailure,
    left: Mutex<u32>,
}

impl Transport for NothingLeaves {
    fn send(&self, _: &TransportRequest<'_>) -> Result<Reply, NetworkFailure> {
        let mut left = self.left.lock().unwrap();
        *left -= 1;
        if *left == 0 {
            self.cancel.cancel();
        }
        Err(self.cause)
    }
}

/// Another user of the machine may have a seat under the same key: a cancelled activation that reached nobody must not
/// free it. Neither does it wait, whichever attempt was the last.
#[test]
fn cancelled_activation_that_reached_nobody_frees_nothing() {
    for (cause, pending) in [
        (NetworkFailure::Dns, None),
        (NetworkFailure::Connect, None),
        (NetworkFailure::Proxy, None),
        (NetworkFailure::Timeout, Some(Pending::ReleaseSeat)),
    ] {
        for attempts in 1..=3 {
            let (setup, cancel) = (TestSetup::new(), CancelToken::new());
            let network = NothingLeaves { cancel: cancel.clone(), cause, left: Mutex::new(attempts) };
            let client =
                builder(&setup.server, &setup.clock, &setup.machine).transport(network).open().unwrap();
            assert!(CancelledCall::Activate.is_cancelled_by(&client.cancelled_by(&cancel)), "{cause:?}");
            assert_eq!(client.pending(), pending, "{cause:?}, attempt {attempts}");
        }
    }
}

#[test]
fn cancelled_key_may_be_typed_again() {
    let (setup, client, server) = cancelled_too_late();
    assert!(CancelledCall::Activate.is_cancelled_by(&cancel_next(&client, &server)));
    assert_eq!(client.activate(&key(2), "", ""), Ok(Activation::Done(State::Active)));
    assert_eq!((client.pending(), setup.server.state().devices.len()), (None, 1));
}

/// Cancelling is about the call and not about the wish: a request that waited goes on waiting.
#[test]
fn waiting_request_survives_cancelled_refresh() {
    let (setup, client, server) = cancelled_too_late();
    setup.set_fault(NetworkFault::Down);
    client.activate(&key(1), "", "").unwrap();
    setup.set_fault(NetworkFault::None);
    assert!(CancelledCall::Refresh.is_cancelled_by(&cancel_next(&client, &server)));
    assert_eq!(client.pending(), Some(Pending::Activate));
    assert!(CancelledCall::Activate.is_cancelled_by(&cancel_next(&client, &server)));
    assert_eq!(client.pending(), Some(Pending::Activate), "of another key");
    setup.server.state().devices.clear();
    assert_eq!(client.refresh(), Ok(State::Active));
    setup.set_fault(NetworkFault::Down);
    client.deactivate().unwrap();
    setup.set_fault(NetworkFault::None);
    assert!(CancelledCall::Refresh.is_cancelled_by(&cancel_next(&client, &server)));
    assert_eq!(client.pending(), Some(Pending::Deactivate));
}

#[test]
fn cancelled_activation_keeps_stored_seat() {
    let (setup, client, server) = cancelled_too_late();
    client.activate(&key(2), "", "").unwrap();
    assert!(CancelledCall::Activate.is_cancelled_by(&cancel_next(&client, &server)));
    assert_eq!((client.status(), client.pending()), (State::Active, None));
    client.refresh().unwrap();
    assert_eq!(setup.server.state().devices.len(), 1);
}
