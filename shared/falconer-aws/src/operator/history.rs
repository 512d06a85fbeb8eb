//! The history of a license, oldest or newest first.

use aws_sdk_dynamodb::types::AttributeValue;
use falconer_domain::{LicenseId, UnixMillis};
use serde::Deserialize;

use super::paging::{Direction, Page, PageToken};
use super::{moment_of, tables, written_moment};
use crate::error::StoreError;
use crate::store::read;
use crate::store_reader::StoreReader;
use crate::tables::CALLER;

/// An audit row as stored. Its members depend on its subject.
#[derive(Debug, Deserialize)]
pub struct AuditRecord {
    /// 13 digits of milliseconds, `#`, the request's id.
    pub at: String,
    /// The check.
    pub action: String,
    /// The resulting code.
    pub code: String,
    /// The request.
    pub request_id: String,
    /// The caller's own account of its origin.
    pub origin: Option<String>,
    /// The caller's folded address.
    pub address: Option<String>,
    /// The person or client that made a change.
    pub actor: Option<String>,
    /// The identity of an operator's credentials.
    pub identity: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// The device it is about.
    pub device: Option<String>,
    /// The machine of the request.
    pub hardware: Option<HardwareRecord>,
    /// The changes: attribute → before and after, or one word.
    #[serde(default)]
    pub changes: serde_json::Map<String, serde_json::Value>,
}

/// The machine of a request, by names of labels alone: no value and no hash of hardware.
#[derive(Debug, Deserialize)]
pub struct HardwareRecord {
    /// The labels it sent.
    pub sent: Vec<String>,
    /// The bound device that agrees with it most, where one agrees in anything.
    pub nearest: Option<String>,
    /// The labels in which that device agrees with it.
    #[serde(default)]
    pub agreed: Vec<String>,
}

impl AuditRecord {
    /// Returns the moment of the row.
    #[must_use]
    pub fn moment(&self) -> UnixMillis {
        moment_of(&self.at)
    }

    /// Returns true if it only says from where a change was asked.
    fn is_of_a_caller(&self) -> bool {
        self.at.ends_with(CALLER)
    }
}

impl StoreReader {
    /// Pattern 12: what happened to a license since a moment, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    pub async fn audit_since(
        &self,
        id: &LicenseId,
        since: UnixMillis,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        self.happened(id, tables::HAPPENED_SINCE, written_moment(since)).await
    }

    /// Pattern 12: what happened to a license after a row, named by its [`AuditRecord::at`], oldest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    pub async fn audit_after(&self, id: &LicenseId, at: &str) -> Result<Vec<AuditRecord>, StoreError> {
        self.happened(id, tables::HAPPENED_AFTER, at.to_owned()).await
    }

    /// Pattern 18: a page of the last things that happened to a license, the newest first: at most that many, fewer
    /// where changes have a row that says from where they were asked.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    pub async fn audit_backwards(
        &self,
        id: &LicenseId,
        most: i32,
        from: Option<PageToken>,
    ) -> Result<Page<AuditRecord>, StoreError> {
        let mut page = self.rows_backwards(id, most, from).await?;
        // The row of a caller comes right before its change.
        if page.rows.last().is_some_and(AuditRecord::is_of_a_caller) && page.next.is_some() {
            let rest = self.rows_backwards(id, 1, page.next.take()).await?;
            page.rows.extend(rest.rows);
            page.next = rest.next;
        }
        page.rows.reverse();
        page.rows = with_callers(page.rows);
        page.rows.reverse();
        Ok(page)
    }

    async fn rows_backwards(
        &self,
        id: &LicenseId,
        most: i32,
        from: Option<PageToken>,
    ) -> Result<Page<AuditRecord>, StoreError> {
        let Page { rows, next } = self.history_page(id, Direction::NewestFirst, most, from).await?;
        Ok(Page { rows: rows.into_iter().map(read).collect::<Result<_, _>>()?, next })
    }

    async fn happened(
        &self,
        id: &LicenseId,
        condition: &str,
        since: String,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let query = self
            .query(self.verifications_table())
            .consistent_read(true)
            .key_condition_expression(condition)
            .expression_attribute_names(tables::AT_NAME.0, tables::AT_NAME.1)
            .expression_attribute_values(":license_id", AttributeValue::S(id.to_string()))
            .expression_attribute_values(":since", AttributeValue::S(since));
        let rows = self.items(query).await?.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(with_callers(rows))
    }
}

/// Merges the rows of callers into the rows before them, to which they belong.
fn with_callers(rows: Vec<AuditRecord>) -> Vec<AuditRecord> {
    let mut whole: Vec<AuditRecord> = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(of) = row.at.strip_suffix(CALLER) else {
            whole.push(row);
            continue;
        };
        if let Some(change) = whole.iter_mut().rfind(|change| change.at == of) {
            (change.origin, change.address) = (row.origin, row.address);
        }
    }
    whole
}
