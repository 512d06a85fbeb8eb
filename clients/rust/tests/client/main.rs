//! The library through its public face, with a server, a clock, a machine and a disk that tests can turn.

mod background;
mod disks;
mod faults;
mod form;
mod harness;
mod kills;
mod operations;
mod outbox;
mod parsers;
mod processes;
mod sequences;
mod table;
mod tampering;
mod truth;
