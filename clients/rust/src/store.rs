//! Places where a license is kept between two runs: [SQLite](StoreFormat::Sqlite), [one plain file](PlainFile), or a
//! [`Store`] of the application's own.
//!
//! A store is not trusted. Every start verifies the lease, the endorsements and the seal again; the store only saves
//! requests to the server. Where it cannot be used, the library works in memory and says how to repair it.
//!
//! A store holds one [`StoredLicense`] for each product, server and machine. So two applications that share a file by
//! mistake know nothing of each other, and neither do two machines that share a home folder over the network.

mod application;
mod failure;
mod files;
mod machine;
mod memory;
mod open;
mod plain_file;
mod record;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::UnixSeconds;

pub(crate) use application::{ApplicationStore, Belonging, Owner};
pub use failure::StoreError;
pub(crate) use files::FileAccess;
pub(crate) use machine::machine_names;
pub(crate) use memory::MemoryStore;
pub(crate) use open::{Opened, open, read_only};
pub use plain_file::PlainFile;
pub(crate) use record::{
    FileRequest, Licensee, PendingRequest, Record, SentComponents, StoredKey, StoredReadings,
};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteFile;

/// Number of log entries that are kept: a few months of daily checks.
const MAX_LOG_ENTRIES: usize = 500;

/// A place for licenses between two runs. Implement it to keep them in a database or a key chain of your own.
///
/// Several processes may use one place at a time. No method panics, and none waits for longer than a few seconds.
pub trait Store: Send {
    /// Reads all licenses. A place that nothing was written to has none.
    ///
    /// # Errors
    /// [`StoreError`]. The license then counts as it was last read.
    fn read(&mut self) -> Result<Vec<StoredLicense>, StoreError>;

    /// Reads all licenses, lets `change` change them, and writes them, as one step: no other process writes in between,
    /// and a reader finds all of it or nothing, whenever the program or the machine stops. Calls `change` once at most.
    ///
    /// # Errors
    /// [`StoreError`]. The library keeps the change in memory and writes it at the next opportunity.
    fn update(&mut self, change: &mut dyn FnMut(&mut Vec<StoredLicense>)) -> Result<(), StoreError>;

    /// Adds an entry to a log for the vendor's support. The default keeps none.
    ///
    /// # Errors
    /// [`StoreError`], which the library ignores.
    fn log(&mut self, entry: &LogEntry<'_>) -> Result<(), StoreError> {
        let _ = entry;
        Ok(())
    }
}

/// One license as texts, for [`Store`]. It serializes to JSON. `Debug` hides the fields, which hold license keys.
#[derive(Clone, derive_more::Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StoredLicense {
    /// Code of the product. Product, server and machine together name the license.
    pub product: String,
    /// Host of the server that the license was activated at.
    pub server: String,
    /// Name of the machine, made from its hardware.
    pub machine: String,
    /// Texts by name. A store keeps them as they are.
    #[debug(skip)]
    pub fields: BTreeMap<String, String>,
}

impl StoredLicense {
    /// True if both have one name: product, server and machine.
    pub(crate) fn has_name_of(&self, other: &Self) -> bool {
        (&self.product, &self.server, &self.machine) == (&other.product, &other.server, &other.machine)
    }
}

/// One request to the server, without keys and personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogEntry<'a> {
    /// Moment, by the library's time.
    pub at: UnixSeconds,
    /// Path of the endpoint.
    pub action: &'a str,
    /// Code of the answer, or name of the failure.
    pub outcome: &'a str,
}

/// Format of the file that the library keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreFormat {
    /// SQLite, compiled in with the feature `sqlite`. The default where that feature is on.
    #[cfg(feature = "sqlite")]
    Sqlite,
    /// One file of JSON, replaced as a whole. The default without the feature `sqlite`.
    PlainFile,
}

impl StoreFormat {
    /// Name of the file in the application's data folder.
    pub(crate) const fn file_name(self) -> &'static str {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => "license.db",
            Self::PlainFile => "license.json",
        }
    }
}

impl Default for StoreFormat {
    fn default() -> Self {
        #[cfg(feature = "sqlite")]
        let format = Self::Sqlite;
        #[cfg(not(feature = "sqlite"))]
        let format = Self::PlainFile;
        format
    }
}

#[cfg(test)]
mod tests;
