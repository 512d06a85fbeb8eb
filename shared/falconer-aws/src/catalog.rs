//! Catalogs in memory: what an instance may know without asking, and for how long.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use falconer_domain::{Catalog, Product};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::error::StoreError;
use crate::store::Store;

/// How long a catalog, or the absence of one, is taken as read.
const FRESH: Duration = Duration::from_secs(60);
/// From this age on it is read again after an answer, so that a busy instance never waits for it.
const AGEING: Duration = Duration::from_secs(45);
/// Shortest pause between two re-reads for a tier the catalog lacks.
const UNKNOWN_TIER_PAUSE: Duration = Duration::from_secs(5);

/// The catalogs an instance has read.
#[derive(Debug, Default)]
pub struct CatalogCache(Mutex<HashMap<Product, Entry>>);

#[derive(Clone, Debug)]
struct Entry {
    catalog: Option<Arc<Catalog>>,
    read_at: Instant,
}

impl CatalogCache {
    /// The catalog of a product: stored, else built in. One that is held already survives a failed re-read.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when none is held and none can be read; [`StoreError::Corrupt`] when the product has
    /// neither a stored nor a built-in one.
    pub async fn get(&self, store: &Store, product: &Product) -> Result<Arc<Catalog>, StoreError> {
        self.younger_than(FRESH, store, product).await
    }

    /// The same, for a license whose tier the catalog lacks: it may have been added since.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn reread(&self, store: &Store, product: &Product) -> Result<Arc<Catalog>, StoreError> {
        self.younger_than(UNKNOWN_TIER_PAUSE, store, product).await
    }

    /// Reads again what will soon be too old.
    pub async fn refresh_ageing(&self, store: &Store) {
        let ageing: Vec<Product> = {
            let entries = self.0.lock().await;
            entries
                .iter()
                .filter(|(_, entry)| entry.read_at.elapsed() >= AGEING)
                .map(|(product, _)| product.clone())
                .collect()
        };
        for product in ageing {
            // What is held stays; the failure is in the log already.
            let _ = self.younger_than(AGEING, store, &product).await;
        }
    }

    async fn younger_than(
        &self,
        age: Duration,
        store: &Store,
        product: &Product,
    ) -> Result<Arc<Catalog>, StoreError> {
        let mut entries = self.0.lock().await;
        let held = entries.get(product).cloned();
        if let Some(entry) = &held
            && entry.read_at.elapsed() < age
        {
            return known(entry, product);
        }
        match (store.catalog(product).await, held) {
            (Ok(catalog), _) => {
                let catalog = catalog.or_else(|| Catalog::built_in(product)).map(Arc::new);
                let entry = Entry { catalog, read_at: Instant::now() };
                entries.insert(product.clone(), entry.clone());
                known(&entry, product)
            }
            (Err(error), Some(entry)) => {
                tracing::warn!(error = %error, product = %product, "catalog not re-read; the one held goes on");
                known(&entry, product)
            }
            (Err(error), None) => Err(error),
        }
    }
}

fn known(entry: &Entry, product: &Product) -> Result<Arc<Catalog>, StoreError> {
    entry.catalog.clone().ok_or_else(|| StoreError::Corrupt(format!("no catalog for product {product}")))
}
