//! Tests of the public interface, with a server, a clock, machines and disks that tests control.

mod air_gap;
mod background;
mod cancelling;
mod damage;
mod disks;
mod faults;
mod form;
mod guests;
mod harness;
mod kills;
mod machines;
mod messages;
mod network;
mod operations;
mod outbox;
mod parsers;
#[cfg(target_os = "linux")]
mod plugins;
mod processes;
mod public_types;
mod recorded;
mod sequences;
mod snapshot;
mod stored;
mod table;
mod tampering;
mod truth;
#[cfg(target_os = "linux")]
#[path = "../vendor/vendor.rs"]
mod vendor;
#[cfg(target_os = "linux")]
mod vendors;
