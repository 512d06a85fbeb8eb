//! What is kept between two runs: one row of SQLite, and a log.
//!
//! Nothing in the file is believed. The lease is verified again at every start, keys are endorsed again, marks are held
//! against their seal; the file only saves asking the server. Where it cannot be used the library goes on in memory and
//! says what to do about it.

mod open;
mod schema;

use std::fmt;

use falconer_domain::UnixMillis;
use falconer_domain::person::{Email, PersonName};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, TransactionBehavior, params};

use crate::clock::UnixSeconds;
use crate::hardware::InstallId;
use crate::timeline::TimeCheckpoint;
use crate::user_message::UserMessage;

pub(crate) use open::{Opened, open, open_in_memory};

/// Rows of the log that are kept: a few months of daily checks.
const MAX_LOG_ROWS: i64 = 500;

/// Who uses the license, as it was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Licensee {
    pub(crate) name: Option<PersonName>,
    pub(crate) email: Option<Email>,
}

/// A license key at rest and on its way. Shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct StoredKey(pub(crate) String);

impl fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredKey(…)")
    }
}

/// What waits to be sent. There is one at most; a later one takes its place: [`Record::replace_pending`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PendingRequest {
    /// An activation, by key.
    Activate(StoredKey),
    /// Freeing this device's seat.
    Deactivate,
}

/// What the server was shown of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SentComponents {
    /// A hash of the components.
    pub(crate) digest: String,
    /// When, by the server's time.
    pub(crate) at: UnixSeconds,
}

impl SentComponents {
    /// One text for the column: the hash, and after an at sign the second. A version that wrote none finds another text,
    /// and shows the machine once more.
    fn written(&self) -> String {
        format!("{}@{}", self.digest, self.at.0)
    }

    /// Any text; what was not written so is a hash of long ago.
    fn read(text: &str) -> Self {
        let (digest, at) = text.split_once('@').unwrap_or((text, ""));
        Self { digest: digest.to_owned(), at: UnixSeconds(at.parse().unwrap_or_default()) }
    }
}

/// The row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    /// The key of the stored license, canonical.
    pub(crate) key: Option<StoredKey>,
    /// Who activated last.
    pub(crate) licensee: Licensee,
    /// The last signed answer that counted, verbatim: a lease, or the refusal that locks. One of them: a refusal that
    /// stood beside the lease could be cut out.
    pub(crate) answer: Option<String>,
    /// The JWKS that the newest keys came from.
    pub(crate) trusted_keys: Option<String>,
    /// The components that `activate-sync` saw last, and when.
    pub(crate) sent_components: Option<SentComponents>,
    /// The random id, where hardware was too little.
    pub(crate) install_id: Option<InstallId>,
    /// When a check failed, if none has succeeded since.
    pub(crate) failed_at: Option<UnixSeconds>,
    /// Time, as it was last seen.
    pub(crate) checkpoint: TimeCheckpoint,
    /// The seal over those marks.
    pub(crate) seal: Option<String>,
    /// What waits to be sent.
    pub(crate) pending: Option<PendingRequest>,
    /// Keys that are wanted no longer and may hold a seat all the same: it is to be freed.
    pub(crate) abandoned_keys: Vec<StoredKey>,
}

impl Record {
    /// What is wanted now, about `key`, takes the place of what waits. `stored` is the key of the license before that.
    pub(crate) fn replace_pending(
        &mut self,
        key: &StoredKey,
        stored: Option<&StoredKey>,
        pending: Option<PendingRequest>,
    ) {
        let before = match self.pending.take() {
            Some(PendingRequest::Activate(before)) => Some(before),
            Some(PendingRequest::Deactivate) => stored.cloned(),
            None => None,
        };
        self.abandoned_keys.extend(before);
        self.abandoned_keys.retain(|abandoned_keys| abandoned_keys != key);
        self.pending = pending;
    }

    /// An activation that waits is wanted no longer. Its answer may only have been lost, and its seat been taken.
    pub(crate) fn abandon_activation(&mut self) {
        if let Some(PendingRequest::Activate(key)) = self.pending.take() {
            self.abandoned_keys.push(key);
        }
    }
}

/// Why something could not be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreError {
    /// The disk is full, or fails.
    Full,
    /// The folder or the file may not be written.
    ReadOnly,
    /// Not SQLite's, or not ours, or destroyed.
    Damaged,
    /// Another process has it, or the system refuses; it may pass.
    Unavailable,
}

impl StoreError {
    /// What the user is told.
    pub(crate) const fn user_message(self) -> UserMessage {
        match self {
            Self::Full => UserMessage::new(
                "The disk is full or failing, so the license cannot be saved.",
                "Free some space, then start the application again.",
            ),
            Self::ReadOnly => UserMessage::new(
                "The folder of the license may not be written, so nothing new can be saved.",
                "Let your user write to the application's data folder, then start the application again.",
            ),
            Self::Damaged => UserMessage::new(
                "The saved license was damaged; it was set aside.",
                "Connect this device to the internet and activate the license once more.",
            ),
            Self::Unavailable => UserMessage::new(
                "The saved license could not be used.",
                "Close other copies of the application and start it again.",
            ),
        }
    }
}

impl StoreError {
    /// The same where it comes up in the midst of a run: a file in use is not set aside before the next start.
    pub(crate) const fn user_message_while_running(self) -> UserMessage {
        match self {
            Self::Damaged => UserMessage::new(
                "The saved license was damaged while the application runs, so nothing new can be saved.",
                "Start the application again; it may ask you to activate once more, online.",
            ),
            Self::Full | Self::ReadOnly | Self::Unavailable => self.user_message(),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => Self::Full,
            // Files beside a file in a folder that may not be written cannot be opened.
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => Self::ReadOnly,
            // Without a code it is a row that does not read as ours. Unknown is what SQLite says of a statement that does
            // not fit the tables; ours all do.
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

/// The open store. Everything it does is one transaction.
pub(crate) struct Store {
    connection: Connection,
}

impl Store {
    /// Reads the row; an empty one, if there is none.
    pub(crate) fn read(&self) -> Result<Record, StoreError> {
        Ok(self.connection.query_row(SELECT, [], from_row).optional()?.unwrap_or_default())
    }

    /// Reads the row, changes it, writes it back; nobody else writes meanwhile. Returns it as it is then, and moves it out
    /// of the log of SQLite into the file, so that cutting the log off brings nothing older back.
    pub(crate) fn update(&mut self, change: impl FnOnce(&mut Record)) -> Result<Record, StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let before = transaction.query_row(SELECT, [], from_row).optional()?.unwrap_or_default();
        let mut record = before.clone();
        change(&mut record);
        if record != before {
            write(&transaction, &record)?;
            transaction.commit()?;
            self.truncate_wal();
        }
        Ok(record)
    }

    /// Adds a row to the log: what was asked, and the code or the trouble that came back. Nothing personal.
    pub(crate) fn log(&mut self, at: UnixMillis, action: &str, outcome: &str) -> Result<(), StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute(
            "INSERT INTO license_validation_log (at_seconds, action, outcome) VALUES (?1, ?2, ?3)",
            params![at.seconds(), action, outcome],
        )?;
        transaction.execute(
            "DELETE FROM license_validation_log WHERE id <= (SELECT max(id) FROM license_validation_log) - ?1",
            params![MAX_LOG_ROWS],
        )?;
        transaction.commit()?;
        self.truncate_wal();
        Ok(())
    }

    /// Another process may be reading; then the next write does it.
    fn truncate_wal(&self) {
        let _ = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }
}

const SELECT: &str = "SELECT license_key, licensee_name, licensee_email, lease, trusted_keys, sent_components, \
     install_id, failed_at_seconds, floor_millis, skew_millis, seal, pending, pending_key, given_up_keys \
     FROM license_info WHERE id = 1";

const UPSERT: &str = "INSERT INTO license_info (id, license_key, licensee_name, licensee_email, lease, trusted_keys, \
     sent_components, install_id, failed_at_seconds, floor_millis, skew_millis, seal, pending, pending_key, \
     given_up_keys) VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) \
     ON CONFLICT (id) DO UPDATE SET license_key = ?1, licensee_name = ?2, licensee_email = ?3, lease = ?4, \
     trusted_keys = ?5, sent_components = ?6, install_id = ?7, failed_at_seconds = ?8, floor_millis = ?9, \
     skew_millis = ?10, seal = ?11, pending = ?12, pending_key = ?13, given_up_keys = ?14";

fn from_row(row: &Row<'_>) -> rusqlite::Result<Record> {
    let name: Option<String> = row.get("licensee_name")?;
    let email: Option<String> = row.get("licensee_email")?;
    let pending: Option<String> = row.get("pending")?;
    let pending_key = row.get::<_, Option<String>>("pending_key")?.map(StoredKey);
    let abandoned_keys: String = row.get::<_, Option<String>>("given_up_keys")?.unwrap_or_default();
    Ok(Record {
        key: row.get::<_, Option<String>>("license_key")?.map(StoredKey),
        licensee: Licensee {
            name: name.and_then(|name| PersonName::read(&name).ok().flatten()),
            email: email.and_then(|email| Email::read(&email).ok().flatten()),
        },
        answer: row.get("lease")?,
        trusted_keys: row.get("trusted_keys")?,
        sent_components: row
            .get::<_, Option<String>>("sent_components")?
            .map(|text| SentComponents::read(&text)),
        install_id: row.get::<_, Option<String>>("install_id")?.map(InstallId::kept),
        failed_at: row.get::<_, Option<i64>>("failed_at_seconds")?.map(UnixSeconds),
        checkpoint: TimeCheckpoint {
            floor: UnixMillis(row.get("floor_millis")?),
            skew_millis: row.get("skew_millis")?,
        },
        seal: row.get("seal")?,
        pending: match (pending.as_deref(), pending_key) {
            (Some("activate"), Some(key)) => Some(PendingRequest::Activate(key)),
            (Some("deactivate"), _) => Some(PendingRequest::Deactivate),
            _ => None,
        },
        abandoned_keys: abandoned_keys.lines().map(|key| StoredKey(key.to_owned())).collect(),
    })
}

fn write(connection: &Connection, record: &Record) -> rusqlite::Result<usize> {
    let (pending, pending_key) = match &record.pending {
        None => (None, None),
        Some(PendingRequest::Activate(key)) => (Some("activate"), Some(&key.0)),
        Some(PendingRequest::Deactivate) => (Some("deactivate"), None),
    };
    // No key holds a line break.
    let abandoned_keys: Vec<_> = record.abandoned_keys.iter().map(|key| key.0.as_str()).collect();
    connection.execute(
        UPSERT,
        params![
            record.key.as_ref().map(|key| &key.0),
            record.licensee.name.as_ref().map(PersonName::as_str),
            record.licensee.email.as_ref().map(Email::as_str),
            record.answer,
            record.trusted_keys,
            record.sent_components.as_ref().map(SentComponents::written),
            record.install_id.as_ref().map(InstallId::as_str),
            record.failed_at.map(|at| at.0),
            record.checkpoint.floor.0,
            record.checkpoint.skew_millis,
            record.seal,
            pending,
            pending_key,
            Some(abandoned_keys.join("\n")).filter(|keys| !keys.is_empty()),
        ],
    )
}

#[cfg(test)]
mod tests;
