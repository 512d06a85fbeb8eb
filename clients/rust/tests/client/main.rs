//! Tests of the public interface, with a server, a clock, machines and disks that tests control.

mod background;
mod cancelling;
mod disks;
mod faults;
mod form;
mod harness;
mod kills;
mod messages;
mod operations;
mod outbox;
mod parsers;
mod processes;
mod sequences;
mod snapshot;
mod table;
mod tampering;
mod truth;
