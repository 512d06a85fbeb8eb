//! Limits: numbers that a license grants, such as agents, projects or requests a day. The application counts and
//! compares; Falconer states the number.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::issue::{MAX_FEATURE_CHARS, is_feature};

/// Largest limit: the largest whole number that JSON readers of every language hold exactly, 2⁵³ − 1.
pub const MAX_LIMIT: u64 = 9_007_199_254_740_991;
/// Limits of a tier, with those it extends, and again of a license. 32 of them together make 3 KB of a lease, of which
/// clients read 16 KB.
pub const MAX_LIMITS: usize = 16;

/// Limits by their names, which look like those of features.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Limits(BTreeMap<String, u64>);

/// A limit that is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLimit {
    /// Not `NAME=NUMBER`.
    #[error("{0:?} is not NAME=NUMBER, as agents=5")]
    Form(String),
    /// Not a name.
    #[error("limit {0:?} must be 1 to {MAX_FEATURE_CHARS} of a-z, 0-9 and _")]
    Name(String),
    /// Not a whole number, or one too large.
    #[error("limit {0} must be a whole number from 0 to {MAX_LIMIT}")]
    Value(String),
    /// One limit too many.
    #[error(
        "a tier has at most {MAX_LIMITS} limits, with those it extends, and a license at most {MAX_LIMITS} of its own"
    )]
    TooMany,
}

impl Limits {
    /// Checks limits by their names.
    ///
    /// # Errors
    /// [`BadLimit`], naming the first thing wrong.
    pub fn new(limits: impl IntoIterator<Item = (String, u64)>) -> Result<Self, BadLimit> {
        let mut checked = Self::default();
        for (name, value) in limits {
            checked.set(name, value)?;
        }
        Ok(checked)
    }

    /// Reads `NAME=NUMBER` texts, as `agents=5`; of two for one name the later one counts.
    ///
    /// # Errors
    /// [`BadLimit`].
    pub fn read<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Self, BadLimit> {
        let mut read = Self::default();
        for text in texts {
            let (name, value) = text.split_once('=').ok_or_else(|| BadLimit::Form(text.to_owned()))?;
            let (name, value) = (name.trim().to_owned(), value.trim());
            let value = value.parse().map_err(|_| BadLimit::Value(name.clone()))?;
            read.set(name, value)?;
        }
        Ok(read)
    }

    /// Sets one limit.
    ///
    /// # Errors
    /// [`BadLimit`].
    pub fn set(&mut self, name: String, value: u64) -> Result<(), BadLimit> {
        if !is_feature(&name) {
            return Err(BadLimit::Name(name));
        }
        if value > MAX_LIMIT {
            return Err(BadLimit::Value(name));
        }
        if self.0.len() >= MAX_LIMITS && !self.0.contains_key(&name) {
            return Err(BadLimit::TooMany);
        }
        self.0.insert(name, value);
        Ok(())
    }

    /// The limit of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<u64> {
        self.0.get(name).copied()
    }

    /// The limits in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// Returns how many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns true if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the outer limits with these in their place: a license's over its tier's.
    #[must_use]
    pub fn over(&self, outer: &Self) -> Self {
        let mut merged = outer.0.clone();
        merged.extend(self.iter().map(|(name, value)| (name.to_owned(), value)));
        Self(merged)
    }

    /// The limits as a plain map, as claims have them.
    #[must_use]
    pub fn to_map(&self) -> BTreeMap<String, u64> {
        self.0.clone()
    }
}

/// A change of the limits that a license has of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitsChange {
    set: Limits,
    removed: BTreeSet<String>,
}

/// Why limits stay as they are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitsRefusal {
    /// A limit that is not taken.
    #[error(transparent)]
    Bad(#[from] BadLimit),
    /// The license has no such limit of its own.
    #[error("the license has no limit {0} of its own; set-limit {0}=NUMBER replaces the tier's")]
    Missing(String),
    /// One name is to be set and removed.
    #[error("limit {0} cannot be set and removed at once")]
    Both(String),
}

impl LimitsChange {
    /// Reads what is set, as `agents=10`, and the names whose limits are the tier's again.
    ///
    /// # Errors
    /// [`LimitsRefusal`].
    pub fn read<'t>(
        settings: impl IntoIterator<Item = &'t str>,
        removed: impl IntoIterator<Item = &'t str>,
    ) -> Result<Self, LimitsRefusal> {
        let set = Limits::read(settings)?;
        let removed: BTreeSet<_> = removed.into_iter().map(|name| name.trim().to_owned()).collect();
        match removed.iter().find(|name| set.get(name).is_some()) {
            Some(both) => Err(LimitsRefusal::Both(both.clone())),
            None => Ok(Self { set, removed }),
        }
    }

    /// Applies the change to the limits of a license's own.
    ///
    /// # Errors
    /// [`LimitsRefusal`].
    pub fn over(&self, own: &Limits) -> Result<Limits, LimitsRefusal> {
        let mut after = own.clone();
        for name in &self.removed {
            after.0.remove(name).ok_or_else(|| LimitsRefusal::Missing(name.clone()))?;
        }
        for (name, value) in self.set.iter() {
            after.set(name.to_owned(), value)?;
        }
        Ok(after)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limits(texts: &[&str]) -> Limits {
        Limits::read(texts.iter().copied()).unwrap()
    }

    fn shown(limits: &Limits) -> Vec<String> {
        limits.iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    #[test]
    fn a_license_replaces_its_tiers_limits() {
        let merged = limits(&["agents=0", "projects=9"]).over(&limits(&["agents=3", "users=5"]));
        assert_eq!(shown(&merged), ["agents=0", "projects=9", "users=5"]);
        assert_eq!((merged.get("agents"), merged.get("Agents")), (Some(0), None));
        assert_eq!((merged.len(), merged.is_empty(), Limits::default().is_empty()), (3, false, true));
        assert_eq!(Limits::new(merged.to_map()), Ok(merged));
    }

    #[test]
    fn a_limit_is_a_name_and_a_whole_number() {
        let largest = format!("agents={MAX_LIMIT}");
        assert_eq!(limits(&[" agents = 5 ", &largest]).get("agents"), Some(MAX_LIMIT));
        let one_more = format!("agents={}", MAX_LIMIT + 1);
        for (text, expected) in [
            ("agents", BadLimit::Form("agents".to_owned())),
            ("Agents=1", BadLimit::Name("Agents".to_owned())),
            ("=1", BadLimit::Name(String::new())),
            ("agents=", BadLimit::Value("agents".to_owned())),
            ("agents=-1", BadLimit::Value("agents".to_owned())),
            ("agents=1.5", BadLimit::Value("agents".to_owned())),
            ("agents=unlimited", BadLimit::Value("agents".to_owned())),
            (one_more.as_str(), BadLimit::Value("agents".to_owned())),
        ] {
            assert_eq!(Limits::read([text]), Err(expected), "{text}");
        }
    }

    #[test]
    fn there_are_so_many_limits_and_no_more() {
        let named = |count: usize| (0..count).map(|number| (format!("l{number}"), 1));
        let mut full = Limits::new(named(MAX_LIMITS)).unwrap();
        assert_eq!(Limits::new(named(MAX_LIMITS + 1)), Err(BadLimit::TooMany));
        assert_eq!(full.set("one_more".to_owned(), 1), Err(BadLimit::TooMany));
        assert_eq!(full.set("l0".to_owned(), 7), Ok(()), "one that is there may change");
    }

    #[test]
    fn a_removed_limit_is_the_tiers_again() {
        let change = LimitsChange::read(["users=2"], ["agents"]).unwrap();
        assert_eq!(shown(&change.over(&limits(&["agents=5"])).unwrap()), ["users=2"]);
        let missing = change.over(&Limits::default());
        assert_eq!(missing, Err(LimitsRefusal::Missing("agents".to_owned())));
        let both = LimitsChange::read(["agents=2"], ["agents"]);
        assert_eq!(both, Err(LimitsRefusal::Both("agents".to_owned())));
    }

    proptest! {
        #[test]
        fn any_limit_is_read_or_refused(text in "\\PC{0,30}|[a-z_]{1,8}=[0-9]{1,18}") {
            if let Ok(limits) = Limits::read([text.as_str()]) {
                let again = shown(&limits);
                prop_assert_eq!(Limits::read(again.iter().map(String::as_str)), Ok(limits));
            }
        }

        #[test]
        fn merged_limits_are_of_one_of_the_two(
            own in proptest::collection::btree_map("[a-c]", 0u64..9, 0..3),
            outer in proptest::collection::btree_map("[a-c]", 0u64..9, 0..3),
        ) {
            let merged = Limits(own.clone()).over(&Limits(outer.clone()));
            for name in ["a", "b", "c"] {
                prop_assert_eq!(merged.get(name), own.get(name).or(outer.get(name)).copied());
            }
        }
    }
}
