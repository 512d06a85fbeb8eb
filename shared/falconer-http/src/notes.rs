//! Notes of a request for its answer: the members that were not taken as sent, and the status it asks for.

use falconer_domain::person::{Cleaned, Loss, TextLine};

use falconer_domain::members::Given;

/// Most names in one answer: the body holds some hundreds of members at most, and a person reads the first few.
const MAX_NAMES: usize = 20;
/// Longest name, in characters: no member of this API has more than 16.
const MAX_NAME_CHARS: usize = 40;
/// The mark for the omitted rest.
const MORE: &str = "…";

/// The notes of one request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes {
    pub(crate) ignored: Vec<String>,
    pub(crate) refusal_status: Option<RefusalStatus>,
}

/// Another status for refusals that are 401. Some HTTP clients drop the body of a 401, and with it the signed refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefusalStatus {
    Forbidden,
}

impl RefusalStatus {
    pub(crate) fn read(given: &Given) -> Option<Self> {
        let (Given::Number(number) | Given::Text(number)) = given else { return None };
        (number.trim().parse() == Ok(403.0)).then_some(Self::Forbidden)
    }

    pub(crate) const fn code(self) -> u16 {
        match self {
            Self::Forbidden => 403,
        }
    }
}

/// Names of members, in the order of their appearance, each once, bounded and harmless. A name is the caller's own
/// text, which goes back to the same caller.
#[derive(Default)]
pub(crate) struct Names(Vec<String>);

impl Names {
    pub(crate) fn add_all(&mut self, names: &[String]) {
        for name in names {
            self.add(name);
        }
    }

    pub(crate) fn add(&mut self, name: &str) {
        let Cleaned { kept, loss } = TextLine::<MAX_NAME_CHARS>::clean(name);
        let mut harmless = kept.map_or_else(String::new, |line| line.as_str().to_owned());
        if loss == Loss::Cut {
            harmless.push_str(MORE);
        }
        match self.0.len() {
            ..MAX_NAMES if !self.0.contains(&harmless) => self.0.push(harmless),
            MAX_NAMES if !self.0.contains(&harmless) => self.0.push(MORE.to_owned()),
            _ => {}
        }
    }
}

impl From<Names> for Vec<String> {
    fn from(names: Names) -> Self {
        names.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Vec<String> {
        let mut found = Names::default();
        for name in names {
            found.add(name);
        }
        found.into()
    }

    #[test]
    fn names_are_harmless_bounded_and_there_once() {
        assert_eq!(named(&["b", "a", "b", ""]), ["b", "a", ""]);
        assert_eq!(named(&["tu\u{1b}[31mrn\u{202E}ed"]), ["tu[31mrned"]);
        assert_eq!(named(&["ü".repeat(40).as_str()]), ["ü".repeat(40)]);
        assert_eq!(named(&["ü".repeat(41).as_str()]), [format!("{}…", "ü".repeat(40))]);
        let many: Vec<String> = (0..50).map(|number| number.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let found = named(&many);
        assert_eq!((found.len(), found[19].as_str(), found[20].as_str()), (21, "19", "…"));
    }

    #[test]
    fn refusals_may_be_403_and_nothing_else() {
        for (given, expected) in [
            (Given::Number("403".into()), Some(RefusalStatus::Forbidden)),
            (Given::Number("403.0".into()), Some(RefusalStatus::Forbidden)),
            (Given::Text(" 403 ".into()), Some(RefusalStatus::Forbidden)),
            (Given::Number("200".into()), None),
            (Given::Number("1e999".into()), None),
            (Given::Other, None),
            (Given::Nothing, None),
        ] {
            assert_eq!(RefusalStatus::read(&given), expected);
        }
    }
}
