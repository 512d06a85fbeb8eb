//! The settings of an import, as a form has them: read by the rules of the command line, and written as its flags.

use std::path::Path;

use encoding_rs::Encoding;
use falconer_domain::{KeyRing, Product, UnixMillis};
use falconer_operator::import_export::cells::Sheet;
use falconer_operator::import_export::dates::DayOrder;
use falconer_operator::import_export::import::{Source, There};
use falconer_operator::import_export::postgres::Features;
use falconer_operator::import_export::row_resolver::FreeText;
use falconer_operator::import_export::settings::{self, TypedSheet, TypedTable};
use falconer_operator::license_state::LicenseState;
use falconer_operator::words;

use crate::changes::CommandWords;
use crate::field_names::in_field_names;
use crate::forms::Form;
use crate::move_in::bad;
use crate::trouble::Trouble;
use crate::views;

/// Settings that are ticked, by their flags.
const TICKS: [&str; 4] = ["keep-keys", "without-features", "update", "trust-timezone"];

/// The program that the file is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SourceKind {
    /// The spreadsheet, or an export of Falconer.
    Sheet,
    /// The Flask server's table.
    Postgres,
}

/// The settings as typed. The look reads them, and says which does not read.
#[derive(Clone)]
pub(crate) struct TypedImport {
    pub(crate) kind: SourceKind,
    pub(crate) product: String,
    pub(crate) encoding: String,
    pub(crate) tiers: Vec<String>,
    pub(crate) statuses: Vec<String>,
    pub(crate) dates: Option<DayOrder>,
    pub(crate) timezone: String,
    pub(crate) database_timezone: Option<String>,
    pub(crate) never: Vec<String>,
    pub(crate) undated: String,
    pub(crate) only: Vec<String>,
    ticks: Vec<&'static str>,
    pub(crate) reason: String,
}

impl TypedImport {
    /// The settings of a form that nobody has filled yet.
    pub(crate) fn blank(product: String) -> Self {
        Self {
            kind: SourceKind::Sheet,
            product,
            encoding: String::new(),
            tiers: Vec::new(),
            statuses: Vec::new(),
            dates: None,
            timezone: "UTC".to_owned(),
            database_timezone: None,
            never: Vec::new(),
            undated: "new-term".to_owned(),
            only: Vec::new(),
            ticks: Vec::new(),
            reason: String::new(),
        }
    }

    pub(crate) fn read(form: &Form) -> Self {
        let text = |name: &str, empty: &str| form.filled(name).unwrap_or(empty).to_owned();
        Self {
            kind: match form.get("kind") {
                Some("postgres") => SourceKind::Postgres,
                _ => SourceKind::Sheet,
            },
            product: text("product", "").to_uppercase(),
            encoding: text("encoding", ""),
            tiers: form.lines("tiers"),
            statuses: form.lines("statuses"),
            dates: match form.get("dates") {
                Some("dmy") => Some(DayOrder::DayFirst),
                Some("mdy") => Some(DayOrder::MonthFirst),
                _ => None,
            },
            timezone: text("timezone", "UTC"),
            database_timezone: form.filled("database-timezone").map(str::to_owned),
            never: form.lines("never"),
            undated: text("undated", "new-term"),
            only: form.all("only").map(str::to_owned).collect(),
            ticks: TICKS.into_iter().filter(|tick| form.get(tick).is_some()).collect(),
            reason: text("reason", ""),
        }
    }

    /// The settings as a page shows them: without what hides, or turns letters around.
    pub(crate) fn shown(&self) -> Self {
        let line = |text: &String| views::line(text);
        let lines = |texts: &[String]| texts.iter().map(line).collect();
        Self {
            product: line(&self.product),
            encoding: line(&self.encoding),
            tiers: lines(&self.tiers),
            statuses: lines(&self.statuses),
            timezone: line(&self.timezone),
            database_timezone: self.database_timezone.as_ref().map(line),
            never: lines(&self.never),
            undated: line(&self.undated),
            reason: line(&self.reason),
            ..self.clone()
        }
    }

    pub(crate) fn has(&self, tick: &str) -> bool {
        self.ticks.contains(&tick)
    }

    /// True if a setting is other than at first that few files need.
    pub(crate) fn is_special(&self) -> bool {
        let lists = [&self.tiers, &self.statuses, &self.never, &self.only];
        lists.into_iter().any(|list| !list.is_empty())
            || !self.ticks.is_empty()
            || !self.encoding.is_empty()
            || self.database_timezone.is_some()
            || self.undated != "new-term"
    }

    pub(crate) fn lists(&self, status: &str) -> bool {
        self.only.iter().any(|only| only == status)
    }

    pub(crate) fn zone_of_the_database(&self) -> &str {
        self.table().zone_of_the_database()
    }

    pub(crate) fn there(&self) -> There {
        match self.kind {
            SourceKind::Postgres if self.has("update") => There::Updated,
            _ => There::Left,
        }
    }

    pub(crate) fn reason(&self) -> Result<Option<String>, Trouble> {
        words::reason(&self.reason).map_err(bad)
    }

    pub(crate) fn encoding(&self) -> Result<Option<&'static Encoding>, Trouble> {
        if self.encoding.is_empty() {
            return Ok(None);
        }
        settings::encoding(&self.encoding).map(Some).map_err(bad)
    }

    /// The states of which a list has keys; none means all.
    pub(crate) fn only(&self) -> Result<Vec<LicenseState>, Trouble> {
        settings::only(&self.only).map_err(bad)
    }

    /// The source with these settings, where the ring can take it.
    pub(crate) fn source(&self, ring: &KeyRing, now: UnixMillis) -> Result<Source, Trouble> {
        self.only()?;
        match self.kind {
            SourceKind::Sheet => {
                let product = Product::parse(&self.product)
                    .ok_or_else(|| bad("a product\u{2019}s code has 2 to 8 of A-Z and 0-9"))?;
                let free_text = self.free_text();
                settings::check_ring(ring, free_text).map_err(refused)?;
                Ok(Source::Sheet(self.sheet().reading(product, now).map_err(bad)?, free_text))
            }
            SourceKind::Postgres => {
                TypedTable::check_ring(ring).map_err(refused)?;
                Ok(Source::Postgres(self.table().reading().map_err(bad)?))
            }
        }
    }

    /// Checks a file against the settings, before anything is read of it.
    pub(crate) fn check(&self, source: &Source, sheet: &Sheet<'_>, ring: &KeyRing) -> Result<(), Trouble> {
        match source {
            Source::Sheet(reading, _) => settings::check_columns(sheet, reading).map_err(bad),
            Source::Postgres(_) if self.has("trust-timezone") => Ok(()),
            Source::Postgres(reading) => self.table().check_timezones(ring, reading, sheet).map_err(refused),
        }
    }

    /// The same as arguments of the command line.
    pub(crate) fn command(&self, file: &str, keys: &Path, refused: &Path) -> Vec<String> {
        let (keys, refused) = (keys.display().to_string(), refused.display().to_string());
        let each = |words: CommandWords, flag: &str, values: &[String]| {
            values.iter().fold(words, |words, value| words.option(flag, value))
        };
        let ticked = |words: CommandWords, tick: &str| {
            if self.has(tick) { words.flag(&format!("--{tick}")) } else { words }
        };
        let words = match self.kind {
            SourceKind::Sheet => {
                let words = CommandWords::of("import sheet").option("--product", &self.product);
                let words = each(each(words, "--tier", &self.tiers), "--status", &self.statuses);
                let words =
                    self.dates.iter().fold(words, |words, order| words.option("--dates", code(*order)));
                let words = unless(words, "--timezone", &self.timezone, "UTC");
                let words = each(words, "--never", &self.never);
                let words = unless(words, "--undated", &self.undated, "new-term");
                let words = ticked(each(words, "--only", &self.only), "keep-keys");
                words.option("--mapping", &keys)
            }
            SourceKind::Postgres => {
                let words = unless(CommandWords::of("import postgres"), "--timezone", &self.timezone, "UTC");
                let zone = self.database_timezone.iter();
                let words = zone.fold(words, |words, zone| words.option("--database-timezone", zone));
                ["trust-timezone", "without-features", "update"].into_iter().fold(words, ticked)
            }
        };
        let words = unless(words, "--encoding", &self.encoding, "").option("--refused", &refused);
        words.then(file).words(self.reason().unwrap_or_default().as_deref())
    }

    fn free_text(&self) -> FreeText {
        if self.has("keep-keys") { FreeText::Kept } else { FreeText::Replaced }
    }

    fn sheet(&self) -> TypedSheet<'_> {
        TypedSheet {
            tiers: &self.tiers,
            statuses: &self.statuses,
            dates: self.dates,
            timezone: &self.timezone,
            never: &self.never,
            undated: &self.undated,
        }
    }

    fn table(&self) -> TypedTable<'_> {
        TypedTable {
            timezone: &self.timezone,
            database_timezone: self.database_timezone.as_deref(),
            features: if self.has("without-features") { Features::LeftBehind } else { Features::Granted },
        }
    }
}

fn unless(words: CommandWords, flag: &str, value: &str, default: &str) -> CommandWords {
    if value == default { words } else { words.option(flag, value) }
}

const fn code(order: DayOrder) -> &'static str {
    match order {
        DayOrder::DayFirst => "dmy",
        DayOrder::MonthFirst => "mdy",
    }
}

fn refused(why: impl std::fmt::Display) -> Trouble {
    Trouble::Refused(in_field_names(&why.to_string()))
}
