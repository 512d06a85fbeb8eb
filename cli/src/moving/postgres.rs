//! A row of S1's table `licenses`, as psql's `\copy … csv header` writes it.

use falconer_domain::hardware::ReceivedComponents;
use falconer_domain::issue::{Order, Term};
use falconer_domain::{Product, Status, TierName, UnixMillis};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::cells::Row;
use super::{BadRow, Incoming, Record};

/// The columns that are read; `id` is a number that nothing else refers to.
pub const COLUMNS: [&str; 9] =
    ["id", "license_key", "user_id", "email", "tier", "expires_at", "created_at", "active", "features"];
/// Not in every table.
pub const METADATA: &str = "metadata";
/// Those without which a row says nothing.
pub const REQUIRED: [&str; 5] = ["license_key", "user_id", "tier", "expires_at", "active"];

/// S1 wrote "for good" as 999,999 days, some 2,700 years; from this year on a date means that.
const PERPETUAL_AFTER_YEAR: i64 = 2_200;

/// Reads a row. S1's timestamps have no zone; `zone` is the one its server ran in.
///
/// # Errors
/// [`BadRow`].
pub fn read(row: &Row<'_>, zone: &TimeZone) -> Result<Incoming, BadRow> {
    row.cells.as_ref().map_err(Clone::clone)?;
    row.required("expires_at")?;
    let tier = row.required("tier")?;
    let active = match row.required("active")?.as_ref() {
        "t" | "true" | "TRUE" | "1" => true,
        "f" | "false" | "FALSE" | "0" => false,
        other => return Err(BadRow::cell("active", format!("{other} is not t or f"))),
    };
    Ok(Incoming {
        key: row.required("license_key")?.into_owned(),
        names_product: false,
        order: Order {
            // Unwrap safety: a constant of the form that a product has; every test passes through here.
            product: Product::parse("QF").unwrap(),
            tier: TierName::parse(&tier)
                .ok_or_else(|| BadRow::cell("tier", format!("{tier} is no name of a tier")))?,
            user_id: Some(row.required("user_id")?.into_owned()),
            email: row.cell("email").map(Into::into),
            licensee_name: None,
            term: Term::Perpetual,
            seats: None,
            features: row.parsed("features", array)?.unwrap_or_default(),
        },
        record: Record {
            status: if active { Status::Active } else { Status::Revoked },
            expires_at: row.parsed("expires_at", |text| moment(text, zone))?.flatten(),
            duration_days: None,
            created_at: row.parsed("created_at", |text| moment(text, zone))?.flatten(),
            licensee_email: None,
            hardware: ReceivedComponents::default(),
            transfers: Vec::new(),
            transfers_total: 0,
            notes: None,
            metadata: row.cell(METADATA).map(Into::into),
        },
        own: None,
    })
}

/// A timestamp; `None` for one that means "never". Of an hour that a change of the clocks repeats the first one counts.
fn moment(text: &str, zone: &TimeZone) -> Result<Option<UnixMillis>, String> {
    if text == "infinity" || year(text).is_some_and(|year| year > PERPETUAL_AFTER_YEAR) {
        return Ok(None);
    }
    let no_moment = || format!("{text} is no timestamp (2027-03-01 12:00:00)");
    year(text).ok_or_else(no_moment)?;
    // One that names its offset needs no zone, and must not be read in another.
    let moment = text.parse::<Timestamp>().or_else(|_| zone.to_timestamp(text.parse::<DateTime>()?));
    Ok(Some(UnixMillis(moment.map_err(|_| no_moment())?.as_millisecond())))
}

/// The year of what has the form of a timestamp, `2027-03-01 …`. It may have five digits or six, which no calendar here
/// knows: S1's "for good".
fn year(text: &str) -> Option<i64> {
    let day = text.split([' ', 'T']).next()?;
    let [year, month, of_month] = day.split('-').collect::<Vec<_>>().try_into().ok()?;
    let digits = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let formed = digits(year, 4..=6) && digits(month, 2..=2) && digits(of_month, 2..=2);
    formed.then(|| year.parse().ok()).flatten()
}

/// The text that psql writes for an array of texts, `{a,b}` or `{"a","b"}`. Names of features need no other quoting.
fn array(text: &str) -> Result<Vec<String>, String> {
    let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    let inner = inner.ok_or_else(|| format!("{text} is no array ({{a,b}})"))?;
    let names = inner.split(',').map(|name| name.trim().trim_matches('"'));
    Ok(names.filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::super::cells::Sheet;
    use super::*;

    fn incoming(cells: &str, zone: &str) -> Result<Incoming, BadRow> {
        let text = format!(
            "id,license_key,user_id,email,tier,expires_at,created_at,active,features,metadata\n{cells}\n"
        );
        let sheet = Sheet::open(text.as_bytes(), &REQUIRED).unwrap();
        read(&sheet.rows().next().unwrap(), &TimeZone::get(zone).unwrap())
    }

    #[test]
    fn a_row_as_psql_copies_it() {
        let row = "7,QF-PRO-0011223344556677-1700000000,user_1,a@example.com,pro,2027-03-01 12:00:00.5,\
                   2025-01-10 09:30:00,t,\"{api_access,\"\"beta_access\"\"}\",\"{\"\"order\"\": 7}\"";
        let read = incoming(row, "UTC").unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(
            (read.record.status, read.record.expires_at),
            (Status::Active, Some(UnixMillis(1_803_902_400_500)))
        );
        assert_eq!(read.record.created_at, Some(UnixMillis(1_736_501_400_000)));
        assert_eq!(read.order.features, ["api_access", "beta_access"]);
        assert_eq!(
            (read.record.metadata.as_deref(), read.order.user_id.as_deref()),
            (Some("{\"order\": 7}"), Some("user_1"))
        );
        let east = incoming(row, "Asia/Tokyo").map(|read| read.record.expires_at).ok().flatten();
        assert_eq!(east, Some(UnixMillis(1_803_902_400_500 - 9 * 3_600_000)));
        let summer = incoming(&row.replace("2027-03-01", "2027-07-01"), "Europe/Berlin")
            .map(|read| read.record.expires_at);
        assert_eq!(summer.ok().flatten(), Some(UnixMillis(1_814_443_200_500 - 2 * 3_600_000)));
        for never in ["4764-01-05 00:00:00", "12345-01-05 00:00:00", "infinity", "2201-01-01 00:00:00"] {
            let read = incoming(&row.replace("2027-03-01 12:00:00.5", never), "UTC");
            assert_eq!(read.map(|read| read.record.expires_at).ok(), Some(None), "{never}");
        }
        let named = incoming(&row.replace("12:00:00.5", "12:00:00+00"), "Asia/Tokyo")
            .map(|read| read.record.expires_at);
        assert_eq!(named.ok().flatten(), Some(UnixMillis(1_803_902_400_000)), "its own offset counts");
        let off = incoming(&row.replace(",t,", ",f,"), "UTC").map(|read| read.record.status);
        assert_eq!(off.ok(), Some(Status::Revoked));
    }

    #[test]
    fn what_does_not_read_is_said_by_its_column() {
        for (cells, sentence) in [
            ("1,,u,,pro,2027-03-01,,t,,", "license_key is empty"),
            ("1,K,,,pro,2027-03-01,,t,,", "user_id is empty"),
            ("1,K,u,,Pro!,2027-03-01,,t,,", "tier: Pro! is no name of a tier"),
            ("1,K,u,,pro,soon,,t,,", "expires_at: soon is no timestamp (2027-03-01 12:00:00)"),
            ("1,K,u,,pro,1767225600,,t,,", "expires_at: 1767225600 is no timestamp (2027-03-01 12:00:00)"),
            ("1,K,u,,pro,20270301,,t,,", "expires_at: 20270301 is no timestamp (2027-03-01 12:00:00)"),
            (
                "1,K,u,,pro,99999-garbage,,t,,",
                "expires_at: 99999-garbage is no timestamp (2027-03-01 12:00:00)",
            ),
            ("1,K,u,,pro,2027-03-01,,maybe,,", "active: maybe is not t or f"),
            ("1,K,u,,pro,2027-03-01,,t,a;b,", "features: a;b is no array ({a,b})"),
        ] {
            assert_eq!(incoming(cells, "UTC").err().map(|why| why.to_string()).as_deref(), Some(sentence));
        }
    }
}
