//! The tables, one method per access pattern of [`tables`].

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use falconer_domain::issue::NewLicense;
use falconer_domain::{Catalog, License, LicenseId, Product};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::audit::AuditRow;
use crate::clients::Clients;
use crate::error::StoreError;
use crate::items::{AuditItem, CatalogItem, LicenseItem};
use crate::tables::{self, LICENSE_ID};

/// The tables of licenses and of what happened to them.
#[derive(Clone, Debug)]
pub struct Store {
    dynamodb: Client,
    licenses: String,
    verifications: String,
    transaction: TimeoutConfig,
}

impl Store {
    /// The tables of these names.
    #[must_use]
    pub fn new(clients: &Clients, licenses: &str, verifications: &str) -> Self {
        Self {
            dynamodb: clients.dynamodb.clone(),
            licenses: licenses.to_owned(),
            verifications: verifications.to_owned(),
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
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| StoreError::of(&error))?;
        let Some(item) = output.item else { return Ok(None) };
        let item: CatalogItem = read(item)?;
        let catalog = item.read().map_err(|attribute| StoreError::Corrupt(attribute.to_owned()))?;
        // The audience of leases comes from here; an item copied from another product would sign for the wrong one.
        if catalog.product() == product {
            Ok(Some(catalog))
        } else {
            Err(StoreError::Corrupt("product".to_owned()))
        }
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
            .map_err(|error| StoreError::of_transaction(&error))
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
    // The message of a failed read names types, and at most a number.
    serde_dynamo::from_item(item).map_err(|error| StoreError::Corrupt(error.to_string()))
}

fn written<T: Serialize>(item: &T) -> Result<Item, StoreError> {
    serde_dynamo::to_item(item).map_err(|error| StoreError::Corrupt(error.to_string()))
}
