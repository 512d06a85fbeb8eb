//! The tables, one method per access pattern of [`tables`](crate::tables).

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use falconer_domain::issue::NewLicense;
use falconer_domain::{Catalog, License, LicenseId, Product, UnixMillis};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::audit::AuditRow;
use crate::clients::Clients;
use crate::error::StoreError;
use crate::items::{AuditItem, CatalogItem, LicenseItem};
use crate::settings::Settings;
use crate::tables::{self, BUCKET, LICENSE_ID};
use crate::windows::WINDOW_SECONDS;

/// A counter outlives its window by this much before it may be swept away: no clock of ours is off by more.
const COUNTER_SLACK_SECONDS: i64 = 300;

/// The three tables.
#[derive(Clone, Debug)]
pub struct Store {
    dynamodb: Client,
    licenses: String,
    verifications: String,
    rate_limits: String,
    transaction: TimeoutConfig,
}

impl Store {
    /// The tables that `settings` names.
    #[must_use]
    pub fn new(clients: &Clients, settings: &Settings) -> Self {
        Self {
            dynamodb: clients.dynamodb.clone(),
            licenses: settings.licenses_table.clone(),
            verifications: settings.verifications_table.clone(),
            rate_limits: settings.rate_limits_table.clone(),
            transaction: clients.budgets.transaction(),
        }
    }

    /// Pattern 1: a license, strongly consistent, because a decision follows.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    pub async fn license(&self, id: &LicenseId) -> Result<Option<License>, StoreError> {
        let output = self
            .dynamodb
            .get_item()
            .table_name(&self.licenses)
            .key(LICENSE_ID, AttributeValue::S(id.to_string()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| StoreError::of(&error))?;
        let Some(item) = output.item else { return Ok(None) };
        let item: LicenseItem = read(item)?;
        item.read().map(Some).map_err(|attribute| StoreError::Corrupt(attribute.to_owned()))
    }

    /// Pattern 2: the catalog an operator stored for a product.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    pub async fn catalog(&self, product: &Product) -> Result<Option<Catalog>, StoreError> {
        let output = self
            .dynamodb
            .get_item()
            .table_name(&self.licenses)
            .key(LICENSE_ID, AttributeValue::S(tables::catalog_key(product)))
            .send()
            .await
            .map_err(|error| StoreError::of(&error))?;
        let Some(item) = output.item else { return Ok(None) };
        let item: CatalogItem = read(item)?;
        item.read().map(Some).map_err(|attribute| StoreError::Corrupt(attribute.to_owned()))
    }

    /// Pattern 3: counts one call in a bucket's window, while there is room. A retry inside the SDK may count a call
    /// twice; for a limit that is the safe side.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the bucket is full; [`StoreError::Unavailable`].
    pub async fn count_call(&self, bucket: &str, limit: u32, now: UnixMillis) -> Result<(), StoreError> {
        let ttl = now.seconds() + WINDOW_SECONDS + COUNTER_SLACK_SECONDS;
        self.dynamodb
            .update_item()
            .table_name(&self.rate_limits)
            .key(BUCKET, AttributeValue::S(bucket.to_owned()))
            .update_expression(tables::COUNT_CALL)
            .condition_expression(tables::BELOW_LIMIT)
            .expression_attribute_names(tables::TTL_NAME.0, tables::TTL_NAME.1)
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .expression_attribute_values(":limit", AttributeValue::N(limit.to_string()))
            .expression_attribute_values(":ttl", AttributeValue::N(ttl.to_string()))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| StoreError::of(&error))
    }

    /// Pattern 4: records a verification. A row that is there already is our own, from an attempt whose reply was lost.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn record(&self, row: &AuditRow) -> Result<(), StoreError> {
        let written = self
            .dynamodb
            .put_item()
            .table_name(&self.verifications)
            .set_item(Some(written(&AuditItem::from(row))?))
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
        let license = put_new(&self.licenses, written(&LicenseItem::from(new))?)?;
        let audit = put_new(&self.verifications, written(&AuditItem::from(row))?)?;
        let timeouts = aws_sdk_dynamodb::config::Builder::new().timeout_config(self.transaction.clone());
        self.dynamodb
            .transact_write_items()
            .transact_items(license)
            .transact_items(audit)
            // The SDK retries under one token, so a lost reply cannot make our own write look like somebody else's.
            .client_request_token(token)
            .customize()
            .config_override(timeouts)
            .send()
            .await
            .map(|_| ())
            .map_err(|error| StoreError::of(&error))
    }

    /// Pattern 6: opens the connection and shows that the table answers.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn reach(&self) -> Result<(), StoreError> {
        self.dynamodb
            .get_item()
            .table_name(&self.licenses)
            .key(LICENSE_ID, AttributeValue::S(tables::SENTINEL.to_owned()))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| StoreError::of(&error))
    }
}

type Item = std::collections::HashMap<String, AttributeValue>;

fn put_new(table: &str, item: Item) -> Result<TransactWriteItem, StoreError> {
    let put = Put::builder()
        .table_name(table)
        .set_item(Some(item))
        .condition_expression(tables::NOT_THERE)
        .build()
        .map_err(|error| StoreError::Corrupt(error.to_string()))?;
    Ok(TransactWriteItem::builder().put(put).build())
}

fn read<T: DeserializeOwned>(item: Item) -> Result<T, StoreError> {
    // The message of a failed read names types and attributes, never values.
    serde_dynamo::from_item(item).map_err(|error| StoreError::Corrupt(error.to_string()))
}

fn written<T: Serialize>(item: &T) -> Result<Item, StoreError> {
    serde_dynamo::to_item(item).map_err(|error| StoreError::Corrupt(error.to_string()))
}
