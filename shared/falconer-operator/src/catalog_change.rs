//! Replacement of a product's catalog, and its effect on the licenses that there are.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use falconer_aws::operator::IssuanceRecord;
use falconer_aws::store::LicenseRow;
use falconer_aws::{Store, StoreError, StoreReader};
use falconer_domain::{Catalog, License, LicenseId, PolicyOverrides, Product, TierName, UnixMillis};

use crate::catalog::difference;
use crate::license_reader::LicenseReader;
use crate::license_service::LicenseService;
use crate::random;

/// The catalog that answers for a product: the stored one, else the built-in one.
pub struct CatalogInUse {
    /// The catalog; `None` for a product that has neither.
    pub catalog: Option<Catalog>,
    /// Version of the stored one; 0 where none is stored.
    pub version: u64,
}

/// A new catalog, and its effects.
pub struct CatalogChange {
    /// The new catalog.
    pub new: Catalog,
    /// Lines that the two catalogs do not share; empty where they are equal.
    pub changes: Vec<String>,
    /// Licenses that come to have more devices than seats, with those that keep a seat until an offline lease ends. Their
    /// devices stay, and no other is bound until they fit.
    pub oversold: Vec<LicenseId>,
    /// Rows of the table that do not read as licenses.
    pub unreadable: usize,
    version: u64,
}

/// Reasons why a catalog does not replace another.
#[derive(Debug, thiserror::Error)]
pub enum CatalogRefusal {
    /// Licenses have tiers that it lacks: verify would answer 503 to them. The number of each tier.
    #[error(
        "licenses would be left without their tier: {}; give them another with `falconer set-tier` first",
        .0.iter().map(|(tier, count)| format!("{count} of tier {tier}")).collect::<Vec<_>>().join(", ")
    )]
    TiersInUse(BTreeMap<String, usize>),
    /// The tables.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The operating system.
    #[error("the operating system gave no random bytes: {0}")]
    Random(#[from] getrandom::Error),
}

impl CatalogInUse {
    /// Reads the catalog of a product.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn read(store: &StoreReader, product: &Product) -> Result<Self, StoreError> {
        Ok(match store.catalog_and_version(product).await? {
            Some((catalog, version)) => Self { catalog: Some(catalog), version },
            None => Self { catalog: Catalog::built_in(product), version: 0 },
        })
    }

    /// Returns the lines that a new catalog changes.
    #[must_use]
    pub fn changes(&self, new: &Catalog) -> Vec<String> {
        match &self.catalog {
            Some(in_use) => difference(in_use, new),
            None => vec![format!("+ the first catalog of {}", new.product())],
        }
    }
}

impl CatalogChange {
    /// Compares a new catalog with the one in use. Where it lacks a tier or takes seats away, every license is looked at,
    /// and `look_through` hears of that before.
    ///
    /// # Errors
    /// [`CatalogRefusal`].
    pub async fn plan(
        store: &StoreReader,
        service: &LicenseReader<'_>,
        new: Catalog,
        now: UnixMillis,
        look_through: impl Fn(),
    ) -> Result<Self, CatalogRefusal> {
        let in_use = CatalogInUse::read(store, new.product()).await?;
        let changes = in_use.changes(&new);
        let version = in_use.version;
        let mut change = Self { new, changes, oversold: Vec::new(), unreadable: 0, version };
        let Some(in_use) = in_use.catalog.filter(|in_use| is_felt(in_use, &change.new)) else {
            return Ok(change);
        };
        look_through();
        let (new, oversold, mut without_tier) = (&change.new, &mut change.oversold, BTreeMap::new());
        let visit = |row: LicenseRow, _: IssuanceRecord| {
            let license = row.license;
            if license.product == *new.product() && in_use.has(&license.tier) && !new.has(&license.tier) {
                *without_tier.entry(license.tier.to_string()).or_default() += 1;
            } else if is_oversold(&license, &in_use, new, now) {
                oversold.push(license.id);
            }
            ControlFlow::Continue(())
        };
        change.unreadable = service.each(visit).await?;
        if without_tier.is_empty() { Ok(change) } else { Err(CatalogRefusal::TiersInUse(without_tier)) }
    }

    /// Returns the version under which the new catalog is stored.
    #[must_use]
    pub const fn new_version(&self) -> u64 {
        self.version + 1
    }

    /// Puts the new catalog over the one it was compared with.
    ///
    /// # Errors
    /// [`CatalogRefusal`]; [`StoreError::Conflict`] where another one was put meanwhile.
    pub async fn apply(
        &self,
        store: &Store,
        service: &LicenseService<'_>,
        reason: Option<&str>,
        now: UnixMillis,
    ) -> Result<(), CatalogRefusal> {
        let row = service.audit_of_catalog(self.new.product(), reason, now)?;
        Ok(store.put_catalog(&self.new, self.version, &row, &random::id()?).await?)
    }
}

/// Returns true if a license can lose its tier or a seat.
fn is_felt(in_use: &Catalog, new: &Catalog) -> bool {
    let seats = |catalog: &Catalog, tier: &TierName| {
        catalog.policy(tier, &PolicyOverrides::default()).map(|policy| policy.seats)
    };
    in_use.tiers().any(|tier| seats(new, tier) < seats(in_use, tier))
}

/// Returns true if a license comes to have more devices than seats. One that has too many already is left out.
fn is_oversold(license: &License, in_use: &Catalog, new: &Catalog, now: UnixMillis) -> bool {
    let seats = |catalog: &Catalog| catalog.policy(&license.tier, &license.policy).map(|policy| policy.seats);
    license.product == *new.product()
        && seats(new).is_some_and(|after| license.seats_taken(now) > after && Some(after) < seats(in_use))
}
