//! Storing many licenses: several transactions under way at a time, each of many licenses.
//!
//! It may be killed at any moment: a transaction is stored or not, and whoever starts over finds what is there.

use falconer_aws::operator::MAX_PER_TRANSACTION;
use falconer_aws::{AuditRow, Store, StoreError};
use falconer_domain::issue::NewLicense;
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;

use crate::random;

/// Transactions under way at a time: enough to keep a table busy that is some 10 ms away, and far from its limit of
/// 1,000 writes a second for a partition.
pub(crate) const MAX_IN_FLIGHT: usize = 8;

/// Why not everything was stored.
#[derive(Debug, thiserror::Error)]
pub enum BulkError {
    /// The tables.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operating system.
    #[error("no random bytes from the operating system: {0}")]
    Random(#[from] getrandom::Error),
}

/// How many licenses came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Stored now.
    pub stored: u64,
    /// Stored by somebody else meanwhile.
    pub there: u64,
}

/// Stores licenses as they come.
pub struct Bulk<'a> {
    store: &'a Store,
    batch: Vec<(NewLicense, AuditRow)>,
    under_way: FuturesUnordered<LocalBoxFuture<'a, Result<Tally, BulkError>>>,
    tally: Tally,
}

impl<'a> Bulk<'a> {
    /// A bulk into a store.
    #[must_use]
    pub fn into(store: &'a Store) -> Self {
        Self { store, batch: Vec::new(), under_way: FuturesUnordered::new(), tally: Tally::default() }
    }

    /// Counts of completed writes.
    #[must_use]
    pub const fn tally(&self) -> Tally {
        self.tally
    }

    /// One more license; waits while enough are under way.
    ///
    /// # Errors
    /// [`BulkError`], of an earlier one.
    pub async fn push(&mut self, new: NewLicense, row: AuditRow) -> Result<(), BulkError> {
        self.batch.push((new, row));
        if self.batch.len() == MAX_PER_TRANSACTION {
            self.send();
        }
        while self.under_way.len() >= MAX_IN_FLIGHT {
            self.next().await?;
        }
        Ok(())
    }

    /// Waits for the rest.
    ///
    /// # Errors
    /// [`BulkError`].
    pub async fn finish(mut self) -> Result<Tally, BulkError> {
        self.send();
        while !self.under_way.is_empty() {
            self.next().await?;
        }
        Ok(self.tally)
    }

    fn send(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        if !batch.is_empty() {
            self.under_way.push(Box::pin(store(self.store, batch)));
        }
    }

    async fn next(&mut self) -> Result<(), BulkError> {
        if let Some(outcome) = self.under_way.next().await {
            let Tally { stored, there } = outcome?;
            self.tally.stored += stored;
            self.tally.there += there;
        }
        Ok(())
    }
}

/// All of a batch in one transaction; one by one where that is refused, since one of them may be there already, or all
/// of them together be too large.
async fn store(store: &Store, batch: Vec<(NewLicense, AuditRow)>) -> Result<Tally, BulkError> {
    let count = batch.len() as u64;
    if store.issue_many(&batch, &random::id()?).await.is_ok() {
        return Ok(Tally { stored: count, there: 0 });
    }
    let mut tally = Tally::default();
    for (new, row) in batch {
        match store.issue(&new, &row, &random::id()?).await {
            Ok(()) => tally.stored += 1,
            // There, or only touched by another transaction, which may come to nothing.
            Err(StoreError::Conflict) if store.license(&new.license.id).await?.is_some() => tally.there += 1,
            Err(StoreError::Conflict) => {
                return Err(StoreError::Unavailable("another transaction is in the way".to_owned()).into());
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(tally)
}
