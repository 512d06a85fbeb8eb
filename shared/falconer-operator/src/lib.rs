//! The operator's use cases: license service, issuing, import and export, catalogs, key ring, rotation, erasure, search
//! and statistics. The command line and the console use them.
//!
//! Each change of a license uses the same rules and the same store as the Lambdas, with an audit row that names the
//! actor.
//!
//! **Architecture invariant:** this crate prints nothing and does not know the command line's arguments.
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod air_gap;
pub mod audit_words;
pub mod catalog;
pub mod catalog_cache;
pub mod catalog_change;
pub mod chart;
pub mod demo_data;
pub mod erasure;
pub mod explanation;
pub mod history;
pub mod import_export;
pub mod issue;
pub mod keyring;
pub mod license_change;
pub mod license_reader;
pub mod license_service;
pub mod license_state;
pub mod listing;
pub mod lookup;
pub mod maintenance;
pub mod outage;
pub mod random;
pub mod refusals;
pub mod replacement;
pub mod root;
pub mod rotation;
pub mod sealed;
pub mod search;
pub mod stats;
pub mod time;
pub mod words;

#[cfg(test)]
mod tests;
