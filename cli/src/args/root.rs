//! Arguments of the root: a key that never goes online.
#![expect(clippy::doc_markdown, reason = "the comments are help texts")]

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum Root {
    /// Make a root on this machine, in a file under a passphrase; needs no AWS
    Init {
        /// The new file; an existing one is never written over
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        passphrase: PassphraseSource,
    },
    /// Sign a statement of the good and the distrusted generations, and put it into the key ring
    Sign(Sign),
    /// Show the statement in the key ring, and whether it covers the generations
    Show {
        /// The root's file, to check the signature; asks for no passphrase
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
    /// Write the keys that an application pins: those of /api/keys, the root, and the newest statement
    Pin {
        /// The root's file; its public half is taken from under the passphrase
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// The file to write, as falconer-keys.json; `-` prints it
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        passphrase: PassphraseSource,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Sign {
    /// The root's file
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// Distrust this generation for good, beside those that the key ring distrusts; may be repeated
    #[arg(long, value_name = "GENERATION")]
    pub(crate) distrust: Vec<u8>,
    /// The leases' issuer, the template's LeaseIssuer [default: that of the statement before, else falconer]
    #[arg(long, value_name = "TEXT")]
    pub(crate) issuer: Option<String>,
    /// Sign although this root has not signed the statement in the key ring; nothing is taken from that one
    #[arg(long)]
    pub(crate) ignore_stored: bool,
    /// Sign above a serial that is a month or more after this machine's clock, as a wrong clock leaves it
    #[arg(long)]
    pub(crate) despite_late_serial: bool,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseSource,
}

/// Source of the passphrase. Without a file the terminal asks.
#[derive(Debug, Args)]
pub(crate) struct PassphraseSource {
    /// A file with the passphrase, for scripts; otherwise you are asked at the terminal
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}
