//! The orders of a file, issued in bulk: all checked first, then a key for each in a file, then the licenses. The command
//! line and the console run it.
//!
//! It may be killed at any moment. A second run with the same orders and the same file of keys goes on: no order is issued
//! twice, and no issued key is lost.

use std::ops::ControlFlow;
use std::path::Path;

use falconer_aws::{Store, StoreError};
use falconer_domain::issue::CheckedOrder;
use falconer_domain::{KeyRing, LicenseId, LicenseKey, Product, UnixMillis};

use super::bulk::{Bulk, BulkError};
use super::cells::Sheet;
use super::issue_csv::{self, Keyed};
use crate::issue::{IssueError, Issuer, KeyForm};
use crate::random;

/// Rows after which others have their turn: a console serves its pages on the same thread.
pub(crate) const ROWS_AT_A_TIME: u64 = 50;

/// The tables, the ring, and who issues when and why.
#[derive(Clone, Copy)]
pub struct BulkIssue<'a> {
    /// The tables.
    pub store: &'a Store,
    /// The ring.
    pub ring: &'a KeyRing,
    /// The actor, for the audit.
    pub actor: &'a str,
    /// Why, for the audit.
    pub reason: Option<&'a str>,
    /// When.
    pub now: UnixMillis,
}

/// The orders of a file, each checked. No `Debug`: they are about people.
#[derive(Default)]
pub struct CheckedOrders {
    /// Those that are in order.
    pub checked: Vec<CheckedOrder>,
    /// The others: their lines, and why.
    pub bad: Vec<(u64, String)>,
}

/// Outcome of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BulkIssued {
    /// Licenses stored now.
    pub stored: u64,
    /// Licenses of an earlier run, or of somebody else at this moment.
    pub there: u64,
    /// Orders that were not looked at, since the run was stopped before them.
    pub left: u64,
}

/// Why the file of keys was not written. Nothing was issued.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// No key.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// The file.
    #[error(transparent)]
    File(#[from] std::io::Error),
}

/// Why a run ended early. What was issued stays.
#[derive(Debug, thiserror::Error)]
pub enum BulkIssueError {
    /// A key in the file that the ring has not made. Nothing was stored.
    #[error("the file of keys holds a key that this ring did not make")]
    ForeignKey,
    /// The catalog.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// The tables.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A transaction.
    #[error(transparent)]
    Bulk(#[from] BulkError),
    /// The operating system.
    #[error("no random bytes from the operating system: {0}")]
    Random(#[from] getrandom::Error),
}

impl BulkIssue<'_> {
    /// Checks every order of a file. `watch` gets the number of orders after each one, and may end the check.
    ///
    /// # Errors
    /// [`StoreError`], of a catalog.
    pub async fn check(
        &self,
        orders: &Sheet<'_>,
        product: &Product,
        mut watch: impl FnMut(u64) -> ControlFlow<()>,
    ) -> Result<CheckedOrders, StoreError> {
        let issuer = Issuer::new(self.store, self.ring, self.actor);
        let mut found = CheckedOrders::default();
        for (row, seen) in issue_csv::rows(orders).zip(1..) {
            match issue_csv::order(&row, product) {
                Ok(order) => match issuer.check(order).await {
                    Ok(order) => found.checked.push(order),
                    Err(IssueError::Catalog(error)) => return Err(error),
                    Err(why) => found.bad.push((row.line, why.to_string())),
                },
                Err(why) => found.bad.push((row.line, why.to_string())),
            }
            if watch(seen).is_break() {
                break;
            }
            take_turns(seen).await;
        }
        Ok(found)
    }

    /// Writes keys for the last of the orders, which have none, below those of the others in `made`.
    ///
    /// # Errors
    /// [`KeysError`]; the file is as it was.
    pub fn make_keys(
        &self,
        orders: &Sheet<'_>,
        made: &[u8],
        without_key: &[CheckedOrder],
        path: &Path,
    ) -> Result<(), KeysError> {
        let mut issuer = Issuer::new(self.store, self.ring, self.actor);
        let mut keys = Vec::with_capacity(without_key.len());
        for order in without_key {
            let (key, new) = issuer.prepare(order, KeyForm::Current, self.now)?;
            keys.push((key, new.license.id.to_string()));
        }
        let there = issue_csv::rows(orders).count() - keys.len();
        Ok(if made.is_empty() {
            issue_csv::write_keys(path, orders, keys, self.now)?;
        } else {
            issue_csv::add_keys(path, (made, orders), (there, keys), self.now)?;
        })
    }

    /// Stores a license for each order that has a key, unless it is there. `watch` gets the number of orders before each
    /// one, and may end the run: those before it are stored then, and the others are left.
    ///
    /// # Errors
    /// [`BulkIssueError`].
    pub async fn store(
        &self,
        keyed: Vec<Keyed>,
        mut watch: impl FnMut(u64) -> ControlFlow<()>,
    ) -> Result<BulkIssued, BulkIssueError> {
        // Every key is looked at before the first license is stored.
        let keyed = keyed.into_iter().map(|keyed| Ok((self.id_of(&keyed.key)?, keyed)));
        let keyed = keyed.collect::<Result<Vec<_>, BulkIssueError>>()?;
        let known = self.store.license_ids().await?;
        let issuer = Issuer::new(self.store, self.ring, self.actor).because(self.reason);
        let (mut bulk, mut issued) = (Bulk::into(self.store), BulkIssued::default());
        let count = keyed.len() as u64;
        for (done, (id, Keyed { order, key, issued_at })) in (0..).zip(keyed) {
            if watch(done).is_break() {
                issued.left = count - done;
                break;
            }
            take_turns(done).await;
            if known.contains(&id) {
                issued.there += 1;
                continue;
            }
            let order = issuer.check(order).await?;
            let new = order.license(id.clone(), &key, self.ring.current(), issued_at, random::bytes()?);
            let row = issuer.audit(&id, self.now)?;
            bulk.push(new, row).await?;
        }
        let tally = bulk.finish().await?;
        issued.stored = tally.stored;
        issued.there += tally.there;
        Ok(issued)
    }

    fn id_of(&self, key: &LicenseKey) -> Result<LicenseId, BulkIssueError> {
        let authentic = self.ring.authenticate(&key.to_string());
        Ok(authentic.map_err(|_| BulkIssueError::ForeignKey)?.license_id)
    }
}

/// Lets others work, now and then.
pub(crate) async fn take_turns(rows: u64) {
    if rows.is_multiple_of(ROWS_AT_A_TIME) {
        tokio::task::yield_now().await;
    }
}
