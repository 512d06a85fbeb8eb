//! Settings from the environment, read once. All problems are reported together.

use std::fmt;

use crate::origin_secrets::OriginSecrets;

/// Fewest days a plain record of a verification is kept.
const MIN_RETENTION_DAYS: u32 = 1;

/// The verdicts that get an audit row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifyAudit {
    /// Every decision about an authentic key.
    All,
    /// Refusals; a plain yes is only in the log.
    Refusals,
}

/// A function's settings. The names of the variables are those of `template.yaml`; a test holds the two together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `LICENSES_TABLE`: name of the licenses table.
    pub licenses_table: String,
    /// `VERIFICATIONS_TABLE`: name of the audit table.
    pub verifications_table: String,
    /// `RATE_LIMITS_TABLE`: name of the counters' table.
    pub rate_limits_table: String,
    /// `MASTER_KEY_SECRET_ID`: name or ARN of the key ring's secret.
    pub master_key_secret_id: String,
    /// `RATE_LIMIT_PER_MINUTE`: authentic requests per license, address, endpoint and minute; 0 turns the counter off.
    pub rate_limit_per_minute: u32,
    /// `RATE_LIMIT_PER_ADDRESS_PER_MINUTE`: authentic requests per address, instance and minute; 0 turns it off.
    pub rate_limit_per_address_per_minute: u32,
    /// `VERIFIES_PER_LICENSE_PER_MINUTE`: requests for a license, to any endpoint, per instance and minute; 0 turns it and
    /// its audit cap off.
    pub verifies_per_license_per_minute: u32,
    /// `VERIFY_AUDIT`: `all` or `refusals`.
    pub verify_audit: VerifyAudit,
    /// `VERIFICATION_RETENTION_DAYS`: days a verification's audit row lives.
    pub verification_retention_days: u32,
    /// `LEASE_ISSUER`: the `iss` of leases.
    pub lease_issuer: String,
    /// `STACK_NAME`: the stack that the functions' metrics are counted for.
    pub stack_name: String,
    /// `ORIGIN_VERIFY_SECRET`: proof that a request came through CloudFront; unset where nothing is in front of the gateway.
    pub origin_secrets: Option<OriginSecrets>,
    /// `TLS_ROOTS_FILE`: PEM certificates trusted instead of Amazon's roots.
    pub tls_roots_file: Option<String>,
    /// `AWS_LAMBDA_LOG_LEVEL`: the level below which Lambda drops lines, as the logging configuration has it.
    pub log_level: Option<String>,
}

/// Everything wrong with an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadSettings(Vec<String>);

impl fmt::Display for BadSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the environment is not usable: {}", self.0.join("; "))
    }
}

impl std::error::Error for BadSettings {}

impl Settings {
    /// Every variable a function reads.
    pub const NAMES: [&str; 14] = [
        "LICENSES_TABLE",
        "VERIFICATIONS_TABLE",
        "RATE_LIMITS_TABLE",
        "MASTER_KEY_SECRET_ID",
        "RATE_LIMIT_PER_MINUTE",
        "RATE_LIMIT_PER_ADDRESS_PER_MINUTE",
        "VERIFIES_PER_LICENSE_PER_MINUTE",
        "VERIFY_AUDIT",
        "VERIFICATION_RETENTION_DAYS",
        "LEASE_ISSUER",
        "STACK_NAME",
        "ORIGIN_VERIFY_SECRET",
        "TLS_ROOTS_FILE",
        "AWS_LAMBDA_LOG_LEVEL",
    ];

    /// Reads the settings through `lookup`, which is the process environment everywhere but in tests.
    ///
    /// # Errors
    /// [`BadSettings`], naming every variable that is missing or wrong.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, BadSettings> {
        let mut reader = SettingsReader { lookup, problems: Vec::new() };
        let settings = Self {
            licenses_table: reader.required("LICENSES_TABLE"),
            verifications_table: reader.required("VERIFICATIONS_TABLE"),
            rate_limits_table: reader.required("RATE_LIMITS_TABLE"),
            master_key_secret_id: reader.required("MASTER_KEY_SECRET_ID"),
            rate_limit_per_minute: reader.number("RATE_LIMIT_PER_MINUTE", 10, 0),
            rate_limit_per_address_per_minute: reader.number("RATE_LIMIT_PER_ADDRESS_PER_MINUTE", 120, 0),
            verifies_per_license_per_minute: reader.number("VERIFIES_PER_LICENSE_PER_MINUTE", 120, 0),
            verify_audit: reader.verify_audit("VERIFY_AUDIT"),
            verification_retention_days: reader.number(
                "VERIFICATION_RETENTION_DAYS",
                400,
                MIN_RETENTION_DAYS,
            ),
            lease_issuer: reader.required("LEASE_ISSUER"),
            stack_name: reader.required("STACK_NAME"),
            origin_secrets: reader.origin_secrets("ORIGIN_VERIFY_SECRET"),
            tls_roots_file: reader.optional("TLS_ROOTS_FILE"),
            log_level: reader.optional("AWS_LAMBDA_LOG_LEVEL"),
        };
        if reader.problems.is_empty() { Ok(settings) } else { Err(BadSettings(reader.problems)) }
    }
}

struct SettingsReader<L> {
    lookup: L,
    problems: Vec<String>,
}

impl<L: Fn(&str) -> Option<String>> SettingsReader<L> {
    fn optional(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.is_empty())
    }

    fn required(&mut self, name: &str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.problems.push(format!("{name} is missing"));
            String::new()
        })
    }

    fn number(&mut self, name: &str, default: u32, least: u32) -> u32 {
        let Some(text) = self.optional(name) else { return default };
        text.parse().ok().filter(|number| *number >= least).unwrap_or_else(|| {
            self.problems.push(format!("{name} must be a whole number from {least} on"));
            default
        })
    }

    fn origin_secrets(&mut self, name: &str) -> Option<OriginSecrets> {
        let secrets = OriginSecrets::parse(&self.optional(name)?);
        if secrets.is_none() {
            self.problems.push(format!(
                "{name} must be one secret or two, separated by a comma: {}",
                OriginSecrets::FORM
            ));
        }
        secrets
    }

    fn verify_audit(&mut self, name: &str) -> VerifyAudit {
        match self.optional(name).as_deref() {
            None | Some("all") => VerifyAudit::All,
            Some("refusals") => VerifyAudit::Refusals,
            Some(_) => {
                self.problems.push(format!("{name} must be all or refusals"));
                VerifyAudit::All
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> Result<Settings, BadSettings> {
        Settings::read(|name| {
            set.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned())
        })
    }

    const REQUIRED: [(&str, &str); 6] = [
        ("LICENSES_TABLE", "l"),
        ("VERIFICATIONS_TABLE", "v"),
        ("RATE_LIMITS_TABLE", "r"),
        ("MASTER_KEY_SECRET_ID", "m"),
        ("LEASE_ISSUER", "i"),
        ("STACK_NAME", "s"),
    ];

    #[test]
    fn unset_settings_have_defaults() {
        let settings = read(&REQUIRED).unwrap();
        assert_eq!(settings.rate_limit_per_minute, 10);
        assert_eq!(settings.rate_limit_per_address_per_minute, 120);
        assert_eq!(settings.verifies_per_license_per_minute, 120);
        assert_eq!(settings.verify_audit, VerifyAudit::All);
        assert_eq!(settings.verification_retention_days, 400);
        assert_eq!((settings.tls_roots_file, settings.origin_secrets), (None, None));
    }

    #[test]
    fn names_every_problem_but_no_value() {
        let wrong = [
            ("RATE_LIMIT_PER_MINUTE", "ten-secret"),
            ("VERIFICATION_RETENTION_DAYS", "0"),
            ("VERIFY_AUDIT", "some-secret"),
            ("LICENSES_TABLE", ""),
            ("ORIGIN_VERIFY_SECRET", "short-secret"),
        ];
        let said = read(&wrong).unwrap_err().to_string();
        for name in [
            "LICENSES_TABLE",
            "VERIFICATIONS_TABLE",
            "RATE_LIMITS_TABLE",
            "MASTER_KEY_SECRET_ID",
            "LEASE_ISSUER",
            "STACK_NAME",
            "ORIGIN_VERIFY_SECRET",
            "RATE_LIMIT_PER_MINUTE",
            "VERIFICATION_RETENTION_DAYS",
            "VERIFY_AUDIT",
        ] {
            assert!(said.contains(name), "{name}: {said}");
        }
        assert!(
            ["secret;", "ten-secret", "some-secret", "short-secret"]
                .iter()
                .all(|value| !said.contains(value)),
            "{said}"
        );
    }

    proptest::proptest! {
        /// Any environment is settings or a list of names; a value is never repeated.
        #[test]
        fn errors_name_variables_not_values(values in proptest::array::uniform14("(secret-[a-z]{8}|-?[0-9]{0,12}|all)?")) {
            let set: Vec<_> = Settings::NAMES.into_iter().zip(values.iter().map(String::as_str)).collect();
            if let Err(why) = read(&set) {
                let said = why.to_string();
                proptest::prop_assert!(!said.contains("secret-"), "{}", said);
                proptest::prop_assert!(Settings::NAMES.iter().any(|name| said.contains(name)), "{}", said);
            }
        }
    }
}
