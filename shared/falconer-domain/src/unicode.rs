//! Properties of characters from Unicode's tables: the invisible ones, and the texts that are equal.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};

/// Returns true if a character is to be shown as nothing where it is not understood: joiners, directions, variation
/// selectors, soft hyphens, fillers. Unicode calls it default-ignorable.
pub(crate) fn is_ignorable(c: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// Returns true if a character of a name hides, or turns around what is beside it, or is reserved for one that will.
/// Joiners, variation selectors and the tags in flags do not: Persian, Mongolian and emoji need them.
pub(crate) fn is_hidden(c: char) -> bool {
    let is_needed = matches!(c, '\u{200C}' | '\u{200D}' | '\u{180E}' | '\u{E0020}'..='\u{E007F}');
    match CodePointMapData::<GeneralCategory>::new().get(c) {
        GeneralCategory::Control => true,
        GeneralCategory::Format | GeneralCategory::OtherLetter | GeneralCategory::Unassigned => {
            is_ignorable(c) && !is_needed
        }
        _ => false,
    }
}

/// The value of a decimal digit of any script: Persian, Arabic and Indian keyboards have digits of their own. Unicode
/// has them in runs of ten that begin with nought, and no two runs touch but those of mathematical alphabets, which
/// NFKC makes plain.
pub(crate) fn decimal(c: char) -> Option<u8> {
    let is_decimal = |code: u32| {
        let category = char::from_u32(code).map(|c| CodePointMapData::<GeneralCategory>::new().get(c));
        category == Some(GeneralCategory::DecimalNumber)
    };
    let code = u32::from(c);
    if !is_decimal(code) {
        return None;
    }
    (0..10).find(|value| !code.checked_sub(u32::from(*value) + 1).is_some_and(is_decimal))
}

/// A text in its composed form (NFC): however a keyboard or a file system wrote it, the same text.
pub(crate) fn composed(text: &str) -> Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfc().normalize(text)
}

/// A text for comparison alone: width and compatibility forms (NFKC) and case are folded, a Turkish i with or without
/// its dot is an i, runs of white space are one space, and what nobody sees is gone.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_cover_every_script() {
        let digits: Vec<char> = ('\0'..=char::MAX)
            .filter(|c| !('\u{1D7CE}'..='\u{1D7FF}').contains(c) && decimal(*c).is_some())
            .collect();
        assert!(digits.len() > 600 && digits.len().is_multiple_of(10), "{}", digits.len());
        for run in digits.chunks(10) {
            let values: Vec<_> = run.iter().filter_map(|c| decimal(*c)).collect();
            assert_eq!(values, (0..10).collect::<Vec<u8>>(), "{run:?}");
        }
        assert_eq!(decimal('\u{6F7}'), Some(7));
        assert_eq!((decimal('a'), decimal('\u{B2}'), decimal('\u{4E00}')), (None, None, None));
    }

    /// A future version of Unicode may name them; until then no font shows them.
    #[test]
    fn reserved_ignorables_are_hidden() {
        for c in ['\u{2065}', '\u{FFF0}', '\u{E0000}', '\u{E0002}', '\u{E0080}', '\u{E01F0}', '\u{E0FFF}'] {
            assert!(is_ignorable(c) && is_hidden(c), "{c:?}");
        }
        // Joiners, variation selectors and flags stay, and so does a letter that these tables do not know yet.
        for c in ['\u{200C}', '\u{200D}', '\u{180E}', '\u{FE0F}', '\u{E0100}', '\u{E0067}', '\u{378}', 'a'] {
            assert!(!is_hidden(c), "{c:?}");
        }
    }

    #[test]
    fn ignorables_follow_unicode() {
        for c in
            "\u{AD}\u{34F}\u{61C}\u{180E}\u{200B}\u{200E}\u{202E}\u{2060}\u{2069}\u{FE0F}\u{FEFF}\u{E0041}"
                .chars()
        {
            assert!(is_ignorable(c), "{c:?}");
        }
        assert!(!"a-_ 0\u{E9}\u{4E00}".chars().any(is_ignorable));
    }
}
