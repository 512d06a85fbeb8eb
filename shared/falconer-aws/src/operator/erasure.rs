//! Taking a person out of the tables: of a license, of what happened to it, and of the order it was issued for.
//!
//! The license goes first, in one transaction with its audit row, and is marked [`BEING_ERASED`] until all its rows are
//! done. Whoever is stopped in between finds the mark the next time.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{AttributeValue, Delete, TransactWriteItem};
use falconer_domain::issue::OrderId;
use falconer_domain::{License, LicenseId, UnixMillis};

use super::paging::{AT, Direction, Page, PageToken, scanned};
use super::{moment_of, tables};
use crate::audit::{AuditRow, impersonal};
use crate::error::StoreError;
use crate::items::LicenseItem;
use crate::store::{Item, LicenseRow, Store, put_if, written};
use crate::store_reader::StoreReader;
use crate::tables::{LICENSE_ID, NOT_THERE};

/// The attribute of a license whose audit rows are not all done. No rule looks at it.
const BEING_ERASED: &str = "being_erased";
/// Metadata of an import, which may name a person. No rule reads it.
const METADATA: &str = "metadata";
/// Rows in one read: some 30 KB.
const PAGE_ROWS: i32 = 100;
/// The audit's action of an erasure.
pub const ERASING: &str = "erase-subject";
/// The attribute in which an order's item repeats its id.
const ORDER: &str = "order";

/// A row of the audit that says something about a person. No `Debug`, for that reason.
pub struct TellingRow {
    license_id: String,
    at: String,
    changes: Option<AttributeValue>,
    keeps_reason: bool,
}

impl LicenseRow {
    /// Returns true if an erasure of it has begun and its audit rows are not all done.
    #[must_use]
    pub fn is_being_erased(&self) -> bool {
        self.guard.item().contains_key(BEING_ERASED)
    }
}

impl StoreReader {
    /// Pattern 23: a page of a license's history, and those of its rows that say something about a person. `erased_at`
    /// is when the license was erased: the reasons of its erasures from then on are the operator's, and stay.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn telling_rows(
        &self,
        id: &LicenseId,
        erased_at: Option<UnixMillis>,
        from: Option<PageToken>,
    ) -> Result<Page<TellingRow>, StoreError> {
        let Page { rows, next } = self.history_page(id, Direction::OldestFirst, PAGE_ROWS, from).await?;
        let rows = rows.into_iter().filter_map(|item| TellingRow::read(&item, erased_at)).collect();
        Ok(Page { rows, next })
    }

    /// Pattern 25: a page of all orders: the ids of those for which one of these licenses was issued. An id is the vendor's
    /// own and may name a person.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn orders_of(
        &self,
        licenses: &BTreeSet<LicenseId>,
        from: Option<PageToken>,
    ) -> Result<Page<OrderId>, StoreError> {
        let scan = self
            .scan(self.licenses_table(), from)
            .consistent_read(true)
            .filter_expression(tables::IS_ORDER)
            .projection_expression(tables::ISSUED_FOR)
            .expression_attribute_values(":order", AttributeValue::S(tables::ORDERS.to_owned()));
        let Page { rows, next } = scanned(scan).await?;
        let text = |item: &Item, name: &str| item.get(name).and_then(|it| it.as_s().ok()).cloned();
        let theirs = |item: Item| {
            let issued = LicenseId::parse(&text(&item, "issued")?)?;
            let key = licenses.contains(&issued).then(|| text(&item, LICENSE_ID))??;
            OrderId::read(key.strip_prefix(tables::ORDERS)?).ok()
        };
        Ok(Page { rows: rows.into_iter().filter_map(theirs).collect(), next })
    }
}

impl Store {
    /// Pattern 21: what an erasure leaves of a license, without its metadata, and its audit row: both or neither.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the row is not the one that was read any more; [`StoreError::Unavailable`].
    pub async fn erase(
        &self,
        before: &LicenseRow,
        after: &License,
        row: &AuditRow,
        token: &str,
    ) -> Result<(), StoreError> {
        let mut was = written(&LicenseItem::from(&before.license))?;
        let metadata = before.guard.item().get_key_value(METADATA);
        was.extend(metadata.map(|(name, metadata)| (name.clone(), metadata.clone())));
        let is = written(&LicenseItem::from(after))?;
        let mut items = self.changed(&before.guard, &was, is, row)?;
        if let Some(put) = items.first_mut().and_then(|item| item.put.as_mut()) {
            put.item.insert(BEING_ERASED.to_owned(), AttributeValue::Bool(true));
        }
        self.transact(items, token).await
    }

    /// Pattern 22: all audit rows of an erased license are done. A license that is not being erased is left alone.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn end_erasure(&self, id: &LicenseId) -> Result<(), StoreError> {
        let ended = self
            .dynamodb()
            .update_item()
            .table_name(self.licenses_table())
            .key(LICENSE_ID, AttributeValue::S(id.to_string()))
            .update_expression(tables::END_ERASURE)
            .condition_expression(tables::IS_BEING_ERASED)
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .send()
            .await
            .map_err(|error| StoreError::of(&error));
        unless_gone(ended.map(drop))
    }

    /// Pattern 24: takes out of an audit row from where it was asked, why, and which words about a person changed. A
    /// row that went away meanwhile is left alone.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn blank(&self, row: TellingRow) -> Result<(), StoreError> {
        let TellingRow { license_id, at, changes, keeps_reason } = row;
        let update = match (keeps_reason, &changes) {
            (true, None) => tables::BLANK_CALLER,
            (true, Some(_)) => tables::BLANK_CALLER_AND_CHANGES,
            (false, None) => tables::BLANK_ROW,
            (false, Some(_)) => tables::BLANK_ROW_AND_CHANGES,
        };
        let mut request = self
            .dynamodb()
            .update_item()
            .table_name(self.verifications_table())
            .key(LICENSE_ID, AttributeValue::S(license_id))
            .key(AT, AttributeValue::S(at))
            .update_expression(update)
            .condition_expression(tables::IS_THERE);
        if let Some(changes) = changes {
            request = request.expression_attribute_values(":changes", changes);
        }
        unless_gone(request.send().await.map(drop).map_err(|error| StoreError::of(&error)))
    }

    /// Pattern 26: an order under a hash of its id, in the place of the one under the id itself: both or neither. The
    /// order is still not issued twice.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    pub async fn hide_order(&self, order: &OrderId, token: &str) -> Result<(), StoreError> {
        let key = tables::order_key(order);
        // Hidden meanwhile.
        let Some(mut item) = self.order_item(key.clone()).await? else { return Ok(()) };
        item.remove(ORDER);
        item.insert(LICENSE_ID.to_owned(), AttributeValue::S(tables::hidden_order_key(order)));
        let delete = Delete::builder()
            .table_name(self.licenses_table())
            .key(LICENSE_ID, AttributeValue::S(key))
            .condition_expression(tables::IS_THERE)
            .build()
            .map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let delete = TransactWriteItem::builder().delete(delete).build();
        let hidden =
            self.transact(vec![put_if(self.licenses_table(), item, NOT_THERE)?, delete], token).await;
        unless_gone(hidden)
    }
}

impl TellingRow {
    /// `None` where a row says nothing about a person.
    fn read(item: &Item, erased_at: Option<UnixMillis>) -> Option<Self> {
        let text = |name: &str| item.get(name).and_then(|it| it.as_s().ok());
        let (license_id, at) = (text(LICENSE_ID)?.clone(), text(AT)?.clone());
        let is_of_this_erasure = text("action").is_some_and(|action| action == ERASING)
            && erased_at.is_some_and(|erased_at| moment_of(&at) >= erased_at);
        let names_caller = ["origin", "address"].iter().any(|name| item.contains_key(*name));
        let gives_reason = !is_of_this_erasure && item.contains_key("reason");
        let changes = item.get("changes").and_then(impersonal);
        let tells = names_caller || gives_reason || changes.is_some();
        tells.then_some(Self { license_id, at, changes, keeps_reason: is_of_this_erasure })
    }
}

/// A row that was deleted or hidden meanwhile counts as done.
fn unless_gone(outcome: Result<(), StoreError>) -> Result<(), StoreError> {
    match outcome {
        Err(StoreError::Conflict) => Ok(()),
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(attributes: &[(&str, AttributeValue)]) -> Item {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let key = [(LICENSE_ID, text("lic_1")), (AT, text("1700000000000#a"))];
        let all = key.iter().chain(attributes);
        all.map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    #[test]
    fn rows_are_rewritten_if_they_tell_of_a_person() {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let (before, after) = (Some(UnixMillis(1_699_999_999_999)), Some(UnixMillis(1_700_000_000_001)));
        let erasing = [("action", text(ERASING)), ("reason", text("request 12"))];
        for (name, item, erased_at, expected) in [
            ("nothing", row(&[("action", text("verify"))]), None, false),
            ("an address", row(&[("address", text("203.0.113.7"))]), None, true),
            ("an origin", row(&[("origin", text("https://anna.example"))]), None, true),
            ("a reason", row(&[("reason", text("Anna paid"))]), None, true),
            ("a reason, of an erased license", row(&[("reason", text("Anna paid"))]), before, true),
            ("that of this erasure", row(&erasing), before, false),
            ("that of an erasure before", row(&erasing), after, true),
            ("that of a version without a mark", row(&erasing), None, true),
            ("changes in a form of their own", row(&[("changes", text("Anna"))]), None, true),
        ] {
            assert_eq!(TellingRow::read(&item, erased_at).is_some(), expected, "{name}");
        }
    }
}
