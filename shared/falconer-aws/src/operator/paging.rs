//! Pages: some rows of a table, and the start of the next ones.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::scan::builders::ScanFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use falconer_domain::LicenseId;

use super::tables;
use crate::error::StoreError;
use crate::store::Item;
use crate::store_reader::StoreReader;
use crate::tables::LICENSE_ID;

/// The sort key of audit rows.
pub(super) const AT: &str = "at";

/// The start of a page.
#[derive(Debug)]
pub struct PageToken(HashMap<String, AttributeValue>);

impl PageToken {
    /// Behind a license, in the order in which [`StoreReader::page_of_licenses`] comes to it.
    #[must_use]
    pub fn after(license: &LicenseId) -> Self {
        Self(HashMap::from([(LICENSE_ID.to_owned(), AttributeValue::S(license.to_string()))]))
    }

    /// Behind a row of a license's history, named by its [`AuditRecord::at`](super::AuditRecord::at).
    #[must_use]
    pub fn after_row(license: &LicenseId, at: &str) -> Self {
        let Self(mut place) = Self::after(license);
        place.insert(AT.to_owned(), AttributeValue::S(at.to_owned()));
        Self(place)
    }
}

/// Some rows of all.
#[derive(Debug)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// The start of the next page; `None` after the last.
    pub next: Option<PageToken>,
}

impl Page<Item> {
    /// From the two members of DynamoDB's answer.
    pub(super) fn of(items: Option<Vec<Item>>, last_key: Option<HashMap<String, AttributeValue>>) -> Self {
        Self { rows: items.unwrap_or_default(), next: last_key.map(PageToken) }
    }
}

/// Direction in which the history of a license is read.
#[derive(Clone, Copy)]
pub(super) enum Direction {
    OldestFirst,
    NewestFirst,
}

impl StoreReader {
    /// A page of a license's history: at most so many rows of the audit, as they are stored.
    pub(super) async fn history_page(
        &self,
        id: &LicenseId,
        direction: Direction,
        most: i32,
        from: Option<PageToken>,
    ) -> Result<Page<Item>, StoreError> {
        let output = self
            .query(self.verifications_table())
            .consistent_read(true)
            .scan_index_forward(matches!(direction, Direction::OldestFirst))
            .limit(most)
            .key_condition_expression(tables::HAPPENED)
            .expression_attribute_values(":license_id", AttributeValue::S(id.to_string()))
            .set_exclusive_start_key(from.map(|place| place.0))
            .send()
            .await
            .map_err(|error| StoreError::of(&error))?;
        Ok(Page::of(output.items, output.last_evaluated_key))
    }

    /// A look through a whole table, from a place on; `None` is from the beginning.
    pub(super) fn scan(&self, table: &str, from: Option<PageToken>) -> ScanFluentBuilder {
        self.dynamodb().scan().table_name(table).set_exclusive_start_key(from.map(|place| place.0))
    }
}

/// One page of a [`StoreReader::scan`].
pub(super) async fn scanned(scan: ScanFluentBuilder) -> Result<Page<Item>, StoreError> {
    let output = scan.send().await.map_err(|error| StoreError::of(&error))?;
    Ok(Page::of(output.items, output.last_evaluated_key))
}

/// Every page of a [`StoreReader::scan`].
pub(super) async fn scanned_whole(scan: ScanFluentBuilder) -> Result<Vec<Item>, StoreError> {
    let mut pages = scan.into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(item) = pages.next().await {
        found.push(item.map_err(|error| StoreError::of(&error))?);
    }
    Ok(found)
}
