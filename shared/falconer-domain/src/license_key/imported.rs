//! Keys of other systems, brought in from a sheet: UUIDs, groups of four or six, whatever they are. They carry no tag,
//! so anyone can make one up: the ring must enable them.

use std::fmt;
use std::hash::{Hash, Hasher};

use super::fold::{SEPARATOR, UNDERSCORE};

const MIN_CHARS: usize = 6;
const MAX_CHARS: usize = 64;
/// Characters of a free-text key that may be shown; its shortest form has six.
const SHOWN_CHARS: usize = 2;

/// A free-text key: its letters and digits. Two that differ in how these are grouped are one key; `Display` shows the
/// groups that were typed.
#[derive(Clone)]
pub struct ImportedKey {
    /// Groups of `A-Z` and `0-9`, with a hyphen between two.
    grouped: String,
}

impl ImportedKey {
    /// Reads a folded text that does not have the form of a Falconer key.
    pub(super) fn of(folded: &str) -> Option<Self> {
        let groups: Vec<&str> =
            folded.split([SEPARATOR, UNDERSCORE]).filter(|group| !group.is_empty()).collect();
        let key = Self { grouped: groups.join("-") };
        let is_plain = groups.iter().all(|group| group.bytes().all(|b| b.is_ascii_alphanumeric()));
        (is_plain && (MIN_CHARS..=MAX_CHARS).contains(&key.canonical().len())).then_some(key)
    }

    /// Returns the letters and digits alone: the same for every spelling.
    #[must_use]
    pub fn canonical(&self) -> String {
        self.grouped.replace(SEPARATOR, "")
    }
}

impl PartialEq for ImportedKey {
    fn eq(&self, other: &Self) -> bool {
        self.canonical() == other.canonical()
    }
}

impl Eq for ImportedKey {}

impl Hash for ImportedKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical().hash(state);
    }
}

impl fmt::Display for ImportedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.grouped)
    }
}

pub(super) fn mask(canonical: &str) -> String {
    let shown: String =
        canonical.chars().skip(canonical.chars().count().saturating_sub(SHOWN_CHARS)).collect();
    format!("…{shown}")
}
