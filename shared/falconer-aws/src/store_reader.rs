//! The tables to be read: a part of a program that has this type alone cannot write to them.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use falconer_domain::{Catalog, LicenseId, Product};

use crate::clients::Clients;
use crate::error::StoreError;
use crate::items::CatalogItem;
use crate::store::{LicenseRow, read};
use crate::tables::{self, LICENSE_ID};

/// The tables of licenses and of what happened to them, to be read. No method writes, and nothing outside this crate
/// comes from here to a [`Store`](crate::Store) or to the client of DynamoDB.
///
/// A store reads through its reader:
/// ```
/// # use falconer_aws::{Store, StoreError, StoreReader};
/// # use falconer_domain::LicenseId;
/// async fn is_there(reader: &StoreReader, id: &LicenseId) -> Result<bool, StoreError> {
///     Ok(reader.license(id).await?.is_some())
/// }
/// async fn of_a_store(store: &Store, id: &LicenseId) -> Result<bool, StoreError> {
///     is_there(store, id).await
/// }
/// ```
///
/// A reader writes nothing:
/// ```compile_fail,E0599
/// # use falconer_aws::{AuditRow, StoreError, StoreReader};
/// async fn written(reader: &StoreReader, row: &AuditRow) -> Result<(), StoreError> {
///     reader.record(row).await
/// }
/// ```
#[derive(Clone, Debug)]
pub struct StoreReader {
    dynamodb: Client,
    licenses: String,
    verifications: String,
}

impl StoreReader {
    /// The tables of these names.
    #[must_use]
    pub fn new(clients: &Clients, licenses: &str, verifications: &str) -> Self {
        Self {
            dynamodb: clients.dynamodb.clone(),
            licenses: licenses.to_owned(),
            verifications: verifications.to_owned(),
        }
    }

    /// Pattern 1: a license, strongly consistent, because a decision follows.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    pub async fn license(&self, id: &LicenseId) -> Result<Option<LicenseRow>, StoreError> {
        let output = self
            .dynamodb
            .get_item()
            .table_name(&self.licenses)
            .key(LICENSE_ID, AttributeValue::S(id.to_string()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| StoreError::of(&error))?;
        output.item.map(LicenseRow::read).transpose()
    }

    /// Pattern 2: the catalog an operator stored for a product.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    pub async fn catalog(&self, product: &Product) -> Result<Option<Catalog>, StoreError> {
        let Some(item) = self.catalog_item(product).await? else { return Ok(None) };
        let catalog = item.read().map_err(|attribute| StoreError::Corrupt(attribute.to_owned()))?;
        // The audience of leases comes from here; an item copied from another product would sign for the wrong one.
        if catalog.product() == product {
            Ok(Some(catalog))
        } else {
            Err(StoreError::Corrupt("product".to_owned()))
        }
    }

    pub(crate) async fn catalog_item(&self, product: &Product) -> Result<Option<CatalogItem>, StoreError> {
        let output = self
            .dynamodb
            .get_item()
            .table_name(&self.licenses)
            .key(LICENSE_ID, AttributeValue::S(tables::catalog_key(product)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| StoreError::of(&error))?;
        output.item.map(read).transpose()
    }

    /// Pattern 7: opens the connection and shows that the table answers.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.dynamodb
            .get_item()
            .table_name(&self.licenses)
            .key(LICENSE_ID, AttributeValue::S(tables::SENTINEL.to_owned()))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| StoreError::of(&error))
    }

    pub(crate) const fn dynamodb(&self) -> &Client {
        &self.dynamodb
    }

    pub(crate) fn licenses_table(&self) -> &str {
        &self.licenses
    }

    pub(crate) fn verifications_table(&self) -> &str {
        &self.verifications
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// Beginnings of the operations of the two services that change something.
    const WRITES: [&str; 11] = [
        ".put_",
        ".update_",
        ".delete_",
        ".create_",
        ".restore_",
        ".rotate_",
        ".tag_resource",
        ".batch_write",
        ".batch_execute",
        ".execute_",
        ".transact_write",
    ];

    /// Ways from a type that reads to one that writes, or to a client.
    const WAYS_OUT: [&str; 4] =
        ["-> Store", "-> RingWriter", "pub const fn dynamodb", "pub const fn secrets"];

    /// The text of each file of the crate.
    fn sources(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let read = |path: std::path::PathBuf| {
            if path.is_dir() { sources(&path) } else { vec![fs::read_to_string(&path).unwrap()] }
        };
        entries.flat_map(read).collect()
    }

    /// The bodies of the `impl` blocks of a type.
    fn bodies(sources: &[String], of: &str) -> Vec<String> {
        let begin = format!("\nimpl {of} {{\n");
        let blocks = sources.iter().flat_map(|source| source.split(begin.as_str()).skip(1));
        blocks.map(|rest| rest.split_once("\n}\n").map_or(rest, |(body, _)| body).to_owned()).collect()
    }

    #[test]
    fn readers_name_no_operation_that_writes() {
        let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
        let (tables, secret) = (bodies(&sources, "StoreReader"), bodies(&sources, "RingReader"));
        assert!(tables.len() >= 7 && !secret.is_empty(), "the blocks are found");
        for body in tables.iter().chain(&secret) {
            for forbidden in WRITES.iter().chain(&WAYS_OUT) {
                assert!(!body.contains(forbidden), "{forbidden} in:\n{body}");
            }
        }
        let writing = bodies(&sources, "Store").concat();
        assert!(writing.contains(".transact_write") && writing.contains(".put_"), "the names are the SDK's");
    }
}
