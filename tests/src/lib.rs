//! Helpers of tests and bench: emulated services around the real function binaries, licenses and machines.

mod clock;
mod fixture;
mod leaving;
mod machine;
mod reply;
mod world;

pub use clock::{now, pass, turned_clock};
pub use fixture::{Fixture, LEGACY_MASTER, MASTER_A, MASTER_B, SECRET_WORDS, anonymous_order, ring};
pub use leaving::RaisedOnLeaving;
pub use machine::{Machine, device_id};
pub use reply::Reply;
pub use world::{World, WorldOptions, alone, checkout, program};
