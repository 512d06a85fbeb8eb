//! The operator's commands, as a library: the program is argument parsing around it, and tests call it directly.
//!
//! Whatever changes a license goes through the same rules and the same store as the Lambdas, with an audit row that
//! names the actor.
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod catalog;
pub mod chart;
pub mod desk;
pub mod finding;
pub mod history;
pub mod in_use;
pub mod issue;
pub mod keyring;
pub mod local;
pub mod moments;
pub mod moving;
pub mod place;
pub mod random;
pub mod rotation;
pub mod sealed;
pub mod stats;
pub mod words;

#[cfg(test)]
mod tests;
