//! Opening a store over any file: none, our own, a damaged one, or one in a folder that cannot be written.

use std::fs;
use std::path::Path;

use super::files::{self, FileAccess, Turn};
#[cfg(feature = "sqlite")]
use super::sqlite::SqliteFile;
use super::{MemoryStore, PlainFile, Store, StoreError, StoreFormat, StoredLicense};
use crate::user_message::{MessageId, UserMessage};

const NEWER: UserMessage = MessageId::StoreNewer.message();

/// An opened store.
pub(crate) struct Opened {
    pub(crate) store: Box<dyn Store>,
    /// Problem to show to the user, if there is one.
    pub(crate) notice: Option<UserMessage>,
}

/// Reason why a file is not opened.
pub(super) enum OpenFailure {
    /// A later version wrote it. It is left alone.
    Newer,
    Store(StoreError),
}

impl<E: Into<StoreError>> From<E> for OpenFailure {
    fn from(error: E) -> Self {
        Self::Store(error.into())
    }
}

/// A file in one of the formats.
pub(super) trait StoreFile: Store + Sized + 'static {
    /// Endings of the files that may be beside it.
    const BESIDE: &'static [&'static str];

    /// Opens or creates the file. `turn` is the caller's lock.
    fn open_locked(path: &Path, access: FileAccess, turn: &Turn) -> Result<Self, OpenFailure>;

    /// Reads a file without writing anything. `None` where it cannot be read as it was last written.
    fn read_only(path: &Path) -> Option<Vec<StoredLicense>>;
}

/// Opens or creates the file at `path`. Where it cannot be written, the readable content counts and later changes stay
/// in memory.
pub(crate) fn open(path: &Path, format: StoreFormat, access: FileAccess) -> Opened {
    match format {
        #[cfg(feature = "sqlite")]
        StoreFormat::Sqlite => open_file::<SqliteFile>(path, access),
        StoreFormat::PlainFile => open_file::<PlainFile>(path, access),
    }
}

/// Reads the file at `path` without writing anything.
pub(crate) fn read_only(path: &Path, format: StoreFormat) -> Vec<StoredLicense> {
    let licenses = match format {
        #[cfg(feature = "sqlite")]
        StoreFormat::Sqlite => SqliteFile::read_only(path),
        StoreFormat::PlainFile => PlainFile::read_only(path),
    };
    licenses.unwrap_or_default()
}

fn open_file<F: StoreFile>(path: &Path, access: FileAccess) -> Opened {
    if let Some(folder) = path.parent() {
        // A failure shows when the file is created.
        let _ = fs::create_dir_all(folder);
    }
    // Of several programs that find a damaged file at once, one sets it aside and creates a new one, and the others open
    // that. Without the lock they would set the new file aside as well.
    let turn = files::lock(path, access);
    match F::open_locked(path, access, &turn) {
        Ok(store) => Opened { store: Box::new(store), notice: None },
        Err(OpenFailure::Newer) => in_memory(Vec::new(), Some(NEWER)),
        Err(OpenFailure::Store(StoreError::Damaged)) if turn.is_ok() => {
            replace_damaged::<F>(path, access, &turn)
        }
        // The readable content counts; changes are lost when the program ends.
        Err(OpenFailure::Store(error)) => {
            in_memory(F::read_only(path).unwrap_or_default(), Some(error.user_message()))
        }
    }
}

/// Sets a damaged file aside and creates a new one.
fn replace_damaged<F: StoreFile>(path: &Path, access: FileAccess, turn: &Turn) -> Opened {
    let notice = Some(StoreError::Damaged.user_message());
    if files::set_aside(path, F::BESIDE).is_ok()
        && let Ok(store) = F::open_locked(path, access, turn)
    {
        return Opened { store: Box::new(store), notice };
    }
    in_memory(Vec::new(), notice)
}

fn in_memory(licenses: Vec<StoredLicense>, notice: Option<UserMessage>) -> Opened {
    Opened { store: Box::new(MemoryStore(licenses)), notice }
}
