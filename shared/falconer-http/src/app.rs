//! What an instance holds between requests, and the steps of a request that every endpoint shares.

use std::sync::Arc;

use falconer_aws::audit::{RowPart, Subject};
use falconer_aws::limiter::Counted;
use falconer_aws::store::Row;
use falconer_aws::{
    AuditRow, AuditWriter, CatalogCache, Clients, Counter, Limiter, RingCell, Settings, Store, StoreError,
};
use falconer_domain::hardware::{HashedComponents, ReceivedComponents};
use falconer_domain::lease::Occasion;
use falconer_domain::standing::{Standing, UnknownTier};
use falconer_domain::{Authentic, Catalog, KeyRing, License, LicenseId, NotAuthentic, Product};

use crate::answer::Answer;
use crate::call::Call;
use crate::fields::{Nonce, Origin, TypedKey};
use crate::problem::{Problem, Stop};
use crate::serve::{Effect, Endpoint};
use crate::telemetry::Telemetry;

/// An instance of one function.
#[derive(Debug)]
pub struct App {
    /// The function.
    pub endpoint: Endpoint,
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
#[expect(
    clippy::large_enum_variant,
    reason = "a request has one, and hands it on once: a box would cost more"
)]
pub enum Loaded {
    /// The license, and the catalog of the product its row names: a key prints what was issued, which an operator may
    /// have changed since.
    Found {
        /// The license's row.
        row: Row,
        /// Its product's catalog.
        catalog: Arc<Catalog>,
    },
    /// There is no license; the product is the key's.
    Missing {
        /// The product.
        product: Product,
    },
}

impl App {
    /// An instance of `endpoint`. Nothing is called yet.
    #[must_use]
    pub fn new(endpoint: Endpoint, settings: Settings, clients: &Clients) -> Self {
        let (per_address, per_license) =
            (settings.rate_limit_per_minute, settings.verifies_per_license_per_minute);
        Self {
            ring: RingCell::new(clients, &settings.master_key_secret_id),
            store: Store::new(clients, &settings.licenses_table, &settings.verifications_table),
            telemetry: Telemetry::new(endpoint.name),
            audit: AuditWriter::new(&settings),
            catalogs: CatalogCache::default(),
            limiter: Limiter::new(
                endpoint.name,
                Counter::new(clients, &settings.rate_limits_table),
                per_address,
                per_license,
            ),
            endpoint,
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
        // A refusal for being over a limit, or a failure of ours, says in the log whose request it was. An imported key is
        // any text until its license is found.
        if key.product().is_some() {
            self.telemetry.concerns(license_id);
        }
        self.limiter.admit(&call.address, license_id, call.now)?;
        let Some(product) = key.product() else { return self.load_imported(call, license_id).await };
        call.begin()?;
        let (counted, license, catalog) = tokio::join!(
            self.limiter.count(&call.address, call.now),
            self.store.license(license_id),
            self.catalogs.get(&self.store, product),
        );
        self.admitted(call, counted?)?;
        let Some(row) = license.map_err(|error| self.store_failed(&error))? else {
            return Ok(Loaded::Missing { product: product.clone() });
        };
        let catalog = if row.license.product == *product {
            catalog
        } else {
            call.begin()?;
            self.catalogs.get(&self.store, &row.license.product).await
        };
        let catalog = catalog.map_err(|error| self.store_failed(&error))?;
        Ok(Loaded::Found { row, catalog })
    }

    /// Loads a license once more, because it changed while it was being decided about.
    ///
    /// # Errors
    /// `UNAVAILABLE`.
    pub(crate) async fn reload(&self, call: &Call, vouched: &Vouched) -> Result<Option<Row>, Stop> {
        call.begin()?;
        let row = self.store.license(&vouched.authentic.license_id).await;
        row.map_err(|error| self.store_failed(&error))
    }

    /// Puts a license under its rules, re-reading a catalog that lacks its tier.
    ///
    /// # Errors
    /// `UNAVAILABLE`: a tier nobody knows is never silently `free`.
    pub async fn standing(&self, call: &Call, license: License, catalog: &Catalog) -> Result<Standing, Stop> {
        let UnknownTier(license) = match Standing::of(license, catalog) {
            Ok(standing) => return Ok(standing),
            Err(unknown) => unknown,
        };
        call.begin()?;
        let reread = self.catalogs.reread(&self.store, &license.product).await;
        let catalog = reread.map_err(|error| self.store_failed(&error))?;
        Standing::of(*license, &catalog).map_err(|UnknownTier(license)| {
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
        received: &ReceivedComponents,
    ) -> Result<HashedComponents, Stop> {
        if let Some(generation) = vouched.ring.generation(license.generation) {
            return Ok(received.hashed(generation, &license.id));
        }
        call.begin()?;
        let ring = self.ring.young_ring().await?;
        let Some(generation) = ring.generation(license.generation) else {
            tracing::error!(license.id = %license.id, "the key ring lacks a license's generation");
            return Err(Problem::unavailable().into());
        };
        Ok(received.hashed(generation, &license.id))
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

    /// An answer about a license, with the row that will record it once it is posted.
    #[must_use]
    pub fn recorded(
        &self,
        mut answer: Answer,
        call: &Call,
        vouched: &Vouched,
        origin: Option<Origin>,
    ) -> Answer {
        let row = self.passing_row(&mut answer, call, vouched, origin);
        answer.about(vouched.authentic.license_id.clone()).audited(row)
    }

    /// The row of an answer, kept as long as verifications are.
    pub(crate) fn passing_row(
        &self,
        answer: &mut Answer,
        call: &Call,
        vouched: &Vouched,
        origin: Option<Origin>,
    ) -> AuditRow {
        let asker = answer.take_asker();
        AuditRow {
            part: RowPart::Whole,
            about: Subject::License(vouched.authentic.license_id.clone()),
            at: call.now,
            request_id: call.request_id.clone(),
            action: self.endpoint.name,
            code: answer.code().name(),
            origin: origin.map(String::from),
            address: Some(call.address.clone()),
            actor: None,
            reason: None,
            device: asker.device,
            hardware: asker.machine,
            kept_days: Some(self.settings.verification_retention_days),
        }
    }

    /// Imported keys carry no tag, so anyone can make one up: the counter is charged before anything is read, and a
    /// miss is told like any other text that is no key. Two round trips, as the documents say.
    async fn load_imported(&self, call: &Call, license_id: &LicenseId) -> Result<Loaded, Stop> {
        call.begin()?;
        self.admitted(call, self.limiter.count(&call.address, call.now).await?)?;
        call.begin()?;
        let row = self.store.license(license_id).await;
        let row = row.map_err(|error| self.store_failed(&error))?.ok_or(Stop::InvalidSignature)?;
        call.begin()?;
        let catalog = self.catalogs.get(&self.store, &row.license.product).await;
        let catalog = catalog.map_err(|error| self.store_failed(&error))?;
        Ok(Loaded::Found { row, catalog })
    }

    /// Without the shared counter a verdict is still given, under the limit in memory; a change is not made.
    fn admitted(&self, call: &Call, counted: Counted) -> Result<(), Stop> {
        if counted == Counted::Admitted {
            return Ok(());
        }
        self.telemetry.store_error();
        self.telemetry.without_counter();
        match self.endpoint.effect {
            Effect::Tells => Ok(self.limiter.count_in_memory(&call.address, call.now)?),
            Effect::Changes => Err(Problem::unavailable().into()),
        }
    }

    pub(crate) fn store_failed(&self, error: &StoreError) -> Stop {
        self.telemetry.store_error();
        tracing::error!(error = %error, "the store failed a request");
        Problem::from(error).into()
    }
}
