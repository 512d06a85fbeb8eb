//! The shell around a handler: an API Gateway event in, an HTTP answer out, and everything that is the same for every
//! endpoint in between.
//!
//! A handler is `async fn handle(&App, &Call) -> Answer` and cannot fail: what stops it early is a [`Stop`], which has
//! a wire form for every case.

pub mod answer;
pub mod app;
pub mod arrival;
pub mod body;
pub mod call;
pub mod change;
pub mod fields;
pub mod hardware;
pub mod problem;
#[cfg(feature = "openapi")]
pub mod schema;
pub mod serve;
pub mod telemetry;
pub mod verdict;

mod clock;
mod event;
mod notes;
mod random;

pub use answer::{Answer, Asker};
pub use app::App;
pub use arrival::{Asks, ChangeRequest, SeatRequest};
pub use body::Body;
pub use call::Call;
pub use event::NotARequest;
pub use fields::{Nonce, Origin, TypedKey};
pub use lambda_http::http::Method;
pub use problem::{Problem, Stop};
pub use serve::{Effect, Endpoint, WarmUp, serve};

#[cfg(test)]
mod tests;
