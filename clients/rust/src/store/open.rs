//! Opening a store over any file: none, our own, a damaged one, or one in a folder that cannot be written.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use super::schema::{self, Kind};
use super::{Record, Store, StoreError, write};
use crate::user_message::{MessageId, UserMessage};

/// Longest wait for another process to finish its write; each takes milliseconds.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);
/// Interval between two attempts to get the lock.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

const NEWER: UserMessage = MessageId::StoreNewer.message();

/// An opened store.
pub(crate) struct Opened {
    pub(crate) store: Store,
    /// Problem to show to the user, if there is one.
    pub(crate) notice: Option<UserMessage>,
}

/// Opens or creates the file at `path`. Where it cannot be written, the readable content counts and later changes stay
/// in memory.
pub(crate) fn open(path: &Path) -> Result<Opened, StoreError> {
    if let Some(folder) = path.parent() {
        // A failure shows when the file is created.
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

/// Opens a store that ends with the program.
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

/// Makes every write durable and overwrites deleted content. Two small tables need small pages.
fn harden(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "page_size", 1_024)?;
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection
        .execute_batch("PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF")
}

/// Checks the whole file, which has only a few pages.
fn check(connection: &Connection) -> Result<(), StoreError> {
    let verdict: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" { Ok(()) } else { Err(StoreError::Damaged) }
}

/// Creates the file readable by its owner alone, because it holds a license key. SQLite gives the files beside it the
/// same mode.
fn make_private(path: &Path) -> Result<(), StoreError> {
    match private_options().create_new(true).open(path) {
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

/// Options for a file that only its owner may read.
fn private_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Removes other users' permissions; a restored or copied file may have any mode. A failure is ignored.
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

/// On other systems the user's data folder is private already.
#[cfg(not(unix))]
fn restrict_permissions(_: &Path) {}

/// Locks the right to open the file and to set it aside. Of several programs that find a damaged file at once, one sets
/// it aside and creates a new one, and the others open that. Without the lock they would set the new file aside as
/// well. `None` if the folder cannot be written or another program holds the lock.
fn lock_for_open(path: &Path) -> Option<File> {
    // Keep the lock file: if it were deleted, two programs could hold the lock.
    let file = private_options().create(true).truncate(false).open(with_ending(path, ".lock")).ok()?;
    let begun = Instant::now();
    while file.try_lock().is_err() {
        if begun.elapsed() >= LOCK_TIMEOUT {
            return None;
        }
        std::thread::sleep(POLL_INTERVAL);
    }
    Some(file)
}

/// Sets a damaged file aside and creates a new one.
fn replace_damaged(path: &Path) -> Result<Opened, StoreError> {
    let notice = Some(StoreError::Damaged.user_message());
    if set_aside(path).is_ok()
        && let Ok(store) = try_open(path)
    {
        return Ok(Opened { store, notice });
    }
    Ok(Opened { store: in_memory(&Record::default())?, notice })
}

/// Renames `license.db` to `license.db.damaged-1`, along with SQLite's files beside it. Nothing is deleted or replaced.
fn set_aside(path: &Path) -> std::io::Result<()> {
    let aside = |number: u64, ending: &str| with_ending(path, &format!(".damaged-{number}{ending}"));
    let is_free = |number: &u64| {
        ["", "-wal", "-shm"].iter().all(|ending| fs::symlink_metadata(aside(*number, ending)).is_err())
    };
    let number = (1..u64::MAX).find(is_free).ok_or(std::io::ErrorKind::AlreadyExists)?;
    for ending in ["-wal", "-shm"] {
        // Usually these files do not exist.
        let _ = fs::rename(with_ending(path, ending), aside(number, ending));
    }
    fs::rename(path, aside(number, ""))
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Takes the readable content into memory; changes are lost when the program ends.
fn open_unwritable(path: &Path, error: StoreError) -> Result<Opened, StoreError> {
    let record = read_only(path).unwrap_or_default();
    Ok(Opened { store: in_memory(&record)?, notice: Some(error.user_message()) })
}

/// Reads a file without writing anything. A log beside it means that the file may be older than the last known answer,
/// perhaps a refusal: then the file is not read.
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

/// SQLite's URI for a file that does not change.
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
