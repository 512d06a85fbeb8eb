//! Many licenses at once: what an import writes, and what statistics read.

use std::collections::HashSet;

use aws_sdk_dynamodb::types::AttributeValue;
use falconer_domain::issue::NewLicense;
use falconer_domain::{License, LicenseId, UnixMillis};
use serde::Deserialize;

use super::paging::{Page, PageToken, scanned, scanned_whole};
use super::tables;
use crate::audit::AuditRow;
use crate::error::StoreError;
use crate::items::LicenseItem;
use crate::store::{Item, LicenseRow, Store, read, written};
use crate::store_reader::StoreReader;
use crate::tables::{CALLER, LICENSE_ID};

/// Licenses that [`Store::issue_many`] takes: DynamoDB takes 100 items and 4 MB in one transaction, each license is two
/// items, and one with a hundred devices has some 80 KB.
pub const MAX_PER_TRANSACTION: usize = 25;

/// A license that came from another system, as it will be, with what no rule looks at.
#[derive(Clone, Copy)]
pub struct Amended<'a> {
    /// The license, in the form of the rules.
    pub license: &'a License,
    /// The moment of issue.
    pub created_at: UnixMillis,
    /// Metadata from the other system.
    pub metadata: Option<&'a str>,
}

/// A row of the audit, as statistics see it.
#[derive(Clone, Debug, Deserialize)]
pub struct AuditSummary {
    at: String,
    /// The check.
    pub action: String,
    /// The resulting code.
    pub code: String,
}

impl AuditSummary {
    /// When.
    #[must_use]
    pub fn moment(&self) -> UnixMillis {
        super::moment_of(&self.at)
    }
}

impl StoreReader {
    /// Pattern 15: the ids of all licenses there are.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn license_ids(&self) -> Result<HashSet<LicenseId>, StoreError> {
        let scan = self
            .scan(self.licenses_table(), None)
            .consistent_read(true)
            .projection_expression(tables::ID_ALONE);
        let id = |item: &Item| LicenseId::parse(item.get(LICENSE_ID)?.as_s().ok()?);
        Ok(scanned_whole(scan).await?.iter().filter_map(id).collect())
    }

    /// Pattern 17: a page of what happened since a moment, in no order. The whole table
    /// is read, and paid for.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    pub async fn happened_since(
        &self,
        since: UnixMillis,
        from: Option<PageToken>,
    ) -> Result<Page<AuditSummary>, StoreError> {
        let scan = self
            .scan(self.verifications_table(), from)
            .filter_expression(tables::SINCE)
            .projection_expression(tables::FOR_STATISTICS)
            .expression_attribute_names(tables::AT_NAME.0, tables::AT_NAME.1)
            .expression_attribute_names(tables::ACTION_NAME.0, tables::ACTION_NAME.1)
            .expression_attribute_values(":since", AttributeValue::S(super::written_moment(since)));
        let Page { rows, next } = scanned(scan).await?;
        let rows: Vec<AuditSummary> = rows.into_iter().map(read).collect::<Result<_, _>>()?;
        // The row of a change's caller tells of the same request.
        let rows = rows.into_iter().filter(|row| !row.at.ends_with(CALLER)).collect();
        Ok(Page { rows, next })
    }
}

impl Store {
    /// Pattern 16: at most [`MAX_PER_TRANSACTION`] new licenses with their audit rows, all or none.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when one of them exists already; [`StoreError::Unavailable`].
    pub async fn issue_many(
        &self,
        licenses: &[(NewLicense, AuditRow)],
        token: &str,
    ) -> Result<(), StoreError> {
        let mut items = Vec::with_capacity(licenses.len() * 2);
        for (new, row) in licenses {
            items.extend(self.issuance(new, row)?);
        }
        self.transact(items, token).await
    }

    /// Pattern 6 for an import: also what commands do not change, the moment a license was issued and its metadata.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the row is not the one that was read any more; [`StoreError::Unavailable`].
    pub async fn amend(
        &self,
        before: &LicenseRow,
        amended: Amended<'_>,
        row: &AuditRow,
        token: &str,
    ) -> Result<(), StoreError> {
        let issuance = before.issuance()?;
        let was = imported(&before.license, UnixMillis(issuance.created_at), issuance.metadata.as_deref())?;
        let is = imported(amended.license, amended.created_at, amended.metadata)?;
        self.transact(self.changed(&before.guard, &was, is, row)?, token).await
    }
}

/// The attributes that an import sets.
fn imported(license: &License, created_at: UnixMillis, metadata: Option<&str>) -> Result<Item, StoreError> {
    let mut item = written(&LicenseItem::from(license))?;
    item.insert("created_at".to_owned(), AttributeValue::N(created_at.0.to_string()));
    if let Some(metadata) = metadata {
        item.insert("metadata".to_owned(), AttributeValue::S(metadata.to_owned()));
    }
    Ok(item)
}
