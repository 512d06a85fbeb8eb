//! The store as one file of JSON, for applications that cannot link SQLite.
//!
//! A write makes a new file beside the old one, flushes it to the disk, and renames it over the old one. So a reader finds
//! the old content or the new one, whenever the program or the machine stops. A lock on a third file keeps two writers
//! apart.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::files::{self, FileAccess, Turn, with_ending};
use super::open::{OpenFailure, StoreFile};
use super::{LogEntry, MAX_LOG_ENTRIES, Store, StoreError, StoredLicense};

/// Member `format` of the file.
const FORMAT: &str = "falconer-licenses";
/// Version of the format.
const VERSION: u32 = 1;
/// Largest file that is read. A license takes some 4 KB, so hundreds of machines fit.
const MAX_BYTES: u64 = 4 << 20;
/// Size at which the log is shortened. A kept entry has some 40 bytes, so the log then has more entries than are kept.
const MAX_LOG_BYTES: u64 = 64 << 10;

/// A [`Store`] in one file of JSON. It needs no library.
#[derive(Debug)]
pub struct PlainFile {
    path: PathBuf,
    access: FileAccess,
}

/// Content of the file.
#[derive(Serialize, Deserialize)]
struct Document {
    format: String,
    version: u32,
    #[serde(default)]
    licenses: Vec<StoredLicense>,
}

impl PlainFile {
    /// Opens the file, or creates it. Only its owner may read it.
    ///
    /// # Errors
    /// [`StoreError`]; `Damaged` for any other file, and for one of a newer version.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let (path, access) = (path.as_ref(), FileAccess::Owner);
        Self::open_locked(path, access, &files::lock(path, access)).map_err(|failure| match failure {
            OpenFailure::Newer => StoreError::Damaged,
            OpenFailure::Store(error) => error,
        })
    }

    /// Replaces the content as a whole. The caller has the lock.
    fn write(&self, licenses: Vec<StoredLicense>) -> Result<(), StoreError> {
        let document = Document { format: FORMAT.to_owned(), version: VERSION, licenses };
        let text = serde_json::to_string_pretty(&document).map_err(|_| StoreError::Unavailable)?;
        self.replace(&self.path, text.as_bytes())
    }

    fn replace(&self, path: &Path, content: &[u8]) -> Result<(), StoreError> {
        let new = with_ending(path, ".new");
        let written = self.write_new(&new, content).and_then(|()| fs::rename(&new, path));
        if let Err(error) = written {
            // What is left of a full disk is better free.
            let _ = fs::remove_file(&new);
            return Err(error.into());
        }
        flush_folder(path);
        Ok(())
    }

    fn write_new(&self, new: &Path, content: &[u8]) -> io::Result<()> {
        // One that a killed program left may belong to another user.
        let _ = fs::remove_file(new);
        let mut file = self.access.open(new, OpenOptions::new().create_new(true))?;
        file.write_all(content)?;
        file.sync_all()
    }

    fn log_path(&self) -> PathBuf {
        with_ending(&self.path, ".log")
    }

    /// Keeps the last entries. The caller has the lock.
    fn shorten_log(&self) -> Result<(), StoreError> {
        let text = fs::read_to_string(self.log_path()).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        let kept = lines[lines.len().saturating_sub(MAX_LOG_ENTRIES)..].join("\n") + "\n";
        self.replace(&self.log_path(), kept.as_bytes())
    }
}

impl Store for PlainFile {
    fn read(&mut self) -> Result<Vec<StoredLicense>, StoreError> {
        match read(&self.path) {
            Ok(licenses) => Ok(licenses),
            // A file of a newer version came in place of this one while the program ran.
            Err(OpenFailure::Newer) => Err(StoreError::Damaged),
            Err(OpenFailure::Store(error)) => Err(error),
        }
    }

    fn update(&mut self, change: &mut dyn FnMut(&mut Vec<StoredLicense>)) -> Result<(), StoreError> {
        let _turn = files::lock(&self.path, self.access)?;
        let before = self.read()?;
        let mut licenses = before.clone();
        change(&mut licenses);
        if licenses == before { Ok(()) } else { self.write(licenses) }
    }

    fn log(&mut self, entry: &LogEntry<'_>) -> Result<(), StoreError> {
        let _turn = files::lock(&self.path, self.access)?;
        let mut file = self.access.open(&self.log_path(), OpenOptions::new().create(true).append(true))?;
        writeln!(file, "{} {} {}", entry.at.0, entry.action, entry.outcome)?;
        if file.metadata()?.len() > MAX_LOG_BYTES { self.shorten_log() } else { Ok(()) }
    }
}

impl StoreFile for PlainFile {
    const BESIDE: &'static [&'static str] = &[];

    fn open_locked(path: &Path, access: FileAccess, turn: &Turn) -> Result<Self, OpenFailure> {
        if let Err(error) = turn {
            return Err(OpenFailure::Store(*error));
        }
        access.check(path)?;
        // The rename must replace the file and not a link to it, wherever the program goes meanwhile.
        let path = fs::canonicalize(path).or_else(|_| std::path::absolute(path))?;
        access.repair(&path);
        let store = Self { path, access };
        let licenses = read(&store.path)?;
        // Shows at once whether the folder can be written, as the first write would later.
        if licenses.is_empty() {
            store.write(licenses)?;
        } else {
            let probe = with_ending(&store.path, ".new");
            store.write_new(&probe, &[])?;
            fs::remove_file(&probe)?;
        }
        Ok(store)
    }

    fn read_only(path: &Path) -> Option<Vec<StoredLicense>> {
        read(path).ok()
    }
}

/// Reads the licenses. An absent and an empty file have none.
fn read(path: &Path) -> Result<Vec<StoredLicense>, OpenFailure> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        file => file?,
    };
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let is_too_large = u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_BYTES);
    let document =
        serde_json::from_slice::<Document>(&bytes).ok().filter(|document| document.format == FORMAT);
    match document {
        Some(document) if document.version > VERSION => Err(OpenFailure::Newer),
        Some(document) if document.version == VERSION && !is_too_large => Ok(document.licenses),
        _ => Err(StoreError::Damaged.into()),
    }
}

/// Makes the rename itself durable. Windows has no such call and needs none.
fn flush_folder(path: &Path) {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
    #[cfg(not(unix))]
    let _ = path;
}
