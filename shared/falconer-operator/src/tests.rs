//! Every reader of what an operator hands in: files, sheets, dates. No bytes make it panic, and what it takes reads
//! back.

use falconer_domain::{Product, UnixMillis};
use jiff::tz::TimeZone;
use proptest::prelude::*;

use crate::import_export::cells::Sheet;
use crate::import_export::issue_csv::read_keys;
use crate::import_export::{export_columns, postgres, sheet};
use crate::{catalog, time};

fn product() -> Product {
    Product::parse("QF").unwrap()
}

/// Cells that are nearly right, wrong in every way, or formulas.
fn cell() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,20}",
        "\\PC{0,12}",
        "['\"=+@,;\r\n\t -]{0,6}",
        "-?[0-9]{1,20}",
        "[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9:.]{1,12}(Z|[+-][0-9:]{2,5})?)?",
        "-?[0-9]{1,19} ms",
        "\\{[a-z,\"]{0,12}\\}",
        "(lic_[0-9a-hjkmnp-tv-z]{24}|QF-PRO-[0-9A-Z-]{20,36}|[A-Za-z0-9+/]{0,40}={0,2})",
        "(\\[|\\{)[\\[\\]{}\":,0-9a-z_]{0,40}",
        proptest::sample::select(vec![
            "active", "pending", "expired", "t", "f", "pro", "free", "infinity", "1", "yes"
        ])
        .prop_map(str::to_owned),
    ]
}

/// Plausible values of a column, so that rows read to their end.
fn plausible(column: &'static str) -> &'static str {
    match column {
        "license_key" => "(QF-PRO-[0-9A-Z]{5}(-[0-9A-Z]{5}){5}|CUST-[0-9]{4})",
        "status" => "(active|pending|suspended|revoked|expired)",
        "license_tier" | "tier" => "(pro|free|elite)",
        "license_id" | "replaces" | "replaced_by" => "(lic_[0-9a-hjkmnp-tv-z]{24})?",
        "generation" => "[1-9]",
        "key_escrow" => "([A-Za-z0-9+/]{4}){1,6}",
        "expiry_date" | "expires_at" | "created_at" | "last_transfer_at" => {
            "(20[2-9][0-9]-[01][0-9]-[0-3][0-9]( [0-2][0-9]:00:00)?)?"
        }
        "active" => "(t|f|1|0)",
        "devices" | "released" | "transfers" => "(\\[\\])?",
        "offline" => "(\\{\\})?",
        "policy" => "(\\{\\}|\\{\"max_transfers\":[0-9]{1,3}\\})?",
        "features" => "(\\{[a-z]{1,4}(,[a-z]{1,4})?\\}|[a-z{}\u{E9}]{0,3})",
        "license_duration_days" | "transfer_count" | "seats" | "free_used" => "[0-9]{0,2}",
        "product" => "(QF)?",
        _ => "[a-z]{0,8}",
    }
}

/// A file of these columns, most cells of which are plausible; now and then a byte is another one.
fn file(columns: Vec<&'static str>) -> impl Strategy<Value = Vec<u8>> {
    let cell_of = |&column: &&'static str| prop_oneof![12 => plausible(column), 1 => cell()].boxed();
    let row: Vec<_> = columns.iter().map(cell_of).collect();
    let rows = proptest::collection::vec((row, 0_u8..20), 1..6);
    let flips = proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..2);
    (rows, flips).prop_map(move |(rows, flips)| {
        let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
        writer.write_record(&columns).unwrap();
        for (mut row, short) in rows {
            if short == 0 {
                row.pop();
            }
            writer.write_record(&row).unwrap();
        }
        let mut bytes = writer.into_inner().unwrap();
        for (place, byte) in flips {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes
    })
}

/// Any moment there is, and as often one of the years that a calendar knows, the edges of those among them.
fn moment() -> impl Strategy<Value = i64> {
    prop_oneof![
        any::<i64>(),
        -62_200_000_000_000..253_402_400_000_000_i64,
        -62_200_000_000_000..-62_100_000_000_000_i64
    ]
}

fn of_sheet() -> Vec<&'static str> {
    sheet::COLUMNS.into_iter().chain(export_columns::COLUMNS).collect()
}

/// Reads it as everything that a file can be.
fn read_as_all(bytes: &[u8]) {
    let reading = sheet::Reading::new(product(), UnixMillis(1_800_000_000_000));
    let table = postgres::Reading {
        server_zone: TimeZone::UTC,
        database_zone: TimeZone::UTC,
        features: postgres::Features::Granted,
    };
    if let Ok(file) = Sheet::open(bytes, &[]) {
        for row in file.rows() {
            drop(sheet::read(&row, &reading));
            let _ = postgres::read(&row, &table).map(drop);
            let _ = export_columns::read(&row).map(drop);
        }
        let _ = read_keys(bytes, &file, &product()).map(drop);
    }
}

proptest! {
    #[test]
    fn any_sheet_is_read_row_by_row(bytes in file(of_sheet())) {
        read_as_all(&bytes);
    }

    #[test]
    fn any_table_is_read_row_by_row(bytes in file([postgres::COLUMNS.as_slice(), &[postgres::METADATA]].concat())) {
        read_as_all(&bytes);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        read_as_all(&bytes);
    }

    #[test]
    fn moment_reads_back_to_millisecond(text in cell(), millis in moment()) {
        for read in [time::from(&text), time::until(&text)].into_iter().flatten() {
            prop_assert_eq!(time::from(&time::written(read)), Ok(read));
            prop_assert_eq!(time::until(&time::end_written(read)), Ok(read));
        }
        let at = UnixMillis(millis);
        prop_assert_eq!(time::from(&time::written(at)), Ok(at));
        prop_assert_eq!(time::until(&time::end_written(at)), Ok(at));
    }

    #[test]
    fn catalog_reads_back_or_is_refused(
        product in "([A-Z0-9]{2,8}|[A-Z0-9]{2,8}|\\PC{0,4})",
        tiers in proptest::collection::vec(("[a-c]", proptest::option::of("[a-c]"), "[a-z_]{1,6}", "[1-9][0-9]?"), 0..4),
        text in "\\PC{0,80}",
    ) {
        let tiers: Vec<_> = tiers
            .iter()
            .map(|(name, extends, feature, seats)| {
                let extends = extends.as_ref().map(|name| format!("extends = \"{name}\"\n")).unwrap_or_default();
                format!("[tiers.{name}]\n{extends}features = [\"{feature}\"]\npolicy = {{ seats = {seats} }}\n")
            })
            .collect();
        for text in [format!("product = \"{product}\"\n{}", tiers.concat()), text] {
            if let Ok(read) = catalog::read(&text) {
                prop_assert_eq!(catalog::read(&catalog::written(&read)).unwrap(), read);
            }
        }
    }
}
