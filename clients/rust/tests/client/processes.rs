//! Two programs with one store, and edits of the store while they run.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use falconer_client::transport::{NetworkFailure, Reply, TransportRequest};
use falconer_client::{CancelToken, Clock, ClockReading, Licensing, LockCode, State, StoreFormat, Transport};
use falconer_domain::Code;

use crate::harness::{
    DAY, LEASE_SECONDS, NetworkFault, Server, TestClock, TestSetup, builder, key, unlocked,
};
use crate::stored::{self, FORMATS, Writing, edit_checkpoint, file_name};

const REVOKED: State = State::Locked { code: LockCode::Revoked };

/// A setup with its license in a file.
struct Shared {
    setup: TestSetup,
    folder: tempfile::TempDir,
}

impl Shared {
    /// Opens one program and activates it.
    fn activated(format: StoreFormat) -> (Self, Licensing) {
        let shared = Self { setup: TestSetup::with_format(format), folder: tempfile::tempdir().unwrap() };
        let client = shared.open();
        client.activate(&key(1), "", "").unwrap();
        (shared, client)
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(file_name(self.setup.format))
    }

    fn open(&self) -> Licensing {
        self.setup.on(&self.path())
    }

    fn lease(&self) -> String {
        stored::fields(&self.path(), self.setup.format)["lease"].clone()
    }

    fn set_lease(&self, lease: &str) {
        stored::edit(&self.path(), self.setup.format, |fields| {
            fields.insert("lease".to_owned(), lease.to_owned());
        });
    }
}

#[test]
fn restored_old_lease_is_never_sealed() {
    for format in FORMATS {
        let (shared, client) = Shared::activated(format);
        let older = shared.lease();
        shared.setup.clock.pass(DAY / 2);
        shared.setup.server.state().license = Code::Revoked;
        assert_eq!(client.refresh(), Ok(REVOKED));
        shared.setup.set_fault(NetworkFault::Down);
        shared.set_lease(&older);
        for _ in 0..3 {
            assert!(client.refresh().is_err());
            assert!(!unlocked(&client), "{:?}", client.status());
            shared.setup.clock.pass(120);
        }
        drop(client);
        assert!(!unlocked(&shared.open()), "and no later start finds it sealed");
    }
}

#[test]
fn edited_checkpoint_is_never_sealed() {
    for format in FORMATS {
        let (shared, client) = Shared::activated(format);
        shared.setup.set_fault(NetworkFault::Down);
        edit_checkpoint(&shared.path(), format);
        shared.setup.clock.pass(120);
        assert!(client.refresh().is_err());
        assert_eq!((client.status(), unlocked(&client)), (State::ClockSuspect, false));
        drop(client);
        assert_eq!(shared.open().status(), State::ClockSuspect);
    }
}

type Act = Box<dyn FnOnce() + Send>;

/// Acts at the first look at the clock after an answer arrived: the answer is read and not yet stored.
#[derive(Clone)]
struct ActAtNextLook {
    clock: TestClock,
    server: Server,
    answered: Arc<Mutex<Option<Act>>>,
    next_look: Arc<Mutex<Option<Act>>>,
}

impl Transport for ActAtNextLook {
    fn send(&self, request: &TransportRequest<'_>) -> Result<Reply, NetworkFailure> {
        let reply = self.server.send(request);
        *self.next_look.lock().unwrap() = self.answered.lock().unwrap().take();
        reply
    }
}

impl Clock for ActAtNextLook {
    fn now(&self) -> ClockReading {
        let act = self.next_look.lock().unwrap().take();
        if let Some(act) = act {
            act();
        }
        self.clock.now()
    }

    fn sleep(&self, time: Duration, cancel: &CancelToken) {
        self.clock.sleep(time, cancel);
    }
}

#[test]
fn overtaken_answer_replaces_nothing() {
    for format in FORMATS {
        let (shared, client) = Shared::activated(format);
        let (setup, other) = (&shared.setup, shared.open());
        drop(client);
        let (server, clock) = (setup.server.clone(), setup.clock.clone());
        let revoke: Act = Box::new(move || {
            clock.pass(3);
            server.state().license = Code::Revoked;
            assert_eq!(other.refresh(), Ok(REVOKED));
        });
        let meanwhile = ActAtNextLook {
            clock: setup.clock.clone(),
            server: setup.server.clone(),
            answered: Arc::default(),
            next_look: Arc::default(),
        };
        let client = builder(&setup.server, &setup.clock, &setup.machine)
            .transport(meanwhile.clone())
            .clock(meanwhile.clone())
            .store(shared.path())
            .store_format(format)
            .open()
            .unwrap();
        *meanwhile.answered.lock().unwrap() = Some(revoke);
        assert!(client.refresh().is_err(), "its yes is older than the other's no");
        assert_eq!(client.status(), REVOKED);
        assert_eq!(shared.open().status(), REVOKED);
    }
}

#[test]
fn unsaved_row_yields_to_newer_row() {
    for format in FORMATS {
        let (shared, client) = Shared::activated(format);
        let other = shared.open();
        shared.setup.clock.pass(10);
        let writing = Writing::begin(&shared.path(), format);
        assert_eq!(client.refresh(), Ok(State::Active), "in memory");
        assert!(client.notice().is_some());
        drop(writing);
        shared.setup.clock.pass(10);
        shared.setup.server.state().license = Code::Revoked;
        assert_eq!(other.refresh(), Ok(REVOKED));
        shared.setup.set_fault(NetworkFault::Down);
        assert!(client.refresh().is_err());
        assert_eq!(client.status(), REVOKED);
        assert_eq!(shared.open().status(), REVOKED);
    }
}

#[test]
fn unsaved_row_is_written_later() {
    for format in FORMATS {
        let (shared, client) = Shared::activated(format);
        let other = shared.open();
        shared.setup.server.state().license = Code::Revoked;
        shared.setup.clock.pass(120);
        let writing = Writing::begin(&shared.path(), format);
        assert_eq!(client.refresh(), Ok(REVOKED), "in memory");
        drop(writing);
        // The other program stores its time meanwhile; that does not count as a newer answer.
        shared.setup.clock.pass(120);
        drop(other);
        shared.setup.set_fault(NetworkFault::Down);
        assert!(client.refresh().is_err());
        assert_eq!(client.status(), REVOKED);
        assert_eq!(shared.open().status(), REVOKED);
    }
}

#[test]
fn programs_do_not_rewind_time() {
    for format in FORMATS {
        let (shared, client) = Shared::activated(format);
        shared.setup.set_fault(NetworkFault::Down);
        // From here on the clock is wrong, so only running time counts.
        shared.setup.clock.turn(-30 * DAY);
        for _ in 0..8 {
            let behind = shared.open();
            shared.setup.clock.pass(DAY);
            let _ = client.status();
            drop(behind);
            // Starts from the disk and stores its own time a little later.
            let other = shared.open();
            shared.setup.clock.pass(2);
            drop(other);
            assert!(client.refresh().is_err());
        }
        assert!(client.now().0 >= crate::harness::START.0 / 1_000 + LEASE_SECONDS, "{:?}", client.now());
        assert!(!unlocked(&client));
    }
}

#[test]
fn older_checkpoint_replaces_no_newer() {
    for format in FORMATS {
        let (shared, client) = Shared::activated(format);
        shared.setup.set_fault(NetworkFault::Down);
        shared.setup.clock.turn(-30 * DAY);
        shared.setup.clock.pass(5 * DAY);
        // The stored time is five days old, and this program knows no better until the first one writes.
        let other = shared.open();
        shared.setup.clock.pass(2);
        assert!(other.refresh().is_err());
        assert!(client.refresh().is_err());
        let until = |client: &Licensing| client.now().0 - crate::harness::START.0 / 1_000;
        assert!(until(&client) >= 5 * DAY, "{}", until(&client));
        assert!(other.refresh().is_err());
        assert!(until(&other) >= 5 * DAY, "{}", until(&other));
    }
}

#[test]
fn refusal_keeps_checkpoint_tampered() {
    for format in FORMATS {
        let refusals: [fn(&Shared, &Licensing); 2] = [
            |shared, client| {
                shared.setup.server.state().devices.clear();
                let office = crate::harness::Machine::named("office");
                let elsewhere = builder(&shared.setup.server, &shared.setup.clock, &office).open().unwrap();
                elsewhere.activate(&key(2), "", "").unwrap();
                assert!(client.activate(&key(2), "", "").is_err(), "another license, whose seat is taken");
            },
            |shared, client| {
                shared.setup.server.state().license = Code::NotFound;
                assert!(client.refresh().is_err());
            },
        ];
        for refuse in refusals {
            let (shared, client) = Shared::activated(format);
            drop(client);
            edit_checkpoint(&shared.path(), format);
            let client = shared.open();
            assert_eq!(client.status(), State::ClockSuspect);
            refuse(&shared, &client);
            assert_eq!((client.status(), unlocked(&client)), (State::ClockSuspect, false));
            drop(client);
            assert_eq!(shared.open().status(), State::ClockSuspect);
        }
    }
}
