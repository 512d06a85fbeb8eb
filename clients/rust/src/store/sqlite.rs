//! The store as a SQLite database: one table of licenses and a log.

mod schema;

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags, Row, TransactionBehavior, params_from_iter};

use super::files::{FileAccess, LOCK_TIMEOUT, Turn, lock, with_ending};
use super::open::{OpenFailure, StoreFile};
use super::record::FIELDS;
use super::{LogEntry, MAX_LOG_ENTRIES, Store, StoreError, StoredLicense};
use schema::Kind;

/// Columns that name a license.
const NAMES: [&str; 3] = ["product", "server", "machine"];
/// Places of the versions of file format in SQLite's header (section 1.3 of its format): 1 is a rollback journal, and 2
/// is a write-ahead log.
const FORMAT_BYTES: std::ops::Range<usize> = 18..20;

/// A [`Store`] in a SQLite database. Each method is one transaction.
///
/// It uses a rollback journal: SQLite's write-ahead log is not fit for network file systems (sqlite.org/wal.html), and
/// home folders may be on one.
#[derive(Debug)]
pub struct SqliteFile {
    connection: Connection,
    path: PathBuf,
    access: FileAccess,
}

impl SqliteFile {
    /// Opens the database, or creates it. Only its owner may read it.
    ///
    /// # Errors
    /// [`StoreError`]; `Damaged` for any other file, and for one of a newer version.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let (path, access) = (path.as_ref(), FileAccess::Owner);
        Self::open_locked(path, access, &lock(path, access)).map_err(|failure| match failure {
            OpenFailure::Newer => StoreError::Damaged,
            OpenFailure::Store(error) => error,
        })
    }
}

impl SqliteFile {
    /// Waits for the lock beside the file. Two plug-ins in one process may each have a SQLite of their own: its locks
    /// belong to the process, so one copy would release the other's (sqlite.org/howtocorrupt.html, section 2.2).
    fn turn(&self) -> Turn {
        lock(&self.path, self.access)
    }
}

impl Store for SqliteFile {
    fn read(&mut self) -> Result<Vec<StoredLicense>, StoreError> {
        let _turn = self.turn()?;
        Ok(read(&self.connection, Kind::Current)?)
    }

    fn update(&mut self, change: &mut dyn FnMut(&mut Vec<StoredLicense>)) -> Result<(), StoreError> {
        let _turn = self.turn()?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let before = read(&transaction, Kind::Current)?;
        let mut licenses = before.clone();
        change(&mut licenses);
        let gone = before.iter().filter(|before| !licenses.iter().any(|license| license.has_name_of(before)));
        for license in gone {
            delete(&transaction, license)?;
        }
        for license in licenses.iter().filter(|license| !before.contains(license)) {
            write(&transaction, license)?;
        }
        if licenses != before {
            transaction.commit()?;
        }
        Ok(())
    }

    fn log(&mut self, entry: &LogEntry<'_>) -> Result<(), StoreError> {
        let _turn = self.turn()?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute(
            "INSERT INTO license_validation_log (at_seconds, action, outcome) VALUES (?1, ?2, ?3)",
            (entry.at.0, entry.action, entry.outcome),
        )?;
        transaction.execute(
            "DELETE FROM license_validation_log WHERE id <= (SELECT max(id) FROM license_validation_log) - ?1",
            [MAX_LOG_ENTRIES],
        )?;
        transaction.commit()?;
        Ok(())
    }
}

impl StoreFile for SqliteFile {
    const BESIDE: &'static [&'static str] = &["-journal", "-wal", "-shm"];

    /// Opens without the lock as well, to read what is there.
    fn open_locked(path: &Path, access: FileAccess, _: &Turn) -> Result<Self, OpenFailure> {
        access.check(path)?;
        for ending in Self::BESIDE {
            access.check(&with_ending(path, ending))?;
        }
        // SQLite gives the files beside it the same mode.
        access.create(path)?;
        for ending in Self::BESIDE {
            access.repair(&with_ending(path, ending));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(LOCK_TIMEOUT)?;
        match schema::kind(&connection)? {
            Kind::Current | Kind::First | Kind::Empty => {}
            Kind::Newer => return Err(OpenFailure::Newer),
            Kind::Foreign => return Err(StoreError::Damaged.into()),
        }
        // SQLite opens a file that cannot be written all the same, and fails at the first write.
        if connection.is_readonly("main")? {
            return Err(StoreError::ReadOnly.into());
        }
        harden(&connection)?;
        schema::create(&mut connection)?;
        check(&connection)?;
        // An empty journal says nothing. It shows at once whether the folder can be written, and it gets the right users.
        access.create(&with_ending(path, "-journal"))?;
        read(&connection, Kind::Current)?;
        Ok(Self { connection, path: path.to_owned(), access })
    }

    /// A log or a journal beside the file means that its content is not what was last written: it may be older than the
    /// last answer, perhaps a refusal. Then the file is not read.
    fn read_only(path: &Path) -> Option<Vec<StoredLicense>> {
        let size = |ending| fs::metadata(with_ending(path, ending)).map_or(0, |found| found.len());
        if size("-wal") > 0 || size("-journal") > 0 {
            return None;
        }
        // SQLite gets the bytes and not the path: it would write beside the file, and its way to say "read only" is a
        // URI, which cannot name every path (`\\server\share`).
        let mut bytes = fs::read(path).ok()?;
        bytes.get_mut(FORMAT_BYTES)?.fill(1);
        let mut connection = Connection::open_in_memory().ok()?;
        connection.deserialize_read_exact("main", bytes.as_slice(), bytes.len(), true).ok()?;
        let kind = schema::kind(&connection).ok()?;
        let is_ours = matches!(kind, Kind::Current | Kind::First) && check(&connection).is_ok();
        is_ours.then(|| read(&connection, kind).ok()).flatten()
    }
}

/// Makes every write durable and overwrites deleted content. Two small tables need small pages.
fn harden(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "page_size", 1_024)?;
    // Fails where another program has the file open with the log that version 0.1.0 used. The log then stays until the
    // next start, and works as it did.
    let _ = connection.query_row("PRAGMA journal_mode = TRUNCATE", [], |_| Ok(()));
    connection
        .execute_batch("PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF")
}

/// Checks the whole file, which has only a few pages.
fn check(connection: &Connection) -> Result<(), StoreError> {
    let verdict: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" { Ok(()) } else { Err(StoreError::Damaged) }
}

fn read(connection: &Connection, kind: Kind) -> rusqlite::Result<Vec<StoredLicense>> {
    let names = match kind {
        Kind::First => "'' AS product, '' AS server, '' AS machine".to_owned(),
        _ => NAMES.join(", "),
    };
    let select = format!("SELECT {names}, {} FROM license_info", FIELDS.join(", "));
    connection.prepare(&select)?.query_map([], from_row)?.collect()
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<StoredLicense> {
    let mut license = StoredLicense {
        product: row.get("product")?,
        server: row.get("server")?,
        machine: row.get("machine")?,
        ..StoredLicense::default()
    };
    for field in FIELDS {
        let text = match row.get_ref(field)? {
            ValueRef::Null => continue,
            ValueRef::Integer(number) => number.to_string(),
            text => text.as_str()?.to_owned(),
        };
        license.fields.insert(field.to_owned(), text);
    }
    Ok(license)
}

fn write(connection: &Connection, license: &StoredLicense) -> rusqlite::Result<usize> {
    let columns = NAMES.iter().chain(&FIELDS).copied().collect::<Vec<_>>().join(", ");
    let values = vec!["?"; NAMES.len() + FIELDS.len()].join(", ");
    let names = [&license.product, &license.server, &license.machine].map(|name| Some(name.as_str()));
    let fields = FIELDS.map(|field| license.fields.get(field).map(String::as_str));
    connection.execute(
        &format!("INSERT OR REPLACE INTO license_info ({columns}) VALUES ({values})"),
        params_from_iter(names.into_iter().chain(fields)),
    )
}

fn delete(connection: &Connection, license: &StoredLicense) -> rusqlite::Result<usize> {
    connection.execute(
        "DELETE FROM license_info WHERE product = ?1 AND server = ?2 AND machine = ?3",
        (&license.product, &license.server, &license.machine),
    )
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => Self::Full,
            // In a folder that cannot be written, SQLite cannot open the files beside the database.
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => Self::ReadOnly,
            // No code: the row does not have our types. `Unknown`: a statement does not fit the tables, and every
            // statement of ours fits them.
            None
            | Some(
                ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::TypeMismatch
                | ErrorCode::Unknown,
            ) => Self::Damaged,
            Some(_) => Self::Unavailable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Uses SQLite's own page limit, so that the test runs where no small disk can be mounted.
    #[test]
    fn full_database_keeps_old_row() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = SqliteFile::open(folder.path().join("license.db")).unwrap();
        let of = |length| {
            let mut license = StoredLicense { product: "QF".to_owned(), ..StoredLicense::default() };
            license.fields.insert("lease".to_owned(), "x".repeat(length));
            vec![license]
        };
        store.update(&mut |licenses| *licenses = of(100)).unwrap();
        let pages: i64 = store.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        let limit = |store: &SqliteFile, pages: i64| {
            store.connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).unwrap();
        };
        limit(&store, pages);
        assert_eq!(store.update(&mut |licenses| *licenses = of(20_000)), Err(StoreError::Full));
        assert_eq!(store.read().unwrap()[0].fields["lease"].len(), 100);
        limit(&store, 1_000);
        store.update(&mut |licenses| *licenses = of(20_000)).unwrap();
    }
}
