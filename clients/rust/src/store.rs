//! Storage between two runs: one row of SQLite, and a log.
//!
//! The file is not trusted. Every start verifies the lease, the endorsements and the seal again; the file only saves
//! requests to the server. Where it cannot be used, the library works in memory and says how to repair it.

mod open;
mod schema;

use falconer_domain::UnixMillis;
use falconer_domain::person::{Email, PersonName};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, TransactionBehavior, params};

use crate::clock::UnixSeconds;
use crate::hardware::InstallId;
use crate::timeline::TimeCheckpoint;
use crate::user_message::{MessageId, UserMessage};

pub(crate) use open::{Opened, open, open_in_memory};

/// Number of log rows that are kept: a few months of daily checks.
const MAX_LOG_ROWS: i64 = 500;

/// Licensee, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Licensee {
    pub(crate) name: Option<PersonName>,
    pub(crate) email: Option<Email>,
}

/// A license key for storage and requests. `Debug` hides it.
#[derive(Clone, derive_more::Debug, PartialEq, Eq)]
#[debug("StoredKey(…)")]
pub(crate) struct StoredKey(pub(crate) String);

/// The one request that waits for the server. A later request replaces it: [`Record::replace_pending`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PendingRequest {
    /// Activation with a key.
    Activate(StoredKey),
    /// Freeing this device's seat.
    Deactivate,
}

/// Components that the server saw last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SentComponents {
    /// Hash of the components.
    pub(crate) digest: String,
    /// Moment by the server's time.
    pub(crate) at: UnixSeconds,
}

impl SentComponents {
    /// Writes hash and second as `hash@second`. Version 0.1.0 wrote the hash alone; its row then differs, and the
    /// components are sent once more.
    fn to_column(&self) -> String {
        format!("{}@{}", self.digest, self.at.0)
    }

    /// Reads any text. A text without a second counts as sent in 1970.
    fn from_column(text: &str) -> Self {
        let (digest, at) = text.split_once('@').unwrap_or((text, ""));
        Self { digest: digest.to_owned(), at: UnixSeconds(at.parse().unwrap_or_default()) }
    }
}

/// The stored row. [`VerifiedRecord`](crate::licensing) is the part of it that is proved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    /// Key of the stored license.
    pub(crate) key: Option<StoredKey>,
    /// Licensee of the last activation.
    pub(crate) licensee: Licensee,
    /// Last signed answer that counted, verbatim: a lease or a locking refusal. One column holds both, so that nobody
    /// can cut a refusal out from beside a lease.
    pub(crate) answer: Option<String>,
    /// JWKS of the keys that were fetched and endorsed.
    pub(crate) trusted_keys: Option<String>,
    /// Components that `activate-sync` saw last.
    pub(crate) sent_components: Option<SentComponents>,
    /// Random id, made where hardware was too little.
    pub(crate) install_id: Option<InstallId>,
    /// Moment of the last failed check, if none has succeeded since.
    pub(crate) failed_at: Option<UnixSeconds>,
    /// Time at the last write.
    pub(crate) checkpoint: TimeCheckpoint,
    /// Seal over the checkpoint.
    pub(crate) seal: Option<String>,
    /// Request that waits for the server.
    pub(crate) pending: Option<PendingRequest>,
    /// Abandoned keys that may still hold a seat, which has to be released.
    pub(crate) abandoned_keys: Vec<StoredKey>,
}

impl Record {
    /// Replaces the pending request by one about `key`. The key of the replaced request is abandoned; `stored` is the
    /// key that a replaced deactivation was about.
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
        self.abandoned_keys.retain(|abandoned| abandoned != key);
        self.pending = pending;
    }

    /// Abandons a pending activation. Its seat may have been taken although the answer was lost.
    pub(crate) fn abandon_activation(&mut self) {
        if let Some(PendingRequest::Activate(key)) = self.pending.take() {
            self.abandoned_keys.push(key);
        }
    }
}

/// Reason why the license could not be saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreError {
    /// The disk is full or failing.
    Full,
    /// Folder or file cannot be written.
    ReadOnly,
    /// The file is not SQLite, belongs to another program, or is corrupt.
    Damaged,
    /// Another process holds the file, or the system refuses; the failure may pass.
    Unavailable,
}

impl StoreError {
    /// Message for a failure at the start.
    pub(crate) const fn user_message(self) -> UserMessage {
        let id = match self {
            Self::Full => MessageId::StoreFull,
            Self::ReadOnly => MessageId::StoreReadOnly,
            Self::Damaged => MessageId::StoreDamaged,
            Self::Unavailable => MessageId::StoreUnavailable,
        };
        id.message()
    }

    /// Message for a failure in a running program: a file in use is set aside only at the next start.
    pub(crate) const fn user_message_while_running(self) -> UserMessage {
        match self {
            Self::Damaged => MessageId::StoreDamagedWhileRunning.message(),
            Self::Full | Self::ReadOnly | Self::Unavailable => self.user_message(),
        }
    }
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

/// The open database. Each method is one transaction.
pub(crate) struct Store {
    connection: Connection,
}

impl Store {
    /// Reads the row; an absent row reads as the default.
    pub(crate) fn read(&self) -> Result<Record, StoreError> {
        Ok(self.connection.query_row(SELECT, [], from_row).optional()?.unwrap_or_default())
    }

    /// Reads, changes and writes the row in one transaction, and returns it. Afterwards SQLite's log is moved into the
    /// file, so that cutting the log off cannot bring an older row back.
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

    /// Adds a row to the log: endpoint, and code or failure. Personal data is not logged.
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

    /// Another process may be reading; the next write then truncates the log.
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
            .map(|text| SentComponents::from_column(&text)),
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
    // Keys contain no line break.
    let abandoned_keys: Vec<_> = record.abandoned_keys.iter().map(|key| key.0.as_str()).collect();
    connection.execute(
        UPSERT,
        params![
            record.key.as_ref().map(|key| &key.0),
            record.licensee.name.as_ref().map(PersonName::as_str),
            record.licensee.email.as_ref().map(Email::as_str),
            record.answer,
            record.trusted_keys,
            record.sent_components.as_ref().map(SentComponents::to_column),
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
