//! State of an instance between requests.

use falconer_aws::limiter::{Counted, Counting, Limits};
use falconer_aws::{
    AuditWriter, CatalogCache, Clients, Counter, KeyRingCache, Limiter, Settings, Store, StoreError,
};
use falconer_domain::NotAuthentic;

use crate::endpoint::{Effect, Endpoint};
use crate::fields::Credentials;
use crate::problem::{Problem, Rejection};
use crate::request::Request;
use crate::response::Response;
use crate::session::Session;
use crate::telemetry::Telemetry;

/// An instance of one function.
#[derive(Debug)]
pub struct App {
    /// The function's endpoint.
    pub endpoint: Endpoint,
    /// Settings from the environment.
    pub settings: Settings,
    /// The cached key ring.
    pub ring: KeyRingCache,
    /// Access to the tables.
    pub store: Store,
    pub(crate) telemetry: Telemetry,
    pub(crate) audit: AuditWriter,
    pub(crate) catalogs: CatalogCache,
    pub(crate) limiter: Limiter,
}

impl App {
    /// Makes an instance of `endpoint`. No service is called yet.
    #[must_use]
    pub fn new(endpoint: Endpoint, settings: Settings, clients: &Clients) -> Self {
        let limits = Limits {
            per_minute: settings.rate_limit_per_minute,
            per_address: settings.rate_limit_per_address_per_minute,
            per_license: settings.verifies_per_license_per_minute,
        };
        let counting = match endpoint.effect {
            Effect::ReadOnly => Counting::FromTheSecond,
            Effect::Mutating => Counting::AtOnce,
        };
        Self {
            ring: KeyRingCache::new(clients, &settings.master_key_secret_id),
            store: Store::new(clients, &settings.licenses_table, &settings.verifications_table),
            telemetry: Telemetry::new(endpoint.name, &settings.stack_name, settings.log_level.as_deref()),
            audit: AuditWriter::new(&settings),
            catalogs: CatalogCache::default(),
            limiter: Limiter::new(
                endpoint.name,
                Counter::new(clients, &settings.rate_limits_table),
                counting,
                limits,
            ),
            endpoint,
            settings,
        }
    }

    /// Answers a request of the endpoint's method, and every other with `METHOD_NOT_ALLOWED`.
    pub async fn respond(&self, request: &Request) -> Response {
        match request.require(&self.endpoint.method) {
            Ok(()) => (self.endpoint.handler)(self, request).await.unwrap_or_else(Response::from),
            Err(problem) => problem.into(),
        }
    }

    /// Checks a key's tag, without I/O when the key is invalid, and opens the session of its request.
    ///
    /// # Errors
    /// [`Rejection::InvalidSignature`]; `RATE_LIMITED` for an address that sends many invalid keys; `UNAVAILABLE`
    /// without a ring.
    pub async fn authenticate<'a>(
        &'a self,
        request: &'a Request,
        credentials: Credentials,
    ) -> Result<Session<'a>, Rejection> {
        let mut ring = self.ring.ring().await?;
        let mut checked = ring.authenticate(&credentials.license.0);
        if checked.as_ref().err() == Some(&NotAuthentic::UnknownGeneration) {
            request.begin()?;
            ring = self.ring.fresh_ring().await?;
            checked = ring.authenticate(&credentials.license.0);
        }
        // A key without its separators reads as an imported one until the ring has its generation. An imported key is
        // good without a newer ring, so only a miss has to know that none could be had.
        let mut stale = None;
        if let Ok(authentic) = &checked
            && ring.may_need_newer(&credentials.license.0, authentic)
        {
            request.begin()?;
            match self.ring.fresh_ring().await {
                Ok(newer) => {
                    checked = newer.authenticate(&credentials.license.0);
                    ring = newer;
                }
                Err(unavailable) => stale = Some(unavailable),
            }
        }
        let Ok(authentic) = checked else {
            self.limiter.junk(&request.address, request.now)?;
            return Err(Rejection::InvalidSignature);
        };
        let Credentials { license: _, nonce, origin } = credentials;
        Ok(Session { app: self, request, ring, stale, authentic, nonce, origin })
    }

    /// Turns the shared counter's answer into a decision. Without the counter a request that only reads is admitted,
    /// since the limiter has counted it in memory; a change is refused.
    pub(crate) fn admit(&self, counted: Counted) -> Result<(), Rejection> {
        if counted == Counted::Admitted {
            return Ok(());
        }
        self.telemetry.store_error();
        self.telemetry.without_counter();
        match self.endpoint.effect {
            Effect::ReadOnly => Ok(()),
            Effect::Mutating => Err(Problem::unavailable().into()),
        }
    }

    /// Logs and counts an error of the store.
    pub(crate) fn store_failed(&self, error: &StoreError) -> Rejection {
        self.telemetry.store_error();
        tracing::error!(error = %error, "DynamoDB request failed");
        Problem::from(error).into()
    }
}
