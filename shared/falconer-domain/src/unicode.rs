//! What Unicode says about characters, from its own tables: which count for nothing, which two texts are one.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};

/// Whether a character is to be shown as nothing where it is not understood: joiners, directions, variation selectors,
/// soft hyphens, fillers. Unicode calls it default-ignorable.
pub(crate) fn is_ignorable(c: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// Whether a character of a name hides, or turns around what is beside it. Joiners, variation selectors and the tags in
/// flags do not: Persian, Mongolian and emoji need them.
pub(crate) fn is_hidden(c: char) -> bool {
    let is_needed = matches!(c, '\u{200C}' | '\u{200D}' | '\u{180E}' | '\u{E0020}'..='\u{E007F}');
    match CodePointMapData::<GeneralCategory>::new().get(c) {
        GeneralCategory::Control => true,
        GeneralCategory::Format | GeneralCategory::OtherLetter => is_ignorable(c) && !is_needed,
        _ => false,
    }
}

/// A text in its composed form (NFC): however a keyboard or a file system wrote it, the same text.
pub(crate) fn composed(text: &str) -> Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfc().normalize(text)
}

/// A text for comparison alone: width and compatibility forms (NFKC) and case are folded, a Turkish i with or without its
/// dot is an i, runs of white space are one space, and what nobody sees is gone.
pub(crate) fn folded(text: &str) -> String {
    let seen: String = text.chars().filter(|c| !is_ignorable(*c)).collect();
    // To lower case first: the capital sharp s is itself in upper case, and the small one is two letters there.
    let upper = compatible(&seen).to_lowercase().to_uppercase();
    let upper = compatible(&upper).replace('\u{130}', "I");
    // Letter by letter: a sigma at the end of a word would else be another letter than the same one inside it.
    let lower: String = upper.chars().flat_map(char::to_lowercase).collect();
    let seen: String = compatible(&lower).chars().filter(|c| c.is_whitespace() || !c.is_control()).collect();
    seen.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text in its composed compatibility form (NFKC): full-width and styled letters are plain ones.
pub(crate) fn compatible(text: &str) -> Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfkc().normalize(text)
}
