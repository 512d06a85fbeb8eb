//! Lookup of licenses by ids and indexes, without a scan of the table.

use std::collections::BTreeSet;

use falconer_aws::operator::IssuanceRecord;
use falconer_aws::{StoreError, StoreReader};
use falconer_domain::{Catalog, KeyRing, License, LicenseId, Product};

use crate::search::SearchQuery;

/// Longest chain of successors to follow.
const MAX_ROTATIONS: usize = 16;

/// Tables and settings of a lookup.
pub struct Lookup<'a> {
    /// The tables.
    pub store: &'a StoreReader,
    /// The ring.
    pub ring: &'a KeyRing,
    /// The code of the configured product.
    pub product: Option<&'a str>,
}

impl Lookup<'_> {
    /// Finds licenses by keys, ids, orders and indexes. A key takes precedence over the rest of the text.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find(
        &self,
        query: &SearchQuery,
        limit: usize,
    ) -> Result<Vec<(License, IssuanceRecord)>, StoreError> {
        let named = self.read_with_successors(query.named(self.ring), limit).await?;
        if !named.is_empty() {
            return Ok(named);
        }
        let mut ids = Vec::new();
        if let Some(order) = query.order() {
            ids.extend(self.store.order(&order).await?.map(|placed| placed.license));
        }
        if let Some(user) = query.user_id() {
            ids.extend(self.store.licenses_of_user(user.as_str()).await?);
        }
        for address in query.addresses() {
            ids.extend(self.store.licenses_of_email(address.as_str()).await?);
        }
        if ids.is_empty() {
            ids = query.of_free_texts(self.ring, &self.known_catalogs().await?);
        }
        self.read_with_successors(ids, limit).await
    }

    /// Returns the catalogs of the built-in and the configured product.
    async fn known_catalogs(&self) -> Result<Vec<Catalog>, StoreError> {
        let configured = self.product.and_then(|code| Product::parse(&code.trim().to_uppercase()));
        let products: BTreeSet<_> = Product::parse("QF").into_iter().chain(configured).collect();
        let mut catalogs = Vec::new();
        for product in products {
            let stored = self.store.catalog(&product).await?;
            catalogs.extend(stored.or_else(|| Catalog::built_in(&product)));
        }
        Ok(catalogs)
    }

    /// Reads these licenses, each with its successors, because a customer may have an old key.
    async fn read_with_successors(
        &self,
        ids: Vec<LicenseId>,
        limit: usize,
    ) -> Result<Vec<(License, IssuanceRecord)>, StoreError> {
        let mut known = BTreeSet::new();
        let mut found = Vec::new();
        for id in ids {
            let mut next = Some(id);
            for _ in 0..MAX_ROTATIONS {
                let Some(id) = next.take().filter(|id| known.insert(id.clone())) else { break };
                let Some(row) = self.store.license(&id).await? else { break };
                let issuance = row.issuance()?;
                next.clone_from(&row.license.replaced_by);
                found.push((row.license, issuance));
            }
            if found.len() > limit {
                break;
            }
        }
        Ok(found)
    }
}
