//! Whole numbers as spreadsheets, data frames and people write them.

/// Largest power of ten that a number is written with: beyond it no whole number of a sheet lies.
const MAX_EXPONENT: usize = 15;

/// A text that is not one whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotWhole {
    /// Not a whole number.
    #[error("it must be a whole number")]
    NotANumber,
    /// Two numbers.
    #[error("it can mean {0} or {1}; write it in digits alone")]
    Doubtful(u64, u64),
}

/// Meaning of a point between digits in a file. If it separates thousands, a lone comma is ambiguous, and vice versa.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// Nothing says so.
    Unknown,
    /// It parts thousands, as in files whose cells are parted by semicolons: there the comma is the decimal mark.
    PartsThousands,
}

/// Reads a whole number: `365`, `365.0`, `365,00`, `1,000`, `1 000`, `1'000`, `1.500`, `3.65E+2`.
///
/// `1.000` is one with three decimals or a thousand; only a file whose [`Point`] is known can tell. In that file `1,000`
/// is as doubtful: its comma is the decimal mark, and other programs part thousands by it.
///
/// # Errors
/// [`NotWhole`].
pub fn whole(text: &str, point: Point) -> Result<u64, NotWhole> {
    let text = text.trim();
    let text = text.strip_prefix('+').unwrap_or(text);
    if let Some((mantissa, exponent)) = text.split_once(['e', 'E']) {
        return scaled(mantissa, exponent).ok_or(NotWhole::NotANumber);
    }
    let text: String = text.chars().map(|c| if is_gap(c) { '\'' } else { c }).collect();
    let marks: Vec<char> = text.chars().filter(|c| !c.is_ascii_digit()).collect();
    if marks.iter().any(|mark| !['.', ',', '\''].contains(mark)) {
        return Err(NotWhole::NotANumber);
    }
    match marks.split_last() {
        None => number(&text),
        // A mark that appears twice, or that parts nothing but thousands.
        Some((last, before)) if before.contains(last) || *last == '\'' => grouped(&text, *last),
        Some((last, before)) => {
            let (whole, decimals) = text.rsplit_once(*last).unwrap_or((&text, ""));
            let in_groups = before.first().map_or(Err(NotWhole::NotANumber), |mark| grouped(whole, *mark));
            match before {
                [] => marked_once(whole, *last, decimals, point),
                _ if zeros(decimals) => in_groups,
                _ => Err(NotWhole::NotANumber),
            }
        }
    }
}

/// `365.0`, `1,000` and what is between them.
fn marked_once(whole: &str, mark: char, decimals: &str, point: Point) -> Result<u64, NotWhole> {
    let as_group = grouped(&format!("{whole}{mark}{decimals}"), mark);
    match (as_group, zeros(decimals)) {
        (Err(_), true) => number(whole),
        (Ok(thousands), true)
            if matches!((mark, point), ('.', Point::Unknown) | (',', Point::PartsThousands)) =>
        {
            Err(NotWhole::Doubtful(number(whole)?, thousands))
        }
        (outcome, _) => outcome,
    }
}

/// Groups of three digits behind a first one of one to three, which does not begin with zero.
fn grouped(text: &str, mark: char) -> Result<u64, NotWhole> {
    let (first, rest) = text.split_once(mark).ok_or(NotWhole::NotANumber)?;
    let formed = (1..=3).contains(&first.len())
        && !first.starts_with('0')
        && rest.split(mark).all(|group| group.len() == 3);
    if formed { number(&text.replace(mark, "")) } else { Err(NotWhole::NotANumber) }
}

/// `3.65E+2`: whole only if the exponent is as large as there are decimals.
fn scaled(mantissa: &str, exponent: &str) -> Option<u64> {
    let exponent: usize = exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?;
    let (whole, decimals) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, ""));
    let decimals = decimals.trim_end_matches('0');
    if whole.is_empty() || exponent > MAX_EXPONENT || decimals.len() > exponent {
        return None;
    }
    number(&format!("{whole}{decimals}{}", "0".repeat(exponent - decimals.len()))).ok()
}

fn number(digits: &str) -> Result<u64, NotWhole> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten().ok_or(NotWhole::NotANumber)
}

fn zeros(decimals: &str) -> bool {
    decimals.bytes().all(|byte| byte == b'0')
}

/// Thousands separators besides points and commas: blanks of every width, and the Swiss apostrophe.
fn is_gap(c: char) -> bool {
    c.is_whitespace() || c == '\u{2019}'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whole_numbers_in_every_spelling() {
        for (text, number) in [
            ("365", 365),
            (" 365 ", 365),
            ("+5", 5),
            ("365.0", 365),
            ("3.", 3),
            ("365,00", 365),
            ("1,000", 1_000),
            ("1 000", 1_000),
            ("1\u{A0}000", 1_000),
            ("1\u{202F}000", 1_000),
            ("1'000", 1_000),
            ("1’000", 1_000),
            ("1.500", 1_500),
            ("1,000.0", 1_000),
            ("1.000,00", 1_000),
            ("1.000.000", 1_000_000),
            ("1000.000", 1_000),
            ("0.000", 0),
            ("007", 7),
            ("3.65E+2", 365),
            ("1e3", 1_000),
            ("3,65E+02", 365),
        ] {
            assert_eq!(whole(text, Point::Unknown), Ok(number), "{text}");
        }
        assert_eq!(whole("1.000", Point::Unknown), Err(NotWhole::Doubtful(1, 1_000)));
        assert_eq!(whole("1.000", Point::PartsThousands), Ok(1_000));
        for text in ["1,000", "3,000", "30,000"] {
            let doubtful = matches!(whole(text, Point::PartsThousands), Err(NotWhole::Doubtful(..)));
            assert!(doubtful, "{text} with semicolons between the cells");
        }
        for (text, number) in
            [("3,5", None), ("365,00", Some(365)), ("1.000,000", Some(1_000)), ("1,000,000", Some(1_000_000))]
        {
            assert_eq!(whole(text, Point::PartsThousands).ok(), number, "{text}");
        }
        for text in [
            "", "-1", "1.5", "1,5", "two", "1.00.000", "1e-3", "1.2345e2", "1e99", "²", "12 34", ".", "1.5.0",
        ] {
            assert_eq!(whole(text, Point::Unknown), Err(NotWhole::NotANumber), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_number_in_any_spelling(number in 1_001_u64..100_000_000) {
            let digits = number.to_string();
            let grouped = |mark: &str| {
                let reversed: Vec<u8> = digits.bytes().rev().collect();
                let groups = reversed.chunks(3).map(|group| group.iter().rev().map(|byte| char::from(*byte)).collect::<String>());
                groups.collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join(mark)
            };
            for text in [
                digits.clone(), format!("{digits}.0"), format!("{digits},0"), format!("{digits}.00"), format!("{number:e}"),
                grouped(","), grouped(" "), grouped("'"), format!("{}.0", grouped(",")), format!("{},00", grouped(".")),
            ] {
                prop_assert_eq!(whole(&text, Point::Unknown), Ok(number), "{}", text);
            }
            prop_assert_eq!(whole(&grouped("."), Point::PartsThousands), Ok(number));
        }

        #[test]
        fn no_text_panics(text in "[0-9.,'eE+ -]{0,12}") {
            let _ = whole(&text, Point::Unknown);
        }
    }
}
