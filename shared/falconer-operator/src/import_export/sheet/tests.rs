use falconer_domain::Status;
use falconer_domain::issue::Order;
use falconer_domain::person::{Email, Note};

use super::super::noticed::Noticed;
use super::super::{BadRows, ImportedState};
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
    let statuses = BTreeMap::from([("gesperrt".to_owned(), LicenseState::Suspended)]);
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
    assert_eq!((read.order.tier.as_str(), read.order.email.as_deref()), ("pro", Some("test@example.com")));
    assert_eq!(read.record.licensee_email.as_ref().map(Email::as_str), Some("test@example.com"));
    assert_eq!(read.order.licensee_name.as_deref(), Some("Person, Test"));
    assert_eq!(read.record.notes.as_ref().map(Note::as_str), Some("two\nlines"));
    assert_eq!(format!("{:?}", read.record.hardware), "[Mac]", "the hash of nothing is nothing");
    assert_eq!((read.record.transfers.len(), read.record.transfers_total), (1, 3));
    assert!((NOW.0 - read.record.transfers[0].0) / DAY > 30);
    let counted = incoming("ABC-123,active,pro,,,,,,,,,2026-12-01,").map(|read| read.record.transfers_total);
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
        assert_eq!(incoming(cells).err().map(|why| why.to_string()).as_deref(), Some(sentence), "{cells}");
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
    let before = incoming("A-1234,active,pro,,,,,,,2025-03-01,,2026-01-01,").err().map(|why| why.to_string());
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
    let mut writer = csv::WriterBuilder::new().delimiter(separator).flexible(true).from_writer(Vec::new());
    writer
        .write_record(["License Key", "status", "license_tier", "licensee_name", "expiry_date", "seats"])
        .unwrap();
    for (row, (number, day, seats)) in sold.iter().enumerate() {
        if row % blank_every == 0 {
            writer.write_record(["", " ", "", ""]).unwrap();
        }
        let day = jiff::civil::Date::constant(2030, 1, 1).checked_add(jiff::Span::new().days(*day)).unwrap();
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
