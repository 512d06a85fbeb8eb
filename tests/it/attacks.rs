//! Attacks that no other file tries: `docs/reliability.md` names the test of each.

mod access;
mod bill;
mod bodies;
mod hardware;
mod keys;
mod network;
