//! Stores that are damaged, of other programs, or of newer versions, and the files beside a store.

use std::fs;

use falconer_client::{State, StoreFormat};

use crate::harness::{DAY, TestSetup, key};
use crate::stored::{FORMATS, Stored, folder_in_memory};

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
