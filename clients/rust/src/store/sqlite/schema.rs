//! The tables and their version.

use rusqlite::Connection;

use crate::store::StoreError;

/// `FLCN`: marks a SQLite file as a store of this library.
const APPLICATION_ID: i32 = 0x464C_434E;
/// Version of the tables that 0.1.0 wrote: one row for everything.
const FIRST: i32 = 1;
/// Version of the tables.
const VERSION: i32 = 2;

/// Tables of version 2. Most names are those of the spreadsheet's desktop client.
const CREATE_LICENSES: &str = "
CREATE TABLE license_info (
    product TEXT NOT NULL,
    server TEXT NOT NULL,
    machine TEXT NOT NULL,
    license_key TEXT,
    licensee_name TEXT,
    licensee_email TEXT,
    lease TEXT,
    trusted_keys TEXT,
    sent_components TEXT,
    install_id TEXT,
    failed_at_seconds INTEGER,
    floor_millis INTEGER NOT NULL DEFAULT 0,
    skew_millis INTEGER NOT NULL DEFAULT 0,
    seal TEXT,
    pending TEXT,
    pending_key TEXT,
    given_up_keys TEXT,
    PRIMARY KEY (product, server, machine)
) STRICT;
";
const CREATE_LOG: &str = "
CREATE TABLE license_validation_log (
    id INTEGER PRIMARY KEY,
    at_seconds INTEGER NOT NULL,
    action TEXT NOT NULL,
    outcome TEXT NOT NULL
) STRICT;
";
/// A row of version 1 does not say whose it is, so its names stay empty.
const COPY_FIRST: &str = "
INSERT INTO license_info SELECT '', '', '', license_key, licensee_name, licensee_email, lease, trusted_keys,
    sent_components, install_id, failed_at_seconds, floor_millis, skew_millis, seal, pending, pending_key, given_up_keys
    FROM license_info_of_version_1;
DROP TABLE license_info_of_version_1;
";

/// Kind of file found at the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Without tables.
    Empty,
    /// A store of version 0.1.0.
    First,
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
        (APPLICATION_ID, FIRST) => Kind::First,
        (APPLICATION_ID, VERSION) => Kind::Current,
        (APPLICATION_ID, version) if version > VERSION => Kind::Newer,
        _ => Kind::Foreign,
    })
}

/// Creates the tables, or makes those of version 1 into them, in one transaction.
pub(super) fn create(connection: &mut Connection) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    // Another process may have created them meanwhile.
    match kind(&transaction)? {
        Kind::Empty => {
            transaction.execute_batch(CREATE_LICENSES)?;
            transaction.execute_batch(CREATE_LOG)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        }
        Kind::First => {
            transaction.execute_batch("ALTER TABLE license_info RENAME TO license_info_of_version_1")?;
            transaction.execute_batch(CREATE_LICENSES)?;
            transaction.execute_batch(COPY_FIRST)?;
        }
        Kind::Current | Kind::Newer | Kind::Foreign => return Ok(()),
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(())
}
