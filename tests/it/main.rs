//! Falconer's integration tests: the real function binaries between real stand-ins.

mod activate_contract;
mod apps_script;
mod catalogs;
mod contract;
mod counting;
mod deactivate_contract;
mod documents;
mod events;
mod history;
mod issuing;
mod keyring;
mod kills;
mod limits;
mod logs;
mod lost_replies;
mod operator;
mod outages;
mod public_keys;
mod races;
mod rotation;
mod tidy;
mod transfer_contract;
mod verify_contract;
