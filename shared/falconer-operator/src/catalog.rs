//! A product's catalog as an operator writes it: TOML, in the form of `docs/cli.md`.

use std::collections::BTreeMap;

use falconer_domain::catalog::{CatalogError, Tier};
use falconer_domain::date::NoDate;
use falconer_domain::issue::{MAX_FEATURE_CHARS, is_feature};
use falconer_domain::limits::BadLimit;
use falconer_domain::maintenance::BadRelease;
use falconer_domain::{
    CalendarDate, Catalog, Limits, PolicyOverrides, Product, Releases, TierName, VirtualMachines,
};
use serde::{Deserialize, Serialize};

/// Reasons why a file is not a catalog.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Not TOML, or a member that catalogs do not have.
    #[error("{0}")]
    Form(#[from] toml::de::Error),
    /// The product's code.
    #[error("product must be 2 to 8 of A-Z and 0-9")]
    Product,
    /// A tier's name.
    #[error("tier {0:?} must be 1 to 16 of a-z, 0-9 and _")]
    Tier(String),
    /// A feature.
    #[error("feature {0:?} must be 1 to {MAX_FEATURE_CHARS} of a-z, 0-9 and _")]
    Feature(String),
    /// A limit.
    #[error("tier {0}: {1}")]
    Limit(String, BadLimit),
    /// A release without a date.
    #[error("release {0}: {1}")]
    Date(String, NoDate),
    /// A release.
    #[error(transparent)]
    Release(#[from] BadRelease),
    /// The catalog as a whole.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    product: String,
    #[serde(default)]
    policy: PolicyTable,
    tiers: BTreeMap<String, TierTable>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    releases: BTreeMap<String, ReleaseDate>,
}

/// The date of a release: in quotation marks, or as TOML's own date.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum ReleaseDate {
    Text(String),
    Toml(toml::value::Datetime),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TierTable {
    #[serde(skip_serializing_if = "Option::is_none")]
    extends: Option<String>,
    #[serde(default)]
    features: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updates_days: Option<u32>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    limits: BTreeMap<String, u64>,
    #[serde(default, skip_serializing_if = "PolicyTable::is_empty")]
    policy: PolicyTable,
}

macro_rules! policy_table {
    ($($(#[$meaning:meta])* $name:ident: $kind:ident = $default:expr,)*) => {
        /// A policy's overrides, as a catalog's file and an export's cell write them.
        #[derive(Default, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct PolicyTable {
            $($name: Option<$kind>,)*
        }

        impl From<PolicyTable> for PolicyOverrides {
            fn from(table: PolicyTable) -> Self {
                Self { $($name: table.$name,)* }
            }
        }

        impl From<PolicyOverrides> for PolicyTable {
            fn from(policy: PolicyOverrides) -> Self {
                Self { $($name: policy.$name,)* }
            }
        }
    };
}

falconer_domain::policy_members!(policy_table);

impl PolicyTable {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Reads a catalog.
///
/// # Errors
/// [`FileError`], naming the first thing wrong.
pub fn read(text: &str) -> Result<Catalog, FileError> {
    let file: File = toml::from_str(text)?;
    let product = Product::parse(&file.product).ok_or(FileError::Product)?;
    let name = |name: String| TierName::parse(&name).ok_or(FileError::Tier(name));
    let mut tiers = BTreeMap::new();
    for (tier, table) in file.tiers {
        if let Some(feature) = table.features.iter().find(|feature| !is_feature(feature)) {
            return Err(FileError::Feature(feature.clone()));
        }
        let extends = table.extends.map(name).transpose()?;
        let limits = Limits::new(table.limits).map_err(|why| FileError::Limit(tier.clone(), why))?;
        let (features, updates_days, policy) = (table.features, table.updates_days, table.policy.into());
        tiers.insert(name(tier)?, Tier { extends, features, limits, updates_days, policy });
    }
    let releases = file.releases.into_iter().map(|(version, date)| {
        let date = CalendarDate::read(&date.to_string());
        date.map(|date| (version.clone(), date)).map_err(|why| FileError::Date(version, why))
    });
    let releases = Releases::new(releases.collect::<Result<Vec<_>, _>>()?)?;
    Ok(Catalog::new(product, &file.policy.into(), tiers)?.with_releases(releases))
}

impl std::fmt::Display for ReleaseDate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Toml(date) => std::fmt::Display::fmt(date, f),
        }
    }
}

/// Writes a catalog, so that it reads back as itself.
#[must_use]
pub fn written(catalog: &Catalog) -> String {
    let tier = |(name, tier): (&TierName, &Tier)| {
        let table = TierTable {
            extends: tier.extends.as_ref().map(TierName::to_string),
            features: tier.features.clone(),
            updates_days: tier.updates_days,
            limits: tier.limits.to_map(),
            policy: tier.policy.into(),
        };
        (name.to_string(), table)
    };
    let file = File {
        product: catalog.product().to_string(),
        policy: catalog.base_policy().into(),
        tiers: catalog.all_tiers().map(tier).collect(),
        releases: catalog
            .releases()
            .iter()
            .map(|(version, date)| (version.to_owned(), ReleaseDate::Text(date.to_string())))
            .collect(),
    };
    // Unwrap safety: tables of texts, numbers and flags always serialize.
    toml::to_string(&file).unwrap()
}

/// The lines that one catalog has and the other has not, as `- old` and `+ new`, each under its table's name.
#[must_use]
pub fn difference(before: &Catalog, after: &Catalog) -> Vec<String> {
    let lines = |catalog: &Catalog| {
        let mut table = String::new();
        let mut lines = Vec::new();
        for line in written(catalog).lines().filter(|line| !line.is_empty()) {
            if line.starts_with('[') {
                line.clone_into(&mut table);
            } else {
                lines.push(format!("{table} {line}").trim().to_owned());
            }
        }
        lines
    };
    let (before, after) = (lines(before), lines(after));
    let gone = before.iter().filter(|line| !after.contains(line)).map(|line| format!("- {line}"));
    let come = after.iter().filter(|line| !before.contains(line)).map(|line| format!("+ {line}"));
    gone.chain(come).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_catalog_reads_back() {
        let built_in = Catalog::built_in(&Product::parse("QF").unwrap()).unwrap();
        assert_eq!(read(&written(&built_in)).unwrap(), built_in);
        let own = "product = \"ACME\"\n[tiers.free]\n[tiers.pro]\nextends = \"free\"\nfeatures = [\"a\"]\npolicy = { seats = 3, virtual_machines = \"refuse\" }\nlimits = { agents = 3 }\nupdates_days = 365\n[releases]\n\"5.2\" = \"2026-11-01\"\n\"5.3\" = 2027-02-01\n";
        let own = read(own).unwrap();
        assert_eq!(read(&written(&own)).unwrap(), own);
    }

    #[test]
    fn errors_name_the_problem() {
        for (text, said) in [
            ("product = 'A'\n[tiers.a]", "product must be"),
            ("product = 'ACME'\n[tiers.'A B']", "tier \"A B\" must be"),
            ("product = 'ACME'\n[tiers.a]\nfeatures = ['Copy Trading']", "feature \"Copy Trading\" must be"),
            ("product = 'ACME'\n[tiers.a]\nextends = 'b'", "which the catalog does not have"),
            ("product = 'ACME'\n[policy]\nseats = 0\n[tiers.a]", "seats must be 1 to 100"),
            ("product = 'ACME'\n[policy]\nvirtual_machines = 'deny'\n[tiers.a]", "unknown variant `deny`"),
            ("product = 'ACME'\n[policy]\nseat = 1\n[tiers.a]", "unknown field `seat`"),
            ("product = 'ACME'\n[tiers.a]\nlimits = { 'A B' = 1 }", "tier a: limit \"A B\" must be"),
            ("product = 'ACME'\n[tiers.a]\nlimits = { agents = -1 }", "invalid value"),
            ("product = 'ACME'\n[tiers.a]\nupdates_days = 0", "updates_days of tier a must be 1 to"),
            ("product = 'ACME'\n[tiers.a]\n[releases]\n'5' = 'soon'", "release 5: \"soon\" is not a date"),
            ("product = 'ACME'\n[tiers.a]\n[releases]\n'<5>' = '2027-01-01'", "release \"<5>\" must be"),
            ("product = ", "TOML parse error"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn differences_name_their_table() {
        let of = |seats: &str| {
            read(&format!("product = 'ACME'\n[tiers.a]\npolicy = {{ seats = {seats} }}\n")).unwrap()
        };
        assert_eq!(
            difference(&of("1"), &of("2")),
            ["- [tiers.a.policy] seats = 1", "+ [tiers.a.policy] seats = 2"]
        );
        assert_eq!(difference(&of("1"), &of("1")), [""; 0]);
        let with = |more: &str| read(&format!("product = 'ACME'\n[tiers.a]\n{more}\n")).unwrap();
        let (before, after) = (with("limits = { agents = 3 }"), with("[releases]\n'5.2' = 2026-11-01"));
        assert_eq!(
            difference(&before, &after),
            ["- [tiers.a.limits] agents = 3", "+ [releases] \"5.2\" = \"2026-11-01\""]
        );
    }
}
