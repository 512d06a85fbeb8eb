//! Arguments of the command line.
//!
//! The comments on members are what `--help` prints, so they are plain text and not Markdown.
#![expect(clippy::doc_markdown, reason = "the comments are help texts")]

mod air_gap;
mod change;
mod import_export;
mod root;
mod settings;

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand};

pub(crate) use air_gap::{AcceptReceipt, ActivateOffline};
pub(crate) use change::{Change, EraseSubject, Extend, LicenseChange, Revoke, RotateKey};
pub(crate) use import_export::{
    DateOrder, Export, ExportCsv, Import, ImportFile, ImportPostgres, ImportSheet,
};
pub(crate) use root::{PassphraseSource, Root, Sign};
pub(crate) use settings::{Catalog, CatalogFile, Keyring};

/// The operator's command line of a Falconer license authority.
///
/// Works with your own AWS credentials on the tables and the secret. Every setting can be a flag, a variable, or a
/// member of falconer.toml.
#[derive(Debug, Parser)]
#[command(name = "falconer", version, propagate_version = true)]
pub(crate) struct Arguments {
    /// Use the stack that `cargo xtask dev` has started
    #[arg(long, global = true, conflicts_with_all = ["stack", "region"])]
    pub(crate) local: bool,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[command(flatten)]
    pub(crate) connection: ConnectionOptions,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Output and confirmation.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputOptions {
    /// Print one JSON document and nothing else
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Do not ask before changing something
    #[arg(long, global = true)]
    pub(crate) yes: bool,
    /// Say what would change and change nothing
    #[arg(long, global = true)]
    pub(crate) dry_run: bool,
}

/// Location of the license authority. A missing flag is taken from the environment, then from the nearest
/// falconer.toml.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionOptions {
    /// The CloudFormation stack whose outputs name tables and secret
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) stack: Option<String>,
    /// The AWS region [env: AWS_REGION]
    #[arg(long, global = true)]
    pub(crate) region: Option<String>,
    /// Name of the licenses table (stack output LicensesTable) [env: LICENSES_TABLE]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) licenses_table: Option<String>,
    /// Name of the verifications table (stack output VerificationsTable) [env: VERIFICATIONS_TABLE]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) verifications_table: Option<String>,
    /// Name or ARN of the key ring's secret (stack output MasterKeySecret) [env: MASTER_KEY_SECRET_ID]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) master_key_secret_id: Option<String>,
    /// Issuer in the leases that you sign for machines without a network, as the functions have it (parameter
    /// LeaseIssuer) [env: LEASE_ISSUER] [default: falconer]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) lease_issuer: Option<String>,
    /// Name of the actor, for the audit [env: FALCONER_ACTOR] [default: your user name]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) actor: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(flatten)]
    License(LicenseCommand),
    /// Manage the key ring: the masters that sign keys and leases
    #[command(subcommand)]
    Keyring(Keyring),
    /// Manage the root: a key that never goes online and says which generations clients may believe
    #[command(subcommand)]
    Root(Root),
    /// Serve the vendor's screen on this machine, until Ctrl-C or an hour without a request
    Console(Console),
    /// Print a script that completes this program's commands in your shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write a page for every command
    Man {
        /// A folder for the pages of all commands
        #[arg(long, value_name = "FOLDER")]
        folder: Option<PathBuf>,
    },
}

/// Options of the console.
#[derive(Debug, Args)]
pub(crate) struct Console {
    /// The port on 127.0.0.1 [default: any free one]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    pub(crate) port: u16,
    /// Show everything and change nothing; no key can be revealed
    #[arg(long)]
    pub(crate) read_only: bool,
    /// Print the file that opens the console once, and start no browser
    #[arg(long)]
    pub(crate) no_browser: bool,
    /// Folder for the files of keys and of refused rows that bulk work leaves; only you can read it
    #[arg(long, value_name = "FOLDER", default_value = "falconer-console")]
    pub(crate) files: PathBuf,
}

/// Commands that need the tables and the key ring.
#[derive(Debug, Subcommand)]
pub(crate) enum LicenseCommand {
    /// Issue a license, or one for each row of a file, and print its key
    Issue(Box<Issue>),
    /// Show a license: terms, devices, transfers left, what happened last
    Show(OfLicense),
    /// List licenses: all of them, of a user, of an e-mail, of a name, ending soon, or with a status
    List(List),
    /// Find licenses by what a customer writes: a key, old or new, a part of a name or an address, an id
    Find(Find),
    #[command(flatten)]
    Change(LicenseChange),
    /// Answer the request of a machine without a network by a long lease
    ActivateOffline(ActivateOffline),
    /// Take the receipt of a machine without a network, which gives its seat back
    AcceptReceipt(AcceptReceipt),
    /// Replace a leaked key, or all keys of a generation: new licenses with the same terms, the old ones revoked
    RotateKey(RotateKey),
    /// Decrypt and print the key of a license; the audit records it
    Reveal(Change),
    /// Erase a person from licenses and their history; the licenses go on working
    EraseSubject(EraseSubject),
    /// Print the history of a license
    Audit(Audit),
    /// Explain verify's answer: every check, and the first that fails
    Explain(Explain),
    /// Count licenses by tier and status, and what happened in the last days; looks through both tables
    Stats(Stats),
    /// Show, check and replace a product's catalog: tiers, features, policy
    #[command(subcommand)]
    Catalog(Catalog),
    /// Move licenses in from another system
    #[command(subcommand)]
    Import(Import),
    /// Write all licenses to a file
    #[command(subcommand)]
    Export(Export),
    /// Issue licenses to some hundred made-up customers, on a local stack alone (--local)
    DemoData,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("term").required(true).args(["days", "perpetual", "from_csv"])))]
pub(crate) struct Issue {
    /// The product's code, 2 to 8 of A-Z and 0-9 [env: FALCONER_PRODUCT]
    #[arg(long)]
    pub(crate) product: Option<String>,
    /// The tier, one of the product's catalog
    #[arg(long, required_unless_present = "from_csv", default_value = "", hide_default_value = true)]
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
    /// A limit in the place of the tier's, as agents=5; may be repeated
    #[arg(long = "limit", value_name = "NAME=NUMBER")]
    pub(crate) limits: Vec<String>,
    /// The last day whose builds the license covers (YYYY-MM-DD), or never, if not the tier's days of maintenance
    #[arg(long, value_name = "DATE")]
    pub(crate) updates_until: Option<String>,
    /// Issue a key in the Flask server's form, for applications that read nothing else
    #[arg(long)]
    pub(crate) legacy: bool,
    /// Your own id of the order: it is issued once, however often this is run
    #[arg(long, value_name = "ID")]
    pub(crate) order: Option<String>,
    /// Why, for the audit
    #[arg(long)]
    pub(crate) reason: Option<String>,
    /// Issue a license for each row of a CSV file, whose columns are named like these flags
    #[arg(long, value_name = "FILE", conflicts_with_all = ["tier", "user", "email", "name", "from_activation", "seats", "features", "limits", "updates_until", "legacy", "order"])]
    pub(crate) from_csv: Option<PathBuf>,
    /// The encoding of --from-csv, if it is not UTF-8 or UTF-16, as windows-1252
    #[arg(long, value_name = "NAME", requires = "from_csv")]
    pub(crate) encoding: Option<String>,
    /// File for the keys of --from-csv [default: FILE.issued.csv]; `-` prints them as well
    #[arg(long, short, value_name = "FILE", requires = "from_csv")]
    pub(crate) output: Option<PathBuf>,
}

/// One license.
#[derive(Debug, Args)]
pub(crate) struct OfLicense {
    /// The key, its id (lic_…), or its masked key, which looks through the whole table; `-` reads it from standard
    /// input
    #[arg(value_name = "LICENSE")]
    pub(crate) license: String,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("filter")))]
pub(crate) struct List {
    /// Your own id of the customer
    #[arg(long, group = "filter")]
    pub(crate) user: Option<String>,
    /// The e-mail you entered; where none has it, the one typed in the application, which looks through the whole table
    #[arg(long, group = "filter")]
    pub(crate) email: Option<String>,
    /// The customer's name, or a part of it; looks through the whole table
    #[arg(long, group = "filter")]
    pub(crate) name: Option<String>,
    /// Licenses that end within this number of days, without suspended and revoked ones
    #[arg(long, group = "filter", value_name = "DAYS", value_parser = clap::value_parser!(u32).range(0..=36_525))]
    pub(crate) expiring: Option<u32>,
    /// Licenses whose maintenance ends within this number of days; looks through the whole table
    #[arg(long, group = "filter", value_name = "DAYS", value_parser = clap::value_parser!(u32).range(0..=36_525))]
    pub(crate) updates_ending: Option<u32>,
    /// active, pending, suspended, revoked, or expired: active, and past its end; looks through the whole table
    #[arg(long, group = "filter")]
    pub(crate) status: Option<String>,
    /// All of them, as without a filter; looks through the whole table
    #[arg(long, group = "filter")]
    pub(crate) all: bool,
    /// Stop after so many
    #[arg(long, default_value_t = 100)]
    pub(crate) limit: usize,
    /// Start after this license, the last one of the previous page
    #[arg(long, value_name = "LICENSE_ID")]
    pub(crate) after: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Find {
    /// A key in whatever text it is in, its last group, a name, an address, an order or a part of them; `-` reads
    /// standard input
    #[arg(required = true, value_name = "TEXT")]
    pub(crate) text: Vec<String>,
    /// Look through the whole table also where a key, an id or an index has found something
    #[arg(long)]
    pub(crate) everywhere: bool,
    /// Stop after so many
    #[arg(long, default_value_t = 20)]
    pub(crate) limit: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(flatten)]
    pub(crate) of: OfLicense,
    /// From this day (YYYY-MM-DD, UTC) or this moment on
    #[arg(long)]
    pub(crate) since: Option<String>,
    /// Keep printing new rows, until Ctrl-C
    #[arg(long)]
    pub(crate) follow: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) of: OfLicense,
    /// A JSON file with a request, or with its member `hardware` alone; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) hardware: Option<PathBuf>,
    /// Ask as of this day (YYYY-MM-DD, UTC) or this moment. Moves the clock, not the license.
    #[arg(long)]
    pub(crate) at: Option<String>,
    /// Say whether the maintenance covers a build of this date (YYYY-MM-DD)
    #[arg(long, value_name = "DATE")]
    pub(crate) build_date: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Stats {
    /// Number of days, today included
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3660))]
    pub(crate) days: u32,
    /// Draw the days as a picture (SVG); `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) chart: Option<PathBuf>,
}
