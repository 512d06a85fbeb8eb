//! License service: finds and changes licenses. Each change has an audit row with actor and reason.

use std::ops::ControlFlow;

use falconer_aws::audit::{AuditSubject, RowPart};
use falconer_aws::operator::{IssuanceRecord, PageToken};
use falconer_aws::store::{LicenseRow, jitter};
use falconer_aws::{AuditRow, Store, StoreError};
use falconer_domain::effective_license::EffectiveLicense;
use falconer_domain::{Catalog, KeyRing, License, LicenseId, LicenseKey, Product, UnixMillis};

use crate::catalog_cache::CatalogCache;
use crate::random;

/// How often a change is decided before it is given up, when others change the same license at the same moment.
const MAX_DECISIONS: u32 = 5;
/// Marker of the hidden part of a masked key, besides three full stops.
const ELLIPSIS: char = '…';

/// Finds and changes licenses.
#[derive(Debug)]
pub struct LicenseService<'a> {
    store: &'a Store,
    ring: &'a KeyRing,
    catalogs: CatalogCache<'a>,
    actor: &'a str,
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

/// Why a license was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError<E: std::error::Error + 'static> {
    /// The rules.
    #[error(transparent)]
    Refused(E),
    /// It went away meanwhile.
    #[error("there is no license {0}")]
    NoLicense(LicenseId),
    /// Others changed it, again and again.
    #[error("others keep changing this license at this moment; try again")]
    Contended,
    /// Others changed it since it was read.
    #[error("somebody has changed this license meanwhile; nothing was changed")]
    Changed,
    /// The tables.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operating system.
    #[error("no random bytes from the operating system: {0}")]
    Random(#[from] getrandom::Error),
}

/// Action and reason of an audit row.
#[derive(Clone, Copy, Debug)]
pub struct AuditAction<'a> {
    /// The command.
    pub action: &'static str,
    /// The outcome code.
    pub code: &'static str,
    /// Why, in the operator's words.
    pub reason: Option<&'a str>,
}

impl<'a> LicenseService<'a> {
    /// Returns a service that records `actor` in the audit.
    #[must_use]
    pub const fn new(store: &'a Store, ring: &'a KeyRing, actor: &'a str) -> Self {
        Self { store, ring, catalogs: CatalogCache::of(store), actor }
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

    /// Changes a license, in one transaction with its audit row, and returns it as it is then. `edit` is asked again
    /// whenever somebody else was faster. A change that changes nothing writes nothing.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn change<E: std::error::Error + 'static>(
        &self,
        id: &LicenseId,
        action: AuditAction<'_>,
        now: UnixMillis,
        edit: impl Fn(License) -> Result<License, E>,
    ) -> Result<License, ChangeError<E>> {
        for tries in 1..=MAX_DECISIONS {
            let row = self.store.license(id).await?.ok_or_else(|| ChangeError::NoLicense(id.clone()))?;
            let after = edit(row.license.clone()).map_err(ChangeError::Refused)?;
            if after == row.license {
                return Ok(after);
            }
            let audit = self.audit(id, action, now)?;
            match self.store.commit(&row.guard, &row.license, &after, &audit, &random::id()?).await {
                Ok(()) => return Ok(after),
                Err(StoreError::Conflict) => tokio::time::sleep(jitter(tries)).await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(ChangeError::Contended)
    }

    /// Changes a license as it was read, once: what somebody has changed since is not written over.
    ///
    /// # Errors
    /// [`ChangeError::Changed`] where somebody has; the others of [`Self::change`].
    pub async fn change_read<E: std::error::Error + 'static>(
        &self,
        row: &LicenseRow,
        action: AuditAction<'_>,
        now: UnixMillis,
        edit: impl FnOnce(License) -> Result<License, E>,
    ) -> Result<License, ChangeError<E>> {
        let after = edit(row.license.clone()).map_err(ChangeError::Refused)?;
        if after == row.license {
            return Ok(after);
        }
        let audit = self.audit(&row.license.id, action, now)?;
        match self.store.commit(&row.guard, &row.license, &after, &audit, &random::id()?).await {
            Ok(()) => Ok(after),
            Err(StoreError::Conflict) => Err(ChangeError::Changed),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns an audit row about a catalog.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn audit_of_catalog(
        &self,
        product: &Product,
        reason: Option<&str>,
        now: UnixMillis,
    ) -> Result<AuditRow, getrandom::Error> {
        Ok(AuditRow {
            part: RowPart::Whole,
            about: AuditSubject::Catalog(product.clone()),
            at: now,
            request_id: random::id()?,
            action: "catalog-apply",
            code: "CATALOG_APPLIED",
            origin: None,
            address: None,
            actor: Some(self.actor.to_owned()),
            reason: reason.map(str::to_owned),
            device: None,
            hardware: None,
            kept_days: None,
        })
    }

    /// Returns an audit row of this service's actor.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn audit(
        &self,
        id: &LicenseId,
        action: AuditAction<'_>,
        now: UnixMillis,
    ) -> Result<AuditRow, getrandom::Error> {
        let row = AuditRow::change(id, now, &random::id()?, action.action, action.code, self.actor);
        Ok(AuditRow { reason: action.reason.map(str::to_owned), ..row })
    }
}
