//! Faults that no other file injects: `docs/reliability.md` names the test of each promise.

mod audit;
mod deadlines;
mod rings;
mod throttling;
