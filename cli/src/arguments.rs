//! What can be typed.
//!
//! The comments on members are what `--help` prints, so they are plain text and not Markdown.
#![expect(clippy::doc_markdown, reason = "the comments are help texts")]

use clap::{ArgGroup, Args, Parser, Subcommand};

/// Issue licenses and look after the key ring of a Falconer license authority.
///
/// Works with your own AWS credentials on the tables and the secret. Every setting can be a flag or a variable.
#[derive(Debug, Parser)]
#[command(name = "falconer", version, propagate_version = true)]
pub(crate) struct Arguments {
    /// Use the stack that `cargo xtask dev` has started
    #[arg(long, global = true)]
    pub(crate) local: bool,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where the license authority lives.
#[derive(Debug, Args)]
#[command(next_help_heading = "Where")]
pub(crate) struct Place {
    /// Name of the licenses table (stack output LicensesTable)
    #[arg(long, global = true, env = "LICENSES_TABLE", hide_env_values = true)]
    pub(crate) licenses_table: Option<String>,
    /// Name of the verifications table (stack output VerificationsTable)
    #[arg(long, global = true, env = "VERIFICATIONS_TABLE", hide_env_values = true)]
    pub(crate) verifications_table: Option<String>,
    /// Name or ARN of the key ring's secret (stack output MasterKeySecret)
    #[arg(long, global = true, env = "MASTER_KEY_SECRET_ID", hide_env_values = true)]
    pub(crate) master_key_secret_id: Option<String>,
    /// Who is asking, for the audit [default: your user name]
    #[arg(long, global = true, env = "FALCONER_ACTOR", hide_env_values = true)]
    pub(crate) actor: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Issue a license and print its key, which is shown this once
    Issue(Issue),
    /// Look after the masters that sign keys and leases
    #[command(subcommand)]
    Keyring(Keyring),
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
#[command(group(ArgGroup::new("term").required(true).args(["days", "perpetual"])))]
pub(crate) struct Issue {
    /// The product's code, 2 to 8 of A-Z and 0-9
    #[arg(long, default_value = "QF")]
    pub(crate) product: String,
    /// The tier, one of the product's catalog
    #[arg(long)]
    pub(crate) tier: String,
    /// Your own id of the customer
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// The customer's e-mail
    #[arg(long)]
    pub(crate) email: Option<String>,
    /// The customer's name
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Days the license lasts, from now on
    #[arg(long)]
    pub(crate) days: Option<u32>,
    /// Let the days start with the first activation; the license is pending until then
    #[arg(long, requires = "days", conflicts_with = "perpetual")]
    pub(crate) from_activation: bool,
    /// The license never ends
    #[arg(long)]
    pub(crate) perpetual: bool,
    /// Devices it may be used on at the same time, if not the tier's number
    #[arg(long)]
    pub(crate) seats: Option<u32>,
    /// A feature beyond the tier's; may be repeated
    #[arg(long = "feature", value_name = "FEATURE")]
    pub(crate) features: Vec<String>,
    /// Issue a key of S1's old form, for applications that read nothing else
    #[arg(long)]
    pub(crate) legacy: bool,
    /// Print JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Keyring {
    /// Make the secret with its first generation
    Init,
    /// Publish a new generation: it verifies at once and signs when promoted
    Add {
        /// Add S1's master instead, for S1's keys alone; `-` reads it from standard input
        #[arg(long, value_name = "-", value_parser = ["-"])]
        legacy: Option<String>,
    },
    /// Let the waiting generation sign, 15 minutes after it was added at the earliest
    Promote {
        /// Do not wait for the 15 minutes
        #[arg(long)]
        now: bool,
    },
    /// Show every generation and what it does, never a master
    List,
}
