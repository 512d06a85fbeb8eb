//! Licenses to be found and looked through. Nothing here writes.

use std::ops::ControlFlow;

use falconer_aws::operator::{IssuanceRecord, PageToken};
use falconer_aws::store::LicenseRow;
use falconer_aws::{StoreError, StoreReader};
use falconer_domain::effective_license::EffectiveLicense;
use falconer_domain::{Catalog, KeyRing, License, LicenseId, LicenseKey, Product};

use crate::catalog_cache::CatalogCache;

/// Marker of the hidden part of a masked key, besides three full stops.
const ELLIPSIS: char = '…';

/// Finds licenses and looks through them.
#[derive(Debug)]
pub struct LicenseReader<'a> {
    store: &'a StoreReader,
    ring: &'a KeyRing,
    catalogs: CatalogCache<'a>,
}

/// Why a license was not found.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The text does not name a license.
    #[error("this is no license key of this ring, no license id (lic_…) and no masked key (QF-PRO-…-PQ8HC)")]
    NoName,
    /// The license does not exist.
    #[error("there is no license {0}")]
    NoLicense(String),
    /// A masked key fits several.
    #[error("several licenses have this masked key: {0}; name one of them by its id")]
    Several(String),
    /// The tables.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<'a> LicenseReader<'a> {
    /// Returns a reader of these tables.
    #[must_use]
    pub const fn new(store: &'a StoreReader, ring: &'a KeyRing) -> Self {
        Self { store, ring, catalogs: CatalogCache::of(store) }
    }

    /// The license that a text names: its key, its id, or its masked key. The last looks through the whole table.
    ///
    /// # Errors
    /// [`FindError`].
    pub async fn find(&self, text: &str) -> Result<LicenseRow, FindError> {
        let text = text.trim();
        if let Some(id) = LicenseId::parse(text) {
            return self.read(&id).await;
        }
        if let Some(id) = self.id_of(text) {
            return self.read(&id).await;
        }
        let hint = text.replace("...", "…").to_uppercase();
        if !hint.contains(ELLIPSIS) {
            return Err(FindError::NoName);
        }
        self.find_by_hint(&hint).await
    }

    /// Returns the license id of a key. A masked key, which resembles an imported key, returns `None`.
    fn id_of(&self, text: &str) -> Option<LicenseId> {
        let authentic = self.ring.authenticate(text).ok()?;
        let is_masked = text.contains(ELLIPSIS) || text.contains("...");
        let is_signed = !matches!(authentic.key, LicenseKey::Imported(_));
        (is_signed || !is_masked).then_some(authentic.license_id)
    }

    /// Returns true if finding this text takes a look at every license.
    #[must_use]
    pub fn is_hint(&self, text: &str) -> bool {
        let text = text.trim();
        let named = LicenseId::parse(text).is_some() || self.id_of(text).is_some();
        !named && (text.contains(ELLIPSIS) || text.contains("..."))
    }

    async fn read(&self, id: &LicenseId) -> Result<LicenseRow, FindError> {
        self.store.license(id).await?.ok_or_else(|| FindError::NoLicense(id.to_string()))
    }

    async fn find_by_hint(&self, hint: &str) -> Result<LicenseRow, FindError> {
        let mut found: Vec<LicenseRow> = Vec::new();
        self.each(|row, issuance| {
            if issuance.key_hint.to_uppercase() == hint {
                found.push(row);
            }
            ControlFlow::Continue(())
        })
        .await?;
        if found.len() > 1 {
            let ids: Vec<_> = found.iter().map(|row| row.license.id.to_string()).collect();
            return Err(FindError::Several(ids.join(", ")));
        }
        found.pop().ok_or_else(|| FindError::NoLicense(hint.to_owned()))
    }

    /// Looks at every license there is until `visit` breaks off, and returns how many rows did not read.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn each(
        &self,
        visit: impl FnMut(LicenseRow, IssuanceRecord) -> ControlFlow<()>,
    ) -> Result<usize, StoreError> {
        self.each_after(None, visit).await
    }

    /// The same, behind a license; `None` is from the beginning.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn each_after(
        &self,
        license: Option<&LicenseId>,
        mut visit: impl FnMut(LicenseRow, IssuanceRecord) -> ControlFlow<()>,
    ) -> Result<usize, StoreError> {
        let (mut place, mut unreadable) = (license.map(PageToken::after), 0);
        loop {
            let page = self.store.page_of_licenses(place).await?;
            unreadable += page.unreadable;
            for row in page.rows {
                let Ok(issuance) = row.issuance() else {
                    unreadable += 1;
                    continue;
                };
                if visit(row, issuance).is_break() {
                    return Ok(unreadable);
                }
            }
            place = page.next;
            if place.is_none() {
                return Ok(unreadable);
            }
        }
    }

    /// The catalog of a product: the stored one, else the built-in one.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Corrupt`] for a product without a catalog.
    pub async fn catalog(&self, product: &Product) -> Result<Catalog, StoreError> {
        let catalog = self.catalogs.get(product).await?;
        catalog.ok_or_else(|| StoreError::Corrupt(format!("no catalog for product {product}")))
    }

    /// A license under its rules.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Corrupt`] where its catalog lacks its tier.
    pub async fn standing(&self, license: License) -> Result<EffectiveLicense, StoreError> {
        let tier = license.tier.clone();
        self.standing_if_known(license).await?.ok_or_else(|| {
            StoreError::Corrupt(format!(
                "the catalog lacks the tier {tier}; `falconer set-tier` gives the license another one, and \
                 `falconer catalog apply` brings the tier back"
            ))
        })
    }

    /// The same; `None` where the catalog lacks the license's tier.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn standing_if_known(&self, license: License) -> Result<Option<EffectiveLicense>, StoreError> {
        let catalog = self.catalog(&license.product).await?;
        Ok(EffectiveLicense::of(license, &catalog).ok())
    }
}
