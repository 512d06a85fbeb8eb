//! AWS access: DynamoDB, Secrets Manager, and their in-memory caches.
//!
//! **Architecture invariant:** this is the only crate that names `aws-sdk-*`, and [`tables`] is the only file that
//! names an attribute of a key or an expression. There is only one store, so a store trait is not needed: tests run
//! these types against a real DynamoDB implementation in the same process.

pub mod address;
pub mod audit;
pub mod catalog;
pub mod clients;
pub mod counter;
pub mod error;
pub mod items;
pub mod keyring;
pub mod limiter;
pub mod metrics;
#[cfg(feature = "operator")]
pub mod operator;
pub mod origin_secrets;
pub mod settings;
pub mod store;
pub mod store_reader;
pub mod tables;

mod calls;
mod fixed_window;

pub use address::Address;
pub use audit::{AuditOutcome, AuditRow, AuditWriter};
pub use catalog::CatalogCache;
pub use clients::{Budgets, Clients};
pub use counter::Counter;
pub use error::StoreError;
pub use keyring::{KeyRingCache, RingUnavailable};
pub use limiter::{Limiter, OverLimit};
pub use origin_secrets::OriginSecrets;
pub use settings::Settings;
pub use store::Store;
pub use store_reader::StoreReader;
