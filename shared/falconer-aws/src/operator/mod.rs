//! Access for operators alone: scans, the replacement of keys, stacks and metrics.

mod bulk;
mod erasure;
mod history;
mod identity;
mod metrics;
mod orders;
mod paging;
pub mod stacks;
pub mod tables;

pub use bulk::{Amended, AuditSummary, MAX_PER_TRANSACTION};
pub use erasure::{ERASING, TellingRow};
pub use history::{AuditRecord, HardwareRecord};
pub use identity::Caller;
pub use metrics::{DailyRequests, MetricsError, StackMetrics};
pub use orders::PlacedOrder;
pub use paging::{Page, PageToken};

use std::collections::BTreeSet;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::scan::builders::ScanFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use falconer_domain::issue::NewLicense;
use falconer_domain::operate::Rotated;
use falconer_domain::{Catalog, LicenseId, Product, UnixMillis};
use serde::Deserialize;
use serde_bytes::ByteBuf;

use paging::{scanned, scanned_whole};

use crate::audit::AuditRow;
use crate::error::StoreError;
use crate::items::{AuditItem, CatalogItem, expiry_month, next_month};
use crate::store::{Item, LicenseRow, Store, put_if, put_over, read, written};
use crate::store_reader::StoreReader;
use crate::tables::{CATALOG_PREFIX, LICENSE_ID, NOT_THERE};

/// The facts of a license's issue.
#[derive(Deserialize)]
pub struct IssuanceRecord {
    /// The moment of issue, in milliseconds.
    pub created_at: i64,
    /// The key, sealed.
    pub key_escrow: ByteBuf,
    /// The key, masked.
    pub key_hint: String,
    /// Metadata from another system.
    pub metadata: Option<String>,
}

impl LicenseRow {
    /// Reads the facts of the license's issue.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    pub fn issuance(&self) -> Result<IssuanceRecord, StoreError> {
        read(self.guard.item().clone())
    }
}

impl StoreReader {
    /// Pattern 8: the licenses of a user, as the vendor names them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn licenses_of_user(&self, user_id: &str) -> Result<Vec<LicenseId>, StoreError> {
        self.ids(self.index(tables::BY_USER_ID, tables::OF_USER, user_id)).await
    }

    /// Pattern 9: the licenses of an e-mail that the operator entered.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn licenses_of_email(&self, email: &str) -> Result<Vec<LicenseId>, StoreError> {
        self.ids(self.index(tables::BY_EMAIL, tables::OF_EMAIL, email)).await
    }

    /// Pattern 10: the licenses that end between two moments, month by month, the soonest first. Suspended and revoked
    /// ones are left out: nothing ends for their customers.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn licenses_ending(
        &self,
        from: UnixMillis,
        until: UnixMillis,
    ) -> Result<Vec<LicenseId>, StoreError> {
        Ok(self.ends_between(from, until).await?.into_iter().map(|(id, _)| id).collect())
    }

    /// Pattern 10: the same, with the ends, which the index holds. No license is read.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn ends_between(
        &self,
        from: UnixMillis,
        until: UnixMillis,
    ) -> Result<Vec<(LicenseId, UnixMillis)>, StoreError> {
        let (mut month, last) = (expiry_month(from), expiry_month(until));
        let mut found = Vec::new();
        while let Some(name) = month.filter(|month| last.as_ref().is_some_and(|last| month <= last)) {
            let query = self
                .query(self.licenses_table())
                .index_name(tables::BY_EXPIRY)
                .key_condition_expression(tables::ENDING)
                .expression_attribute_values(":month", AttributeValue::S(name.clone()))
                .expression_attribute_values(":from", AttributeValue::N(from.0.to_string()))
                .expression_attribute_values(":until", AttributeValue::N(until.0.to_string()));
            found.extend(self.items(query).await?.iter().filter_map(end_of));
            month = next_month(&name);
        }
        Ok(found)
    }

    /// Pattern 11: a page of all licenses, and where the next one begins. Catalogs, which lie in the same table, are
    /// left out; rows that do not read are counted.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn page_of_licenses(&self, from: Option<PageToken>) -> Result<LicensesPage, StoreError> {
        self.licenses_of(self.scan(self.licenses_table(), from)).await
    }

    /// Pattern 11, of so many rows at most: a page for a person, which costs no more than it shows.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn short_page_of_licenses(
        &self,
        from: Option<PageToken>,
        most: i32,
    ) -> Result<LicensesPage, StoreError> {
        self.licenses_of(self.scan(self.licenses_table(), from).limit(most)).await
    }

    async fn licenses_of(&self, scan: ScanFluentBuilder) -> Result<LicensesPage, StoreError> {
        let Page { rows: items, next } = scanned(scan.consistent_read(true)).await?;
        let mut page = LicensesPage { rows: Vec::new(), unreadable: 0, next };
        let is_license = |item: &Item| {
            let id = item.get(LICENSE_ID).and_then(|id| id.as_s().ok());
            id.is_some_and(|id| LicenseId::parse(id).is_some())
        };
        for item in items.into_iter().filter(is_license) {
            match LicenseRow::read(item) {
                Ok(row) => page.rows.push(row),
                Err(_) => page.unreadable += 1,
            }
        }
        Ok(page)
    }

    /// Pattern 28: the products that have a stored catalog. The whole table is read, and paid for.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn products(&self) -> Result<BTreeSet<Product>, StoreError> {
        let scan = self
            .scan(self.licenses_table(), None)
            .consistent_read(true)
            .filter_expression(tables::CATALOGS)
            .projection_expression(tables::ID_ALONE)
            .expression_attribute_values(":prefix", AttributeValue::S(CATALOG_PREFIX.to_owned()));
        let code =
            |item: &Item| Product::parse(item.get(LICENSE_ID)?.as_s().ok()?.strip_prefix(CATALOG_PREFIX)?);
        Ok(scanned_whole(scan).await?.iter().filter_map(code).collect())
    }

    /// Pattern 2: the catalog an operator stored for a product, and its version.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    pub async fn catalog_and_version(&self, product: &Product) -> Result<Option<(Catalog, u64)>, StoreError> {
        let Some(item) = self.catalog_item(product).await? else { return Ok(None) };
        let version = item.version;
        let catalog = item.read().map_err(|attribute| StoreError::Corrupt(attribute.to_owned()))?;
        Ok(Some((catalog, version)))
    }

    pub(crate) fn query(&self, table: &str) -> QueryFluentBuilder {
        self.dynamodb().query().table_name(table)
    }

    fn index(&self, index: &str, condition: &str, value: &str) -> QueryFluentBuilder {
        self.query(self.licenses_table())
            .index_name(index)
            .key_condition_expression(condition)
            .expression_attribute_values(":value", AttributeValue::S(value.to_owned()))
    }

    async fn ids(&self, query: QueryFluentBuilder) -> Result<Vec<LicenseId>, StoreError> {
        let items = self.items(query).await?;
        Ok(items.iter().filter_map(|item| LicenseId::parse(item.get(LICENSE_ID)?.as_s().ok()?)).collect())
    }

    pub(crate) async fn items(&self, query: QueryFluentBuilder) -> Result<Vec<Item>, StoreError> {
        let mut pages = query.into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(item) = pages.next().await {
            found.push(item.map_err(|error| StoreError::of(&error))?);
        }
        Ok(found)
    }
}

impl Store {
    /// Pattern 13: a license under a new key, and the end of the one under the old. Both audit rows, or nothing at all.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the old license changed meanwhile or the new one exists;
    /// [`StoreError::Unavailable`].
    pub async fn replace(
        &self,
        old: &LicenseRow,
        rotated: &Rotated,
        new: &NewLicense,
        rows: &[AuditRow; 2],
        token: &str,
    ) -> Result<(), StoreError> {
        let [about_old, about_new] = rows;
        let mut items = self.change(&old.guard, &old.license, &rotated.old, about_old)?;
        items.extend(self.issuance(new, about_new)?);
        self.transact(items, token).await
    }

    /// Pattern 14: puts a catalog over the version that was read, 0 where there was none, with its audit row.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when another one was put meanwhile; [`StoreError::Unavailable`].
    pub async fn put_catalog(
        &self,
        catalog: &Catalog,
        version: u64,
        row: &AuditRow,
        token: &str,
    ) -> Result<(), StoreError> {
        let item = written(&CatalogItem::of(catalog, version + 1))?;
        let put = if version == 0 {
            put_if(self.licenses_table(), item, tables::NO_VERSION)?
        } else {
            put_over(self.licenses_table(), item, version)?
        };
        let audit = put_if(self.verifications_table(), written(&AuditItem::from(row))?, NOT_THERE)?;
        self.transact(vec![put, audit], token).await
    }
}

/// A license and its end, of an item of the index.
fn end_of(item: &Item) -> Option<(LicenseId, UnixMillis)> {
    let id = LicenseId::parse(item.get(LICENSE_ID)?.as_s().ok()?)?;
    let end = item.get("expires_at")?.as_n().ok()?.parse().ok()?;
    Some((id, UnixMillis(end)))
}

/// The moment in the sort key of an audit row.
fn moment_of(at: &str) -> UnixMillis {
    let digits = at.split('#').next().unwrap_or_default();
    UnixMillis(digits.parse().unwrap_or_default())
}

/// A moment as the sort keys of audit rows begin with it.
fn written_moment(at: UnixMillis) -> String {
    format!("{:013}", at.0.max(0))
}

/// Some licenses of all.
#[derive(Debug)]
pub struct LicensesPage {
    /// Their rows.
    pub rows: Vec<LicenseRow>,
    /// How many did not read.
    pub unreadable: usize,
    /// The start of the next page; `None` after the last.
    pub next: Option<PageToken>,
}
