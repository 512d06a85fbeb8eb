//! The operator's commands, as a library: the program is argument parsing around it, and tests call it directly.
//!
//! Whatever changes a license goes through the same rules and the same store as the Lambdas, with an audit row that
//! names the actor.

pub mod catalog;
pub mod chart;
pub mod desk;
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

#[cfg(test)]
mod tests;
