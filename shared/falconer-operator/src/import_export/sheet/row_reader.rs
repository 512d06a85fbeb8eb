//! The cells of one row, and the reasons why it cannot be imported.

use falconer_domain::hardware::{Label, ReceivedComponents};
use falconer_domain::issue::{MAX_TERM_DAYS, Order, Term};
use falconer_domain::person::{Cleaned, Email, Loss, Note, PersonName};
use falconer_domain::{Product, Status, TierName, UnixMillis};
use jiff::tz::TimeZone;

use super::super::cells::{self, CsvRow};
use super::super::export_columns::{self, ExportColumns};
use super::super::issue_csv;
use super::super::noticed::Noticed;
use super::super::{BadRow, Draft, ImportedState, Notes, dates, redacted, spoiled};
use super::{COLUMNS, Reading, Undated, given};
use crate::license_state::LicenseState;

/// The parts of a device, and the columns they are in.
const HARDWARE: [(&str, Label); 3] =
    [("hw_component_1", Label::Mac), ("hw_component_2", Label::Cpu), ("hw_component_3", Label::Board)];
/// 2000-01-01T00:00:00Z. No license of the spreadsheet ended before: such a date means "none".
const FIRST_END: UnixMillis = UnixMillis(946_684_800_000);

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
    let limits = reader.take(issue_csv::limits(row));
    let updates_until = reader.take(reading.updates_until(row));
    let RowReader { reasons, notes: noticed, .. } = reader;
    Draft {
        key,
        names_product: product.as_ref().is_some_and(Option::is_some),
        order: tier.zip(product).zip(seats).zip(limits).map(|(((tier, product), seats), limits)| Order {
            product: product.unwrap_or_else(|| reading.product.clone()),
            tier,
            user_id: given(row, "user_id").map(Into::into),
            email,
            licensee_name: licensee_name.map(|name| name.as_str().to_owned()),
            term: Term::Perpetual,
            seats,
            features: row.names("features"),
            limits,
            updates_until: None,
        }),
        record: terms.zip(updates_until).map(|(terms, updates_until)| ImportedState {
            status: terms.status,
            expires_at: terms.expires_at,
            duration_days: terms.duration_days,
            updates_until,
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

    fn state(&mut self) -> Option<LicenseState> {
        let written = self.take(self.row.required("status"))?.to_lowercase();
        let state = self.reading.statuses.get(&written).copied().or_else(|| LicenseState::parse(&written));
        let unknown = || BadRow::Word {
            column: "status",
            value: redacted(&written),
            known: "active, pending, suspended, revoked or expired",
            flag: "--status",
        };
        self.take(state.ok_or_else(unknown))
    }

    /// Status, end and duration together: a duration without an end has not begun, unless the row says that it has
    /// ended.
    fn terms(&mut self, own: Option<&ExportColumns>, first: Option<UnixMillis>) -> Option<Terms> {
        let (state, ends) = (self.state(), self.ends(own, first));
        let duration_days = self.duration();
        let (state, expires_at, duration_days) = (state?, ends?, duration_days?);
        let now = self.reading.now;
        let terms = match state {
            LicenseState::Expired => {
                let ended = expires_at.map_or(now, |at| at.min(now));
                Terms { status: Status::Active, expires_at: Some(ended), duration_days }
            }
            LicenseState::Active if expires_at.is_none() && duration_days.is_some() => {
                self.undated(duration_days.unwrap_or_default())?
            }
            state => Terms { status: state.status(), expires_at, duration_days },
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
