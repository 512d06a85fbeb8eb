//! Several machines with one home folder, several users of one machine, and a store of the application's own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use falconer_client::store::{Store, StoreError, StoredLicense};
use falconer_client::{Activation, Label, Licensing, Pending, State};

use crate::harness::{Machine, NetworkFault, TestSetup, builder, key};
use crate::stored::{self, FORMATS, file_name};

/// A home folder on a server, and the machines of a laboratory.
struct Laboratory {
    setup: TestSetup,
    home: tempfile::TempDir,
}

impl Laboratory {
    fn new(format: falconer_client::StoreFormat) -> Self {
        let laboratory = Self { setup: TestSetup::with_format(format), home: tempfile::tempdir().unwrap() };
        laboratory.setup.server.state().policy.seats = 2;
        laboratory
    }

    fn path(&self) -> std::path::PathBuf {
        self.home.path().join(file_name(self.setup.format))
    }

    fn on(&self, machine: &Machine) -> Licensing {
        self.setup.of(&self.path(), machine)
    }

    fn rows(&self) -> usize {
        stored::open(&self.path(), self.setup.format).read().unwrap().len()
    }
}

#[test]
fn machines_of_one_home_keep_their_leases() {
    for format in FORMATS {
        let laboratory = Laboratory::new(format);
        let machines = ["first", "second"].map(Machine::named);
        for machine in &machines {
            let client = laboratory.on(machine);
            assert_eq!(client.status(), State::NotActivated, "another machine's lease does not count");
            assert_eq!(client.activate(&key(1), "", ""), Ok(Activation::Done(State::Active)));
        }
        laboratory.setup.set_fault(NetworkFault::Down);
        for machine in machines.iter().chain(&machines) {
            let client = laboratory.on(machine);
            assert_eq!((client.status(), client.notice()), (State::Active, None), "{format:?}");
        }
        assert_eq!(laboratory.rows(), 2);
        // Both run at once.
        laboratory.setup.set_fault(NetworkFault::None);
        let clients = machines.each_ref().map(|machine| laboratory.on(machine));
        for client in clients.iter().chain(&clients) {
            assert_eq!((client.refresh(), client.status()), (Ok(State::Active), State::Active));
        }
    }
}

#[test]
fn repaired_machine_keeps_its_row() {
    for format in FORMATS {
        let laboratory = Laboratory::new(format);
        let (home, office) = (Machine::named("home"), Machine::named("office"));
        laboratory.on(&home).activate(&key(1), "", "").unwrap();
        for label in [Label::Mac, Label::Board] {
            let repaired = home.clone().with_part_of(label, &office);
            assert_eq!(laboratory.on(&repaired).status(), State::Active);
            assert_eq!(laboratory.on(&repaired).refresh(), Ok(State::Active));
            assert_eq!(laboratory.on(&home).refresh(), Ok(State::Active));
            assert_eq!(laboratory.rows(), 1, "{format:?}, {label:?}");
        }
    }
}

#[test]
fn waiting_request_is_one_machine_s() {
    for format in FORMATS {
        let laboratory = Laboratory::new(format);
        let machines = ["first", "second"].map(Machine::named);
        laboratory.setup.set_fault(NetworkFault::Down);
        let first = laboratory.on(&machines[0]);
        assert!(matches!(first.activate(&key(1), "", ""), Ok(Activation::Waiting(_))));
        laboratory.setup.set_fault(NetworkFault::None);
        let second = laboratory.on(&machines[1]);
        assert_eq!((second.pending(), second.refresh()), (None, Ok(State::NotActivated)));
        assert_eq!(
            laboratory.setup.server.state().devices.len(),
            0,
            "no seat for a machine that asked for none"
        );
        assert_eq!((first.pending(), first.refresh()), (Some(Pending::Activate), Ok(State::Active)));
    }
}

/// A store of the application's own: a text that two programs share.
#[derive(Clone, Default)]
struct OwnStore {
    text: Arc<Mutex<String>>,
    fails: Arc<AtomicBool>,
}

impl Store for OwnStore {
    fn read(&mut self) -> Result<Vec<StoredLicense>, StoreError> {
        if self.fails.load(Ordering::Relaxed) {
            return Err(StoreError::Full);
        }
        let text = self.text.lock().unwrap();
        if text.is_empty() { Ok(Vec::new()) } else { Ok(serde_json::from_str(&text).unwrap()) }
    }

    fn update(&mut self, change: &mut dyn FnMut(&mut Vec<StoredLicense>)) -> Result<(), StoreError> {
        let mut licenses = self.read()?;
        change(&mut licenses);
        *self.text.lock().unwrap() = serde_json::to_string(&licenses).unwrap();
        Ok(())
    }
}

#[test]
fn store_of_the_application_keeps_the_license() {
    let (setup, store) = (TestSetup::new(), OwnStore::default());
    let open =
        || builder(&setup.server, &setup.clock, &setup.machine).store_with(store.clone()).open().unwrap();
    let client = open();
    client.activate(&key(1), "", "").unwrap();
    assert_eq!((client.notice(), open().status()), (None, State::Active));
    store.fails.store(true, Ordering::Relaxed);
    setup.clock.pass(60);
    assert_eq!(client.refresh(), Ok(State::Active), "in memory");
    assert!(client.notice().unwrap().sentence.contains("full"));
    let blind = open();
    assert_eq!(blind.status(), State::NotActivated);
    assert!(blind.notice().unwrap().sentence.contains("full"), "told at the start as well");
    store.fails.store(false, Ordering::Relaxed);
    assert_eq!((client.refresh(), client.notice()), (Ok(State::Active), None));
}

#[cfg(unix)]
mod users {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
    use std::os::unix::process::CommandExt;
    use std::path::Path;
    use std::process::Command;

    use super::*;

    /// Environment variable that gives the child, this test program again, its store.
    const STORE: &str = "FALCONER_TEST_STORE_OF_ALL";
    /// Two users and their group: any numbers that the system does not use.
    const USERS: [u32; 2] = [61_001, 61_002];
    const GROUP: u32 = 61_000;

    /// One user's program: activates and reports a store that cannot be used.
    fn run(path: &Path) {
        let format =
            if path.extension().is_some_and(|name| name == "json") { FORMATS[1] } else { FORMATS[0] };
        let setup = TestSetup::with_format(format);
        let open = || {
            builder(&setup.server, &setup.clock, &setup.machine)
                .store_for_all_users(path)
                .store_format(format)
                .open()
                .unwrap()
        };
        let client = open();
        assert_eq!(client.notice(), None, "{}", path.display());
        let expected =
            if path.with_extension("begun").exists() { State::Active } else { State::NotActivated };
        assert_eq!(client.status(), expected, "the license of the user before");
        client.activate(&key(1), "", "").unwrap();
        setup.clock.pass(5);
        client.refresh().unwrap();
        assert_eq!(client.notice(), None, "{}", path.display());
        drop(client);
        assert_eq!((open().status(), open().notice()), (State::Active, None));
    }

    /// The child: another user. Without a parent it returns at once.
    #[test]
    fn child_of_another_user() {
        #[expect(clippy::disallowed_methods, reason = "how the parent tells its child where the store is")]
        let Some(path) = std::env::var_os(STORE) else { return };
        run(Path::new(&path));
    }

    fn is_root() -> bool {
        fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
    }

    /// Runs the program as another user. The test program is copied to where that user may read it.
    fn run_as(user: u32, folder: &Path, path: &Path) {
        let program = folder.join("program");
        if !program.exists() {
            fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
            fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        }
        let output = Command::new(program)
            .args(["--exact", "machines::users::child_of_another_user"])
            .env(STORE, path)
            .uid(user)
            .gid(GROUP)
            .output()
            .unwrap();
        assert!(output.status.success(), "user {user}: {}", String::from_utf8_lossy(&output.stdout));
    }

    /// A user of the machine puts links into the shared folder, at the names that a service with more rights opens.
    #[test]
    fn planted_links_lead_nowhere() {
        for format in FORMATS {
            let machine = tempfile::tempdir().unwrap();
            let folder = machine.path().join("application");
            fs::create_dir(&folder).unwrap();
            fs::set_permissions(&folder, Permissions::from_mode(0o777)).unwrap();
            for ending in ["", ".lock", "-journal", "-wal", "-shm", ".log", ".new"] {
                let path = folder.join(file_name(format));
                let planted = folder.join(format!("{}{ending}", file_name(format)));
                for (target, is_hard) in [("secret", false), ("secret", true), ("absent", false)] {
                    let target = machine.path().join(target);
                    if target.ends_with("secret") {
                        fs::write(&target, "").unwrap();
                        fs::set_permissions(&target, Permissions::from_mode(0o600)).unwrap();
                    }
                    if is_hard {
                        fs::hard_link(&target, &planted).unwrap();
                    } else {
                        std::os::unix::fs::symlink(&target, &planted).unwrap();
                    }
                    let setup = TestSetup::with_format(format);
                    let client = builder(&setup.server, &setup.clock, &setup.machine)
                        .store_for_all_users(&path)
                        .store_format(format)
                        .open()
                        .unwrap();
                    client.activate(&key(1), "", "").unwrap();
                    assert_eq!(client.status(), State::Active, "in memory at the least");
                    drop(client);
                    let case = format!("{format:?} {ending:?} {is_hard} {}", target.display());
                    match fs::metadata(&target) {
                        Ok(found) => {
                            assert!(target.ends_with("secret"), "{case}: the link's target was created");
                            assert_eq!((found.mode() & 0o777, found.len()), (0o600, 0), "{case}");
                        }
                        Err(_) => assert!(target.ends_with("absent"), "{case}"),
                    }
                    for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
                        fs::remove_file(entry.path()).unwrap();
                    }
                    let _ = fs::remove_file(&target);
                }
            }
        }
    }

    /// A service (this process) and two users share a store. Where the tests have no right to become other users, the
    /// permissions of the files are compared alone.
    #[test]
    fn all_users_share_a_store() {
        for (format, mode) in FORMATS.into_iter().flat_map(|format| [(format, 0o777), (format, 0o770)]) {
            let machine = tempfile::tempdir().unwrap();
            fs::set_permissions(machine.path(), Permissions::from_mode(0o755)).unwrap();
            let folder = machine.path().join("application");
            fs::create_dir(&folder).unwrap();
            fs::set_permissions(&folder, Permissions::from_mode(mode)).unwrap();
            if is_root() {
                chown(&folder, None, Some(GROUP)).unwrap();
            }
            let path = folder.join(file_name(format));
            run(&path);
            fs::write(path.with_extension("begun"), "").unwrap();
            if is_root() {
                for user in [USERS[0], USERS[1], USERS[0]] {
                    run_as(user, machine.path(), &path);
                    run(&path);
                }
            }
            let folder_group = fs::metadata(&folder).unwrap().gid();
            for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
                let found = entry.metadata().unwrap();
                if entry.path().extension().is_none_or(|name| name != "begun") {
                    assert_eq!(found.mode() & 0o777, mode & 0o666, "{entry:?}");
                    assert_eq!(found.gid(), folder_group, "{entry:?}");
                }
            }
        }
    }
}
