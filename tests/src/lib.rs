//! What the tests and the bench share: a world of stand-ins around the real function binaries, and its inhabitants.

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
