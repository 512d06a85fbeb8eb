//! Tests of the public interface, with a server, a clock, machines and disks that tests control.

mod background;
mod disks;
mod faults;
mod form;
mod harness;
mod kills;
mod messages;
mod network;
mod operations;
mod outbox;
mod parsers;
mod processes;
mod sequences;
mod table;
mod tampering;
mod truth;
