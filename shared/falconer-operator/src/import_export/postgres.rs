//! A row of the Flask server's table `licenses`, as psql, pgAdmin or pandas writes it.
//!
//! Values that the Flask server used must read: key, tier, end and `active`. Nothing else refuses a row, because the
//! Flask server accepted it: other values that do not fit are kept as metadata.

mod array;
pub mod clock;
pub mod copied_text;
mod literal;

use std::borrow::Cow;
use std::collections::BTreeMap;

use falconer_domain::hardware::ReceivedComponents;
use falconer_domain::issue::{MAX_EXTRA_FEATURES, Order, Term, is_feature};
use falconer_domain::person::{Cleaned, Email, Loss, MAX_PERSON_CHARS};
use falconer_domain::{KeyRing, LicenseKey, Limits, Product, Status, TierName, UnixMillis};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use self::clock::{Column, Evidence, Verdict};
use self::literal::Literal;
use super::booleans::boolean;
use super::cells::{CsvRow, Sheet};
use super::noticed::Noticed;
use super::{BadRow, ImportRow, ImportedState, Notes};

/// The columns that are read; `id` is a number that nothing else refers to.
pub const COLUMNS: [&str; 9] =
    ["id", "license_key", "user_id", "email", "tier", "expires_at", "created_at", "active", "features"];
/// Not in every table.
pub const METADATA: &str = "metadata";
/// Those without which a row says nothing.
pub const REQUIRED: [&str; 5] = ["license_key", "user_id", "tier", "expires_at", "active"];

/// The Flask server wrote "for good" as 999,999 days, some 2,700 years; from this year on a date means that.
const PERPETUAL_AFTER_YEAR: i64 = 2_200;
/// The beginning of the year 1: the end of what ended before the calendar here begins.
const LONG_AGO: UnixMillis = UnixMillis(-62_135_596_800_000);
/// Spellings of NULL: psql writes an empty cell or `\N`, pgAdmin `NULL` by default, pandas an empty cell or a chosen one
/// of the others.
const NULLS: [&str; 7] = ["", r"\N", "NULL", "nan", "NaT", "None", "<NA>"];
/// Metadata that is kept: half of the 400 KB of an item, which holds the rest of the license too.
const MAX_METADATA_BYTES: usize = 200_000;

/// Settings that a table does not contain.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The zone of `expires_at`: the one the Flask server's process ran in.
    pub server_zone: TimeZone,
    /// The zone of `created_at`: the one the database's sessions ran in.
    pub database_zone: TimeZone,
    /// Treatment of `features`.
    pub features: Features,
}

/// Treatment of the column `features`, which the Flask server ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Features {
    /// They become features of the license.
    Granted,
    /// They are left behind.
    LeftBehind,
}

/// Reads a row.
///
/// # Errors
/// [`BadRow`].
pub fn read(row: &CsvRow<'_>, reading: &Reading) -> Result<(ImportRow, Notes), BadRow> {
    match &row.cells {
        // Only the metadata is as large as that, and no rule looks at it.
        Ok(_) | Err(BadRow::TooLarge(_)) => {}
        Err(why) => return Err(why.clone()),
    }
    let mut aside = Aside::default();
    let order = order(row, reading, &mut aside)?;
    let user_id = user_id(row, &mut aside);
    let expires_at = moment(&required(row, "expires_at")?, &reading.server_zone);
    let expires_at = match expires_at.map_err(|why| BadRow::cell("expires_at", why))? {
        TimestampValue::At(at) => Some(at),
        TimestampValue::LongAgo => Some(LONG_AGO),
        TimestampValue::Never => None,
    };
    let status = status(row, &mut aside)?;
    let created_at = created_at(row, reading, &mut aside);
    let key = required(row, "license_key")?.into_owned();
    let (metadata, notes) = aside.into_metadata(nullable(row, METADATA).as_deref());
    let record = ImportedState {
        status,
        expires_at,
        duration_days: None,
        updates_until: None,
        created_at,
        user_id,
        licensee_email: None,
        hardware: ReceivedComponents::default(),
        transfers: Vec::new(),
        transfers_total: 0,
        notes: None,
        metadata,
    };
    Ok((ImportRow { key, names_product: false, order, record, own: None }, notes))
}

fn order(row: &CsvRow<'_>, reading: &Reading, aside: &mut Aside) -> Result<Order, BadRow> {
    let tier = required(row, "tier")?.to_lowercase();
    Ok(Order {
        // Unwrap safety: a constant of the form that a product has; every test passes through here.
        product: Product::parse("QF").unwrap(),
        tier: TierName::parse(&tier)
            .ok_or_else(|| BadRow::cell("tier", format!("{tier:?} is not the name of a tier")))?,
        // It is text of another system, kept as it is; an order's is trimmed.
        user_id: None,
        email: email(row, aside),
        licensee_name: None,
        term: Term::Perpetual,
        seats: None,
        features: match reading.features {
            Features::Granted => features(row, aside),
            Features::LeftBehind => Vec::new(),
        },
        limits: Limits::default(),
        updates_until: None,
    })
}

fn status(row: &CsvRow<'_>, aside: &mut Aside) -> Result<Status, BadRow> {
    let Some(text) = nullable(row, "active") else {
        aside.notes.push((Noticed::ActiveIsNull, None));
        return Ok(Status::Revoked);
    };
    match boolean(&text) {
        Some(true) => Ok(Status::Active),
        Some(false) => Ok(Status::Revoked),
        None => Err(BadRow::cell("active", format!("{text:?} is neither true nor false (t, f)"))),
    }
}

/// Returns text of another system. Line breaks, and marks that hide or reverse their neighbours, are removed because they
/// would falsify an operator's screen.
fn user_id(row: &CsvRow<'_>, aside: &mut Aside) -> Option<String> {
    let text = unchanged_text(row, "user_id").unwrap_or_default();
    let visible = text.chars().filter_map(|c| match c {
        '\n' | '\t' => Some(' '),
        c if c.is_control() => None,
        '\u{200B}'
        | '\u{200E}'
        | '\u{200F}'
        | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}'
        | '\u{FEFF}' => None,
        c => Some(c),
    });
    let cleaned: String = visible.take(MAX_PERSON_CHARS).collect();
    if cleaned != text {
        aside.set("user_id", json!(text), None);
    }
    (!cleaned.is_empty()).then_some(cleaned)
}

fn email(row: &CsvRow<'_>, aside: &mut Aside) -> Option<String> {
    let text = nullable(row, "email")?;
    let Cleaned { kept, loss } = Email::clean(&text);
    let kept = kept.filter(Email::looks_right);
    if kept.is_none() || loss != Loss::Nothing {
        aside.set("email", json!(text), None);
    }
    kept.map(|email| email.as_str().to_owned())
}

fn features(row: &CsvRow<'_>, aside: &mut Aside) -> Vec<String> {
    let Some(text) = nullable(row, "features") else { return Vec::new() };
    let elements = match array::read(&text) {
        Ok(elements) => elements,
        Err(not_an_array) => {
            let Some(elements) = Literal::read(&text).and_then(|list| list.texts()) else {
                aside.set("features", json!(text), Some(format!("features: {not_an_array}")));
                return Vec::new();
            };
            elements
        }
    };
    let (mut granted, mut unfit) = (Vec::new(), Vec::new());
    for element in elements {
        match element {
            Some(name) if granted.contains(&name) => {}
            Some(name) if is_feature(&name) && granted.len() < MAX_EXTRA_FEATURES => granted.push(name),
            unfitting => unfit.push(unfitting),
        }
    }
    if let Some(first) = unfit.first() {
        let why = match first {
            Some(name) if is_feature(name) => {
                format!("a license has at most {MAX_EXTRA_FEATURES} of its own")
            }
            Some(name) => format!("{:?} is not a feature's name", shortened(name)),
            None => "NULL is not a feature's name".to_owned(),
        };
        aside.set("features", json!(unfit), Some(format!("features: {why}")));
    }
    granted
}

fn shortened(text: &str) -> Cow<'_, str> {
    const SHOWN_CHARS: usize = 40;
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

fn created_at(row: &CsvRow<'_>, reading: &Reading, aside: &mut Aside) -> Option<UnixMillis> {
    let text = nullable(row, "created_at")?;
    match moment(&text, &reading.database_zone) {
        Ok(TimestampValue::At(at)) => Some(at),
        // Before all time or after it: unknown.
        Ok(TimestampValue::LongAgo | TimestampValue::Never) => None,
        Err(_) => {
            aside.set("created_at", json!(text), None);
            None
        }
    }
}

/// Problems by column, and notices.
#[derive(Default)]
struct Aside {
    cells: BTreeMap<&'static str, Value>,
    notes: Notes,
}

impl Aside {
    fn set(&mut self, column: &'static str, value: Value, detail: Option<String>) {
        self.cells.insert(column, value);
        self.notes.push((Noticed::SetAside(column), detail));
    }

    /// The metadata as it is, or beside what was set aside.
    fn into_metadata(mut self, text: Option<&str>) -> (Option<String>, Notes) {
        let mut kept = text.map(as_json);
        if kept.as_ref().is_some_and(|kept| kept.len() > MAX_METADATA_BYTES) {
            self.notes.push((Noticed::MetadataLeftOut, None));
            kept = None;
        }
        if self.cells.is_empty() {
            return (kept.map(Cow::into_owned), self.notes);
        }
        let set_aside = json!(self.cells);
        let kept = match kept {
            None => format!("{{\"set_aside\":{set_aside}}}"),
            // Unchanged, including digits and the order of members.
            Some(json) if is_json(&json) => format!("{{\"metadata\":{json},\"set_aside\":{set_aside}}}"),
            Some(text) => json!({ "metadata": text, "set_aside": set_aside }).to_string(),
        };
        (Some(kept), self.notes)
    }
}

/// Metadata as JSON: pandas writes what Python calls a dictionary.
fn as_json(text: &str) -> Cow<'_, str> {
    if is_json(text) {
        return Cow::Borrowed(text);
    }
    match Literal::read(text) {
        Some(value @ (Literal::Map(_) | Literal::List(_))) => Cow::Owned(value.to_json()),
        _ => Cow::Borrowed(text),
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// Returns a cell unchanged, except for the apostrophes against formulas of Falconer's file of refused rows.
fn unchanged_text<'a>(row: &'a CsvRow<'_>, column: &str) -> Option<Cow<'a, str>> {
    let text = row.text(column)?;
    Some(if row.has("line") && row.has("reason") { super::cells::read(text) } else { Cow::Borrowed(text) })
}

fn nullable<'a>(row: &'a CsvRow<'_>, column: &str) -> Option<Cow<'a, str>> {
    unchanged_text(row, column).filter(|text| !NULLS.contains(&text.trim()))
}

fn required<'a>(row: &'a CsvRow<'_>, column: &'static str) -> Result<Cow<'a, str>, BadRow> {
    let text = nullable(row, column).ok_or(BadRow::Empty(column))?;
    Ok(Cow::Owned(text.trim().to_owned()))
}

/// Value of a timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TimestampValue {
    At(UnixMillis),
    LongAgo,
    Never,
}

/// A timestamp. Of an hour that a change of the clocks repeats the first one counts.
fn moment(text: &str, zone: &TimeZone) -> Result<TimestampValue, String> {
    let text = text.trim();
    match text {
        "infinity" => return Ok(TimestampValue::Never),
        "-infinity" => return Ok(TimestampValue::LongAgo),
        _ => {}
    }
    if text.strip_suffix(" BC").and_then(year).is_some() {
        return Ok(TimestampValue::LongAgo);
    }
    let no_moment = || format!("{text:?} is not a timestamp (2027-03-01 12:00:00)");
    if year(text).ok_or_else(no_moment)? > PERPETUAL_AFTER_YEAR {
        return Ok(TimestampValue::Never);
    }
    // One that names its offset needs no zone, and must not be read in another.
    let moment = text.parse::<Timestamp>().or_else(|_| zone.to_timestamp(text.parse::<DateTime>()?));
    Ok(TimestampValue::At(UnixMillis(moment.map_err(|_| no_moment())?.as_millisecond())))
}

/// The year of what has the form of a timestamp, `2027-03-01 …`. It may have five digits or six, which no calendar here
/// knows: the Flask server's "for good".
fn year(text: &str) -> Option<i64> {
    let day = text.split([' ', 'T']).next()?;
    let [year, month, of_month] = day.split('-').collect::<Vec<_>>().try_into().ok()?;
    let digits = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let formed = digits(year, 4..=6) && digits(month, 2..=2) && digits(of_month, 2..=2);
    formed.then(|| year.parse().ok()).flatten()
}

/// Checks a column's time zone against the times in the rows' keys.
#[must_use]
pub fn judged(sheet: &Sheet<'_>, ring: &KeyRing, column: Column, zone: &TimeZone) -> Verdict {
    let name = match column {
        Column::CreatedAt => "created_at",
        Column::ExpiresAt => "expires_at",
    };
    let evidence = |row: CsvRow<'_>| {
        let written = nullable(&row, name)?;
        let written = written.trim();
        // One that names its offset is right in any zone.
        if written.parse::<Timestamp>().is_ok() {
            return None;
        }
        let written: DateTime = written.parse().ok()?;
        // The Flask server wrote microseconds. An end without them was typed by a person.
        if column == Column::ExpiresAt && written.subsec_nanosecond() == 0 {
            return None;
        }
        let key = ring.authenticate(&required(&row, "license_key").ok()?).ok()?.key;
        let LicenseKey::Legacy(key) = key else { return None };
        let key_seconds = key.to_string().rsplit('-').next()?.parse().ok()?;
        Some(Evidence { line: row.line, key_seconds, written })
    };
    let rows: Vec<_> = sheet.rows().filter_map(evidence).collect();
    clock::judge(column, &rows, zone)
}

#[cfg(test)]
mod tests;
