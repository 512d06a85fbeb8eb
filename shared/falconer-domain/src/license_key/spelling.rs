//! What reading a key forgives before its form is looked at.

/// Upper case, white space and invisible characters gone, typographic dashes turned into hyphens.
pub(super) fn fold(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_whitespace() && !is_invisible(*c))
        .map(|c| if is_dash(c) { '-' } else { c.to_ascii_uppercase() })
        .collect()
}

/// Dashes that mail programs, word processors and input methods put in a hyphen's place.
fn is_dash(c: char) -> bool {
    matches!(c, '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FE58}' | '\u{FE63}' | '\u{FF0D}')
}

/// Zero-width characters that copying from a web page or a PDF brings along and nobody can see.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{00AD}' | '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FEFF}')
}
