//! The shell around a handler: an API Gateway event in, an HTTP answer out, and everything that is the same for every
//! endpoint in between.
//!
//! A handler is `async fn handle(&App, &Call) -> Answer` and cannot fail: what stops it early is a [`Stop`], which has
//! a wire form for every case.

pub mod answer;
pub mod app;
pub mod body;
pub mod call;
pub mod fields;
pub mod hardware;
pub mod problem;
pub mod serve;
pub mod telemetry;

mod clock;

pub use answer::Answer;
pub use app::App;
pub use body::Body;
pub use call::Call;
pub use fields::{Nonce, Origin, TypedKey};
pub use lambda_http::http::Method;
pub use problem::{Problem, Stop};
pub use serve::{Endpoint, WarmUp, serve};
