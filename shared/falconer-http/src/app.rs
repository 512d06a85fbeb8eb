//! What an instance holds between requests, and the steps of a request that every endpoint shares.

use std::sync::Arc;

use falconer_aws::limiter::Counted;
use falconer_aws::{
    AuditRow, AuditWriter, CatalogCache, Clients, Counter, Limiter, RingCell, Settings, Store, StoreError,
};
use falconer_domain::hardware::{HashedComponents, ReceivedComponents};
use falconer_domain::lease::Occasion;
use falconer_domain::verify::Facts;
use falconer_domain::{Authentic, Catalog, KeyRing, License, LicenseId, NotAuthentic, Product};

use crate::answer::Answer;
use crate::call::Call;
use crate::fields::{Nonce, Origin, TypedKey};
use crate::problem::{Problem, Stop};
use crate::telemetry::Telemetry;

/// An instance of one function.
#[derive(Debug)]
pub struct App {
    /// Its settings.
    pub settings: Settings,
    /// The key ring.
    pub ring: RingCell,
    /// The tables.
    pub store: Store,
    pub(crate) telemetry: Telemetry,
    pub(crate) audit: AuditWriter,
    pub(crate) catalogs: CatalogCache,
    limiter: Limiter,
}

/// A key the ring vouches for, with the ring that did.
#[derive(Debug)]
pub struct Vouched {
    /// The ring.
    pub ring: Arc<KeyRing>,
    /// The key and the license it opens.
    pub authentic: Authentic,
}

/// What one round trip brought.
#[derive(Debug)]
pub enum Loaded {
    /// The license, and the catalog of the product its row names: a key prints what was issued, which an operator may
    /// have changed since.
    Found {
        /// The license.
        license: License,
        /// Its product's catalog.
        catalog: Arc<Catalog>,
    },
    /// There is no license; the product is the key's.
    Missing {
        /// The product.
        product: Product,
    },
}

impl Loaded {
    /// The product: the audience of the lease.
    #[must_use]
    pub const fn product(&self) -> &Product {
        match self {
            Self::Found { license, .. } => &license.product,
            Self::Missing { product } => product,
        }
    }
}

impl App {
    /// An instance of `endpoint`. Nothing is called yet.
    #[must_use]
    pub fn new(endpoint: &'static str, settings: Settings, clients: &Clients) -> Self {
        let (per_address, per_license) =
            (settings.rate_limit_per_minute, settings.verifies_per_license_per_minute);
        Self {
            ring: RingCell::new(clients, &settings.master_key_secret_id),
            store: Store::new(clients, &settings.licenses_table, &settings.verifications_table),
            telemetry: Telemetry::new(endpoint),
            audit: AuditWriter::new(&settings),
            catalogs: CatalogCache::default(),
            limiter: Limiter::new(
                endpoint,
                Counter::new(clients, &settings.rate_limits_table),
                per_address,
                per_license,
            ),
            settings,
        }
    }

    /// Checks a key's tag, spending no I/O on what is no key of ours.
    ///
    /// # Errors
    /// [`Stop::InvalidSignature`]; `RATE_LIMITED` for an address that sends much of that; `UNAVAILABLE` without a ring.
    pub async fn authenticate(&self, call: &Call, typed: &TypedKey) -> Result<Vouched, Stop> {
        let mut ring = self.ring.ring().await?;
        let mut judged = ring.authenticate(&typed.0);
        if judged.as_ref().err() == Some(&NotAuthentic::UnknownGeneration) {
            call.begin()?;
            ring = self.ring.young_ring().await?;
            judged = ring.authenticate(&typed.0);
        }
        let Ok(authentic) = judged else {
            self.limiter.junk(&call.address, call.now)?;
            return Err(Stop::InvalidSignature);
        };
        Ok(Vouched { ring, authentic })
    }

    /// Loads what a decision needs, in one round trip: the license beside the rate-limit counter, and the catalog where
    /// memory has none. Being over the limit beats whatever the license says.
    ///
    /// # Errors
    /// `RATE_LIMITED`; `UNAVAILABLE` when the license or the catalog cannot be read.
    pub async fn load(&self, call: &Call, vouched: &Vouched) -> Result<Loaded, Stop> {
        let Authentic { key, license_id, .. } = &vouched.authentic;
        self.limiter.admit(&call.address, license_id, call.now)?;
        let Some(product) = key.product() else { return self.load_imported(call, license_id).await };
        call.begin()?;
        let (counted, license, catalog) = tokio::join!(
            self.limiter.count(&call.address, call.now),
            self.store.license(license_id),
            self.catalogs.get(&self.store, product),
        );
        self.note(counted?);
        let Some(license) = license.map_err(|error| self.store_failed(&error))? else {
            return Ok(Loaded::Missing { product: product.clone() });
        };
        let catalog = if license.product == *product {
            catalog
        } else {
            call.begin()?;
            self.catalogs.get(&self.store, &license.product).await
        };
        let catalog = catalog.map_err(|error| self.store_failed(&error))?;
        Ok(Loaded::Found { license, catalog })
    }

    /// Gathers the facts of a verification, re-reading a catalog that lacks the license's tier.
    ///
    /// # Errors
    /// `UNAVAILABLE`: a tier nobody knows is never silently `free`.
    pub async fn facts<'a>(
        &self,
        call: &Call,
        license: &'a License,
        catalog: &Catalog,
        hardware: Option<&HashedComponents>,
    ) -> Result<Facts<'a>, Stop> {
        if let Ok(facts) = Facts::gather(license, catalog, hardware, call.now) {
            return Ok(facts);
        }
        call.begin()?;
        let reread = self.catalogs.reread(&self.store, &license.product).await;
        let catalog = reread.map_err(|error| self.store_failed(&error))?;
        Facts::gather(license, &catalog, hardware, call.now).map_err(|_| {
            self.telemetry.unknown_tier();
            tracing::error!(license.id = %license.id, tier = %license.tier, "the catalog lacks a license's tier");
            Problem::unavailable().into()
        })
    }

    /// Hashes components as a license stores them. Its generation may be newer than the ring in hand: a legacy key names
    /// none, so nothing else has made this instance look again.
    ///
    /// # Errors
    /// `UNAVAILABLE` when no ring to be had holds the license's generation.
    pub async fn hashed(
        &self,
        call: &Call,
        vouched: &Vouched,
        license: &License,
        received: Option<&ReceivedComponents>,
    ) -> Result<Option<HashedComponents>, Stop> {
        let Some(received) = received else { return Ok(None) };
        if let Some(generation) = vouched.ring.generation(license.generation) {
            return Ok(Some(received.hashed(generation, &license.id)));
        }
        call.begin()?;
        let ring = self.ring.young_ring().await?;
        let Some(generation) = ring.generation(license.generation) else {
            tracing::error!(license.id = %license.id, "the key ring lacks a license's generation");
            return Err(Problem::unavailable().into());
        };
        Ok(Some(received.hashed(generation, &license.id)))
    }

    /// What every lease of a request shares.
    #[must_use]
    pub fn occasion<'a>(
        &'a self,
        call: &'a Call,
        vouched: &'a Vouched,
        product: &'a Product,
        nonce: Option<&'a Nonce>,
    ) -> Occasion<'a> {
        Occasion {
            issuer: &self.settings.lease_issuer,
            product,
            license_id: &vouched.authentic.license_id,
            request_id: &call.request_id,
            nonce: nonce.map(Nonce::as_str),
            now: call.now,
        }
    }

    /// A verification's answer, with the row that will record it.
    #[must_use]
    pub fn verified(&self, answer: Answer, call: &Call, vouched: &Vouched, origin: Option<Origin>) -> Answer {
        let license_id = vouched.authentic.license_id.clone();
        let row = AuditRow {
            license_id: license_id.clone(),
            at: call.now,
            request_id: call.request_id.clone(),
            action: "verify",
            code: answer.code().name(),
            origin: origin.map(String::from),
            address: Some(call.address.clone()),
            actor: None,
            kept_days: Some(self.settings.verification_retention_days),
        };
        answer.about(license_id).audited(row)
    }

    /// Imported keys carry no tag, so anyone can make one up: the counter is charged before anything is read, and a
    /// miss is told like any other text that is no key. Two round trips, as the documents say.
    async fn load_imported(&self, call: &Call, license_id: &LicenseId) -> Result<Loaded, Stop> {
        call.begin()?;
        self.note(self.limiter.count(&call.address, call.now).await?);
        call.begin()?;
        let license = self.store.license(license_id).await;
        let license = license.map_err(|error| self.store_failed(&error))?.ok_or(Stop::InvalidSignature)?;
        call.begin()?;
        let catalog = self.catalogs.get(&self.store, &license.product).await;
        let catalog = catalog.map_err(|error| self.store_failed(&error))?;
        Ok(Loaded::Found { license, catalog })
    }

    fn note(&self, counted: Counted) {
        if counted == Counted::WithoutCounter {
            self.telemetry.store_error();
            self.telemetry.without_counter();
        }
    }

    fn store_failed(&self, error: &StoreError) -> Stop {
        self.telemetry.store_error();
        tracing::error!(error = %error, "the store failed a request");
        Problem::from(error).into()
    }
}
