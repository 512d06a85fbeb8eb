//! Arguments of catalogs and the key ring.
#![expect(clippy::doc_markdown, reason = "the comments are help texts")]

use std::path::PathBuf;

use clap::{Args, Subcommand};

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
