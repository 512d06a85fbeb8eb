//! One application's part of a store: its own row for this machine, and no other.
//!
//! **Invariant:** a row of another product or another server is neither used nor changed, so a stored key goes only to a
//! host that the application names. The application's settings decide which hosts these are, never the store.

use std::cmp::Reverse;

use falconer_domain::UnixMillis;

use super::{LogEntry, Record, Store, StoreError, StoredLicense};
use crate::clock::UnixSeconds;

/// What a row proves about itself, with the keys that the application was built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Belonging {
    /// Its answer is not signed by this application's keys for this product.
    Unproven,
    /// Its answer is signed by them.
    Signed,
    /// Its answer is a lease that counts on this machine.
    LeasedHere,
}

/// Everything that tells an application's own row from others.
pub(crate) struct Owner {
    pub(crate) product: String,
    /// Host of the server.
    pub(crate) server: String,
    /// Hosts that the server had before, named by the application.
    pub(crate) former_servers: Vec<String>,
    /// Names of this machine, at least one.
    pub(crate) machines: Vec<String>,
    pub(crate) belonging: Box<dyn Fn(&Record) -> Belonging + Send>,
}

/// A store, seen by one application on one machine.
pub(crate) struct ApplicationStore {
    store: Box<dyn Store>,
    owner: Owner,
    /// Licenses of earlier files, which are read and never written.
    earlier: Vec<StoredLicense>,
}

/// The record that counts, and the row that it replaces when it is written.
struct FoundFile {
    record: Record,
    replaces: Option<StoredLicense>,
}

impl ApplicationStore {
    pub(crate) fn new(store: Box<dyn Store>, owner: Owner, earlier: Vec<StoredLicense>) -> Self {
        Self { store, owner, earlier }
    }

    /// Reads the application's row for this machine; an absent row reads as the default.
    pub(crate) fn read(&mut self) -> Result<Record, StoreError> {
        let licenses = self.store.read()?;
        Ok(self.owner.find(&licenses, &self.earlier).record)
    }

    /// Reads, changes and writes the row in one step, and returns it.
    pub(crate) fn update(&mut self, mut change: impl FnMut(&mut Record)) -> Result<Record, StoreError> {
        let (owner, earlier, mut kept) = (&self.owner, &self.earlier, Record::default());
        self.store.update(&mut |licenses| {
            let FoundFile { record: before, replaces } = owner.find(licenses, earlier);
            kept = before.clone();
            change(&mut kept);
            if kept == before {
                return;
            }
            let own = owner.row(&kept);
            licenses.retain(|license| !license.has_name_of(&own) && Some(license) != replaces.as_ref());
            licenses.push(own);
        })?;
        Ok(kept)
    }

    /// Adds a request to the log: endpoint, and code or failure. Personal data is not logged.
    pub(crate) fn log(&mut self, at: UnixMillis, action: &str, outcome: &str) -> Result<(), StoreError> {
        self.store.log(&LogEntry { at: UnixSeconds(at.seconds()), action, outcome })
    }
}

impl Owner {
    fn row(&self, record: &Record) -> StoredLicense {
        StoredLicense {
            product: self.product.clone(),
            server: self.server.clone(),
            machine: self.machines[0].clone(),
            fields: record.to_fields(),
        }
    }

    /// Finds the row that counts: this machine's in the store, then this machine's in earlier files, then that of
    /// another machine of the same user, which at least knows the key.
    fn find(&self, licenses: &[StoredLicense], earlier: &[StoredLicense]) -> FoundFile {
        if let Some(own) = self.of_this_machine(licenses) {
            return FoundFile { record: Record::from_fields(&own.fields), replaces: Some(own.clone()) };
        }
        if let Some(own) = self.of_this_machine(earlier) {
            return FoundFile { record: Record::from_fields(&own.fields), replaces: None };
        }
        let records = licenses.iter().chain(earlier).filter(|license| self.is_named(license));
        let latest = records
            .map(|license| Record::from_fields(&license.fields))
            .max_by_key(|record| record.checkpoint.floor);
        FoundFile { record: latest.unwrap_or_default().for_another_machine(), replaces: None }
    }

    fn of_this_machine<'a>(&self, licenses: &'a [StoredLicense]) -> Option<&'a StoredLicense> {
        let is_here = |license: &&StoredLicense| self.machines.contains(&license.machine);
        let named = licenses.iter().filter(|license| self.is_named(license)).filter(is_here);
        // The present server before former ones, and the most lasting name first.
        let rank = |license: &&StoredLicense| {
            let name = self.machines.iter().position(|name| *name == license.machine);
            (license.server != self.server, name)
        };
        if let Some(own) = named.min_by_key(rank) {
            return Some(own);
        }
        // Under another name, or from a version that wrote no names and one row for all machines.
        let proved = licenses.iter().filter(|license| self.is_named(license) || is_unnamed(license));
        let proved = proved.filter_map(|license| {
            let belonging = (self.belonging)(&Record::from_fields(&license.fields));
            match belonging {
                Belonging::LeasedHere => Some((belonging, license)),
                Belonging::Signed if is_unnamed(license) => Some((belonging, license)),
                Belonging::Signed | Belonging::Unproven => None,
            }
        });
        proved
            .min_by_key(|(belonging, _)| Reverse(*belonging == Belonging::LeasedHere))
            .map(|(_, license)| license)
    }

    /// True if the row names this product and a host that the application names.
    fn is_named(&self, license: &StoredLicense) -> bool {
        let is_named = |host: &String| *host == license.server;
        license.product == self.product
            && (is_named(&self.server) || self.former_servers.iter().any(is_named))
    }
}

/// True for a row of version 0.1.0, which names neither product nor server nor machine.
fn is_unnamed(license: &StoredLicense) -> bool {
    [&license.product, &license.server, &license.machine].iter().all(|name| name.is_empty())
}
