//! Connection settings: flags, then the environment, then `falconer.toml`; or the outputs of a stack.

pub(crate) mod local;

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The file of settings, in the folder the operator works in or above it.
pub(crate) const FILE_NAME: &str = "falconer.toml";

/// Names of what the commands work on, as far as they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// The stack whose outputs have the rest.
    pub(crate) stack: Option<String>,
    /// The AWS region.
    pub(crate) region: Option<String>,
    /// The licenses table.
    pub(crate) licenses_table: Option<String>,
    /// The verifications table.
    pub(crate) verifications_table: Option<String>,
    /// The key ring's secret.
    pub(crate) master_key_secret_id: Option<String>,
    /// The issuer that leases name.
    pub(crate) lease_issuer: Option<String>,
    /// The actor.
    pub(crate) actor: Option<String>,
    /// The product that commands are about which name none.
    pub(crate) product: Option<String>,
}

impl Settings {
    /// The settings of a `falconer.toml`.
    ///
    /// # Errors
    /// The TOML error, with the line.
    pub(crate) fn read(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// The settings of an environment.
    pub(crate) fn of_environment(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let lookup = |name| lookup(name).filter(|value| !value.is_empty());
        Self {
            stack: None,
            region: lookup("AWS_REGION").or_else(|| lookup("AWS_DEFAULT_REGION")),
            licenses_table: lookup("LICENSES_TABLE"),
            verifications_table: lookup("VERIFICATIONS_TABLE"),
            master_key_secret_id: lookup("MASTER_KEY_SECRET_ID"),
            lease_issuer: lookup("LEASE_ISSUER"),
            actor: lookup("FALCONER_ACTOR"),
            product: lookup("FALCONER_PRODUCT"),
        }
    }

    /// Combines flags, environment and file. The outputs of a stack on the command line override the environment and the
    /// file; only flags override them. A stack in the file supplies missing values.
    #[must_use]
    pub(crate) fn together(flags: Self, environment: Self, file: Self) -> Self {
        // No stack has an output for these.
        let all = flags.clone().over(environment.clone()).over(file.clone());
        let names = if flags.stack.is_some() { flags } else { flags.over(environment).over(file) };
        Self { region: all.region, actor: all.actor, product: all.product, ..names }
    }

    /// The same, with what is missing.
    #[must_use]
    pub(crate) fn over(self, other: Self) -> Self {
        Self {
            stack: self.stack.or(other.stack),
            region: self.region.or(other.region),
            licenses_table: self.licenses_table.or(other.licenses_table),
            verifications_table: self.verifications_table.or(other.verifications_table),
            master_key_secret_id: self.master_key_secret_id.or(other.master_key_secret_id),
            lease_issuer: self.lease_issuer.or(other.lease_issuer),
            actor: self.actor.or(other.actor),
            product: self.product.or(other.product),
        }
    }

    /// The stack to ask, if something only its outputs have is missing.
    #[must_use]
    pub(crate) fn stack_to_ask(&self) -> Option<&str> {
        let complete = self.licenses_table.is_some()
            && self.verifications_table.is_some()
            && self.master_key_secret_id.is_some();
        self.stack.as_deref().filter(|_| !complete)
    }

    /// The names among the outputs of our stack.
    pub(crate) fn of_outputs(output: impl Fn(&str) -> Option<String>) -> Self {
        Self {
            licenses_table: output("LicensesTable"),
            verifications_table: output("VerificationsTable"),
            master_key_secret_id: output("MasterKeySecret"),
            lease_issuer: output("LeaseIssuer"),
            ..Self::default()
        }
    }
}

/// The nearest `falconer.toml`, from `from` upwards.
#[must_use]
pub(crate) fn nearest_file(from: &Path) -> Option<PathBuf> {
    from.ancestors().map(|folder| folder.join(FILE_NAME)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Settings {
        Settings::read(text).unwrap()
    }

    #[test]
    fn flag_beats_environment_beats_file() {
        let flags = settings("licenses_table = 'flag'");
        let environment = Settings::of_environment(|name| match name {
            "LICENSES_TABLE" | "VERIFICATIONS_TABLE" => Some("environment".to_owned()),
            "FALCONER_ACTOR" => Some(String::new()),
            _ => None,
        });
        let file = settings(
            "verifications_table = 'file'\nmaster_key_secret_id = 'file'\nregion = 'eu-central-1'\nactor = 'anna'",
        );
        let together = Settings::together(flags, environment, file);
        let expected = "licenses_table = 'flag'\nverifications_table = 'environment'\nmaster_key_secret_id = 'file'\n\
                        region = 'eu-central-1'\nactor = 'anna'";
        assert_eq!(together, settings(expected));
        assert_eq!(together.stack_to_ask(), None);
    }

    #[test]
    fn stack_argument_beats_environment() {
        let around = settings("licenses_table = 'around'\nactor = 'anna'\nstack = 'file'\nproduct = 'ACME'");
        let flags = settings("stack = 'line'\nmaster_key_secret_id = 'flag'");
        let together = Settings::together(flags, around.clone(), Settings::default());
        assert_eq!((together.stack_to_ask(), together.licenses_table.as_deref()), (Some("line"), None));
        assert_eq!((together.actor.as_deref(), together.product.as_deref()), (Some("anna"), Some("ACME")));
        let outputs = Settings::of_outputs(|name| Some(format!("{name} of line")));
        let whole = together.over(outputs);
        assert_eq!(whole.licenses_table.as_deref(), Some("LicensesTable of line"));
        assert_eq!(whole.master_key_secret_id.as_deref(), Some("flag"));
        let from_file = Settings::together(Settings::default(), Settings::default(), around);
        assert_eq!(from_file.stack_to_ask(), Some("file"));
        assert_eq!(from_file.licenses_table.as_deref(), Some("around"));
    }

    #[test]
    fn unknown_member_is_named() {
        let said = Settings::read("licence_table = 'x'").unwrap_err().to_string();
        assert!(said.contains("licence_table"), "{said}");
    }
}
