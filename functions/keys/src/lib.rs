//! `GET /api/keys`: the public keys that verify leases, each endorsed by the older ones.

use falconer_domain::Code;
use falconer_http::{App, Endpoint, Method, Rejection, Request, Response};

/// Endpoint configuration.
pub const ENDPOINT: Endpoint =
    Endpoint::read_only("keys", Method::GET, |app, request| Box::pin(handle(app, request))).without_store();

/// As long as an instance uses a ring before it reads it again, so a cache is never older than the function itself.
const CACHE_CONTROL: &str = "public, max-age=300";

/// Publishes the public keys.
///
/// # Errors
/// [`Rejection`]: no key ring.
pub async fn handle(app: &App, _request: &Request) -> Result<Response, Rejection> {
    let ring = app.ring.ring().await?;
    Ok(Response::json(Code::Ok, ring.jwks()).cached(CACHE_CONTROL))
}
