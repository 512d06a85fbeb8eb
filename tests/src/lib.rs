//! Helpers of tests and bench: emulated services around the real function binaries, licenses and machines.

mod clock;
mod fixture;
mod leaving;
mod machine;
mod reply;
mod test_stack;

pub use clock::{now, pass, turned_clock};
pub use fixture::{Fixture, LEGACY_MASTER, MASTER_A, MASTER_B, SECRET_WORDS, anonymous_order, ring};
pub use leaving::RaisedOnLeaving;
pub use machine::{Machine, device_id};
pub use reply::Reply;
pub use test_stack::{TestStack, TestStackOptions, alone, checkout, program};
