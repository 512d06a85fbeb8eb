//! Falconer's hands: DynamoDB and Secrets Manager, and what an instance keeps in memory of them.
//!
//! **Architecture invariant:** this is the only crate that names `aws-sdk-*`, and [`tables`] is the only file that
//! names an attribute of a key or an expression. There is one store, so there is no store trait: tests run these types
//! against a real DynamoDB implementation in the same process.

pub mod audit;
pub mod catalog;
pub mod clients;
pub mod counter;
pub mod error;
pub mod items;
pub mod keyring;
pub mod limiter;
#[cfg(feature = "operator")]
pub mod operator;
pub mod settings;
pub mod store;
pub mod tables;

mod windows;

pub use audit::{AuditOutcome, AuditRow, AuditWriter};
pub use catalog::CatalogCache;
pub use clients::{Budgets, Clients};
pub use counter::Counter;
pub use error::StoreError;
pub use keyring::{RingCell, RingUnavailable};
pub use limiter::{Address, Limiter, OverLimit};
pub use settings::Settings;
pub use store::Store;
