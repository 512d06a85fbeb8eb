//! Licensing for applications: activation, offline use, background refresh, transfer and features of a Falconer license.
//!
//! ```no_run
//! use falconer_client::{Licensing, PublicKeys};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Saved from https://licenses.example.com/api/keys when the application is built; an application would write
//! // include_str!("falconer-keys.json").
//! let keys = PublicKeys::parse(&std::fs::read_to_string("falconer-keys.json")?)?;
//! let licensing =
//!     Licensing::builder("QF", "https://licenses.example.com", keys).app_id("com.example.app").open()?;
//! let _refresher = licensing.start_refresher();
//!
//! if !licensing.is_unlocked() {
//!     licensing.activate("QF-PRO-…", "Anna Example", "anna@example.com")?;
//! }
//! if licensing.has_feature("copy_trading") {
//!     println!("copying trades");
//! }
//! println!("{}", licensing.status().user_message());
//! # Ok(())
//! # }
//! ```
//!
//! All calls block; no async runtime is needed. [`Licensing::is_unlocked`], [`Licensing::has_feature`] and
//! [`Licensing::snapshot`] do no I/O. A call
//! that asks the server may take [three attempts](retry) of [five seconds](transport::ATTEMPT_TIMEOUT) for each request,
//! so make it on a thread that may block. [`Licensing::cancelled_by`] returns a handle whose calls another thread can end.
//! A plug-in is unloaded only after [`Refresher::stop`].
//!
//! **Invariant:** only a signed answer changes the license. During outages and after portals, forgeries and replays, the
//! stored lease counts until its end.
//!
//! Time, randomness, network and hardware are traits ([`Clock`], [`Random`], [`Transport`], [`Hardware`]) with real
//! defaults, so that an application can test years of its life in a second. This example cuts the network after the
//! activation; `Vendor` is a server in memory that implements [`Transport`]:
//!
//! ```
//! # mod vendor { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vendor/vendor.rs")); }
//! # use vendor::Vendor;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use std::sync::atomic::{AtomicBool, Ordering};
//!
//! use falconer_client::transport::{NetworkFailure, Reply, TransportRequest};
//! use falconer_client::{Activation, FailureKind, Licensing, State, Transport};
//!
//! /// A network with a switch.
//! struct Wire {
//!     server: Vendor,
//!     is_cut: Arc<AtomicBool>,
//! }
//!
//! impl Transport for Wire {
//!     fn send(&self, request: &TransportRequest<'_>) -> Result<Reply, NetworkFailure> {
//!         if self.is_cut.load(Ordering::Relaxed) { Err(NetworkFailure::Other) } else { self.server.send(request) }
//!     }
//! }
//! # struct Desktop;
//! # impl falconer_client::Hardware for Desktop {
//! #     fn read(&self) -> falconer_client::RawComponents {
//! #         use falconer_client::Label::{Board, Mac};
//! #         falconer_client::RawComponents::default().with(Mac, "02-of-an-example").with(Board, "of an example")
//! #     }
//! # }
//!
//! let (server, is_cut) = (Vendor::new(), Arc::new(AtomicBool::new(false)));
//! let (keys, key) = (server.public_keys(), server.issue());
//! let licensing = Licensing::builder("QF", "https://licenses.example.com", keys)
//!     .transport(Wire { server, is_cut: Arc::clone(&is_cut) })
//! #     .hardware(Desktop)
//!     .store_in_memory()
//!     .open()?;
//! assert_eq!(licensing.status(), State::NotActivated);
//! assert_eq!(licensing.activate(&key, "Anna Example", "")?, Activation::Done(State::Active));
//!
//! is_cut.store(true, Ordering::Relaxed);
//! assert_eq!(licensing.refresh(), Err(FailureKind::Offline(NetworkFailure::Other).into()));
//! assert_eq!(licensing.status(), State::Active);
//! assert!(licensing.has_feature("copy_trading"));
//! # Ok(())
//! # }
//! ```

mod answer;
mod cancel;
mod clock;
mod dashboard;
mod decision;
mod failure;
mod form;
mod hardware;
mod json_object;
mod licensing;
mod random;
pub mod retry;
mod seal;
mod signed;
mod snapshot;
mod state;
pub mod store;
mod threads;
mod timeline;
pub mod transport;
mod trust;
mod user_message;
#[cfg(any(test, feature = "conformance"))]
pub mod vectors;

pub use answer::SeatHolder;
pub use cancel::CancelToken;
pub use clock::{Clock, ClockReading, SystemClock, UnixSeconds};
pub use dashboard::Dashboard;
pub use failure::{Failure, FailureKind, InvalidAnswer, InvalidInput};
pub use falconer_domain::hardware::Label;
pub use falconer_domain::{CalendarDate, UnixMillis};
pub use form::{ActivationForm, Field, NextAction, Phase, SubmitOutcome};
pub use hardware::{Hardware, Platform, RawComponents, SystemHardware};
pub use licensing::{
    Activation, AirGapText, Builder, Deactivation, Device, License, Licensing, OpenError, Pending, Refresher,
};
pub use random::{NoRandomness, Random, SystemRandom};
pub use snapshot::Snapshot;
pub use state::{LockCode, State};
pub use store::{Store, StoreFormat};
pub use transport::{HttpTransport, NetworkFailure, Transport, TransportRequest};
pub use trust::{PublicKeys, PublicKeysError};
pub use user_message::{MessageId, UserMessage};
