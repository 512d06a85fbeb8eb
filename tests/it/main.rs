//! Falconer's integration tests: the real function binaries between real stand-ins.

mod catalogs;
mod counting;
mod documents;
mod events;
mod issuing;
mod keyring;
mod limits;
mod logs;
mod outages;
mod public_keys;
mod rotation;
mod tidy;
mod verify_contract;
