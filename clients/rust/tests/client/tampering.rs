//! Stores that were edited, copied or destroyed.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use ed25519_dalek::Signer as _;
use falconer_client::{Label, Licensing, State, StoreFormat};
use falconer_domain::Code;
use falconer_domain::encoding::{BASE64URL_NOPAD, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::harness::{DAY, LEASE_SECONDS, Machine, NetworkFault, TestSetup, key, ring, unlocked};
use crate::stored::{self, FORMATS, file_name};

/// A closed store and the files beside it.
struct Stored {
    setup: TestSetup,
    folder: tempfile::TempDir,
}

impl Stored {
    fn new(format: StoreFormat) -> Self {
        let stored = Self { setup: TestSetup::with_format(format), folder: folder_in_memory() };
        stored.open().activate(&key(1), "Anna Example", "anna@example.com").unwrap();
        stored
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(file_name(self.setup.format))
    }

    /// Path of the first file that was set aside.
    fn aside(&self) -> PathBuf {
        let name = format!("{}.damaged-1", file_name(self.setup.format));
        self.folder.path().join(name)
    }

    fn fields(&self) -> BTreeMap<String, String> {
        stored::fields(&self.path(), self.setup.format)
    }

    /// Sets texts of the license.
    fn set(&self, texts: &[(&str, &str)]) {
        stored::edit(&self.path(), self.setup.format, |fields| {
            fields.extend(texts.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())));
        });
    }

    fn open(&self) -> Licensing {
        self.setup.on(&self.path())
    }
}

/// A folder in memory for a hundred thousand writes, or a plain folder where the system has none.
fn folder_in_memory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Starts a program on `bytes` at several moments and returns where it unlocks. Each start gets its own copy, because a
/// program remembers the time that passed.
fn verdicts(stored: &Stored, bytes: &[u8], moments: &[i64]) -> Vec<bool> {
    let folder = folder_in_memory();
    let starts = moments.iter().enumerate().map(|(number, seconds)| {
        let path = folder.path().join(format!("license-{number}.db"));
        fs::write(&path, bytes).unwrap();
        stored.setup.clock.turn(*seconds);
        let verdict = unlocked(&stored.setup.on(&path));
        stored.setup.clock.turn(-seconds);
        verdict
    });
    starts.collect()
}

/// Changes every byte of a store, one at a time, and asserts that no change unlocks anything.
fn no_change_unlocks(stored: &Stored, moments: &[i64]) {
    let original = fs::read(stored.path()).unwrap();
    assert!(original.len() >= 1_000, "a store of {} bytes", original.len());
    let before = verdicts(stored, &original, moments);
    for place in 0..original.len() {
        // The lowest bit makes another digit or letter of most; flipping all bits leaves no valid text.
        for flip in [0x01, 0xFF] {
            let mut changed = original.clone();
            changed[place] ^= flip;
            let after = verdicts(stored, &changed, moments);
            for (before, after) in before.iter().zip(&after) {
                assert!(before >= after, "byte {place} ^ {flip:#x} unlocks");
            }
        }
    }
}

#[test]
fn no_byte_extends_a_lease() {
    for format in FORMATS {
        let stored = Stored::new(format);
        // Turned back by a day; now; one second before the end; at the end; a year later.
        let moments = [-DAY, 0, LEASE_SECONDS - 1, LEASE_SECONDS, 365 * DAY];
        let original = fs::read(stored.path()).unwrap();
        assert_eq!(verdicts(&stored, &original, &moments), [true, true, true, false, false]);
        no_change_unlocks(&stored, &moments);
    }
}

#[test]
fn no_byte_unlocks_a_locked_store() {
    for format in FORMATS {
        let stored = Stored::new(format);
        let client = stored.open();
        stored.setup.server.state().license = Code::Revoked;
        assert!(matches!(client.refresh(), Ok(State::Locked { .. })));
        drop(client);
        no_change_unlocks(&stored, &[0, -DAY]);
    }
}

#[test]
fn no_byte_unlocks_an_overdue_store() {
    for format in FORMATS {
        let stored = Stored::new(format);
        let client = stored.open();
        stored.setup.set_fault(NetworkFault::Down);
        stored.setup.clock.pass(LEASE_SECONDS + DAY);
        assert!(!unlocked(&client));
        drop(client);
        stored.setup.clock.turn(-LEASE_SECONDS);
        assert_eq!(stored.open().status(), State::ClockSuspect);
        no_change_unlocks(&stored, &[0]);
    }
}

#[test]
fn edited_checkpoint_is_suspect_until_check() {
    for format in FORMATS {
        let stored = Stored::new(format);
        stored::edit_checkpoint(&stored.path(), format);
        let client = stored.open();
        assert_eq!((client.status(), unlocked(&client)), (State::ClockSuspect, false));
        drop(client);
        let client = stored.open();
        assert_eq!(client.status(), State::ClockSuspect, "opening and closing makes no mark good");
        assert_eq!(client.refresh(), Ok(State::Active));
        drop(client);
        assert_eq!(stored.open().status(), State::Active);
    }
}

#[test]
fn restored_lease_fails_newer_seal() {
    for format in FORMATS {
        let stored = Stored::new(format);
        let older = stored.fields()["lease"].clone();
        stored.setup.clock.pass(DAY);
        stored.setup.server.state().license = Code::Revoked;
        let _ = stored.open().refresh();
        stored.set(&[("lease", &older)]);
        assert!(!unlocked(&stored.open()));
    }
}

/// The seal, as any reader of the source can forge it. The signature is the protection.
fn seal(claims: &Value, floor: i64, skew: i64, lease: &str) -> String {
    let keyed = |key: &[u8]| Hmac::<Sha256>::new_from_slice(key).unwrap();
    let mut secret = keyed(key(1).as_bytes());
    for (label, hash) in claims["hw"].as_object().unwrap() {
        secret.update(format!("{label}\0{}", hash.as_str().unwrap()).as_bytes());
    }
    let mut mac = keyed(&secret.finalize().into_bytes());
    mac.update(b"falconer/time-marks/v1\0");
    mac.update(&floor.to_be_bytes());
    mac.update(&skew.to_be_bytes());
    mac.update(&Sha256::digest(lease.as_bytes()));
    HEXLOWER.encode(&mac.finalize().into_bytes())
}

fn checkpoint(fields: &BTreeMap<String, String>) -> (i64, i64) {
    let number = |name: &str| fields[name].parse().unwrap();
    (number("floor_millis"), number("skew_millis"))
}

#[test]
fn valid_seal_saves_no_forged_lease() {
    for format in FORMATS {
        let stored = Stored::new(format);
        let fields = stored.fields();
        let (lease, kept) = (&fields["lease"], &fields["seal"]);
        let (floor, skew) = checkpoint(&fields);
        let parts: Vec<_> = lease.split('.').collect();
        let mut claims: Value =
            serde_json::from_slice(&BASE64URL_NOPAD.decode(parts[1].as_bytes()).unwrap()).unwrap();
        assert_eq!(seal(&claims, floor, skew, lease), *kept, "this test knows how the seal is made");
        claims["exp"] = (claims["exp"].as_i64().unwrap() + 365 * DAY).into();
        let forged = [parts[0], &BASE64URL_NOPAD.encode(claims.to_string().as_bytes()), parts[2]].join(".");
        let good = seal(&claims, floor, skew, &forged);
        stored.set(&[("lease", &forged), ("seal", &good)]);
        assert!(!unlocked(&stored.open()));
    }
}

/// Version 0.1.0 signed the moment as `iat` and had no type for refusals. Its answers are not read, and one check
/// replaces them.
#[test]
fn first_format_answer_is_replaced() {
    for format in FORMATS {
        let stored = Stored::new(format);
        for (code, valid) in [("VALID", true), ("REVOKED", false)] {
            let fields = stored.fields();
            let payload = fields["lease"].split('.').nth(1).unwrap();
            let mut claims: Value =
                serde_json::from_slice(&BASE64URL_NOPAD.decode(payload.as_bytes()).unwrap()).unwrap();
            claims["iat"] = claims.as_object_mut().unwrap().remove("at").unwrap();
            (claims["code"], claims["valid"]) = (code.into(), valid.into());
            let header = BASE64URL_NOPAD.encode(br#"{"alg":"EdDSA","typ":"lease+jwt","kid":"1"}"#);
            let signed = format!("{header}.{}", BASE64URL_NOPAD.encode(claims.to_string().as_bytes()));
            let signature = ring(1).current().signing_key().sign(signed.as_bytes()).to_bytes();
            let older = format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature));
            let (floor, skew) = checkpoint(&fields);
            let seal = seal(&claims, floor, skew, &older);
            stored.set(&[("lease", &older), ("seal", &seal)]);
            let client = stored.open();
            assert_eq!((client.status(), unlocked(&client)), (State::NotActivated, false), "{code}");
            assert_eq!(client.refresh(), Ok(State::Active), "{code}");
            drop(client);
            assert_eq!(stored.open().status(), State::Active, "{code}");
        }
    }
}

#[test]
fn copy_on_another_machine_is_locked() {
    for format in FORMATS {
        let stored = Stored::new(format);
        let (home, office) = (Machine::named("home"), Machine::named("office"));
        let repaired = home.clone().with_part_of(Label::Mac, &office);
        let rebuilt = repaired.clone().with_part_of(Label::Board, &office);
        for (machine, expected) in [
            (&home, State::Active),
            (&repaired, State::Active),
            (&rebuilt, State::NotActivated),
            (&office, State::NotActivated),
            (&home, State::Active),
        ] {
            let copy = stored.folder.path().join("copy.db");
            fs::copy(stored.path(), &copy).unwrap();
            let client = stored.setup.of(&copy, machine);
            assert_eq!(
                (client.status(), unlocked(&client)),
                (expected, expected == State::Active),
                "{machine:?}"
            );
        }
        // The server agrees, with a signature.
        let copied = stored.setup.of(&stored.path(), &rebuilt);
        assert!(matches!(copied.refresh(), Ok(State::Locked { .. })));
    }
}

#[test]
fn damaged_and_foreign_files_are_set_aside() {
    for format in FORMATS {
        let foreign = {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("other.db");
            let database = rusqlite::Connection::open(&path).unwrap();
            database
                .execute_batch("CREATE TABLE recipes (name TEXT); INSERT INTO recipes VALUES ('soup')")
                .unwrap();
            drop(database);
            fs::read(&path).unwrap()
        };
        let cut = fs::read(Stored::new(format).path()).unwrap()[..1_500].to_vec();
        let garbage = b"not a database at all, but long enough to be looked at".repeat(40);
        let json = br#"{"format":"of another program","version":1,"licenses":[]}"#.to_vec();
        for content in [garbage, json, foreign, cut] {
            let stored = Stored { setup: TestSetup::with_format(format), folder: folder_in_memory() };
            fs::write(stored.path(), &content).unwrap();
            let client = stored.open();
            assert_eq!(client.status(), State::NotActivated);
            let notice = client.notice().expect("a word about it");
            assert!(
                notice.sentence.contains("set aside") && notice.next_step.contains("internet"),
                "{notice}"
            );
            assert_eq!(fs::read(stored.aside()).unwrap(), content);
            client.activate(&key(1), "", "").unwrap();
            drop(client);
            let client = stored.open();
            assert_eq!((client.status(), client.notice()), (State::Active, None), "from now on all is well");
            fs::write(stored.path(), b"again").unwrap();
            drop((client, stored.open()));
            let second = stored.aside().with_extension("damaged-2");
            assert_eq!(fs::read(second).unwrap(), b"again");
        }
    }
}

#[test]
fn one_program_sets_damaged_file_aside() {
    for format in FORMATS {
        const PROGRAMS: usize = 6;
        for round in 0..20 {
            let (setup, folder) = (TestSetup::with_format(format), tempfile::tempdir().unwrap());
            let path = folder.path().join("license");
            let wreck = format!("wreck {round}");
            fs::write(&path, &wreck).unwrap();
            let at_once = std::sync::Barrier::new(PROGRAMS);
            let program = || {
                at_once.wait();
                let client = setup.on(&path);
                // Late programs find a good file.
                let notice = client.notice();
                assert!(notice.is_none_or(|notice| notice.sentence.contains("set aside")), "{notice:?}");
                client.activate(&key(1), "", "").unwrap();
                assert_eq!(client.notice(), notice, "it is saved");
            };
            std::thread::scope(|scope| (0..PROGRAMS).for_each(|_| drop(scope.spawn(program))));
            assert_eq!(fs::read(folder.path().join("license.damaged-1")).unwrap(), wreck.as_bytes());
            assert!(!folder.path().join("license.damaged-2").exists(), "a good file was set aside");
            let client = setup.on(&path);
            assert_eq!((client.status(), client.notice()), (State::Active, None));
        }
    }
}

#[test]
fn newer_version_is_left_alone() {
    for format in FORMATS {
        let stored = Stored::new(format);
        match format {
            StoreFormat::Sqlite => {
                let database = rusqlite::Connection::open(stored.path()).unwrap();
                database.pragma_update(None, "user_version", 3).unwrap();
            }
            _ => {
                let text = fs::read_to_string(stored.path()).unwrap();
                let newer = text.replacen(r#""version": 1"#, r#""version": 2"#, 1);
                assert_ne!(newer, text);
                fs::write(stored.path(), newer).unwrap();
            }
        }
        let before = fs::read(stored.path()).unwrap();
        let client = stored.open();
        assert_eq!(client.status(), State::NotActivated);
        assert!(client.notice().unwrap().next_step.contains("Update"));
        client.activate(&key(1), "", "").unwrap();
        drop(client);
        assert_eq!(fs::read(stored.path()).unwrap(), before);
    }
}

#[cfg(unix)]
#[test]
fn only_owner_can_read_the_file() {
    for format in FORMATS {
        use std::os::unix::fs::PermissionsExt;
        let stored = Stored::new(format);
        let _client = stored.open();
        for entry in fs::read_dir(stored.folder.path()).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{entry:?}");
        }
    }
}

#[cfg(unix)]
#[test]
fn open_permissions_are_restricted() {
    for format in FORMATS {
        use std::os::unix::fs::PermissionsExt;
        let stored = Stored::new(format);
        fs::set_permissions(stored.path(), fs::Permissions::from_mode(0o644)).unwrap();
        let _client = stored.open();
        assert_eq!(fs::metadata(stored.path()).unwrap().permissions().mode() & 0o777, 0o600);
        let folder = stored.folder.path().join("a-folder");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        drop(stored.setup.on(&folder));
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o755, "a folder");
    }
}

#[test]
fn files_set_aside_are_never_replaced() {
    for format in FORMATS {
        let (setup, folder) = (TestSetup::with_format(format), tempfile::tempdir().unwrap());
        let path = folder.path().join("license.db");
        // SQLite has files beside its own, which are set aside with it.
        let ending = if format == StoreFormat::Sqlite { "-journal" } else { "" };
        let kept = folder.path().join(format!("license.db.damaged-1{ending}"));
        fs::write(&kept, b"kept").unwrap();
        for number in 2..=25 {
            let wreck = format!("wreck {number}");
            fs::write(&path, &wreck).unwrap();
            drop(setup.on(&path));
            let aside = folder.path().join(format!("license.db.damaged-{number}"));
            assert_eq!(fs::read(aside).unwrap(), wreck.as_bytes());
        }
        assert_eq!(fs::read(kept).unwrap(), b"kept");
    }
}

/// One changed letter in the schema is damage, and no failure that passes.
#[test]
fn changed_schema_is_set_aside() {
    let stored = Stored::new(StoreFormat::Sqlite);
    let mut bytes = fs::read(stored.path()).unwrap();
    let place = bytes.windows(13).position(|window| window == b"licensee_name").unwrap();
    bytes[place] = b'k';
    fs::write(stored.path(), &bytes).unwrap();
    let client = stored.open();
    assert!(client.notice().unwrap().sentence.contains("set aside"), "{:?}", client.notice());
    assert_eq!(fs::read(stored.folder.path().join("license.db.damaged-1")).unwrap(), bytes);
    client.activate(&key(1), "", "").unwrap();
    drop(client);
    let client = stored.open();
    assert_eq!((client.status(), client.notice()), (State::Active, None));
}

/// A running program sets nothing aside, so its notice must not say so.
#[test]
fn damage_while_running_is_reported() {
    for format in FORMATS {
        let stored = Stored::new(format);
        let client = stored.open();
        match format {
            StoreFormat::Sqlite => {
                let database = rusqlite::Connection::open(stored.path()).unwrap();
                database.execute_batch("ALTER TABLE license_info RENAME COLUMN lease TO least").unwrap();
            }
            _ => fs::write(stored.path(), "garbage").unwrap(),
        }
        stored.setup.clock.pass(DAY);
        assert_eq!(client.refresh(), Ok(State::Active), "in memory");
        let notice = client.notice().unwrap();
        assert!(!notice.sentence.contains("set aside") && notice.sentence.contains("damaged"), "{notice}");
        drop(client);
        assert!(stored.open().notice().unwrap().sentence.contains("set aside"), "the next start does it");
    }
}

#[test]
fn log_is_bounded_and_impersonal() {
    for format in FORMATS {
        let stored = Stored::new(format);
        let client = stored.open();
        for _ in 0..520 {
            let _ = client.refresh();
        }
        let entries = match format {
            StoreFormat::Sqlite => {
                let database = rusqlite::Connection::open(stored.path()).unwrap();
                let log =
                    "SELECT group_concat(action || ' ' || outcome, char(10)) FROM license_validation_log";
                database.query_row(log, [], |row| row.get::<_, String>(0)).unwrap()
            }
            _ => fs::read_to_string(stored.path().with_extension("json.log")).unwrap(),
        };
        // The plain file shortens its log now and then.
        let most = if format == StoreFormat::Sqlite { 500 } else { 2_500 };
        assert!((500..=most).contains(&entries.lines().count()), "{}", entries.lines().count());
        let text = entries;
        assert!(
            text.contains("/api/verify VALID") && !text.contains("Anna") && !text.contains("QF-"),
            "{text}"
        );
    }
}

/// SQLite's write-ahead log is not fit for network file systems. A rollback journal that is not empty after a write could
/// bring an older row back.
#[test]
fn store_uses_no_write_ahead_log() {
    let stored = Stored::new(StoreFormat::Sqlite);
    let client = stored.open();
    client.refresh().unwrap();
    let beside = |ending: &str| stored.path().with_extension(ending);
    assert!(!beside("db-wal").exists() && !beside("db-shm").exists());
    assert_eq!(fs::metadata(beside("db-journal")).map_or(0, |journal| journal.len()), 0);
    let database = rusqlite::Connection::open(stored.path()).unwrap();
    let mode: String = database.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "delete", "a connection of its own, without a log in the file");
}
