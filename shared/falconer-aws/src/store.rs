//! The tables, one method per access pattern of [`tables`].

use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::types::builders::PutBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use falconer_domain::License;
use falconer_domain::issue::NewLicense;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::audit::{AuditRow, changes};
use crate::clients::Clients;
use crate::error::{StoreError, TransactionFailure};
use crate::items::{AuditItem, BirthItem, GuardItem, LastRequestItem, LicenseItem};
use crate::store_reader::StoreReader;
use crate::tables;

/// How often one transaction is sent while nothing but another one is in its way.
const TRANSACTION_TRIES: u32 = 3;
/// Shortest pause before another try: longer than a transaction of two items takes.
const FIRST_PAUSE_MILLIS: u64 = 20;
/// The longest pause is the shortest, doubled this often: 160 ms, so that three tries fit in a request.
const MAX_DOUBLINGS: u32 = 3;

/// The tables of licenses and of what happened to them, to be read and written.
#[derive(Clone, Debug)]
pub struct Store {
    reader: StoreReader,
    transaction: TimeoutConfig,
    /// The identity of an operator's credentials; absent in a function.
    #[cfg(feature = "operator")]
    caller: Option<crate::operator::Caller>,
}

/// Everything that reads a [`StoreReader`] reads a store.
impl Deref for Store {
    type Target = StoreReader;

    fn deref(&self) -> &StoreReader {
        &self.reader
    }
}

impl Store {
    /// The tables of these names.
    #[must_use]
    pub fn new(clients: &Clients, licenses: &str, verifications: &str) -> Self {
        Self {
            reader: StoreReader::new(clients, licenses, verifications),
            transaction: clients.budgets.transaction(),
            #[cfg(feature = "operator")]
            caller: None,
        }
    }

    /// Pattern 4: records a verification. A row that is there already is our own, from an attempt whose reply was lost.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn record(&self, row: &AuditRow) -> Result<(), StoreError> {
        let mut item = written(&AuditItem::from(row))?;
        self.sign(&mut item).await;
        let written = self
            .dynamodb()
            .put_item()
            .table_name(self.verifications_table())
            .set_item(Some(item))
            .condition_expression(tables::NOT_THERE)
            .send()
            .await
            .map_err(|error| StoreError::of(&error));
        match written {
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Pattern 5: a new license and its audit row, both or neither.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the license exists already; [`StoreError::Unavailable`].
    pub async fn issue(&self, new: &NewLicense, row: &AuditRow, token: &str) -> Result<(), StoreError> {
        self.transact(self.issuance(new, row)?, token).await
    }

    /// Pattern 6: what a decision made of a license, and its audit row, both or neither. Attributes that no rule looks
    /// at stay as they were read. `token` is random, and new for each decision.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the row is not the one that was read any more: load and decide again.
    /// [`StoreError::Unavailable`]: whether it was stored is not known.
    pub async fn commit(
        &self,
        guard: &RowVersion,
        before: &License,
        after: &License,
        row: &AuditRow,
        token: &str,
    ) -> Result<(), StoreError> {
        self.transact(self.change(guard, before, after, row)?, token).await
    }

    /// Pattern 6b: what a decision made of a license where that says nothing, and so has no audit row.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the row is not the one that was read any more, or is our own already, from an
    /// attempt whose reply was lost: load and look. [`StoreError::Unavailable`]: whether it was stored is not known.
    pub async fn save(
        &self,
        guard: &RowVersion,
        before: &License,
        after: &License,
        last_request: LastRequest<'_>,
    ) -> Result<(), StoreError> {
        let item = guard.item_after(
            &written(&LicenseItem::from(before))?,
            written(&LicenseItem::from(after))?,
            last_request,
        )?;
        self.dynamodb()
            .put_item()
            .table_name(self.licenses_table())
            .set_item(Some(item))
            .condition_expression(tables::SAME_VERSION)
            .expression_attribute_values(tables::VERSION_VALUE, AttributeValue::N(guard.version.to_string()))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| StoreError::of_put(&error))
    }

    /// A new license and its audit row.
    pub(crate) fn issuance(
        &self,
        new: &NewLicense,
        row: &AuditRow,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let license = written(&LicenseItem::from(&new.license))?;
        let audit = audit_item(row, &Item::new(), &license)?;
        let mut item = license;
        item.extend(written(&BirthItem::from(new))?);
        item.extend(written(&GuardItem { version: 1, last_request: None })?);
        Ok(vec![put_new(self.licenses_table(), item)?, put_new(self.verifications_table(), audit)?])
    }

    /// A changed license and its audit row.
    pub(crate) fn change(
        &self,
        guard: &RowVersion,
        before: &License,
        after: &License,
        row: &AuditRow,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        self.changed(guard, &written(&LicenseItem::from(before))?, written(&LicenseItem::from(after))?, row)
    }

    /// A row in which some attributes were others before, and its audit row.
    pub(crate) fn changed(
        &self,
        guard: &RowVersion,
        was: &Item,
        is: Item,
        row: &AuditRow,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let audit = audit_item(row, was, &is)?;
        let item = guard.item_after(was, is, LastRequest { id: &row.request_id, code: row.code })?;
        Ok(vec![
            put_over(self.licenses_table(), item, guard.version)?,
            put_new(self.verifications_table(), audit)?,
        ])
    }

    /// Writes all items or none. All attempts share one token, so after a lost reply a repeated write cannot
    /// look like another request's.
    pub(crate) async fn transact(
        &self,
        mut items: Vec<TransactWriteItem>,
        token: &str,
    ) -> Result<(), StoreError> {
        // Once for all tries: another transaction under the same token is refused.
        for put in items.iter_mut().filter_map(|item| item.put.as_mut()) {
            if put.table_name == self.verifications_table() {
                self.sign(&mut put.item).await;
            }
        }
        let mut sent = 1;
        loop {
            let timeouts = aws_sdk_dynamodb::config::Builder::new().timeout_config(self.transaction.clone());
            let outcome = self
                .dynamodb()
                .transact_write_items()
                .set_transact_items(Some(items.clone()))
                .client_request_token(token)
                .customize()
                .config_override(timeouts)
                .send()
                .await;
            match outcome.map_err(|error| TransactionFailure::of(&error)) {
                Ok(_) => return Ok(()),
                Err(TransactionFailure::Passing(_)) if sent < TRANSACTION_TRIES => {
                    tokio::time::sleep(jitter(sent)).await;
                    sent += 1;
                }
                Err(TransactionFailure::Passing(error) | TransactionFailure::Final(error)) => {
                    return Err(error);
                }
            }
        }
    }
}

/// A license as it was read, and what guards its next write.
#[derive(Debug)]
pub struct LicenseRow {
    /// The license, in the form of the rules.
    pub license: License,
    /// The version that a write is conditional on.
    pub guard: RowVersion,
}

/// The version of a row, the request that wrote it last, and everything in it. `Debug` shows no attribute: some are
/// about a person.
pub struct RowVersion {
    version: u64,
    last_request: Option<LastRequestItem>,
    item: Item,
}

impl fmt::Debug for RowVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowVersion").field("version", &self.version).finish_non_exhaustive()
    }
}

impl LicenseRow {
    pub(crate) fn read(item: Item) -> Result<Self, StoreError> {
        let guarding = GuardItem::ATTRIBUTES.iter().filter_map(|name| item.get_key_value(*name));
        let guarding = guarding.map(|(name, value)| (name.clone(), value.clone())).collect();
        let GuardItem { version, last_request } = read(guarding)?;
        let license: LicenseItem = read(item.clone())?;
        let license = license.read().map_err(|attribute| StoreError::Corrupt(attribute.to_owned()))?;
        Ok(Self { license, guard: RowVersion { version, last_request, item } })
    }
}

#[cfg(feature = "operator")]
impl RowVersion {
    pub(crate) const fn item(&self) -> &Item {
        &self.item
    }

    /// Returns the number that grows with each write.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.version
    }
}

#[cfg(not(feature = "operator"))]
impl Store {
    /// A function changes nothing in its own name.
    #[expect(clippy::unused_async, reason = "as for an operator, whose name has to be asked for")]
    async fn sign(&self, _row: &mut Item) {}
}

#[cfg(feature = "operator")]
impl Store {
    /// The same tables; every audit row that is written carries the caller's identity, where AWS tells it.
    #[must_use]
    pub fn signed_by(self, caller: crate::operator::Caller) -> Self {
        Self { caller: Some(caller), ..self }
    }

    async fn sign(&self, row: &mut Item) {
        let Some(caller) = &self.caller else { return };
        if let Some(arn) = caller.arn().await {
            row.insert(tables::IDENTITY.to_owned(), AttributeValue::S(arn.to_owned()));
        }
    }
}

/// The request that writes a license, and what it is answered.
#[derive(Clone, Copy, Debug)]
pub struct LastRequest<'a> {
    /// The id.
    pub id: &'a str,
    /// The code of its answer.
    pub code: &'a str,
}

impl RowVersion {
    /// The row as it will be: `is` in the place of `was`, and everything else as it was read.
    fn item_after(&self, was: &Item, is: Item, last_request: LastRequest<'_>) -> Result<Item, StoreError> {
        let mut item = self.item.clone();
        // Whether a row lies in the index follows from `is` alone; an older version left it there for longer.
        item.retain(|name, _| !was.contains_key(name) && name != tables::EXPIRY_MONTH);
        item.extend(is);
        let last_request =
            LastRequestItem { id: last_request.id.to_owned(), code: last_request.code.to_owned() };
        item.extend(written(&GuardItem { version: self.version + 1, last_request: Some(last_request) })?);
        Ok(item)
    }

    /// The code this request was answered with, if it is the one that wrote the row: its own write, whose reply was
    /// lost.
    #[must_use]
    pub fn written_by(&self, request_id: &str) -> Option<&str> {
        self.last_request.as_ref().filter(|last| last.id == request_id).map(|last| last.code.as_str())
    }
}

/// A pause before one more try: two that met do not meet again.
#[must_use]
pub fn jitter(tries: u32) -> Duration {
    let longest = FIRST_PAUSE_MILLIS << tries.min(MAX_DOUBLINGS);
    Duration::from_millis(fastrand::u64(FIRST_PAUSE_MILLIS..=longest))
}

pub(crate) type Item = std::collections::HashMap<String, AttributeValue>;

fn put_new(table: &str, item: Item) -> Result<TransactWriteItem, StoreError> {
    put_if(table, item, tables::NOT_THERE)
}

pub(crate) fn put_if(table: &str, item: Item, condition: &str) -> Result<TransactWriteItem, StoreError> {
    transaction_item(Put::builder().table_name(table).set_item(Some(item)).condition_expression(condition))
}

pub(crate) fn put_over(table: &str, item: Item, version: u64) -> Result<TransactWriteItem, StoreError> {
    transaction_item(
        Put::builder()
            .table_name(table)
            .set_item(Some(item))
            .condition_expression(tables::SAME_VERSION)
            .expression_attribute_values(tables::VERSION_VALUE, AttributeValue::N(version.to_string())),
    )
}

fn transaction_item(put: PutBuilder) -> Result<TransactWriteItem, StoreError> {
    let put = put.build().map_err(|error| StoreError::Corrupt(error.to_string()))?;
    Ok(TransactWriteItem::builder().put(put).build())
}

fn audit_item(row: &AuditRow, before: &Item, after: &Item) -> Result<Item, StoreError> {
    let mut item = written(&AuditItem::from(row))?;
    item.insert("changes".to_owned(), changes(before, after));
    Ok(item)
}

pub(crate) fn read<T: DeserializeOwned>(item: Item) -> Result<T, StoreError> {
    // The message of a failed read names types, and at most a number.
    serde_dynamo::from_item(item).map_err(|error| StoreError::Corrupt(error.to_string()))
}

pub(crate) fn written<T: Serialize>(item: &T) -> Result<Item, StoreError> {
    serde_dynamo::to_item(item).map_err(|error| StoreError::Corrupt(error.to_string()))
}
