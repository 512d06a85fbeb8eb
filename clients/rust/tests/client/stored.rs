//! Stores of both formats, as tests look into them and change them.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use falconer_client::store::{PlainFile, SqliteFile, Store};
use falconer_client::{Licensing, StoreFormat};

use crate::harness::{TestSetup, key};

/// The formats of the library. Tests of the store run with each.
pub(crate) const FORMATS: [StoreFormat; 2] = [StoreFormat::Sqlite, StoreFormat::PlainFile];

/// Name of the file in the application's folder.
pub(crate) fn file_name(format: StoreFormat) -> &'static str {
    match format {
        StoreFormat::Sqlite => "license.db",
        _ => "license.json",
    }
}

pub(crate) fn open(path: &Path, format: StoreFormat) -> Box<dyn Store> {
    match format {
        StoreFormat::Sqlite => Box::new(SqliteFile::open(path).unwrap()),
        _ => Box::new(PlainFile::open(path).unwrap()),
    }
}

/// Texts of the only license in a store.
pub(crate) fn fields(path: &Path, format: StoreFormat) -> BTreeMap<String, String> {
    let licenses = open(path, format).read().unwrap();
    assert_eq!(licenses.len(), 1, "{licenses:?}");
    licenses.into_iter().next().unwrap().fields
}

/// Changes the texts of the only license in a store.
pub(crate) fn edit(path: &Path, format: StoreFormat, change: impl Fn(&mut BTreeMap<String, String>)) {
    let mut store = open(path, format);
    let changed = store.update(&mut |licenses| {
        assert_eq!(licenses.len(), 1, "{licenses:?}");
        change(&mut licenses[0].fields);
    });
    changed.unwrap();
}

/// Sets the stored time back by a millisecond.
pub(crate) fn edit_checkpoint(path: &Path, format: StoreFormat) {
    edit(path, format, |fields| {
        let floor: i64 = fields["floor_millis"].parse().unwrap();
        fields.insert("floor_millis".to_owned(), (floor - 1).to_string());
    });
}

/// A closed store and the files beside it.
pub(crate) struct Stored {
    pub(crate) setup: TestSetup,
    pub(crate) folder: tempfile::TempDir,
}

impl Stored {
    pub(crate) fn new(format: StoreFormat) -> Self {
        let stored = Self { setup: TestSetup::with_format(format), folder: folder_in_memory() };
        stored.open().activate(&key(1), "Anna Example", "anna@example.com").unwrap();
        stored
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join(file_name(self.setup.format))
    }

    /// Path of the first file that was set aside.
    pub(crate) fn aside(&self) -> PathBuf {
        let name = format!("{}.damaged-1", file_name(self.setup.format));
        self.folder.path().join(name)
    }

    pub(crate) fn fields(&self) -> BTreeMap<String, String> {
        fields(&self.path(), self.setup.format)
    }

    /// Sets texts of the license.
    pub(crate) fn set(&self, texts: &[(&str, &str)]) {
        edit(&self.path(), self.setup.format, |fields| {
            fields.extend(texts.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())));
        });
    }

    pub(crate) fn open(&self) -> Licensing {
        self.setup.on(&self.path())
    }
}

/// A folder in memory for a hundred thousand writes, or a plain folder where the system has none.
pub(crate) fn folder_in_memory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// A program in the middle of a write. Nobody else can write until it is dropped.
pub(crate) enum Writing {
    Sqlite(#[expect(dead_code, reason = "dropping it ends the transaction")] rusqlite::Connection),
    PlainFile(#[expect(dead_code, reason = "dropping it ends the lock")] File),
}

impl Writing {
    pub(crate) fn begin(path: &Path, format: StoreFormat) -> Self {
        match format {
            StoreFormat::Sqlite => {
                let connection = rusqlite::Connection::open(path).unwrap();
                connection.execute_batch("BEGIN IMMEDIATE").unwrap();
                Self::Sqlite(connection)
            }
            _ => {
                let mut name = path.as_os_str().to_owned();
                name.push(".lock");
                let file = File::options().write(true).open(name).unwrap();
                file.lock().unwrap();
                Self::PlainFile(file)
            }
        }
    }
}
