//! Opening, whatever stands there: nothing, a file of ours, a wreck, a folder that may not be written.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use super::schema::{self, Kind};
use super::{Record, Store, StoreError, write};
use crate::user_message::UserMessage;

/// How long to wait for another process to finish its write; each takes milliseconds.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);
/// How often to look whether another process has opened.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

const NEWER: UserMessage = UserMessage::new(
    "The saved license was written by a newer version of this application.",
    "Update the application; until then activate again each time it starts.",
);

/// A store, and what there is to say about it.
pub(crate) struct Opened {
    pub(crate) store: Store,
    /// What the user has to know, if something has to be known.
    pub(crate) notice: Option<UserMessage>,
}

/// Opens or makes the file at `path`. Where it cannot be written, what can be read of it counts and later changes are
/// kept in memory.
pub(crate) fn open(path: &Path) -> Result<Opened, StoreError> {
    if let Some(folder) = path.parent() {
        // RequestFailure with the folder shows when the file is made.
        let _ = fs::create_dir_all(folder);
    }
    let turn = lock_for_open(path);
    match try_open(path) {
        Ok(store) => Ok(Opened { store, notice: None }),
        Err(OpenFailure::Newer) => Ok(Opened { store: in_memory(&Record::default())?, notice: Some(NEWER) }),
        Err(OpenFailure::Store(StoreError::Damaged)) if turn.is_some() => replace_damaged(path),
        Err(OpenFailure::Store(error)) => open_unwritable(path, error),
    }
}

/// A store that ends with the program.
pub(crate) fn open_in_memory() -> Result<Opened, StoreError> {
    Ok(Opened { store: in_memory(&Record::default())?, notice: None })
}

enum OpenFailure {
    Newer,
    Store(StoreError),
}

impl<E: Into<StoreError>> From<E> for OpenFailure {
    fn from(error: E) -> Self {
        Self::Store(error.into())
    }
}

fn try_open(path: &Path) -> Result<Store, OpenFailure> {
    make_private(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(LOCK_TIMEOUT)?;
    match schema::kind(&connection)? {
        Kind::Current | Kind::Empty => {}
        Kind::Newer => return Err(OpenFailure::Newer),
        Kind::Foreign => return Err(StoreError::Damaged.into()),
    }
    harden(&connection)?;
    schema::create(&mut connection)?;
    check(&connection)?;
    let store = Store { connection };
    store.read()?;
    store.truncate_wal();
    Ok(store)
}

/// Every write reaches the disk before it counts, and what is overwritten is gone. Two small tables need small pages.
fn harden(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "page_size", 1_024)?;
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection
        .execute_batch("PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF")
}

/// A few pages, so all of it is looked at.
fn check(connection: &Connection) -> Result<(), StoreError> {
    let verdict: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" { Ok(()) } else { Err(StoreError::Damaged) }
}

/// The file holds a license key: its owner alone may read it. SQLite gives the files beside it the same mode.
fn make_private(path: &Path) -> Result<(), StoreError> {
    match private().create_new(true).open(path) {
        Ok(_) => Ok(()),
        Err(error) => match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                restrict_permissions(path);
                Ok(())
            }
            std::io::ErrorKind::StorageFull => Err(StoreError::Full),
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                Err(StoreError::ReadOnly)
            }
            _ => Err(StoreError::Unavailable),
        },
    }
}

/// How a file is made that its owner alone may read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// A file that was restored or copied may have come with any mode. What cannot be closed is used all the same.
#[cfg(unix)]
fn restrict_permissions(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    for ending in ["", "-wal", "-shm"] {
        let path = with_ending(path, ending);
        let Ok(found) = fs::metadata(&path) else { continue };
        let mode = found.permissions().mode();
        if found.is_file() && mode & 0o077 != 0 {
            let _ = fs::set_permissions(&path, fs::Permissions::from_mode(mode & 0o700));
        }
    }
}

/// Elsewhere the user's own folder is closed to others.
#[cfg(not(unix))]
fn restrict_permissions(_: &Path) {}

/// The right to open, and to set aside what cannot be opened: of several programs that find a wreck at once, one sets it
/// aside and makes a new file, and the others find that one. Without it they would set aside the new file too, with the
/// license in it. `None` where nothing can be written, or another program holds on to it.
fn lock_for_open(path: &Path) -> Option<File> {
    // The file stays: deleted, it could be locked twice.
    let file = private().create(true).truncate(false).open(with_ending(path, ".lock")).ok()?;
    let begun = Instant::now();
    while file.try_lock().is_err() {
        if begun.elapsed() >= LOCK_TIMEOUT {
            return None;
        }
        std::thread::sleep(POLL_INTERVAL);
    }
    Some(file)
}

/// Sets a wreck aside and begins anew.
fn replace_damaged(path: &Path) -> Result<Opened, StoreError> {
    let notice = Some(StoreError::Damaged.user_message());
    if set_aside(path).is_ok()
        && let Ok(store) = try_open(path)
    {
        return Ok(Opened { store, notice });
    }
    Ok(Opened { store: in_memory(&Record::default())?, notice })
}

/// `store.db` becomes `store.db.damaged-1`, and what SQLite keeps beside it goes along. Nothing is deleted or replaced.
fn set_aside(path: &Path) -> std::io::Result<()> {
    let aside = |number: u64, ending: &str| with_ending(path, &format!(".damaged-{number}{ending}"));
    let is_free = |number: &u64| {
        ["", "-wal", "-shm"].iter().all(|ending| fs::symlink_metadata(aside(*number, ending)).is_err())
    };
    let number = (1..u64::MAX).find(is_free).ok_or(std::io::ErrorKind::AlreadyExists)?;
    for ending in ["-wal", "-shm"] {
        // Mostly they do not exist.
        let _ = fs::rename(with_ending(path, ending), aside(number, ending));
    }
    fs::rename(path, aside(number, ""))
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// What can be read counts; what changes is forgotten with the program.
fn open_unwritable(path: &Path, error: StoreError) -> Result<Opened, StoreError> {
    let record = read_only(path).unwrap_or_default();
    Ok(Opened { store: in_memory(&record)?, notice: Some(error.user_message()) })
}

/// Reads a file without writing anything, its log included. With a log that was not moved into it the file may be older
/// than what was last known, a refusal perhaps: then it is not read.
fn read_only(path: &Path) -> Option<Record> {
    let log = fs::metadata(with_ending(path, "-wal")).map_or(0, |log| log.len());
    if log > 0 {
        return None;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(immutable(path)?, flags).ok()?;
    let ours = schema::kind(&connection).ok()? == Kind::Current;
    (ours && check(&connection).is_ok()).then(|| Store { connection }.read().ok()).flatten()
}

/// SQLite's URI of a file that nobody changes.
fn immutable(path: &Path) -> Option<String> {
    let path = std::path::absolute(path).ok()?;
    let path = path.to_str()?.replace('\\', "/");
    let escaped = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let slash = if escaped.starts_with('/') { "" } else { "/" };
    Some(format!("file:{slash}{escaped}?immutable=1"))
}

fn in_memory(record: &Record) -> Result<Store, StoreError> {
    let mut connection = Connection::open_in_memory()?;
    schema::create(&mut connection)?;
    write(&connection, record)?;
    Ok(Store { connection })
}
