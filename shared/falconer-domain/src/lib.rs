//! The rules of Falconer, without I/O.
//!
//! **Architecture invariant:** this crate reads no clock, no environment and no randomness, and does no I/O.
//! `now` and random bytes are arguments, so every rule can be tested at any moment of any year, and the very
//! functions the Lambdas run can be run again by `falconer explain --at`.
//!
//! The specification is `docs/spec/formats.md`, `docs/spec/api.md` and `docs/devices.md`, with independent test vectors in
//! `tests/vectors/formats.json`.

pub mod activate;
pub mod air_gap;
pub mod catalog;
pub mod code;
pub mod date;
pub mod deactivate;
pub mod effective_license;
pub mod encoding;
pub mod escrow;
pub mod hardware;
pub mod issue;
pub mod jwks;
pub mod keyring;
pub mod lease;
pub mod license;
pub mod license_id;
pub mod license_key;
pub mod limits;
pub mod maintenance;
pub mod members;
pub mod operate;
pub mod person;
pub mod seats;
pub mod statement;
pub mod time;
pub mod trace;
pub mod transfer;
pub mod verify;

mod placeholders;
mod unicode;

pub use catalog::{Catalog, Policy, PolicyOverrides, TierName, VirtualMachines};
pub use code::Code;
pub use date::CalendarDate;
pub use keyring::{GenerationNumber, KeyRing};
pub use license::{License, Status};
pub use license_id::LicenseId;
pub use license_key::{Authentic, LicenseKey, NotAuthentic, Product};
pub use limits::Limits;
pub use maintenance::{Maintenance, Releases};
pub use time::UnixMillis;
