//! A row of S2's sheet, by its thirteen columns; and of our own export, which has them and more.

use std::collections::BTreeMap;

use falconer_domain::hardware::{Label, ReceivedComponents};
use falconer_domain::issue::{MAX_TERM_DAYS, Order, Term};
use falconer_domain::person::{Email, Note};
use falconer_domain::{Product, Status, TierName, UnixMillis};

use super::cells::Row;
use super::own::{self, Own};
use super::{BadRow, Incoming, Record};
use crate::moments;

/// S2's columns, in S2's order.
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

/// What a sheet does not say of itself.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The product of rows that name none.
    pub product: Product,
    /// The sheet's names of tiers that are called otherwise here.
    pub tiers: BTreeMap<String, TierName>,
    /// The moment of the import.
    pub now: UnixMillis,
}

/// Reads a row.
///
/// # Errors
/// [`BadRow`].
pub fn read(row: &Row<'_>, reading: &Reading) -> Result<Incoming, BadRow> {
    row.cells.as_ref().map_err(Clone::clone)?;
    let own = own::read(row)?;
    let key = match row.cell("license_key") {
        None if own.is_some() => String::new(),
        _ => row.required("license_key")?.into_owned(),
    };
    let terms = terms(row, own.as_ref(), reading.now)?;
    let licensee_email = row.parsed("licensee_email", Email::read)?.flatten();
    let email = email(row, own.as_ref(), licensee_email.as_ref());
    let (transfers, transfers_total) = transfers(row, own.as_ref(), reading.now)?;
    let product = row.parsed("product", |text| Product::parse(text).ok_or("2 to 8 of A-Z and 0-9"))?;
    Ok(Incoming {
        key,
        names_product: product.is_some(),
        order: Order {
            product: product.unwrap_or_else(|| reading.product.clone()),
            tier: tier(row, reading)?,
            user_id: row.cell("user_id").map(Into::into),
            email,
            licensee_name: row.cell("licensee_name").map(Into::into),
            term: Term::Perpetual,
            seats: row.parsed("seats", |text| text.parse().map_err(|_| "it must be a number"))?,
            features: row.names("features"),
        },
        record: Record {
            status: terms.status,
            expires_at: terms.expires_at,
            duration_days: terms.duration_days,
            created_at: row.parsed("created_at", moments::from)?,
            user_id: None,
            licensee_email,
            hardware: hardware(row)?,
            transfers,
            transfers_total,
            notes: row.parsed("notes", |text| Note::read(&text.replace("\r\n", "\n")))?.flatten(),
            metadata: row.cell("metadata").map(Into::into),
        },
        own,
    })
}

/// What the operator entered. S2's sheet knows one address, and support looks for it; what a client wrote there need not
/// be one.
fn email(row: &Row<'_>, own: Option<&Own>, licensee_email: Option<&Email>) -> Option<String> {
    let entered = row.cell("email").map(Into::into);
    let said = licensee_email.filter(|email| own.is_none() && email.looks_right());
    entered.or_else(|| said.map(|email| email.as_str().to_owned()))
}

#[derive(Debug, PartialEq, Eq)]
struct Terms {
    status: Status,
    expires_at: Option<UnixMillis>,
    duration_days: Option<u32>,
}

/// Status, date and duration together: a duration without a date has not begun, unless the row says that it has ended.
fn terms(row: &Row<'_>, own: Option<&Own>, now: UnixMillis) -> Result<Terms, BadRow> {
    let written = row.required("status")?.to_lowercase();
    let expires_at = row.parsed("expiry_date", |text| {
        let why =
            || format!("{text} is no day; write it as 2027-03-01, or leave it empty for one that never ends");
        moments::until(text).map_err(|_| why())
    })?;
    let duration_days = row.parsed("license_duration_days", |text| match text.parse() {
        Ok(days @ 1..=MAX_TERM_DAYS) => Ok(days),
        _ => Err(format!("it must be 1 to {MAX_TERM_DAYS}, or empty")),
    })?;
    let status = match (written.as_str(), Status::parse(&written)) {
        ("expired", _) => {
            let ended = expires_at.map_or(now, |at| at.min(now));
            return Ok(Terms { status: Status::Active, expires_at: Some(ended), duration_days });
        }
        (_, Some(Status::Active)) if duration_days.is_some() && expires_at.is_none() => Status::Pending,
        (_, Some(status)) => status,
        (_, None) => {
            let why = format!("{written} is not active, pending, suspended, revoked or expired");
            return Err(BadRow::cell("status", why));
        }
    };
    let replaced_by = own.and_then(|own| own.replaced_by.as_ref());
    match replaced_by {
        Some(id) if status != Status::Revoked => Err(BadRow::Replaced(id.clone())),
        _ => Ok(Terms { status, expires_at, duration_days }),
    }
}

fn tier(row: &Row<'_>, reading: &Reading) -> Result<TierName, BadRow> {
    let written = row.required("license_tier")?.to_lowercase();
    if let Some(tier) = reading.tiers.get(&written) {
        return Ok(tier.clone());
    }
    let why = || format!("{written} is no name of a tier; --tier {written}=NAME says which it is");
    TierName::parse(&written).ok_or_else(|| BadRow::cell("license_tier", why()))
}

fn hardware(row: &Row<'_>) -> Result<ReceivedComponents, BadRow> {
    let mut received = ReceivedComponents::default();
    let columns = ["hw_component_1", "hw_component_2", "hw_component_3"];
    for (column, label) in columns.into_iter().zip([Label::Mac, Label::Cpu, Label::Board]) {
        row.parsed(column, |text| received.insert(label, text))?;
    }
    Ok(received)
}

/// The sheet has a number and the latest moment; our export has every moment that still counts.
fn transfers(row: &Row<'_>, own: Option<&Own>, now: UnixMillis) -> Result<(Vec<UnixMillis>, u32), BadRow> {
    let total =
        row.parsed("transfer_count", |text| text.parse().map_err(|_| "it must be a number, or empty"))?;
    if let Some(own) = own {
        return Ok((own.transfers.clone(), total.unwrap_or_default()));
    }
    let latest = row.parsed("last_transfer_at", moments::from)?;
    if latest.is_some_and(|at| at > now) {
        return Err(BadRow::cell("last_transfer_at", "it lies in the future"));
    }
    let latest: Vec<_> = latest.into_iter().collect();
    let least = u32::from(!latest.is_empty());
    Ok((latest, total.unwrap_or_default().max(least)))
}

#[cfg(test)]
mod tests {
    use super::super::cells::Sheet;
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
    const DAY: i64 = 86_400_000;
    const HEADER: &str = "license_key,status,license_tier,license_duration_days,hw_component_1,hw_component_2,\
                          hw_component_3,licensee_name,licensee_email,expiry_date,transfer_count,last_transfer_at,notes";

    fn incoming(cells: &str) -> Result<Incoming, BadRow> {
        let text = format!("{HEADER}\n{cells}\n");
        let sheet = Sheet::open(text.as_bytes(), &REQUIRED).unwrap();
        let tiers = BTreeMap::from([("standard".to_owned(), TierName::parse("pro").unwrap())]);
        let reading = Reading { product: Product::parse("QF").unwrap(), tiers, now: NOW };
        read(&sheet.rows().next().unwrap(), &reading)
    }

    #[test]
    fn statuses_dates_and_durations() {
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
    fn the_other_columns() {
        let read = incoming(
            "ABC-123,active,Standard,,aaaaaaaa,e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855,,\
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
    fn what_does_not_read_is_said_by_its_column() {
        for (cells, sentence) in [
            (",active,pro,,,,,,,,,,", "license_key is empty"),
            ("A-1234,,pro,,,,,,,,,,", "status is empty"),
            (
                "A-1234,sold,pro,,,,,,,,,,",
                "status: sold is not active, pending, suspended, revoked or expired",
            ),
            (
                "A-1234,active,Pro Plus,,,,,,,,,,",
                "license_tier: pro plus is no name of a tier; --tier pro plus=NAME says which it is",
            ),
            ("A-1234,active,pro,0,,,,,,,,,", "license_duration_days: it must be 1 to 999999, or empty"),
            (
                "A-1234,active,pro,,short,,,,,,,,",
                "hw_component_1: a component has 8 to 128 printable characters",
            ),
            (
                "A-1234,active,pro,,,,,,,1/31/2027,,,",
                "expiry_date: 1/31/2027 is no day; write it as 2027-03-01, or leave it empty for one that never ends",
            ),
            ("A-1234,active,pro,,,,,,,,two,,", "transfer_count: it must be a number, or empty"),
            ("A-1234,active,pro,,,,,,,,,2099-01-01,", "last_transfer_at: it lies in the future"),
        ] {
            assert_eq!(
                incoming(cells).err().map(|why| why.to_string()).as_deref(),
                Some(sentence),
                "{cells}"
            );
        }
    }
}
