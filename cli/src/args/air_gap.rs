//! Arguments of the commands for machines without a network.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct ActivateOffline {
    /// The machine's request: its file, or a file with its short text; `-` reads standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// File for the answer; without it the answer goes to standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Write the short text of the answer alone, for a QR code
    #[arg(long)]
    pub(crate) short: bool,
    /// The license, where you know it: its key, its id or its masked key. Otherwise a first request looks through the
    /// whole table
    #[arg(long, value_name = "LICENSE")]
    pub(crate) license: Option<String>,
    /// Allow a binding that is counted as a transfer, and move the seat of the only bound device if need be
    #[arg(long)]
    pub(crate) transfer: bool,
    /// The device that loses its seat, where several are bound
    #[arg(long, value_name = "DEVICE", requires = "transfer")]
    pub(crate) from_device: Option<String>,
    /// Why, for the audit
    #[arg(long)]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct AcceptReceipt {
    /// The machine's receipt: its file, or a file with its short text; `-` reads standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Free the seat at once, and not when the machine's lease ends: a copy of its license may work until then
    #[arg(long)]
    pub(crate) trust_receipt: bool,
    /// Why, for the audit
    #[arg(long)]
    pub(crate) reason: Option<String>,
}
