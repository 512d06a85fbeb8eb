//! Names of the template's resources where CloudFormation does not give them one.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};

/// Endings that say what a resource is; a physical name has no need of them.
const KIND_SUFFIXES: [&str; 3] = ["Table", "Secret", "Function"];

/// Logical id (`LicensesTable`), or name of a parameter, to physical name or value.
#[derive(Clone, Debug, Default)]
pub struct Names(BTreeMap<String, String>);

impl Names {
    /// `falconer-` and the logical id in kebab case without its kind: `RateLimitsTable` is `falconer-rate-limits`,
    /// `MasterKeySecret` is `falconer-master-key`.
    pub fn local<S: AsRef<str>>(logical_ids: impl IntoIterator<Item = S>) -> Self {
        let names = logical_ids.into_iter().map(|id| {
            let id = id.as_ref();
            (id.to_owned(), format!("falconer-{}", kebab(stem(id))))
        });
        Self(names.collect())
    }

    /// The same names with one more, or one changed: also the value of a parameter of the template.
    #[must_use]
    pub fn with(mut self, id: impl Into<String>, name: impl Into<String>) -> Self {
        self.0.insert(id.into(), name.into());
        self
    }

    /// The name of `id`, if it has one.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&str> {
        self.0.get(id).map(String::as_str)
    }

    /// The name of `id`.
    ///
    /// # Errors
    /// It has none.
    pub fn of(&self, id: &str) -> Result<&str> {
        self.get(id).with_context(|| format!("{id} has no name here"))
    }
}

/// `RateLimitsTable` → `RateLimits`.
pub(super) fn stem(logical_id: &str) -> &str {
    KIND_SUFFIXES
        .iter()
        .find_map(|suffix| logical_id.strip_suffix(suffix))
        .filter(|stem| !stem.is_empty())
        .unwrap_or(logical_id)
}

/// `RateLimits` → `rate-limits`.
pub(super) fn kebab(camel: &str) -> String {
    let mut kebab = String::new();
    for letter in camel.chars() {
        if letter.is_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.extend(letter.to_lowercase());
    }
    kebab
}
