//! A cache of catalogs, so that a command reads each once.

use std::cell::RefCell;
use std::collections::BTreeMap;

use falconer_aws::{StoreError, StoreReader};
use falconer_domain::{Catalog, Product};

/// Catalogs by product: the stored one, else the built-in one.
#[derive(Debug)]
pub struct CatalogCache<'a> {
    store: &'a StoreReader,
    read: RefCell<BTreeMap<Product, Option<Catalog>>>,
}

impl<'a> CatalogCache<'a> {
    /// Returns an empty cache.
    #[must_use]
    pub const fn of(store: &'a StoreReader) -> Self {
        Self { store, read: RefCell::new(BTreeMap::new()) }
    }

    /// The catalog of a product, if it has one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(&self, product: &Product) -> Result<Option<Catalog>, StoreError> {
        if let Some(catalog) = self.read.borrow().get(product) {
            return Ok(catalog.clone());
        }
        let stored = self.store.catalog(product).await?;
        let catalog = stored.or_else(|| Catalog::built_in(product));
        self.read.borrow_mut().insert(product.clone(), catalog.clone());
        Ok(catalog)
    }
}
