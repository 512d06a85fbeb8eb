//! The tables and their version.

use rusqlite::Connection;

use super::StoreError;

/// `FLCN`: marks a SQLite file as a store of this library.
const APPLICATION_ID: i32 = 0x464C_434E;
/// Version of the tables.
const VERSION: i32 = 1;

/// Tables of version 1. Their names are those of the spreadsheet's desktop client.
const CREATE: &str = "
CREATE TABLE license_info (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    license_key TEXT,
    licensee_name TEXT,
    licensee_email TEXT,
    lease TEXT,
    trusted_keys TEXT,
    sent_components TEXT,
    install_id TEXT,
    failed_at_seconds INTEGER,
    floor_millis INTEGER NOT NULL,
    skew_millis INTEGER NOT NULL,
    seal TEXT,
    pending TEXT,
    pending_key TEXT,
    given_up_keys TEXT
) STRICT;
CREATE TABLE license_validation_log (
    id INTEGER PRIMARY KEY,
    at_seconds INTEGER NOT NULL,
    action TEXT NOT NULL,
    outcome TEXT NOT NULL
) STRICT;
";

/// Kind of file found at the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Without tables.
    Empty,
    /// A store of this version.
    Current,
    /// A store of a later version, which is left alone.
    Newer,
    /// A file of another program.
    Foreign,
}

pub(super) fn kind(connection: &Connection) -> Result<Kind, StoreError> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(match (pragma("application_id")?, pragma("user_version")?) {
        (0, 0) if tables == 0 => Kind::Empty,
        (APPLICATION_ID, VERSION) => Kind::Current,
        (APPLICATION_ID, version) if version > VERSION => Kind::Newer,
        _ => Kind::Foreign,
    })
}

/// Creates all tables in one transaction.
pub(super) fn create(connection: &mut Connection) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    // Another process may have created them meanwhile.
    if kind(&transaction)? == Kind::Empty {
        transaction.execute_batch(CREATE)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
        transaction.commit()?;
    }
    Ok(())
}
