//! The key ring and the demo licenses, by the operator's own command line: what it cannot do, nobody can.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::environment::{Environment, write_private};
use crate::secrets::Secret;
use crate::step;
use crate::workspace::Workspace;

/// One new key a tier, as the built-in catalog names them.
const TIERS: [&str; 4] = ["free", "pro", "elite", "lifetime"];
/// The demo legacy key among the others.
const LEGACY: &str = "legacy";
const TERM_DAYS: &str = "365";

/// Name to license key.
#[derive(Clone, Debug, Default)]
pub(crate) struct DemoKeys(BTreeMap<String, String>);

impl DemoKeys {
    /// The key in the Flask server's form.
    pub(crate) fn legacy(&self) -> &str {
        self.of(LEGACY)
    }

    /// The new key of `tier`.
    pub(crate) fn of(&self, tier: &str) -> &str {
        self.0.get(tier).map(String::as_str).unwrap_or_default()
    }

    /// All, legacy first, then from the smallest tier up.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let names = std::iter::once(LEGACY).chain(TIERS);
        names.map(|name| (name, self.of(name)))
    }
}

/// The operator's command line on the local stack.
pub(crate) struct Operator<'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) environment: &'a Environment,
}

impl Operator<'_> {
    /// Runs `falconer` with these arguments; what it printed.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<String> {
        step::ask(&mut self.command(arguments))
    }

    /// Runs it, and returns what it printed, also where it says that some rows were refused (5).
    pub(crate) fn try_run(&self, arguments: &[&str]) -> Result<String> {
        let output = self.command(arguments).stdin(std::process::Stdio::null()).output()?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let said = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(
            matches!(output.status.code(), Some(0 | 5)),
            "falconer failed ({}): {said}",
            output.status
        );
        Ok(printed + &said)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.workspace.command(self.workspace.program("falconer"));
        command.args(arguments);
        self.environment.apply(&mut command);
        command
    }

    /// A ring with a current generation and a legacy one, unless it is there. One that no function could use is refused,
    /// by the command line's own sentence.
    pub(crate) fn key_ring(&self, secret: &Secret) -> Result<()> {
        if secret.value()?.is_none() {
            self.run(&["--yes", "keyring", "init"])?;
        }
        self.run(&["keyring", "list"])?;
        if !secret.has("legacy")? {
            let master = random_master()?;
            step::tell(&mut self.command(&["--yes", "keyring", "add", "--legacy", "-"]), &master)?;
        }
        secret.keep()
    }

    /// The demo licenses: those kept in `data`, or new ones.
    pub(crate) fn demo_keys(&self, data: Option<&Path>) -> Result<DemoKeys> {
        let file = data.map(|folder| folder.join("demo-keys.json"));
        let mut keys = file.as_ref().map(read).transpose()?.unwrap_or_default();
        for name in std::iter::once(LEGACY).chain(TIERS) {
            if !keys.0.contains_key(name) {
                keys.0.insert(name.to_owned(), self.issue(name)?);
                // After each, so that a run broken off here issues none of them twice.
                if let Some(file) = &file {
                    write_private(file, &json!(keys.0).to_string())?;
                }
            }
        }
        Ok(keys)
    }

    fn issue(&self, name: &str) -> Result<String> {
        let tier = if name == LEGACY { "pro" } else { name };
        let (user, email) = (format!("demo_{name}"), format!("{name}@example.com"));
        let mut arguments = vec!["issue", "--json", "--tier", tier, "--user", &user, "--email", &email];
        match name {
            "lifetime" => arguments.push("--perpetual"),
            LEGACY => arguments.extend(["--days", TERM_DAYS, "--legacy"]),
            _ => arguments.extend(["--days", TERM_DAYS]),
        }
        license_key(&self.run(&arguments)?)
    }
}

/// The key in what `falconer issue --json` printed.
pub(crate) fn license_key(printed: &str) -> Result<String> {
    let issued: Value =
        serde_json::from_str(printed.trim()).context("`falconer issue --json` printed no JSON")?;
    let key = issued["licenseKey"].as_str().context("`falconer issue --json` printed no licenseKey")?;
    Ok(key.to_owned())
}

fn read(file: &PathBuf) -> Result<DemoKeys> {
    match fs::read_to_string(file) {
        Ok(text) => {
            let keys = serde_json::from_str(&text).with_context(|| {
                format!("{} is damaged: remove its folder and start again", file.display())
            })?;
            Ok(DemoKeys(keys))
        }
        Err(_) => Ok(DemoKeys::default()),
    }
}

/// A master of the kind the Flask server had: 32 random bytes as text. It guards demo licenses on this machine.
fn random_master() -> Result<String> {
    let mut bytes = [0_u8; 32];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .context("this system has no /dev/urandom")?;
    Ok(bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}")))
}
