//! The session of one request: an authentic key, and the steps towards an answer about its license.

use std::sync::Arc;

use falconer_aws::audit::{AuditSubject, RowPart};
use falconer_aws::store::LicenseRow;
use falconer_aws::{AuditRow, RingUnavailable, StoreError};
use falconer_domain::effective_license::{EffectiveLicense, UnknownTier};
use falconer_domain::hardware::{HashedComponents, ReceivedComponents};
use falconer_domain::lease::{Claims, LeaseContext, Terms};
use falconer_domain::{Authentic, Catalog, Code, KeyRing, License, LicenseId, Product};

use crate::app::App;
use crate::fields::{Nonce, Origin};
use crate::problem::{Problem, Rejection};
use crate::request::Request;
use crate::response::Response;
use crate::verify_response::{BoundDevice, VerifyResponse};

/// A request whose license key is authentic.
#[derive(Debug)]
pub struct Session<'a> {
    /// The request.
    pub request: &'a Request,
    pub(crate) app: &'a App,
    pub(crate) ring: Arc<KeyRing>,
    /// Set if a newer ring might read the key of an imported license as a signed one, and none could be had.
    pub(crate) stale: Option<RingUnavailable>,
    pub(crate) authentic: Authentic,
    pub(crate) nonce: Option<Nonce>,
    pub(crate) origin: Option<Origin>,
}

/// Result of loading a license.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a request has one, and hands it on once: a box would cost more"
)]
pub enum Loaded {
    /// The license, and the catalog of the product its row names. A key prints the product it was issued for, which an
    /// operator may have changed since.
    Found {
        /// The license's row.
        row: LicenseRow,
        /// The catalog of its product.
        catalog: Arc<Catalog>,
    },
    /// No license.
    Missing {
        /// The key's product.
        product: Product,
    },
}

impl Session<'_> {
    /// Id of the license that the key opens.
    #[must_use]
    pub const fn license_id(&self) -> &LicenseId {
        &self.authentic.license_id
    }

    /// Loads everything a decision needs, in one round trip: the license, beside it the rate-limit counter where the
    /// limiter asks it, and the catalog where memory has none. Being over the limit outranks whatever the license says.
    ///
    /// # Errors
    /// `RATE_LIMITED`; `UNAVAILABLE` when the license or the catalog cannot be read.
    pub async fn load(&self) -> Result<Loaded, Rejection> {
        let (app, request) = (self.app, self.request);
        let Some(product) = self.authentic.key.product() else { return self.load_imported().await };
        self.check_limits()?;
        request.begin()?;
        let (counted, license, catalog) = tokio::join!(
            app.limiter.count(&request.address, self.license_id(), request.now),
            app.store.license(self.license_id()),
            app.catalogs.get(&app.store, product),
        );
        app.admit(counted?)?;
        let Some(row) = license.map_err(|error| app.store_failed(&error))? else {
            return Ok(Loaded::Missing { product: product.clone() });
        };
        let catalog = if row.license.product == *product {
            catalog
        } else {
            request.begin()?;
            app.catalogs.get(&app.store, &row.license.product).await
        };
        let catalog = catalog.map_err(|error| app.store_failed(&error))?;
        Ok(Loaded::Found { row, catalog })
    }

    /// Loads a license once more, because it changed during the decision.
    ///
    /// # Errors
    /// `UNAVAILABLE`.
    pub(crate) async fn reload(&self) -> Result<Option<LicenseRow>, Rejection> {
        self.request.begin()?;
        let row = self.app.store.license(self.license_id()).await;
        row.map_err(|error| self.app.store_failed(&error))
    }

    /// Puts a license under its tier's rules. A catalog that lacks the tier is read again first.
    ///
    /// # Errors
    /// `UNAVAILABLE`: an unknown tier is never silently `free`.
    pub async fn standing(&self, license: License, catalog: &Catalog) -> Result<EffectiveLicense, Rejection> {
        let UnknownTier(license) = match EffectiveLicense::of(license, catalog) {
            Ok(standing) => return Ok(standing),
            Err(unknown) => unknown,
        };
        self.request.begin()?;
        let reread = self.app.catalogs.reread(&self.app.store, &license.product).await;
        let catalog = reread.map_err(|error| self.app.store_failed(&error))?;
        EffectiveLicense::of(*license, &catalog).map_err(|UnknownTier(license)| {
            self.app.telemetry.unknown_tier();
            tracing::error!(license.id = %license.id, tier = %license.tier, "tier of the license missing in the catalog");
            Problem::unavailable().into()
        })
    }

    /// Hashes components as the license stores them. The license's generation may be newer than the ring in hand: a
    /// legacy key does not name one, so nothing else has made this instance read the ring again.
    ///
    /// # Errors
    /// `UNAVAILABLE` when no readable ring has the license's generation.
    pub async fn hash(
        &self,
        license: &License,
        received: &ReceivedComponents,
    ) -> Result<HashedComponents, Rejection> {
        if let Some(generation) = self.ring.generation(license.generation) {
            return Ok(received.hashed(generation, &license.id));
        }
        self.request.begin()?;
        let ring = self.app.ring.fresh_ring().await?;
        let Some(generation) = ring.generation(license.generation) else {
            tracing::error!(license.id = %license.id, "generation of the license missing in the key ring");
            return Err(Problem::unavailable().into());
        };
        Ok(received.hashed(generation, &license.id))
    }

    /// The body of a yes about a license, with its lease.
    #[must_use]
    pub fn grant<'b>(
        &'b self,
        code: Code,
        standing: &'b EffectiveLicense,
        device: Option<&BoundDevice<'b>>,
    ) -> VerifyResponse<'b> {
        let context = self.lease_context(&standing.license.product);
        VerifyResponse::new(self.request, &context, self.ring.current(), standing, code, device)
    }

    /// The lease of a no: signed, so that nobody else can say it.
    #[must_use]
    pub fn signed_refusal(&self, code: Code, product: &Product, terms: Option<&Terms<'_>>) -> String {
        Claims::refused(&self.lease_context(product), code, terms).sign(self.ring.current())
    }

    /// A signed no.
    #[must_use]
    pub fn refuse(&self, code: Code, product: &Product, terms: Option<&Terms<'_>>) -> Response {
        let lease = self.signed_refusal(code, product, terms);
        Response::refusal(code, self.request, &lease, self.app.endpoint.effect)
    }

    /// An answer about the license, with the row that records it after it is posted.
    #[must_use]
    pub fn record(self, mut response: Response) -> Response {
        let row = self.passing_row(&mut response);
        response.about(self.authentic.license_id).audited(row)
    }

    /// An answer about a license whose person was erased. Its row does not hold the caller's address and origin.
    #[must_use]
    pub fn record_without_caller(self, mut response: Response) -> Response {
        let row = self.passing_row(&mut response).without_caller();
        response.about(self.authentic.license_id).audited(row)
    }

    /// The row of an answer. It is kept as long as verifications are.
    pub(crate) fn passing_row(&self, response: &mut Response) -> AuditRow {
        let asker = response.take_asker();
        AuditRow {
            part: RowPart::Whole,
            about: AuditSubject::License(self.license_id().clone()),
            at: self.request.now,
            request_id: self.request.request_id.clone(),
            action: self.app.endpoint.name,
            code: response.code().name(),
            origin: self.origin.clone().map(String::from),
            address: Some(self.request.address.clone()),
            actor: None,
            reason: None,
            device: asker.device,
            hardware: asker.machine,
            kept_days: Some(self.app.settings.verification_retention_days),
        }
    }

    /// The claims that every lease of a request shares.
    fn lease_context<'b>(&'b self, product: &'b Product) -> LeaseContext<'b> {
        LeaseContext {
            issuer: &self.app.settings.lease_issuer,
            product,
            license_id: self.license_id(),
            request_id: &self.request.request_id,
            nonce: self.nonce.as_ref().map(Nonce::as_str),
            now: self.request.now,
        }
    }

    /// Refuses from memory what is over a limit. That refusal and a failure name the license in the log.
    fn check_limits(&self) -> Result<(), Rejection> {
        self.app.telemetry.concerns(self.license_id());
        Ok(self.app.limiter.admit(&self.request.address, self.license_id(), self.request.now)?)
    }

    /// Loads the license of an imported key. Such a key has no tag, so anyone can invent one, and a miss is answered
    /// like any other invalid text.
    async fn load_imported(&self) -> Result<Loaded, Rejection> {
        let (app, request, limiter) = (self.app, self.request, &self.app.limiter);
        let (license, address, now) = (self.license_id(), &request.address, request.now);
        let row = if limiter.has_found(license, now) {
            self.check_limits()?;
            request.begin()?;
            let (counted, row) =
                tokio::join!(limiter.count(address, license, now), self.app.store.license(license));
            app.admit(counted?)?;
            self.imported(row)?
        } else {
            // The address is charged before anything is read: two round trips, as `docs/access-patterns.md` says. Its
            // share of the authentic requests is not touched until the key has turned out to be one.
            request.begin()?;
            app.admit(limiter.count_unknown_key(address, now).await?)?;
            request.begin()?;
            let row = self.imported(app.store.license(license).await)?;
            self.check_limits()?;
            limiter.count_with_next(address, license, now);
            row
        };
        limiter.note_found(license, now);
        request.begin()?;
        let catalog = app.catalogs.get(&app.store, &row.license.product).await;
        let catalog = catalog.map_err(|error| app.store_failed(&error))?;
        Ok(Loaded::Found { row, catalog })
    }

    /// Reads the outcome of loading an imported key's license.
    fn imported(&self, row: Result<Option<LicenseRow>, StoreError>) -> Result<LicenseRow, Rejection> {
        let unknown = || self.stale.map_or(Rejection::InvalidSignature, Rejection::from);
        row.map_err(|error| self.app.store_failed(&error))?.ok_or_else(unknown)
    }
}
