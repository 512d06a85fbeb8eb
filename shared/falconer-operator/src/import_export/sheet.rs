//! A row of the spreadsheet, by its thirteen columns, or of a Falconer export, which has them and more.
//!
//! Deciding values must read: the key, the status, the tier, the end. Informative values never refuse a row: they are
//! taken, cleaned or left out, and the import's summary lists them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use falconer_domain::hardware::{Label, ReceivedComponents};
use falconer_domain::issue::{MAX_TERM_DAYS, Order, Term};
use falconer_domain::person::{Cleaned, Email, Loss, Note, PersonName};
use falconer_domain::{Product, Status, TierName, UnixMillis};
use jiff::tz::TimeZone;

use super::booleans;
use super::cells::{self, CsvRow, Sheet};
use super::dates::{self, DayOrder, Survey, Undecided, When};
use super::export_columns::{self, ExportColumns};
use super::noticed::Noticed;
use super::spoiled;
use super::{BadRow, Draft, ImportedState, Notes, redacted};

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
/// The parts of a device, and the columns they are in.
const HARDWARE: [(&str, Label); 3] =
    [("hw_component_1", Label::Mac), ("hw_component_2", Label::Cpu), ("hw_component_3", Label::Board)];
/// 2000-01-01T00:00:00Z. No license of the spreadsheet ended before: such a date means "none".
const FIRST_END: UnixMillis = UnixMillis(946_684_800_000);

/// Settings that a sheet does not contain.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The product of rows that name none.
    pub product: Product,
    /// The sheet's names of tiers that are called otherwise here, in lower case.
    pub tiers: BTreeMap<String, TierName>,
    /// The sheet's words for what a license is, in lower case.
    pub statuses: BTreeMap<String, SheetStatus>,
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

/// Status words of a sheet; `expired` exists only here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SheetStatus {
    /// A status.
    Is(Status),
    /// The end has passed.
    Expired,
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

impl SheetStatus {
    /// Reads a word in lower case.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        if word == "expired" { Some(Self::Expired) } else { Status::parse(word).map(Self::Is) }
    }
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
        for column in ["created_at", "last_transfer_at"] {
            // What only informs stops nothing, and was probably written by the hand that wrote the ends.
            orders.push((column, of_column(column).ok().flatten().or(expiry)));
        }
        let orders = orders.into_iter().filter_map(|(column, order)| Some((column.to_owned(), order?)));
        self.orders = orders.collect();
        Ok(self)
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

/// Reads a row, with every reason why it cannot be imported.
#[must_use]
pub fn read(row: &CsvRow<'_>, reading: &Reading) -> Draft {
    if let Err(why) = &row.cells {
        return Draft::unread(why.clone());
    }
    let mut reader = RowReader { row, reading, reasons: Vec::new(), notes: Vec::new() };
    let is_own = row.cell("license_id").is_some();
    reader.swallowed(is_own);
    let own = reader.take(export_columns::read(row)).flatten();
    let key = reader.key(own.as_ref());
    let product = reader.take(row.parsed("product", |text| {
        Product::parse(&text.to_uppercase()).ok_or("it must be 2 to 8 of A-Z and 0-9")
    }));
    let tier = reader.tier();
    let created_at = reader.created_at(is_own);
    let (transfers, transfers_total) = reader.transfers(own.as_ref());
    let first = created_at.into_iter().chain(transfers.first().copied()).min();
    let terms = reader.terms(own.as_ref(), first);
    let licensee_email = reader.cleaned("licensee_email", Email::clean);
    let email = reader.email(own.as_ref(), licensee_email.as_ref());
    let licensee_name = reader.cleaned("licensee_name", PersonName::clean);
    let notes = reader.cleaned("notes", Note::clean);
    let hardware = reader.hardware();
    let seats = reader.seats();
    let RowReader { reasons, notes: noticed, .. } = reader;
    Draft {
        key,
        names_product: product.as_ref().is_some_and(Option::is_some),
        order: tier.zip(product).zip(seats).map(|((tier, product), seats)| Order {
            product: product.unwrap_or_else(|| reading.product.clone()),
            tier,
            user_id: given(row, "user_id").map(Into::into),
            email,
            licensee_name: licensee_name.map(|name| name.as_str().to_owned()),
            term: Term::Perpetual,
            seats,
            features: row.names("features"),
        }),
        record: terms.map(|terms| ImportedState {
            status: terms.status,
            expires_at: terms.expires_at,
            duration_days: terms.duration_days,
            created_at,
            // Our own export has it as it is, blanks around it included.
            user_id: row
                .text("user_id")
                .filter(|text| is_own && !text.is_empty())
                .map(|text| cells::read(text).into()),
            licensee_email,
            hardware,
            transfers,
            transfers_total,
            notes,
            metadata: row.cell("metadata").map(Into::into),
        }),
        own,
        reasons,
        notes: noticed,
    }
}

/// A cell that says something: neither blank nor what a data frame writes for blank.
fn given<'a>(row: &'a CsvRow<'_>, column: &str) -> Option<Cow<'a, str>> {
    row.cell(column).filter(|_| !row.text(column).is_some_and(spoiled::is_absent))
}

/// A row on its way, with what has come up.
struct RowReader<'a> {
    row: &'a CsvRow<'a>,
    reading: &'a Reading,
    reasons: Vec<BadRow>,
    notes: Notes,
}

#[derive(Debug, PartialEq, Eq)]
struct Terms {
    status: Status,
    expires_at: Option<UnixMillis>,
    duration_days: Option<u32>,
}

#[expect(clippy::option_option, reason = "outside whether a cell reads, inside whether there is one")]
impl RowReader<'_> {
    fn take<T>(&mut self, read: Result<T, BadRow>) -> Option<T> {
        read.map_err(|why| self.reasons.push(why)).ok()
    }

    fn note(&mut self, noticed: Noticed) {
        self.notes.push((noticed, None));
    }

    /// A cell with a line that has as many separators as the header: a row whose quotation mark was lost. Metadata may
    /// have such lines of its own, and our own export is quoted as it should be.
    fn swallowed(&mut self, is_own: bool) {
        let Some(columns) = self.row.cells.as_ref().ok().map(csv::StringRecord::len) else { return };
        if columns < 3 || is_own {
            return;
        }
        let separators = |line: &str| line.bytes().filter(|byte| *byte == self.row.separator()).count();
        let holds_a_row = |column: &&str| {
            let mut lines = self.row.text(column).unwrap_or_default().lines().skip(1);
            lines.any(|line| separators(line) + 1 >= columns)
        };
        if let Some(column) = COLUMNS.iter().find(|column| holds_a_row(column)) {
            self.reasons.push(BadRow::Swallowed((*column).to_owned()));
        }
    }

    fn key(&mut self, own: Option<&ExportColumns>) -> Option<String> {
        match (self.row.cell("license_key"), own) {
            (None, Some(_)) => Some(String::new()),
            // An own column does not read, which is said; the key says nothing more.
            (_, None) if self.row.cell("license_id").is_some() => None,
            (None, None) => {
                self.reasons.push(BadRow::Empty("license_key"));
                None
            }
            (Some(_), None) if self.row.text("license_key").is_some_and(spoiled::is_spoiled_key) => {
                self.reasons.push(BadRow::SpoiledKey);
                None
            }
            (Some(key), _) => Some(key.into_owned()),
        }
    }

    fn tier(&mut self) -> Option<TierName> {
        let written = self.take(self.row.required("license_tier"))?.to_lowercase();
        if let Some(tier) = self.reading.tiers.get(&written) {
            return Some(tier.clone());
        }
        let unknown = || BadRow::Word {
            column: "license_tier",
            value: redacted(&written),
            known: "the name of a tier",
            flag: "--tier",
        };
        self.take(TierName::parse(&written).ok_or_else(unknown))
    }

    fn standing(&mut self) -> Option<SheetStatus> {
        let written = self.take(self.row.required("status"))?.to_lowercase();
        let standing = self.reading.statuses.get(&written).copied().or_else(|| SheetStatus::parse(&written));
        let unknown = || BadRow::Word {
            column: "status",
            value: redacted(&written),
            known: "active, pending, suspended, revoked or expired",
            flag: "--status",
        };
        self.take(standing.ok_or_else(unknown))
    }

    /// Status, end and duration together: a duration without an end has not begun, unless the row says that it has
    /// ended.
    fn terms(&mut self, own: Option<&ExportColumns>, first: Option<UnixMillis>) -> Option<Terms> {
        let (standing, ends) = (self.standing(), self.ends(own, first));
        let duration_days = self.duration();
        let (standing, expires_at, duration_days) = (standing?, ends?, duration_days?);
        let now = self.reading.now;
        let terms = match standing {
            SheetStatus::Expired => {
                let ended = expires_at.map_or(now, |at| at.min(now));
                Terms { status: Status::Active, expires_at: Some(ended), duration_days }
            }
            SheetStatus::Is(Status::Active) if expires_at.is_none() && duration_days.is_some() => {
                self.undated(duration_days.unwrap_or_default())?
            }
            SheetStatus::Is(status) => Terms { status, expires_at, duration_days },
        };
        match own.and_then(|own| own.replaced_by.as_ref()) {
            Some(id) if terms.status != Status::Revoked => {
                self.reasons.push(BadRow::Replaced(id.clone()));
                None
            }
            _ => Some(terms),
        }
    }

    /// When the license ends: `Some(None)` is never, `None` is not known.
    fn ends(&mut self, own: Option<&ExportColumns>, first: Option<UnixMillis>) -> Option<Option<UnixMillis>> {
        let column = "expiry_date";
        let Some(text) = given(self.row, column) else { return Some(None) };
        let text = text.into_owned();
        if self.reading.is_never(&text, None) {
            self.note(Noticed::Never);
            return Some(None);
        }
        let read = match self.reading.date(self.row, column) {
            Ok(when) => when,
            Err(_) if dates::read(&text) == Err(dates::NoDate::Placeholder) => {
                self.reasons.push(BadRow::Placeholder(redacted(&text)));
                return None;
            }
            Err(_) if spoiled::is_error(&text) => {
                self.reasons.push(BadRow::cell(column, "the sheet shows an error"));
                return None;
            }
            Err(why) => {
                let why = format!("{why}, or leave it empty for a license that never ends");
                self.reasons.push(BadRow::cell(column, why));
                return None;
            }
        };
        if self.reading.is_never(&text, read) {
            self.note(Noticed::Never);
            return Some(None);
        }
        // Our own export has its days in UTC, and what it says is what there was.
        let zone = if own.is_some() { &TimeZone::UTC } else { &self.reading.zone };
        let ends = read.map(|when| when.end(zone));
        let is_early = ends.is_some_and(|at| at < FIRST_END || first.is_some_and(|first| at < first));
        if is_early && own.is_none() {
            self.reasons.push(BadRow::Placeholder(redacted(&text)));
            return None;
        }
        Some(ends)
    }

    fn duration(&mut self) -> Option<Option<u32>> {
        let column = "license_duration_days";
        if given(self.row, column).is_none() {
            return Some(None);
        }
        let days = self.take(self.row.whole(column))?;
        let fits = |days: u64| u32::try_from(days).ok().filter(|days| (1..=MAX_TERM_DAYS).contains(days));
        let why = || BadRow::cell(column, format!("it must be 1 to {MAX_TERM_DAYS}, or empty"));
        self.take(days.map(|days| fits(days).ok_or_else(why)).transpose())
    }

    /// An active license with a duration and no end. Pending, its term begins with the next activation, or it would
    /// never end.
    fn undated(&mut self, days: u32) -> Option<Terms> {
        let duration_days = Some(days);
        match &self.reading.undated {
            Undated::NewTerm => {
                self.note(Noticed::NewTerm);
                Some(Terms { status: Status::Pending, expires_at: None, duration_days })
            }
            Undated::Refused => {
                self.reasons.push(BadRow::Undated);
                None
            }
            Undated::From(column) => {
                let begun = self.reading.date(self.row, column);
                let begun = begun.and_then(|begun| begun.ok_or_else(|| "it is empty".to_owned()));
                let ends = begun.and_then(|at| at.plus_days(days).ok_or_else(|| "it is too late".to_owned()));
                let ends = self.take(ends.map_err(|why| BadRow::Counted(column.clone(), why)))?;
                self.note(Noticed::Counted);
                let expires_at = Some(ends.end(&self.reading.zone));
                Some(Terms { status: Status::Active, expires_at, duration_days })
            }
        }
    }

    /// Returns the operator's e-mail. The spreadsheet has one address, which support looks for; a client's text there may be
    /// malformed.
    fn email(&mut self, own: Option<&ExportColumns>, licensee_email: Option<&Email>) -> Option<String> {
        let entered = self.cleaned("email", Email::clean);
        if own.is_none() && entered.is_none() && licensee_email.is_some_and(|email| !email.looks_right()) {
            self.note(Noticed::NotAnAddress);
        }
        let said = licensee_email.filter(|email| own.is_none() && email.looks_right());
        entered.as_ref().or(said).map(|email| email.as_str().to_owned())
    }

    /// A text about a person or for people: cleaned rather than refused.
    fn cleaned<T>(&mut self, column: &'static str, clean: impl Fn(&str) -> Cleaned<T>) -> Option<T> {
        let text = given(self.row, column)?;
        if spoiled::is_error(&text) {
            self.note(Noticed::LeftOut(column));
            return None;
        }
        let Cleaned { kept, loss } = clean(&text);
        match loss {
            Loss::Nothing => {}
            Loss::Cleaned => self.note(Noticed::Cleaned(column)),
            Loss::Cut => self.note(Noticed::Cut(column)),
        }
        kept
    }

    fn hardware(&mut self) -> ReceivedComponents {
        let (mut received, mut has_parts) = (ReceivedComponents::default(), false);
        for (column, label) in HARDWARE {
            let Some(text) = given(self.row, column) else { continue };
            has_parts = true;
            if spoiled::is_error(&text) || received.insert(label, &text).is_err() {
                self.note(Noticed::LeftOut(column));
            }
        }
        if has_parts && !received.has_strong() {
            self.note(Noticed::WithoutDevice);
        }
        received
    }

    fn seats(&mut self) -> Option<Option<u32>> {
        if given(self.row, "seats").is_none() {
            return Some(None);
        }
        let seats = self.take(self.row.whole("seats"))?;
        // More than fits is more than the catalog lets through, which says what the most are.
        Some(seats.map(|seats| u32::try_from(seats).unwrap_or(u32::MAX)))
    }

    /// When the license was issued. Our own export has to say it as it wrote it; elsewhere it only informs.
    fn created_at(&mut self, is_own: bool) -> Option<UnixMillis> {
        let zone = if is_own { &TimeZone::UTC } else { &self.reading.zone };
        match self.reading.date(self.row, "created_at") {
            Ok(when) => when.map(|when| when.start(zone)),
            Err(why) if is_own => {
                self.reasons.push(BadRow::cell("created_at", why));
                None
            }
            Err(_) => {
                self.note(Noticed::LeftOut("created_at"));
                None
            }
        }
    }

    /// The sheet has a number and the latest moment; our export has every moment that still counts.
    fn transfers(&mut self, own: Option<&ExportColumns>) -> (Vec<UnixMillis>, u32) {
        let total = match self.row.whole("transfer_count") {
            _ if given(self.row, "transfer_count").is_none() => None,
            Ok(total) => total.and_then(|total| u32::try_from(total).ok()),
            Err(why) if own.is_some() => {
                self.reasons.push(why);
                None
            }
            Err(_) => {
                self.note(Noticed::LeftOut("transfer_count"));
                None
            }
        };
        if let Some(own) = own {
            return (own.transfers.clone(), total.unwrap_or_default());
        }
        let latest = self.reading.date(self.row, "last_transfer_at");
        let latest = latest.map(|when| when.map(|when| when.start(&self.reading.zone)));
        let latest = match latest {
            Ok(Some(at)) if at > self.reading.now || at < FIRST_END => None,
            Ok(None) => return (Vec::new(), total.unwrap_or_default()),
            other => other.ok().flatten(),
        };
        if latest.is_none() {
            self.note(Noticed::LeftOut("last_transfer_at"));
        }
        let latest: Vec<_> = latest.into_iter().collect();
        let least = u32::from(!latest.is_empty());
        (latest, total.unwrap_or_default().max(least))
    }
}

#[cfg(test)]
mod tests {
    use super::super::BadRows;
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
    const DAY: i64 = 86_400_000;
    const HEADER: &str = "license_key,status,license_tier,license_duration_days,hw_component_1,hw_component_2,\
                          hw_component_3,licensee_name,licensee_email,expiry_date,transfer_count,last_transfer_at,notes";

    struct Read {
        order: Order,
        record: ImportedState,
        notes: Vec<Noticed>,
    }

    fn usual() -> Reading {
        let tiers = BTreeMap::from([("standard".to_owned(), TierName::parse("pro").unwrap())]);
        let statuses = BTreeMap::from([("gesperrt".to_owned(), SheetStatus::Is(Status::Suspended))]);
        Reading { tiers, statuses, ..Reading::new(Product::parse("QF").unwrap(), NOW) }
    }

    fn incoming(cells: &str) -> Result<Read, BadRows> {
        incoming_with(usual(), HEADER, cells)
    }

    fn incoming_with(reading: Reading, header: &str, cells: &str) -> Result<Read, BadRows> {
        let text = format!("{header}\n{cells}\n");
        let sheet = Sheet::open(text.as_bytes(), &REQUIRED).unwrap();
        let reading = reading.surveyed(&sheet).unwrap_or_else(|why| panic!("{why}"));
        let draft = read(&sheet.rows().next().unwrap(), &reading);
        let notes = draft.notes.into_iter().map(|(noticed, _)| noticed).collect();
        match (draft.order, draft.record) {
            (Some(order), Some(record)) if draft.reasons.is_empty() => Ok(Read { order, record, notes }),
            _ => Err(BadRows(draft.reasons)),
        }
    }

    #[test]
    fn combines_status_date_and_duration() {
        let past = UnixMillis(1_704_153_599_999); // the end of 2024-01-01
        let future = UnixMillis(1_893_542_399_999); // the end of 2030-01-01
        for (status, days, date, expected) in [
            ("active", "", "", (Status::Active, None, None)),
            ("Active", "", "2030-01-01", (Status::Active, Some(future), None)),
            ("active", "365", "", (Status::Pending, None, Some(365))),
            ("active", "365", "2030-01-01", (Status::Active, Some(future), Some(365))),
            ("pending", "30", "", (Status::Pending, None, Some(30))),
            ("pending", "", "", (Status::Pending, None, None)),
            ("revoked", "30", "", (Status::Revoked, None, Some(30))),
            ("suspended", "", "2030-01-01", (Status::Suspended, Some(future), None)),
            ("expired", "", "2024-01-01", (Status::Active, Some(past), None)),
            ("expired", "30", "", (Status::Active, Some(NOW), Some(30))),
            ("EXPIRED", "", "2030-01-01", (Status::Active, Some(NOW), None)),
        ] {
            let read = incoming(&format!("ABC-123,{status},pro,{days},,,,,,{date},,,"))
                .unwrap_or_else(|why| panic!("{why}"));
            assert_eq!(
                (read.record.status, read.record.expires_at, read.record.duration_days),
                expected,
                "{status} {days} {date}"
            );
        }
    }

    #[test]
    fn reads_the_other_columns() {
        let read = incoming(
            "ABC-123,active,Standard,,card-one,e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855,,\
             \"Person, Test\",Test@Example.com,,3,2026-12-01 10:00:00,\"two\r\nlines\"",
        )
        .unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(
            (read.order.tier.as_str(), read.order.email.as_deref()),
            ("pro", Some("test@example.com"))
        );
        assert_eq!(read.record.licensee_email.as_ref().map(Email::as_str), Some("test@example.com"));
        assert_eq!(read.order.licensee_name.as_deref(), Some("Person, Test"));
        assert_eq!(read.record.notes.as_ref().map(Note::as_str), Some("two\nlines"));
        assert_eq!(format!("{:?}", read.record.hardware), "[Mac]", "the hash of nothing is nothing");
        assert_eq!((read.record.transfers.len(), read.record.transfers_total), (1, 3));
        assert!((NOW.0 - read.record.transfers[0].0) / DAY > 30);
        let counted =
            incoming("ABC-123,active,pro,,,,,,,,,2026-12-01,").map(|read| read.record.transfers_total);
        assert_eq!(counted.ok(), Some(1));
        let unfit = incoming("ABC-123,active,pro,,,,,,nobody,,,,").map(|read| read.order.email);
        assert_eq!(unfit.ok(), Some(None), "kept as what a client said");
    }

    #[test]
    fn errors_name_the_column() {
        for (cells, sentence) in [
            (",active,pro,,,,,,a@b.example,,,,", "license_key is empty"),
            ("A-1234,,pro,,,,,,,,,,", "status is empty"),
            (
                "A-1234,sold,pro,,,,,,,,,,",
                "status: sold is not active, pending, suspended, revoked or expired; --status sold=OURS says what \
                 it means",
            ),
            (
                "A-1234,active,Pro Plus,,,,,,,,,,",
                "license_tier: pro plus is not the name of a tier; --tier 'pro plus=OURS' says what it means",
            ),
            ("A-1234,active,pro,0,,,,,,,,,", "license_duration_days: it must be 1 to 999999, or empty"),
            (
                "A-1234,active,pro,1.000,,,,,,,,,",
                "license_duration_days: it can mean 1 or 1000; write it in digits alone",
            ),
            (
                "A-1234,active,pro,,,,,,,soon,,,",
                "expiry_date: soon is not a date; write it as 2027-03-01, or leave it empty for a license that never ends",
            ),
            ("A-1234,active,pro,,,,,,,#VALUE!,,,", "expiry_date: the sheet shows an error"),
            (
                "1.23457E+15,active,pro,,,,,,,,,,",
                "license_key: the sheet shows an error, or has rounded or changed this key; write the key as it was issued",
            ),
            (
                "A-1234,sold,pro,zero,,,,,,soon,,,",
                "status: sold is not active, pending, suspended, revoked or expired; --status sold=OURS says what \
                 it means; expiry_date: soon is not a date; write it as 2027-03-01, or leave it empty for a license that \
                 never ends; license_duration_days: it must be a whole number",
            ),
            (
                "A-1234,ABC-123-XYZ,pro,,,,,,,QF-PRO-1YQHJ,,,",
                "status: a text of 11 characters is not active, pending, suspended, revoked or expired; \
                 expiry_date: a text of 12 characters is not a date; \
                 write it as 2027-03-01, or leave it empty for a license that never ends",
            ),
            (
                "A-1234,active,pro,,,,,\"Bob,,,,,\nB-1234,active,pro,,,,,Eve,,,,,\",,,,,",
                "licensee_name: the cell has a whole row in it; is a quotation mark missing, or one too many?",
            ),
        ] {
            assert_eq!(
                incoming(cells).err().map(|why| why.to_string()).as_deref(),
                Some(sentence),
                "{cells}"
            );
        }
    }

    #[test]
    fn placeholder_date_needs_never_flag() {
        for placeholder in [
            "1970-01-01",
            "1970-01-01 00:00:00",
            "01.01.1970",
            "1/1/1900",
            "0000-00-00",
            "0",
            "25569",
            "1999-12-31",
        ] {
            let cells = |date: &str| format!("A-1234,active,pro,,,,,,,{date},,,");
            let said = incoming(&cells(placeholder)).err().map(|why| why.to_string()).unwrap_or_default();
            assert!(said.contains("leave it empty for a license that never ends"), "{placeholder}: {said}");
            let never = Reading { never: vec![placeholder.to_owned()], ..usual() };
            let read = incoming_with(never, HEADER, &cells(placeholder)).ok().unwrap();
            assert_eq!((read.record.expires_at, read.notes), (None, vec![Noticed::Never]), "{placeholder}");
        }
        // The day counts, not its form.
        let never = || Reading { never: vec!["1970-01-01".to_owned(), "Lifetime".to_owned()], ..usual() };
        for never_ends in ["1970-01-01 00:00:00", "01.01.1970", "lifetime"] {
            let read = incoming_with(never(), HEADER, &format!("A-1234,active,pro,,,,,,,{never_ends},,,"));
            assert_eq!(read.map(|read| read.record.expires_at).ok(), Some(None), "{never_ends}");
        }
        let before =
            incoming("A-1234,active,pro,,,,,,,2025-03-01,,2026-01-01,").err().map(|why| why.to_string());
        assert!(before.unwrap().contains("placeholder"), "before the row's own first date");
    }

    #[test]
    fn informative_columns_never_refuse() {
        for (cells, notes) in [
            ("A-1234,active,pro,,,,,,,,,soon,", vec![Noticed::LeftOut("last_transfer_at")]),
            ("A-1234,active,pro,,,,,,,,,2099-01-01,", vec![Noticed::LeftOut("last_transfer_at")]),
            ("A-1234,active,pro,,,,,,,,,03/04/2026,", vec![Noticed::LeftOut("last_transfer_at")]),
            ("A-1234,active,pro,,,,,,,,two,,", vec![Noticed::LeftOut("transfer_count")]),
            ("A-1234,active,pro,,,,,,,,,,a\tb", vec![Noticed::Cleaned("notes")]),
            ("A-1234,active,pro,,,,,#N/A,,,,,", vec![Noticed::LeftOut("licensee_name")]),
            ("A-1234,active,pro,,,,,,Bob <bob@example.com>,,,,", vec![Noticed::Cleaned("licensee_email")]),
            ("A-1234,active,pro,,,,,,mailto:bob@example.com,,,,", vec![Noticed::Cleaned("licensee_email")]),
            (
                "A-1234,active,pro,,,,,,bob@example.com; eve@example.com,,,,",
                vec![Noticed::Cleaned("licensee_email")],
            ),
            ("A-1234,active,pro,,,,,,nobody,,,,", vec![Noticed::NotAnAddress]),
            (
                "A-1234,active,pro,,short,,,,,,,,",
                vec![Noticed::LeftOut("hw_component_1"), Noticed::WithoutDevice],
            ),
            ("A-1234,active,pro,,,cpu-of-office,,,,,,,", vec![Noticed::WithoutDevice]),
            (
                "A-1234,active,pro,,#VALUE!,nan,,None,nan,NaT,0.0,,",
                vec![Noticed::LeftOut("hw_component_1"), Noticed::WithoutDevice],
            ),
            ("A-1234,active,pro,365,,,,,,,,,", vec![Noticed::NewTerm]),
            ("A-1234,active,pro,,,,,Na,,,3.0,2026-01-01 00:00:00,", vec![]),
        ] {
            let read = incoming(cells).unwrap_or_else(|why| panic!("{cells}: {why}"));
            assert_eq!(read.notes, notes, "{cells}");
            if cells.contains("bob@") {
                assert_eq!(read.order.email.as_deref(), Some("bob@example.com"), "{cells}");
            }
        }
    }

    #[test]
    fn operator_decides_undated_terms() {
        let header = format!("{HEADER},activated_at");
        let read = |undated, cells: &str| {
            let read = incoming_with(Reading { undated, ..usual() }, &header, cells);
            read.map(|read| (read.record.status, read.record.expires_at)).map_err(|why| why.to_string())
        };
        let row = "A-1234,active,pro,365,,,,,,,,,,01.06.2026";
        assert_eq!(read(Undated::NewTerm, row), Ok((Status::Pending, None)));
        assert!(read(Undated::Refused, row).unwrap_err().contains("write its end"));
        let from = || Undated::From("activated_at".to_owned());
        let end = UnixMillis(1_811_894_399_999); // the end of 2027-06-01
        assert_eq!(read(from(), row), Ok((Status::Active, Some(end))));
        let empty = read(from(), "A-1234,active,pro,365,,,,,,,,,,").unwrap_err();
        assert_eq!(empty, "activated_at: it is empty, and the end of the license is counted from it");
        assert_eq!(read(from(), "A-1234,active,pro,,,,,,,,,,,").unwrap(), (Status::Active, None));
    }

    #[test]
    fn checkbox_rows_count_as_blank() {
        let text = format!(
            "{HEADER},mailed\nA-1,active,pro,,,,,,,,,,,TRUE\n,active,,365,,,,,,1900-01-05,0,,,FALSE\n,,FALSCH,,,,,#N/A,,,,,,\n,,pro,,,,,,,,,,,\n"
        );
        let sheet = Sheet::open(text.as_bytes(), &REQUIRED).unwrap();
        let named: Vec<_> = sheet.rows().filter(|row| !names_nothing(row)).map(|row| row.line).collect();
        assert_eq!(named, [2, 5]);
    }

    #[test]
    fn days_end_in_the_zone_of_the_sheet() {
        let berlin = Reading { zone: TimeZone::get("Europe/Berlin").unwrap(), ..usual() };
        for date in ["2030-01-01", "01.01.2030", "2030-01-01 00:00:00", "47484"] {
            let read = incoming_with(berlin.clone(), HEADER, &format!("A-1234,gesperrt,PRO,,,,,,,{date},,,"));
            let record = read.map(|read| (read.record.status, read.record.expires_at)).ok();
            assert_eq!(
                record,
                Some((Status::Suspended, Some(UnixMillis(1_893_542_399_999 - 3_600_000)))),
                "{date}"
            );
        }
    }

    /// A license, and how a program writes a sheet of them.
    type Sold = (u32, i32, Option<u32>);

    const STYLES: [fn(jiff::civil::Date) -> String; 5] = [
        |day| day.to_string(),
        |day| format!("{day} 00:00:00"),
        |day| day.strftime("%d.%m.%Y").to_string(),
        |day| day.strftime("%m/%d/%Y 12:00:00 AM").to_string(),
        |day| day.strftime("%d/%m/%y").to_string(),
    ];

    /// The sheet of some licenses in one style, separator and encoding, with blank rows in it.
    fn saved(sold: &[Sold], style: usize, separator: u8, encoding: usize, blank_every: usize) -> Vec<u8> {
        let mut writer =
            csv::WriterBuilder::new().delimiter(separator).flexible(true).from_writer(Vec::new());
        writer
            .write_record(["License Key", "status", "license_tier", "licensee_name", "expiry_date", "seats"])
            .unwrap();
        for (row, (number, day, seats)) in sold.iter().enumerate() {
            if row % blank_every == 0 {
                writer.write_record(["", " ", "", ""]).unwrap();
            }
            let day =
                jiff::civil::Date::constant(2030, 1, 1).checked_add(jiff::Span::new().days(*day)).unwrap();
            let mut cells = vec![
                format!("KEY-{number}"),
                "active".into(),
                "PRO".into(),
                "J\u{FC}rgen; M, B".into(),
                STYLES[style](day),
            ];
            cells.extend(seats.map(|seats| format!("{seats}.0")));
            writer.write_record(&cells).unwrap();
        }
        let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        match encoding {
            0 => text.into_bytes(),
            1 => format!("\u{FEFF}{text}").into_bytes(),
            2 => std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect(),
            3 => std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect(),
            _ => encoding_rs::WINDOWS_1252.encode(&text).0.into_owned(),
        }
    }

    /// Returns key, name, end and seats of each license.
    fn said(bytes: &[u8], order: Option<DayOrder>) -> Vec<(String, String, Option<UnixMillis>, Option<u32>)> {
        let sheet = Sheet::open_in(super::super::encoding::named("windows-1252"), bytes, &REQUIRED).unwrap();
        let reading = Reading { order, ..usual() }.surveyed(&sheet).unwrap();
        let rows = sheet.rows().map(|row| {
            let draft = read(&row, &reading);
            assert_eq!(draft.reasons, []);
            let order = draft.order.unwrap();
            (draft.key.unwrap(), order.licensee_name.unwrap(), draft.record.unwrap().expires_at, order.seats)
        });
        rows.collect()
    }

    proptest::proptest! {
        #[test]
        fn sheet_reads_alike_however_saved(
            sold in proptest::collection::vec((1_000_u32..9_999, 0_i32..14_000, proptest::option::of(1_u32..100)), 1..6),
            style in 0_usize..5, separator in 0_usize..4, encoding in 0_usize..5, blank_every in 1_usize..4,
        ) {
            let order = if style == 3 { DayOrder::MonthFirst } else { DayOrder::DayFirst };
            let bytes = saved(&sold, style, b",;\t|"[separator], encoding, blank_every);
            proptest::prop_assert_eq!(said(&bytes, Some(order)), said(&saved(&sold, 0, b',', 0, 9), None));
        }
    }
}
