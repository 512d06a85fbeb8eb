//! Tests of the public interface, with a server, a clock, machines and disks that tests control.

mod background;
mod cancelling;
mod damage;
mod disks;
mod faults;
mod form;
mod harness;
mod kills;
mod machines;
mod messages;
mod operations;
mod outbox;
mod parsers;
mod processes;
mod recorded;
mod sequences;
mod snapshot;
mod stored;
mod table;
mod tampering;
mod truth;
mod vendors;
