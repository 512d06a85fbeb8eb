//! Arguments of the command line.
//!
//! The comments on members are what `--help` prints, so they are plain text and not Markdown.
#![expect(clippy::doc_markdown, reason = "the comments are help texts")]

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};

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
}

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
    /// Give a license rules of its own: grace, transfers, check interval and the other members of a policy
    SetPolicy(SetPolicy),
    /// Correct who the customer is: e-mail, your own id, name
    SetCustomer(SetCustomer),
    /// Write a note on a license, over the one before
    Note(Note),
    /// Free seats and give their bindings back
    ResetHardware(ResetHardware),
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
    #[arg(long, value_name = "FILE", conflicts_with_all = ["tier", "user", "email", "name", "from_activation", "seats", "features", "legacy", "order"])]
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
    /// Licenses that end within this number of days
    #[arg(long, group = "filter", value_name = "DAYS", value_parser = clap::value_parser!(u32).range(0..=36_525))]
    pub(crate) expiring: Option<u32>,
    /// active, pending, suspended or revoked; looks through the whole table
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

#[derive(Debug, Subcommand)]
pub(crate) enum Import {
    /// The spreadsheet as CSV, or what `export csv` wrote
    Sheet(Box<ImportSheet>),
    /// The Flask server's table `licenses`, exported by psql, pgAdmin or pandas with the names of the columns
    Postgres(ImportPostgres),
}

#[derive(Debug, Args)]
pub(crate) struct ImportSheet {
    #[command(flatten)]
    pub(crate) import: ImportFile,
    /// The product of rows that name none [env: FALCONER_PRODUCT]
    #[arg(long)]
    pub(crate) product: Option<String>,
    /// The sheet's name of a tier and the catalog's; may be repeated
    #[arg(long, value_name = "THEIRS=OURS")]
    pub(crate) tier: Vec<String>,
    /// The sheet's word for a status and Falconer's, as gesperrt=suspended; may be repeated
    #[arg(long, value_name = "THEIRS=OURS")]
    pub(crate) status: Vec<String>,
    /// Order of day and month in its dates, where the sheet itself does not tell
    #[arg(long, value_name = "ORDER")]
    pub(crate) dates: Option<DateOrder>,
    /// The time zone in which its days end, as Europe/Berlin
    #[arg(long, default_value = "UTC", value_name = "ZONE")]
    pub(crate) timezone: String,
    /// A text or a date in `expiry_date` that means that the license never ends; may be repeated
    #[arg(long, value_name = "VALUE")]
    pub(crate) never: Vec<String>,
    /// An active license with a duration and no end: `new-term` with its next activation, `refuse`, or `from:COLUMN`
    #[arg(long, default_value = "new-term", value_name = "WHAT")]
    pub(crate) undated: String,
    /// Keep free-text keys instead of issuing fresh ones. They carry no signature: anyone can try to guess one
    #[arg(long)]
    pub(crate) keep_keys: bool,
    /// File that lists old and fresh keys [default: FILE.mapping.csv]; `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) mapping: Option<PathBuf>,
    /// List only keys of licenses that are this: active, pending, suspended, revoked or expired; may be repeated
    #[arg(long, value_name = "STATUS")]
    pub(crate) only: Vec<String>,
}

/// Order of day and month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DateOrder {
    /// 31/12/2026
    Dmy,
    /// 12/31/2026
    Mdy,
}

#[derive(Debug, Args)]
pub(crate) struct ImportPostgres {
    #[command(flatten)]
    pub(crate) import: ImportFile,
    /// The time zone the Flask server ran in, as Europe/Berlin: the zone of `expires_at`
    #[arg(long, default_value = "UTC", value_name = "ZONE")]
    pub(crate) timezone: String,
    /// The time zone of the database's sessions, where it is another one: the zone of `created_at`
    #[arg(long, value_name = "ZONE")]
    pub(crate) database_timezone: Option<String>,
    /// Import although the times in the keys speak for another time zone
    #[arg(long)]
    pub(crate) trust_timezone: bool,
    /// Leave the column `features` behind: the Flask server never looked at it
    #[arg(long)]
    pub(crate) without_features: bool,
    /// Mend what an earlier import of these licenses set, where nobody has changed it since
    #[arg(long)]
    pub(crate) update: bool,
}

/// A file that is imported.
#[derive(Debug, Args)]
pub(crate) struct ImportFile {
    /// CSV, its first line naming the columns; `-` reads standard input
    pub(crate) file: PathBuf,
    /// The encoding, if it is not UTF-8 or UTF-16, as windows-1252
    #[arg(long, value_name = "NAME")]
    pub(crate) encoding: Option<String>,
    /// File for rows that cannot be imported, with the reason [default: FILE.refused.csv]; `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) refused: Option<PathBuf>,
    /// Why, for the audit
    #[arg(long)]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Export {
    /// All licenses as CSV: the sheet's columns, then everything else `import sheet` needs
    Csv(ExportCsv),
}

#[derive(Debug, Args)]
pub(crate) struct ExportCsv {
    /// Write to this file, which nobody else may read; `-` is standard output, as without this flag
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Write whole keys instead of masked ones; the audit of each license records it
    #[arg(long)]
    pub(crate) reveal: bool,
    /// Why, for the audit
    #[arg(long)]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Catalog {
    /// Print a product's catalog: the stored one, else the built-in one
    Show {
        /// The product's code [env: FALCONER_PRODUCT]
        #[arg(long)]
        product: Option<String>,
    },
    /// Check a catalog file, and show how it differs from the catalog in use
    Check(CatalogFile),
    /// Replace the catalog in use
    Apply(CatalogFile),
}

/// A catalog in a file.
#[derive(Debug, Args)]
pub(crate) struct CatalogFile {
    /// TOML; `-` reads standard input
    pub(crate) file: PathBuf,
    /// Why, for the audit
    #[arg(long)]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Keyring {
    /// Make the secret with its first generation
    Init,
    /// Publish a new generation: it verifies at once and signs when promoted
    Add {
        /// Add the Flask server's master instead, for its keys alone; `-` reads it from standard input
        #[arg(long, value_name = "-", value_parser = ["-"])]
        legacy: Option<String>,
    },
    /// Let the waiting generation sign, 15 minutes after it was added at the earliest
    Promote {
        /// Do not wait for the 15 minutes
        #[arg(long)]
        now: bool,
    },
    /// Stop trusting what a generation signs, as after a leak: it leaves /api/keys and endorses none. Its license
    /// keys go on working
    Distrust {
        /// The number, as `keyring list` shows it
        generation: u8,
    },
    /// Take a distrust back, where the master was never in other hands
    Trust {
        /// The number, as `keyring list` shows it
        generation: u8,
    },
    /// Accept free-text keys brought in from a sheet; they carry no signature, so anyone can try to guess one
    EnableImported,
    /// Take a generation out of the ring; refused while a license of it lives
    Retire {
        /// The number, as `keyring list` shows it
        generation: u8,
    },
    /// Show every generation and what it does, never a master
    List,
}
