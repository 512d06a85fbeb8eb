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
const REREAD_AFTER: Duration = Duration::from_secs(45);
/// Shortest pause between two reads of one catalog while the one held is not good enough: too old and the table does
/// not answer, or without the tier of a license.
const PAUSE: Duration = Duration::from_secs(5);

/// The catalogs an instance has read.
#[derive(Debug, Default)]
pub struct CatalogCache(Mutex<HashMap<Product, CachedCatalog>>);

#[derive(Clone, Debug)]
struct CachedCatalog {
    catalog: Option<Arc<Catalog>>,
    read_at: Instant,
    tried_at: Instant,
}

impl CachedCatalog {
    fn known(&self, product: &Product) -> Result<Arc<Catalog>, StoreError> {
        self.catalog.clone().ok_or_else(|| StoreError::Corrupt(format!("no catalog for product {product}")))
    }
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
        self.younger_than(PAUSE, store, product).await
    }

    /// Reads again what will soon be too old.
    pub async fn refresh_ageing(&self, store: &Store) {
        let ageing: Vec<Product> = {
            let entries = self.0.lock().await;
            let old = entries.iter().filter(|(_, entry)| entry.read_at.elapsed() >= REREAD_AFTER);
            old.map(|(product, _)| product.clone()).collect()
        };
        for product in ageing {
            // What is held stays; the failure is in the log already.
            let _ = self.younger_than(REREAD_AFTER, store, &product).await;
        }
    }

    async fn younger_than(
        &self,
        age: Duration,
        store: &Store,
        product: &Product,
    ) -> Result<Arc<Catalog>, StoreError> {
        let mut entries = self.0.lock().await;
        if let Some(entry) = entries.get_mut(product) {
            if entry.read_at.elapsed() < age || entry.tried_at.elapsed() < PAUSE {
                return entry.known(product);
            }
            entry.tried_at = Instant::now();
        }
        let now = Instant::now();
        match store.catalog(product).await {
            Ok(stored) => {
                let catalog = stored.or_else(|| Catalog::built_in(product)).map(Arc::new);
                let entry = CachedCatalog { catalog, read_at: now, tried_at: now };
                let known = entry.known(product);
                entries.insert(product.clone(), entry);
                known
            }
            Err(error) => {
                let Some(entry) = entries.get(product) else { return Err(error) };
                tracing::warn!(error = %error, product = %product, "catalog not reloaded; the previous one stays in use");
                entry.known(product)
            }
        }
    }
}
