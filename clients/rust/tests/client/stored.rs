//! Stores of both formats, as tests look into them and change them.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use falconer_client::StoreFormat;
use falconer_client::store::{PlainFile, SqliteFile, Store};

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
