//! The caller's environment, and what no tool or test takes from it.
//!
//! A shell that has sourced `target/dev/env`, works for a company behind a proxy, or wants colours everywhere must see
//! the same tests pass as any other.

use std::process::Command;

/// Settings of accounts, stacks and our own programs. Whoever starts one of our programs for somebody sets them anew.
const SETTINGS: [&str; 14] = [
    "CLOUDWATCH_ENDPOINT",
    "LEASE_ISSUER",
    "LICENSES_TABLE",
    "MASTER_KEY_SECRET_ID",
    "RATE_LIMITS_TABLE",
    "RATE_LIMIT_PER_ADDRESS_PER_MINUTE",
    "RATE_LIMIT_PER_MINUTE",
    "SECRETS_MANAGER_ENDPOINT",
    "TLS_ROOTS_FILE",
    "VERIFICATIONS_TABLE",
    "VERIFICATION_RETENTION_DAYS",
    "VERIFIES_PER_LICENSE_PER_MINUTE",
    "VERIFY_AUDIT",
    "LAMBDA_RUNTIME_API",
];
const SETTINGS_PREFIXES: [&str; 2] = ["AWS_", "FALCONER_"];
/// Settings of a build that begin like settings of an account.
const OF_A_BUILD: [&str; 1] = ["AWS_LC_"];

/// Tastes and surroundings that change what a program prints or where it calls: right for a build, which may need the
/// proxy, and wrong for a test.
const SURROUNDINGS: [&str; 23] = [
    "ALL_PROXY",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "COLUMNS",
    "FORCE_COLOR",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "LANG",
    "LANGUAGE",
    "LINES",
    "NO_COLOR",
    "NO_PROXY",
    "RUST_BACKTRACE",
    "RUST_LIB_BACKTRACE",
    "RUST_LOG",
    "RUST_TEST_NOCAPTURE",
    "TERM_PROGRAM",
    "TZ",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
    "XDG_STATE_HOME",
    "PYTHONPATH",
];
const SURROUNDINGS_PREFIXES: [&str; 2] = ["LC_", "COLORTERM"];

/// Takes the settings of accounts and stacks away from `command`.
pub(crate) fn forget_settings(command: &mut Command) {
    forget(command, is_setting);
}

/// Takes away what would change a test besides: proxies, colours, languages, time zones, the size of the terminal.
pub(crate) fn forget_surroundings(command: &mut Command) {
    forget(command, is_surrounding);
}

fn forget(command: &mut Command, unwanted: fn(&str) -> bool) {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(unwanted) {
            command.env_remove(&name);
        }
    }
}

fn is_setting(name: &str) -> bool {
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    SETTINGS.contains(&name) || (begins(&SETTINGS_PREFIXES) && !begins(&OF_A_BUILD))
}

fn is_surrounding(name: &str) -> bool {
    // curl's spelling of proxies is in lower case, and both are looked at.
    let name = name.to_ascii_uppercase();
    SURROUNDINGS.contains(&name.as_str())
        || SURROUNDINGS_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_go_and_a_build_keeps_its_own() {
        for (name, expected) in [
            ("AWS_PROFILE", true),
            ("AWS_ENDPOINT_URL_DYNAMODB", true),
            ("FALCONER_URL", true),
            ("LICENSES_TABLE", true),
            ("AWS_LC_SYS_CMAKE_BUILDER", false),
            ("CARGO_HOME", false),
            ("PATH", false),
        ] {
            assert_eq!(is_setting(name), expected, "{name}");
        }
    }

    #[test]
    fn surroundings_go_in_either_case() {
        for (name, expected) in [("https_proxy", true), ("LC_ALL", true), ("TERM", false), ("CI", false)] {
            assert_eq!(is_surrounding(name), expected, "{name}");
        }
    }
}
