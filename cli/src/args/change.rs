//! Arguments of the commands that change one license.
#![expect(clippy::doc_markdown, reason = "the comments are help texts")]

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};

use super::OfLicense;

/// A change of one license.
#[derive(Debug, Subcommand)]
pub(crate) enum LicenseChange {
    /// Stop a license until it is reinstated
    Suspend(Change),
    /// Make a suspended or revoked license active again
    Reinstate(Change),
    /// End a license
    Revoke(Revoke),
    /// Change when a license ends
    Extend(Extend),
    /// Change the tier of a license
    SetTier(SetTier),
    /// Set the number of seats of a license
    SetSeats(SetSeats),
    /// Add a feature beyond the tier's
    AddFeature(Feature),
    /// Take away a feature that the license has of its own
    RemoveFeature(Feature),
    /// Set limits of a license, in the place of its tier's
    SetLimit(SetLimit),
    /// Set the end of a license's maintenance: later builds are not covered, and earlier ones run on
    SetUpdatesUntil(SetUpdatesUntil),
    /// Give a license rules of its own: grace, transfers, check interval and the other members of a policy
    SetPolicy(SetPolicy),
    /// Correct who the customer is: e-mail, your own id, name
    SetCustomer(SetCustomer),
    /// Write a note on a license, over the one before
    Note(Note),
    /// Free seats and give their bindings back
    ResetHardware(ResetHardware),
}

/// One license, and why it is changed.
#[derive(Debug, Args)]
pub(crate) struct Change {
    #[command(flatten)]
    pub(crate) of: OfLicense,
    /// Why, for the audit
    #[arg(long)]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    #[command(flatten)]
    pub(crate) of: OfLicense,
    /// Why, for the audit
    #[arg(long)]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("term").required(true).args(["days", "until", "perpetual"])))]
pub(crate) struct Extend {
    #[command(flatten)]
    pub(crate) change: Change,
    /// So many days more: from its end on, or from now on where that has passed
    #[arg(long)]
    pub(crate) days: Option<u32>,
    /// Until the end of this day (YYYY-MM-DD, UTC) or until this moment; in the year 9999 it never ends
    #[arg(long)]
    pub(crate) until: Option<String>,
    /// It never ends
    #[arg(long)]
    pub(crate) perpetual: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SetTier {
    #[command(flatten)]
    pub(crate) change: Change,
    /// A tier of the product's catalog
    pub(crate) tier: String,
    /// A device that loses its seat, where the tier has fewer; may be repeated
    #[arg(long, value_name = "DEVICE")]
    pub(crate) release: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SetSeats {
    #[command(flatten)]
    pub(crate) change: Change,
    /// 1 to 100
    pub(crate) seats: u32,
    /// A device that loses its seat; may be repeated
    #[arg(long, value_name = "DEVICE")]
    pub(crate) release: Vec<String>,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("numbers").required(true).multiple(true).args(["limits", "remove"])))]
pub(crate) struct SetLimit {
    #[command(flatten)]
    pub(crate) change: Change,
    /// A limit and its number, as agents=10
    #[arg(value_name = "NAME=NUMBER")]
    pub(crate) limits: Vec<String>,
    /// A limit of its own that is the tier's again; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) remove: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SetUpdatesUntil {
    #[command(flatten)]
    pub(crate) change: Change,
    /// The last day whose builds are covered (YYYY-MM-DD), or never: the maintenance does not end
    pub(crate) date: String,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("rules").required(true).multiple(true).args(["settings", "reset"])))]
pub(crate) struct SetPolicy {
    #[command(flatten)]
    pub(crate) change: Change,
    /// A member of a policy and its value, as offline_grace_days=30; NAME= gives the member back to the tier
    #[arg(value_name = "NAME=VALUE")]
    pub(crate) settings: Vec<String>,
    /// Give every member back to the tier that is not set here
    #[arg(long)]
    pub(crate) reset: bool,
    /// A device that loses its seat, where there are fewer seats then; may be repeated
    #[arg(long, value_name = "DEVICE")]
    pub(crate) release: Vec<String>,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("entries").required(true).multiple(true).args(["email", "user", "name"])))]
pub(crate) struct SetCustomer {
    #[command(flatten)]
    pub(crate) change: Change,
    /// The customer's e-mail; an empty one clears it
    #[arg(long)]
    pub(crate) email: Option<String>,
    /// Your own id of the customer; an empty one clears it
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// The customer's name; an empty one clears it
    #[arg(long)]
    pub(crate) name: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Feature {
    #[command(flatten)]
    pub(crate) change: Change,
    /// The feature's name
    pub(crate) feature: String,
}

#[derive(Debug, Args)]
pub(crate) struct Note {
    #[command(flatten)]
    pub(crate) change: Change,
    /// The note; an empty one removes it
    pub(crate) text: String,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("which").required(true).args(["device", "all"])))]
pub(crate) struct ResetHardware {
    #[command(flatten)]
    pub(crate) change: Change,
    /// One device, by its id (dev_…)
    #[arg(long)]
    pub(crate) device: Option<String>,
    /// All of them
    #[arg(long)]
    pub(crate) all: bool,
    /// Free seats of machines without a network before their leases end; such a machine may work all the same
    #[arg(long)]
    pub(crate) despite_offline_lease: bool,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("which").required(true).args(["license", "generation"])))]
pub(crate) struct RotateKey {
    /// The key, its id (lic_…), or its masked key, which looks through the whole table; `-` reads it from standard
    /// input
    #[arg(value_name = "LICENSE")]
    pub(crate) license: Option<String>,
    /// All licenses that need this generation of the key ring, each once; can be stopped and started again
    #[arg(long, value_name = "NUMBER", conflicts_with = "license")]
    pub(crate) generation: Option<u8>,
    /// File that lists old and new keys, for mailing [default: generation-NUMBER.mapping.csv]
    #[arg(long, value_name = "FILE", requires = "generation")]
    pub(crate) mapping: Option<PathBuf>,
    /// Why, for the audit
    #[arg(long)]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("whom").required(true).args(["email", "license"])))]
pub(crate) struct EraseSubject {
    /// The person's e-mail, as you entered it or as the application sent it; looks through the whole table
    #[arg(long)]
    pub(crate) email: Option<String>,
    /// The person of this license (its key, its id or its masked key), of those it replaced and of those that replaced
    /// it
    #[arg(long)]
    pub(crate) license: Option<String>,
    /// Why, for the audit; it must not name the person
    #[arg(long)]
    pub(crate) reason: Option<String>,
}
