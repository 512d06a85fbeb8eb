//! Orders in bulk: a key for each row of a file, written down before any license is stored.
//!
//! The file of keys makes an interruption safe. It is complete before anything is stored, and a second run reads the keys
//! from it, so that no order is issued twice and no issued key is lost.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::path::Path;

use falconer_domain::issue::{Order, Term};
use falconer_domain::{LicenseKey, Limits, Product, TierName, UnixMillis};

use super::atomic_file::AtomicFile;
use super::cells::{BadFile, CsvRow, Sheet, written};
use super::encoding::{BYTE_ORDER_MARK, Mark};
use super::{BadRow, BadRows, booleans, spoiled};
use crate::{maintenance, time};

/// The columns of an order, `tier` and one of `days` and `perpetual` required.
pub const COLUMNS: [&str; 12] = [
    "product",
    "tier",
    "user",
    "email",
    "name",
    "days",
    "from_activation",
    "perpetual",
    "seats",
    "features",
    "limits",
    "updates_until",
];
/// Those without which a row says nothing.
pub const REQUIRED: [&str; 1] = ["tier"];
/// Columns that the file of keys appends.
const ADDED: [&str; 3] = ["license_key", "license_id", "issued_at"];

/// An order with its key.
pub struct Keyed {
    /// The order.
    pub order: Order,
    /// The key.
    pub key: LicenseKey,
    /// Time of issue. The term starts here, also if the license is stored later.
    pub issued_at: UnixMillis,
}

/// Why a file of keys is not that of a file of orders.
#[derive(Debug, thiserror::Error)]
pub enum NotItsKeys {
    /// Not CSV of this kind.
    #[error(transparent)]
    File(#[from] BadFile),
    /// The orders were changed since.
    #[error("line {0} is not the order it was when the keys were made")]
    Changed(u64),
    /// Cut off, or changed.
    #[error("line {0} does not hold the key that was made for its order; it was changed")]
    NoKey(u64),
}

/// Returns the orders of a file, without rows of blank cells and empty check boxes.
pub fn rows<'a>(sheet: &'a Sheet<'_>) -> impl Iterator<Item = CsvRow<'a>> {
    let named = ["product", "tier", "user", "email", "name", "days"];
    let is_nothing = |text: &str| booleans::is_constant(text) || spoiled::is_error(text);
    let names_nothing = move |row: &CsvRow<'_>| {
        row.cells.is_ok() && named.iter().all(|column| row.cell(column).is_none_or(|text| is_nothing(&text)))
    };
    sheet.rows().filter(move |row| !names_nothing(row))
}

/// Reads an order.
///
/// # Errors
/// [`BadRows`], with every reason.
pub fn order(row: &CsvRow<'_>, product: &Product) -> Result<Order, BadRows> {
    row.cells.as_ref().map_err(|why| BadRows(vec![why.clone()]))?;
    let mut reasons = Vec::new();
    let product_of_row = kept(
        &mut reasons,
        row.parsed("product", |text| Product::parse(&text.to_uppercase()).ok_or("2 to 8 of A-Z and 0-9")),
    );
    let tier = row.required("tier").and_then(|text| {
        let tier = TierName::parse(&text.to_lowercase());
        tier.ok_or_else(|| BadRow::cell("tier", "it must be 1 to 16 of a-z, 0-9 and _"))
    });
    let tier = kept(&mut reasons, tier);
    let term = kept(&mut reasons, term(row));
    let seats = kept(&mut reasons, number(row, "seats"));
    let limits = kept(&mut reasons, limits(row));
    let updates_until = kept(&mut reasons, row.parsed("updates_until", maintenance::updates_end));
    match (product_of_row, tier, term, seats, limits.zip(updates_until)) {
        (Some(named), Some(tier), Some(term), Some(seats), Some((limits, updates_until))) => Ok(Order {
            product: named.unwrap_or_else(|| product.clone()),
            tier,
            user_id: row.cell("user").map(Into::into),
            email: row.cell("email").map(Into::into),
            licensee_name: row.cell("name").map(Into::into),
            term,
            seats,
            features: row.names("features"),
            limits,
            updates_until,
        }),
        _ => Err(BadRows(reasons)),
    }
}

fn kept<T>(reasons: &mut Vec<BadRow>, read: Result<T, BadRow>) -> Option<T> {
    read.map_err(|why| reasons.push(why)).ok()
}

/// Limits in a cell, as `agents=5 users=3`.
pub(super) fn limits(row: &CsvRow<'_>) -> Result<Limits, BadRow> {
    let limits = row.names("limits");
    Limits::read(limits.iter().map(String::as_str)).map_err(|why| BadRow::cell("limits", why))
}

/// A whole number; what does not fit is more than any limit.
fn number(row: &CsvRow<'_>, column: &'static str) -> Result<Option<u32>, BadRow> {
    Ok(row.whole(column)?.map(|number| u32::try_from(number).unwrap_or(u32::MAX)))
}

fn term(row: &CsvRow<'_>) -> Result<Term, BadRow> {
    let (days, perpetual, from_activation) =
        (number(row, "days")?, flag(row, "perpetual")?, flag(row, "from_activation")?);
    match (days, perpetual, from_activation) {
        (Some(days), Flag::Off, Flag::Off) => Ok(Term::Days(days)),
        (Some(days), Flag::Off, Flag::On) => Ok(Term::DaysFromActivation(days)),
        (None, Flag::On, Flag::Off) => Ok(Term::Perpetual),
        _ => Err(BadRow::cell("days", "a row has either days or `yes` under perpetual")),
    }
}

enum Flag {
    On,
    Off,
}

fn flag(row: &CsvRow<'_>, column: &'static str) -> Result<Flag, BadRow> {
    match row.cell(column).map(|text| booleans::boolean(&text)) {
        Some(Some(true)) => Ok(Flag::On),
        None | Some(Some(false)) => Ok(Flag::Off),
        Some(None) => Err(BadRow::cell(column, "it must be yes, no or empty")),
    }
}

/// Writes the file of keys: every order unchanged, with its key. An existing file is not overwritten. The format is that
/// of the file of orders, so that the same program opens both.
///
/// # Errors
/// The file cannot be written, or is there.
pub fn write_keys(
    path: &Path,
    sheet: &Sheet<'_>,
    keys: impl IntoIterator<Item = (LicenseKey, String)>,
    issued_at: UnixMillis,
) -> std::io::Result<()> {
    let mut file = AtomicFile::begin(path)?;
    if sheet.mark() == Mark::Present {
        file.write_all(BYTE_ORDER_MARK)?;
    }
    let mut writer = csv::WriterBuilder::new().delimiter(sheet.separator()).from_writer(file);
    writer.write_record(sheet.header.iter().chain(ADDED))?;
    write_rows(&mut writer, rows(sheet), keys, issued_at)?;
    let file = writer.into_inner().map_err(csv::IntoInnerError::into_error)?;
    // An empty one has the name already, from a run that was stopped on a disk that knows no links.
    if fs::metadata(path).is_ok_and(|there| there.len() == 0) {
        file.finish_over(b"")
    } else {
        file.finish_first()
    }
}

/// Appends the keys of new orders to the file of keys.
///
/// # Errors
/// The file cannot be written, or is another one by now.
pub fn add_keys(
    path: &Path,
    (made, sheet): (&[u8], &Sheet<'_>),
    (there, keys): (usize, impl IntoIterator<Item = (LicenseKey, String)>),
    issued_at: UnixMillis,
) -> std::io::Result<()> {
    let separator = Sheet::open(made, &ADDED).map_err(std::io::Error::other)?.separator();
    let mut file = AtomicFile::begin(path)?;
    file.write_all(made)?;
    if !made.ends_with(b"\n") {
        file.write_all(b"\n")?;
    }
    let mut writer = csv::WriterBuilder::new().delimiter(separator).from_writer(file);
    write_rows(&mut writer, rows(sheet).skip(there), keys, issued_at)?;
    writer.into_inner().map_err(csv::IntoInnerError::into_error)?.finish_over(made)
}

fn write_rows<'a>(
    writer: &mut csv::Writer<AtomicFile>,
    orders: impl Iterator<Item = CsvRow<'a>>,
    keys: impl IntoIterator<Item = (LicenseKey, String)>,
    issued_at: UnixMillis,
) -> std::io::Result<()> {
    for (row, (key, id)) in orders.zip(keys) {
        let (key, at) = (key.to_string(), time::written(issued_at));
        let added = [written(&key).into_owned(), id, at];
        let cells = row.cells.iter().flatten().map(str::to_owned);
        writer.write_record(cells.chain(added))?;
    }
    Ok(())
}

/// The orders and keys of such a file, if it is that of these orders. Orders may have been added below since: they have
/// no key yet.
///
/// # Errors
/// [`NotItsKeys`].
pub fn read_keys(bytes: &[u8], orders: &Sheet<'_>, product: &Product) -> Result<Vec<Keyed>, NotItsKeys> {
    let keys = Sheet::open(bytes, &ADDED)?;
    if !orders.header.iter().eq(keys.header.iter().take(orders.header.len())) {
        return Err(NotItsKeys::Changed(1));
    }
    let (mut read, mut seen, mut ordered) = (Vec::new(), HashSet::new(), rows(orders));
    for keyed in keys.rows() {
        let line = keyed.line;
        match ordered.next() {
            Some(order) if is_same_order(&order, &keyed, orders.header.len()) => {}
            Some(order) => return Err(NotItsKeys::Changed(order.line)),
            None => return Err(NotItsKeys::Changed(line)),
        }
        let key = keyed.cell("license_key").and_then(|text| LicenseKey::parse(&text));
        let issued_at = keyed.cell("issued_at").and_then(|text| time::from(&text).ok());
        let order = order(&keyed, product).ok();
        match (order, key, issued_at) {
            // Of this order and of no other: what was typed into the file issues nothing.
            (Some(order), Some(LicenseKey::Current(key)), Some(issued_at))
                if *key.product() == order.product
                    && *key.tier() == order.tier.printed()
                    && seen.insert(key.to_string()) =>
            {
                read.push(Keyed { order, key: LicenseKey::Current(key), issued_at });
            }
            _ => return Err(NotItsKeys::NoKey(line)),
        }
    }
    Ok(read)
}

/// Returns true if the cells of two rows say the same, however a program has saved the file again.
fn is_same_order(order: &CsvRow<'_>, keyed: &CsvRow<'_>, columns: usize) -> bool {
    let cells = |row: &CsvRow<'_>| -> Vec<String> {
        row.cells.iter().flatten().take(columns).map(|cell| cell.trim().to_owned()).collect()
    };
    cells(order) == cells(keyed)
}
