//! The operator's commands, as a library: the program is argument parsing around it, and tests call it directly.
//!
//! Whatever changes a license goes through the same rules and the same store as the Lambdas, with an audit row that
//! names the actor.
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod catalog;
pub mod catalog_cache;
pub mod erasure;
pub mod history;
pub mod import_export;
pub mod issue;
pub mod keyring;
pub mod license_service;
pub mod random;
pub mod rotation;
pub mod sealed;
pub mod search;
pub mod stats;
pub mod time;
pub mod words;

#[cfg(test)]
mod tests;
