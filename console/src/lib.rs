//! The vendor's screen: pages on the loopback, with the operator's own credentials, over the use cases of
//! `falconer-operator`. The command line serves them.
//!
//! **Architecture invariant:** this crate prints nothing, and a console that only reads has no service that writes
//! (`reading` and `writing`).
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod again;
mod answers;
mod assets;
mod bulk_change;
mod bulk_issue;
mod calendar;
mod changes;
mod command_line;
mod counts;
mod entrance;
mod field_names;
mod filters;
mod forms;
mod grants;
mod guard;
mod inputs;
mod jobs;
mod kept;
mod moments;
mod move_in;
mod on_demand;
mod pages;
mod reading;
mod refusals;
mod refused;
mod routes;
mod runs;
mod server;
mod shell;
mod tokens;
mod trouble;
mod typed_form;
mod typed_import;
mod typed_orders;
mod views;
mod worker;
mod writing;

pub use refused::MetricsSource;
pub use server::{Access, Console, ConsoleError, IDLE, Setup};
