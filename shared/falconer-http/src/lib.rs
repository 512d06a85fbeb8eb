//! The Lambda shell: an API Gateway event in, an HTTP response out, and every step that endpoints share.
//!
//! A handler is `async fn handle(&App, &Request) -> Result<Response, Rejection>`, and every [`Rejection`] has a wire
//! form. `App::authenticate` opens a [`Session`]; the session loads the license, hashes hardware, and signs the answer.

pub mod app;
pub mod body;
pub mod caller;
pub mod change;
pub mod change_request;
pub mod endpoint;
pub mod fields;
pub mod hardware;
#[cfg(feature = "openapi")]
pub mod openapi;
pub mod problem;
pub mod request;
pub mod response;
pub mod serve;
pub mod session;
pub mod telemetry;
pub mod verify_response;

mod clock;
mod lambda_event;
mod notes;
mod random;

pub use app::App;
pub use body::RequestBody;
pub use change_request::{ChangeRequest, SeatChangeRequest, SeatPurpose};
pub use endpoint::{Effect, Endpoint, Handler, HandlerFuture, WarmUp};
pub use fields::{Credentials, Nonce, Origin, TypedKey};
pub use lambda_event::NotARequest;
pub use lambda_http::http::Method;
pub use problem::{Problem, Rejection};
pub use request::Request;
pub use response::{Asker, Response};
pub use serve::serve;
pub use session::{Loaded, Session};

#[cfg(test)]
mod tests;
