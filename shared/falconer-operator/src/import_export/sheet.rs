//! A row of the spreadsheet, by its thirteen columns, or of a Falconer export, which has them and more.
//!
//! Deciding values must read: the key, the status, the tier, the end. Informative values never refuse a row: they are
//! taken, cleaned or left out, and the import's summary lists them.

mod row_reader;

use std::borrow::Cow;
use std::collections::BTreeMap;

use falconer_domain::{CalendarDate, Product, TierName, UnixMillis};
use jiff::tz::TimeZone;

pub use row_reader::read;

use super::cells::{CsvRow, Sheet};
use super::dates::{self, DayOrder, Survey, Undecided, When};
use super::{BadRow, booleans, redacted, spoiled};
use crate::license_state::LicenseState;
use crate::maintenance;

/// The spreadsheet's columns, in its order.
pub const COLUMNS: [&str; 13] = [
    "license_key",
    "status",
    "license_tier",
    "license_duration_days",
    "hw_component_1",
    "hw_component_2",
    "hw_component_3",
    "licensee_name",
    "licensee_email",
    "expiry_date",
    "transfer_count",
    "last_transfer_at",
    "notes",
];
/// Those without which a row says nothing.
pub const REQUIRED: [&str; 3] = ["license_key", "status", "license_tier"];
/// Those of which a row of a license has one at least. Check boxes and formulas reach further down than the licenses
/// do.
const IDENTIFYING: [&str; 11] = [
    "license_key",
    "license_tier",
    "licensee_name",
    "licensee_email",
    "notes",
    "user_id",
    "email",
    "license_id",
    "hw_component_1",
    "hw_component_2",
    "hw_component_3",
];
/// No maintenance ended before: such a date means "none", as 1970-01-01 does.
const FIRST_UPDATES_END: &str = "2000-01-01";
/// Settings that a sheet does not contain.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The product of rows that name none.
    pub product: Product,
    /// The sheet's names of tiers that are called otherwise here, in lower case.
    pub tiers: BTreeMap<String, TierName>,
    /// The sheet's words for what a license is, in lower case.
    pub statuses: BTreeMap<String, LicenseState>,
    /// The time zone in which its days begin and end.
    pub zone: TimeZone,
    /// The order of day and month, where the operator says so.
    pub order: Option<DayOrder>,
    /// Values of `expiry_date` that mean "never".
    pub never: Vec<String>,
    /// Treatment of an active license with a duration and no end.
    pub undated: Undated,
    /// The moment of the import.
    pub now: UnixMillis,
    orders: BTreeMap<String, DayOrder>,
}

/// Treatment of an active license with a duration and no end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undated {
    /// A new term begins with its next activation.
    NewTerm,
    /// The row is refused.
    Refused,
    /// The end is counted from the date in a column.
    From(String),
}

impl Reading {
    /// A reading of a sheet that uses our words, in UTC.
    #[must_use]
    pub const fn new(product: Product, now: UnixMillis) -> Self {
        Self {
            product,
            tiers: BTreeMap::new(),
            statuses: BTreeMap::new(),
            zone: TimeZone::UTC,
            order: None,
            never: Vec::new(),
            undated: Undated::NewTerm,
            now,
            orders: BTreeMap::new(),
        }
    }

    /// The same, with the order of day and month that each column of the sheet has.
    ///
    /// # Errors
    /// [`Undecided`], for a column that decides when a license ends.
    pub fn surveyed(mut self, sheet: &Sheet<'_>) -> Result<Self, Undecided> {
        let of_column = |column: &str| {
            let mut survey = Survey::default();
            for row in sheet.rows().filter(|_| self.order.is_none()) {
                let cell = row.cell(column).filter(|text| !self.is_never(text, None));
                survey.see(row.line, &cell.unwrap_or_default());
            }
            survey.order(column).map(|order| self.order.or(order))
        };
        let expiry = of_column("expiry_date")?;
        let mut orders = vec![("expiry_date", expiry)];
        if let Undated::From(column) = &self.undated {
            orders.push((column, of_column(column)?));
        }
        // The hand that wrote the ends wrote these too.
        orders
            .push(("updates_until", of_column("updates_until").or_else(|why| expiry.map(Some).ok_or(why))?));
        for column in ["created_at", "last_transfer_at"] {
            // What only informs stops nothing, and was probably written by the hand that wrote the ends.
            orders.push((column, of_column(column).ok().flatten().or(expiry)));
        }
        let orders = orders.into_iter().filter_map(|(column, order)| Some((column.to_owned(), order?)));
        self.orders = orders.collect();
        Ok(self)
    }

    /// The columns whose order of day and month is known, once the sheet was surveyed.
    pub fn orders(&self) -> impl Iterator<Item = (&str, DayOrder)> {
        self.orders.iter().map(|(column, order)| (column.as_str(), *order))
    }

    /// Returns true if a cell is one of those that mean "never": by its letters, or by the day it names.
    fn is_never(&self, text: &str, when: Option<When>) -> bool {
        let day = |never: &String| {
            dates::read(never).ok().and_then(|read| read.resolved(self.order).ok()).filter(|_| when.is_some())
        };
        self.never.iter().any(|never| {
            never.trim().to_lowercase() == text.trim().to_lowercase() || when.is_some() && day(never) == when
        })
    }

    /// The last day whose builds are covered; `None` where every build is.
    fn updates_until(&self, row: &CsvRow<'_>) -> Result<Option<CalendarDate>, BadRow> {
        let column = "updates_until";
        let Some(text) = given(row, column) else { return Ok(None) };
        if maintenance::is_never(&text) || self.is_never(&text, None) {
            return Ok(None);
        }
        let otherwise = "leave it empty where every build is covered";
        let day = if let Ok(day) = CalendarDate::read(&text) {
            Some(day)
        } else {
            let read = self.date(row, column);
            let read = read.map_err(|why| BadRow::cell(column, format!("{why}, or {otherwise}")))?;
            read.map(maintenance::day_of)
        };
        if day.is_some_and(|day| CalendarDate::parse(FIRST_UPDATES_END).is_some_and(|first| day < first)) {
            let shown = redacted(&text);
            let why = format!("{shown} looks like a placeholder, not like an end; {otherwise}");
            return Err(BadRow::cell(column, why));
        }
        Ok(day.and_then(|day| maintenance::end_on(day).date()))
    }

    fn date(&self, row: &CsvRow<'_>, column: &str) -> Result<Option<When>, String> {
        let Some(text) = given(row, column) else { return Ok(None) };
        let order = self.orders.get(column).copied().or(self.order);
        let read = dates::read(&text).and_then(|read| read.resolved(order));
        read.map(Some).map_err(|why| format!("{} {why}", redacted(&text)))
    }
}

/// Returns true if a row has nothing that a license has: blanks, check boxes and errors of formulas alone.
#[must_use]
pub fn names_nothing(row: &CsvRow<'_>) -> bool {
    let is_nothing = |text: &str| booleans::is_constant(text) || spoiled::is_error(text);
    row.cells.is_ok()
        && IDENTIFYING.iter().all(|column| row.cell(column).is_none_or(|text| is_nothing(&text)))
}

/// A cell that says something: neither blank nor what a data frame writes for blank.
fn given<'a>(row: &'a CsvRow<'_>, column: &str) -> Option<Cow<'a, str>> {
    row.cell(column).filter(|_| !row.text(column).is_some_and(spoiled::is_absent))
}

#[cfg(test)]
mod tests;
