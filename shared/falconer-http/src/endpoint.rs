//! The configuration of an endpoint: name, method, effect, deadline, warm-up and handler.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use lambda_http::http::Method;

use crate::app::App;
use crate::problem::Rejection;
use crate::request::Request;
use crate::response::Response;

/// Longest a request may take that only reads. Callers have a lease to fall back on, so a late answer helps nobody.
const READ_DEADLINE: Duration = Duration::from_millis(2_500);
/// Longest a request may take that changes a license: three decisions with their transactions fit in.
const CHANGE_DEADLINE: Duration = Duration::from_secs(4);

/// An endpoint.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Folder, action in audit rows, field of log lines, and rate-limit policy.
    pub name: &'static str,
    /// The one method it answers. `GET` includes `HEAD`.
    pub method: Method,
    /// Effect on a license.
    pub effect: Effect,
    /// Time after which a request without a decision is answered `UNAVAILABLE`.
    pub deadline: Duration,
    /// Connections that are made before the first event.
    pub warm_up: WarmUp,
    /// The function that answers.
    pub handler: Handler,
}

/// Effect of an endpoint on a license.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The license stays as it is.
    ReadOnly,
    /// The license may change. Every answer has `success`, and nothing changes without the shared counter.
    Mutating,
}

/// Connections of a function that are made before its first event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarmUp {
    /// The key ring.
    Ring,
    /// The key ring, and at the same time the connection to DynamoDB.
    RingAndStore,
}

/// The type of every endpoint's `handle`, boxed.
pub type Handler = for<'a> fn(&'a App, &'a Request) -> HandlerFuture<'a>;
/// The boxed future of a [`Handler`].
pub type HandlerFuture<'a> = Pin<Box<dyn Future<Output = Result<Response, Rejection>> + Send + 'a>>;

impl Endpoint {
    /// An endpoint that reads licenses.
    #[must_use]
    pub const fn read_only(name: &'static str, method: Method, handler: Handler) -> Self {
        let (effect, deadline) = (Effect::ReadOnly, READ_DEADLINE);
        Self { name, method, effect, deadline, warm_up: WarmUp::RingAndStore, handler }
    }

    /// An endpoint that changes licenses, by `POST`.
    #[must_use]
    pub const fn mutating(name: &'static str, handler: Handler) -> Self {
        let (effect, deadline) = (Effect::Mutating, CHANGE_DEADLINE);
        Self { name, method: Method::POST, effect, deadline, warm_up: WarmUp::RingAndStore, handler }
    }

    /// Leaves DynamoDB out of the warm-up, for an endpoint that usually needs no license.
    #[must_use]
    pub const fn without_store(mut self) -> Self {
        self.warm_up = WarmUp::Ring;
        self
    }
}

impl Effect {
    /// The member `success` of an answer that is not a yes.
    pub(crate) const fn failed(self) -> Option<bool> {
        match self {
            Self::ReadOnly => None,
            Self::Mutating => Some(false),
        }
    }
}
