//! Arguments of import and export.
#![expect(clippy::doc_markdown, reason = "the comments are help texts")]

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

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
