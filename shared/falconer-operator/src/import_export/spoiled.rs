//! Damage by spreadsheet programs: errors, rounded numbers, dates.

use super::{booleans, dates};

/// Longest error that a spreadsheet program shows, in characters.
const MAX_ERROR_CHARS: usize = 20;
/// Programs' words for an empty value, in lower case.
const NOTHING: [&str; 12] =
    ["nan", "none", "null", "(null)", "<na>", "nat", "n/a", "na", "\\n", "undefined", "[object object]", "-"];

/// The same in a cell that may hold a name, where capitals tell: some people are called Null or Na.
const ABSENT: [&str; 10] =
    ["nan", "NaN", "None", "NULL", "null", "<NA>", "NaT", "\\N", "undefined", "[object Object]"];

/// Returns true if a cell shows an error: `#N/A`, `#REF!`, their translations, `Err:502`, or a column that is too
/// narrow.
#[must_use]
pub fn is_error(text: &str) -> bool {
    let text = text.trim();
    if let Some(number) = text.strip_prefix("Err:") {
        return number.len() == 3 && number.bytes().all(|byte| byte.is_ascii_digit());
    }
    let Some(name) = text.strip_prefix('#') else { return false };
    let short = (1..MAX_ERROR_CHARS).contains(&name.chars().count());
    let formed = name.chars().all(|c| c.is_alphabetic() || "#!?¡¿/_".contains(c)) || name.ends_with("/0!");
    short && formed
}

/// Returns true if a cell says that there is nothing, as data frames and databases write it.
#[must_use]
pub fn is_nothing(text: &str) -> bool {
    NOTHING.contains(&text.trim().to_lowercase().as_str())
}

/// Returns true if a cell of any kind says that there is nothing.
#[must_use]
pub fn is_absent(text: &str) -> bool {
    ABSENT.contains(&text.trim())
}

/// Returns true if a cell cannot be the key that somebody entered: an error, a number that was rounded or turned into
/// another kind, a check box, a date, or nothing at all.
#[must_use]
pub fn is_spoiled_key(text: &str) -> bool {
    let text = text.trim();
    is_error(text)
        || is_nothing(text)
        || booleans::is_constant(text)
        || is_rounded(text)
        || is_decimal(text)
        || is_date(text)
}

/// `1.23457E+15`, `1,23457E+15`, `1E+15`. Without a sign or a decimal mark it may be a key.
fn is_rounded(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['E', 'e']) else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let power = exponent.strip_prefix(['+', '-']);
    match mantissa.split_once(['.', ',']) {
        Some((whole, decimals)) => digits(whole) && digits(decimals) && digits(power.unwrap_or(exponent)),
        None => digits(mantissa) && power.is_some_and(digits),
    }
}

/// `1234567890.0`, a number of a data frame.
fn is_decimal(text: &str) -> bool {
    let Some((whole, decimals)) = text.split_once(['.', ',']) else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole) && digits(decimals)
}

/// `01.12.2026`, `12/31/2026`, `2026-12-31 00:00:00`, `1-Mar`. A date in the form of ISO may be a key.
fn is_date(text: &str) -> bool {
    let marked = text.contains(['/', '.', ':']);
    (marked && dates::read(text).is_ok()) || dates::is_day_of_a_month(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognizes_spoiled_keys() {
        for spoiled in [
            "#N/A",
            "#REF!",
            "#NAME?",
            "#VALUE!",
            "#DIV/0!",
            "#NUM!",
            "#NULL!",
            "#ERROR!",
            "#SPILL!",
            "########",
            "#NV",
            "#BEZUG!",
            "#WERT!",
            "#¿NOMBRE?",
            "#¡REF!",
            "#¡DIV/0!",
            "#N/D",
            "#NOM?",
            "#VALEUR!",
            "#ЗНАЧ!",
            "Err:502",
            "1.23457E+15",
            "1,23457E+15",
            "1E+15",
            "9.1e+03",
            "1234567890123.0",
            "TRUE",
            "false",
            "WAHR",
            "VRAI",
            "nan",
            "None",
            "NULL",
            "<NA>",
            "undefined",
            "[object Object]",
            "01.12.2026",
            "12/31/2026",
            "2026-12-31 00:00:00",
            "1-Mar",
            "Mar-01",
            "01. Mrz",
        ] {
            assert!(is_spoiled_key(spoiled), "{spoiled}");
        }
        for key in [
            "ABC-123-XYZ",
            "#12345",
            "#A-1",
            "1234567890123456",
            "1E15",
            "12E3-ABC",
            "E+15",
            "TRUE-1",
            "2026-12-31",
            "550e8400-e29b-41d4-a716-446655440000",
            "QF-PRO-1YQHJ-NQJM8-TQS7R-DW1VG-ET6BN-RKPPT",
            "MARCH",
            "MAR-123456",
            "nanotech",
            "Err:5020",
        ] {
            assert!(!is_spoiled_key(key), "{key}");
        }
    }
}
