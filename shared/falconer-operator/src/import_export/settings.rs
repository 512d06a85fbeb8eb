//! Settings of an import as an operator writes them, in a command or in a form.

use std::collections::BTreeMap;

use encoding_rs::Encoding;
use falconer_domain::{KeyRing, Product, TierName, UnixMillis};
use jiff::tz::TimeZone;

use super::cells::{Sheet, folded_name};
use super::dates::DayOrder;
use super::encoding;
use super::postgres::clock::{Column, Verdict, Wrong};
use super::postgres::{self, Features};
use super::row_resolver::FreeText;
use super::sheet::{Reading, Undated};
use crate::license_state::LicenseState;

/// Zones that are named in a message.
const MAX_ZONES_SHOWN: usize = 5;
/// Offsets that are named in a message: a zone with summer time has two.
const MAX_OFFSETS_SHOWN: usize = 3;

/// A setting that does not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadImportSetting(String);

/// Why a ring cannot take a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RingLacks {
    /// No generation that looks up free-text keys.
    #[error(
        "the key ring accepts no free-text keys; read about their price in docs/moving-in.md, then `falconer keyring \
         enable-imported`"
    )]
    Imported,
    /// No master of the Flask server.
    #[error(
        "the key ring has no legacy generation, so a key of the Flask server cannot be told from an invented one; \
         `falconer keyring add --legacy -` adds its master"
    )]
    Legacy,
}

/// A table whose times would be hours off.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OtherTimezone(String);

/// Settings of a sheet, as they are typed.
#[derive(Clone, Debug)]
pub struct TypedSheet<'a> {
    /// The sheet's names of tiers and the catalog's, as `Standard=pro`.
    pub tiers: &'a [String],
    /// The sheet's words for a status and ours, as `gesperrt=suspended`.
    pub statuses: &'a [String],
    /// The order of day and month, where the operator says so.
    pub dates: Option<DayOrder>,
    /// The time zone in which its days end.
    pub timezone: &'a str,
    /// Values of `expiry_date` that mean "never".
    pub never: &'a [String],
    /// Treatment of an active license with a duration and no end: `new-term`, `refuse` or `from:COLUMN`.
    pub undated: &'a str,
}

/// Settings of the Flask server's table, as they are typed.
#[derive(Clone, Copy, Debug)]
pub struct TypedTable<'a> {
    /// The time zone that the server ran in.
    pub timezone: &'a str,
    /// The time zone of the database's sessions, where it is another one.
    pub database_timezone: Option<&'a str>,
    /// Treatment of the column `features`.
    pub features: Features,
}

impl TypedSheet<'_> {
    /// The reading of a sheet with these settings.
    ///
    /// # Errors
    /// [`BadImportSetting`].
    pub fn reading(&self, product: Product, now: UnixMillis) -> Result<Reading, BadImportSetting> {
        let mut reading = Reading::new(product, now);
        reading.tiers = tiers(self.tiers)?;
        reading.statuses = statuses(self.statuses)?;
        reading.zone = zone(self.timezone)?;
        reading.order = self.dates;
        reading.never = self.never.to_vec();
        reading.undated = undated(self.undated)?;
        Ok(reading)
    }
}

/// Checks that a sheet has the column that ends are counted from.
///
/// # Errors
/// [`BadImportSetting`].
pub fn check_columns(sheet: &Sheet<'_>, reading: &Reading) -> Result<(), BadImportSetting> {
    match &reading.undated {
        Undated::From(column) if !sheet.has(column) => {
            Err(BadImportSetting(format!("--undated: the first line names no column {column}")))
        }
        _ => Ok(()),
    }
}

/// Checks that a ring can take the keys of a sheet.
///
/// # Errors
/// [`RingLacks::Imported`].
pub fn check_ring(ring: &KeyRing, free_text: FreeText) -> Result<(), RingLacks> {
    match free_text {
        FreeText::Kept if ring.imported().is_none() => Err(RingLacks::Imported),
        _ => Ok(()),
    }
}

impl<'a> TypedTable<'a> {
    /// The reading of a table with these settings.
    ///
    /// # Errors
    /// [`BadImportSetting`].
    pub fn reading(&self) -> Result<postgres::Reading, BadImportSetting> {
        Ok(postgres::Reading {
            server_zone: zone(self.timezone)?,
            database_zone: zone(self.zone_of_the_database())?,
            features: self.features,
        })
    }

    /// The zone in which `created_at` is read.
    #[must_use]
    pub const fn zone_of_the_database(&self) -> &'a str {
        match self.database_timezone {
            Some(zone) => zone,
            None => self.timezone,
        }
    }

    /// Checks that a ring can tell keys of the Flask server from invented ones.
    ///
    /// # Errors
    /// [`RingLacks::Legacy`].
    pub fn check_ring(ring: &KeyRing) -> Result<(), RingLacks> {
        if ring.legacy().is_none() { Err(RingLacks::Legacy) } else { Ok(()) }
    }

    /// Stops an import whose times would be hours off, before anything is written.
    ///
    /// # Errors
    /// [`OtherTimezone`].
    pub fn check_timezones(
        &self,
        ring: &KeyRing,
        reading: &postgres::Reading,
        sheet: &Sheet<'_>,
    ) -> Result<(), OtherTimezone> {
        let judged = |column, zone| postgres::judged(sheet, ring, column, zone);
        if let Verdict::Wrong(wrong) = judged(Column::ExpiresAt, &reading.server_zone) {
            return Err(other_zone("expires_at", &wrong, self.timezone, "--timezone"));
        }
        let Verdict::Wrong(wrong) = judged(Column::CreatedAt, &reading.database_zone) else { return Ok(()) };
        let (zone, flag) = match self.database_timezone {
            Some(zone) => (zone, "--database-timezone"),
            // The ends are right, so it is the database alone that ran in another zone.
            None if judged(Column::ExpiresAt, &reading.server_zone) == Verdict::Right => {
                (self.timezone, "--database-timezone")
            }
            None => (self.timezone, "--timezone"),
        };
        Err(other_zone("created_at", &wrong, zone, flag))
    }
}

/// Reads the states of which a mapping lists keys.
///
/// # Errors
/// [`BadImportSetting`].
pub fn only(words: &[String]) -> Result<Vec<LicenseState>, BadImportSetting> {
    let read = |word: &String| {
        LicenseState::parse(word).ok_or_else(|| {
            BadImportSetting(format!("--only {word} is not active, pending, suspended, revoked or expired"))
        })
    };
    words.iter().map(read).collect()
}

/// Reads the name of an encoding.
///
/// # Errors
/// [`BadImportSetting`].
pub fn encoding(name: &str) -> Result<&'static Encoding, BadImportSetting> {
    encoding::named(name)
        .ok_or_else(|| BadImportSetting(format!("--encoding {name} is not an encoding, as windows-1252")))
}

fn zone(name: &str) -> Result<TimeZone, BadImportSetting> {
    TimeZone::get(name).map_err(|_| BadImportSetting(format!("{name:?} is not a time zone (Europe/Berlin)")))
}

fn tiers(pairs: &[String]) -> Result<BTreeMap<String, TierName>, BadImportSetting> {
    let ours = |text: &str| TierName::parse(&text.to_lowercase());
    pairs.iter().map(|pair| translated(pair, ours, "--tier", "Standard=pro")).collect()
}

fn statuses(pairs: &[String]) -> Result<BTreeMap<String, LicenseState>, BadImportSetting> {
    let ours = |text: &str| LicenseState::parse(text);
    pairs.iter().map(|pair| translated(pair, ours, "--status", "gesperrt=suspended")).collect()
}

/// A word of the sheet, in lower case, and what it means here.
fn translated<T>(
    pair: &str,
    ours: impl Fn(&str) -> Option<T>,
    flag: &str,
    example: &str,
) -> Result<(String, T), BadImportSetting> {
    let read = pair
        .split_once('=')
        .and_then(|(theirs, meant)| Some((theirs.trim().to_lowercase(), ours(meant.trim())?)));
    read.ok_or_else(|| BadImportSetting(format!("{flag} {pair} is not THEIRS=OURS, as {example}")))
}

fn undated(what: &str) -> Result<Undated, BadImportSetting> {
    match what.split_once(':') {
        None if what == "new-term" => Ok(Undated::NewTerm),
        None if what == "refuse" => Ok(Undated::Refused),
        Some(("from", column)) if !column.trim().is_empty() => Ok(Undated::From(folded_name(column))),
        _ => Err(BadImportSetting(format!("--undated {what} is not new-term, refuse or from:COLUMN"))),
    }
}

/// Says that a column was written in another zone, and how to read it in the right one.
fn other_zone(column: &str, wrong: &Wrong, zone: &str, flag: &str) -> OtherTimezone {
    let Wrong { compared, off, lines, offsets_seconds, fitting } = wrong;
    let offsets: Vec<_> =
        offsets_seconds.iter().take(MAX_OFFSETS_SHOWN).map(|seconds| hours(*seconds)).collect();
    let offsets = offsets.join(" or ");
    let lines: Vec<_> = lines.iter().map(ToString::to_string).collect();
    let begun = format!(
        "{column} was not written in {zone}: {off} of {compared} rows are off by {offsets} from the second that their \
         own key holds, beginning with the lines {}. Nothing was written.",
        lines.join(", ")
    );
    let Some(first) = fitting.first() else {
        return OtherTimezone(format!(
            "{begun} No single time zone fits: part the file by the zones the server has run in, mend these rows if \
             they are few, or import it as it is with --trust-timezone."
        ));
    };
    let more = fitting.len().saturating_sub(MAX_ZONES_SHOWN);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let zones = fitting.iter().take(MAX_ZONES_SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    OtherTimezone(format!("{begun} Zones that fit: {zones}{more}. Give the right one, as `{flag} {first}`."))
}

/// Seconds as hours and minutes with their sign: `+1:00`.
fn hours(seconds: i64) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    format!("{sign}{}:{:02}", minutes / 60, minutes % 60)
}
