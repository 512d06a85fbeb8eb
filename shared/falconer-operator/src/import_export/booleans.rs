//! Yes and no as spreadsheets, databases and data frames write them.

/// Truth values of spreadsheet programs, in the languages that translate them.
const CONSTANTS: [(&str, &str); 19] = [
    ("true", "false"),
    ("wahr", "falsch"),
    ("vrai", "faux"),
    ("verdadero", "falso"),
    ("verdadeiro", "falso"),
    ("vero", "falso"),
    ("waar", "onwaar"),
    ("prawda", "fałsz"),
    ("sant", "falskt"),
    ("sand", "falsk"),
    ("sandt", "falsk"),
    ("sann", "usann"),
    ("tosi", "epätosi"),
    ("pravda", "nepravda"),
    ("igaz", "hamis"),
    ("doğru", "yanliş"),
    ("doğru", "yanlış"),
    ("истина", "ложь"),
    ("真", "假"),
];
/// Other spellings of people and databases.
const WORDS: [(&str, &str); 11] = [
    ("t", "f"),
    ("yes", "no"),
    ("y", "n"),
    ("on", "off"),
    ("1", "0"),
    ("1.0", "0.0"),
    ("ja", "nein"),
    ("oui", "non"),
    ("sí", "no"),
    ("x", "-"),
    ("☑", "☐"),
];

/// Reads a yes or a no in any case; `None` for a text that is neither.
#[must_use]
pub fn boolean(text: &str) -> Option<bool> {
    let text = text.trim().to_lowercase();
    let mut pairs = CONSTANTS.into_iter().chain(WORDS);
    pairs.find_map(|(yes, no)| (text == yes).then_some(true).or_else(|| (text == no).then_some(false)))
}

/// Returns true if a text is what a spreadsheet program shows for a check box or a comparison, in any language.
#[must_use]
pub fn is_constant(text: &str) -> bool {
    let text = text.trim().to_lowercase();
    CONSTANTS.iter().any(|(yes, no)| text == *yes || text == *no)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_yes_and_no_in_any_spelling() {
        for yes in ["TRUE", "True", " t ", "1", "1.0", "WAHR", "Vrai", "ИСТИНА", "yes", "Ja", "x", "☑"]
        {
            assert_eq!(boolean(yes), Some(true), "{yes}");
        }
        for no in ["FALSE", "f", "0", "0.0", "FALSCH", "NO", "nein", "ONWAAR", "☐"] {
            assert_eq!(boolean(no), Some(false), "{no}");
        }
        for neither in ["", "maybe", "2", "truefalse", "NULL"] {
            assert_eq!(boolean(neither), None, "{neither}");
        }
        assert!(is_constant("WAHR") && is_constant("false") && !is_constant("yes") && !is_constant("1"));
    }
}
