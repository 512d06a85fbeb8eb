//! The command line.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, Parser, Subcommand};
use falconer_client::{Builder, Licensing, PublicKeys};

/// Licensing without a screen: one command of a script, or JSON lines for an application.
#[derive(Parser)]
#[command(name = "headless", version)]
pub(crate) struct HeadlessArguments {
    /// Reads requests from standard input and writes answers to standard output, one JSON object a line.
    #[arg(long)]
    serve: bool,
    #[command(flatten)]
    pub(crate) settings: OpenSettings,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What the application is built with.
#[derive(Args)]
pub(crate) struct OpenSettings {
    /// Code of the product, with which its keys begin: QF.
    #[arg(long)]
    product: String,
    /// Address of the license server: `https://licenses.example.com`.
    #[arg(long, value_name = "URL")]
    server: String,
    #[command(flatten)]
    keys: Keys,
    /// Public keys that are no longer trusted, by their `kid`.
    #[arg(long, value_name = "KID")]
    without_key: Vec<String>,
    /// Id of the application, a domain in reverse, which names the folder of the license: `com.example.app`.
    #[arg(long, value_name = "ID")]
    app_id: Option<String>,
    /// Host that the server had before; its licenses are used here.
    #[arg(long, value_name = "HOST")]
    formerly: Vec<String>,
    /// File of the license [default: in the user's folder for application data].
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
    /// File of the license for all users of this machine.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["store", "store_in_memory"])]
    store_for_all_users: Option<PathBuf>,
    /// Keeps the license in memory alone.
    #[arg(long, conflicts_with = "store")]
    store_in_memory: bool,
    /// Name of this device, for the other users of the license.
    #[arg(long, value_name = "NAME")]
    device_name: Option<String>,
    /// Date on which this build of the application was made (YYYY-MM-DD): a license whose maintenance ended before it is
    /// `UPDATES_ENDED`.
    #[arg(long, value_name = "DATE")]
    build_date: Option<String>,
    /// Proxy instead of the one in the machine's settings. One with a password belongs into `https_proxy`: other programs
    /// can see the options of a process.
    #[arg(long, value_name = "URL")]
    proxy: Option<String>,
    /// Limit of one attempt, 1 to 60 [default: 5].
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=60))]
    timeout: Option<u64>,
    /// File with certificates (PEM) that count beside the operating system's.
    #[arg(long, value_name = "FILE")]
    root_certificate: Vec<PathBuf>,
    /// Lets `FALCONER_MACHINE_ID` replace the hardware, for containers.
    #[arg(long)]
    allow_machine_id_override: bool,
}

/// The public keys. They are pinned: no network may offer the first ones.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct Keys {
    /// File with the answer of `/api/keys`, saved when the application was built.
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// The same as a text.
    #[arg(long, value_name = "JSON")]
    keys_json: Option<String>,
}

/// One command of a script.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Takes a seat for this device.
    Activate {
        /// License key.
        key: String,
        /// Name of the licensee.
        #[arg(default_value = "")]
        name: String,
        /// E-mail address of the licensee.
        #[arg(default_value = "")]
        email: String,
    },
    /// Prints the state, without network.
    Status,
    /// Checks the license with the server.
    Refresh,
    /// Moves a seat to this device.
    Transfer {
        /// License key [default: the one that was activated here].
        key: Option<String>,
    },
    /// Gives the seat back and forgets the license.
    Deactivate,
    /// Makes a request file for a machine without a network; without a key it asks for a later end.
    RequestFile {
        /// License key [default: the one that was activated here].
        key: Option<String>,
        /// Name of the licensee.
        #[arg(default_value = "")]
        name: String,
        /// E-mail address of the licensee.
        #[arg(default_value = "")]
        email: String,
        /// File to write.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Takes the vendor's answer to a request file.
    ImportFile {
        /// File with the answer; `-` reads standard input.
        file: PathBuf,
    },
    /// Gives the seat back without a network, and makes a receipt file for the vendor.
    ReceiptFile {
        /// File to write.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// The two ways to run.
pub(crate) enum RunMode<'a> {
    Serve,
    Once(&'a Command),
}

impl HeadlessArguments {
    /// Decides between the two ways to run.
    ///
    /// # Errors
    /// A usage error, where both are asked for or neither is.
    pub(crate) fn mode(&self) -> Result<RunMode<'_>, clap::Error> {
        let error = |kind, sentence| Err(Self::command().error(kind, sentence));
        match (self.serve, &self.command) {
            (true, None) => Ok(RunMode::Serve),
            (false, Some(command)) => Ok(RunMode::Once(command)),
            (true, Some(_)) => error(ErrorKind::ArgumentConflict, "--serve takes no command"),
            (false, None) => error(ErrorKind::MissingSubcommand, "give --serve or a command"),
        }
    }
}

impl OpenSettings {
    /// Prepares the license; nothing is opened yet.
    ///
    /// # Errors
    /// A sentence about the public keys, or about a file of certificates.
    pub(crate) fn builder(&self) -> Result<Builder, String> {
        let mut builder = Licensing::builder(&self.product, &self.server, self.public_keys()?);
        if let Some(store) = &self.store {
            builder = builder.store(store);
        }
        if let Some(store) = &self.store_for_all_users {
            builder = builder.store_for_all_users(store);
        }
        if let Some(id) = &self.app_id {
            builder = builder.app_id(id);
        }
        for host in &self.formerly {
            builder = builder.formerly(host);
        }
        if self.store_in_memory {
            builder = builder.store_in_memory();
        }
        if let Some(name) = &self.device_name {
            builder = builder.device_name(name);
        }
        if let Some(date) = &self.build_date {
            builder = builder.build_date(date);
        }
        if let Some(url) = &self.proxy {
            builder = builder.proxy(url);
        }
        if let Some(seconds) = self.timeout {
            builder = builder.timeout(Duration::from_secs(seconds));
        }
        for file in &self.root_certificate {
            builder = builder.root_certificate(&text(file, "the certificates")?);
        }
        if self.allow_machine_id_override {
            builder = builder.allow_machine_id_override();
        }
        Ok(builder)
    }

    fn public_keys(&self) -> Result<PublicKeys, String> {
        let text = match (&self.keys.keys, &self.keys.keys_json) {
            (Some(file), _) => text(file, "the public keys")?,
            (None, text) => text.clone().unwrap_or_default(),
        };
        let keys =
            PublicKeys::parse(&text).map_err(|error| format!("the public keys cannot be used: {error}"))?;
        Ok(self.without_key.iter().fold(keys, |keys, kid| keys.without(kid)))
    }
}

fn text(file: &Path, content: &str) -> Result<String, String> {
    fs::read_to_string(file)
        .map_err(|error| format!("{content} in {} cannot be read: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUIRED: [&str; 7] =
        ["headless", "--product", "QF", "--server", "https://licenses.example.com", "--keys", "keys.json"];

    fn refusal(more: &[&str]) -> Option<ErrorKind> {
        let parsed = HeadlessArguments::try_parse_from(REQUIRED.iter().chain(more));
        parsed.and_then(|arguments| arguments.mode().map(|_| ())).err().map(|error| error.kind())
    }

    #[test]
    fn one_way_to_run_is_chosen() {
        assert_eq!(refusal(&["--serve"]), None);
        assert_eq!(refusal(&["status"]), None);
        assert_eq!(refusal(&["--serve", "status"]), Some(ErrorKind::ArgumentConflict));
        assert_eq!(refusal(&[]), Some(ErrorKind::MissingSubcommand));
    }

    #[test]
    fn timeouts_are_seconds_within_bounds() {
        assert_eq!(refusal(&["--serve", "--timeout", "60"]), None);
        for bad in ["0", "61", "5s"] {
            assert_eq!(refusal(&["--serve", "--timeout", bad]), Some(ErrorKind::ValueValidation), "{bad}");
        }
    }

    #[test]
    fn keys_are_given_exactly_once() {
        assert_eq!(refusal(&["--serve", "--keys-json", "{}"]), Some(ErrorKind::ArgumentConflict));
        let without = HeadlessArguments::try_parse_from(REQUIRED[..5].iter().chain(&["--serve"]));
        assert_eq!(without.err().map(|error| error.kind()), Some(ErrorKind::MissingRequiredArgument));
    }
}
