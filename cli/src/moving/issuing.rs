//! Orders in bulk: a key for each row of a file, written down before any license is stored.
//!
//! The file of keys is what makes it safe to be killed: nothing is stored before it stands, and whoever starts over takes
//! the keys from it, so that no order is issued twice and no issued key is lost.

use std::collections::HashSet;
use std::path::Path;

use falconer_domain::issue::{Order, Term};
use falconer_domain::{LicenseKey, Product, TierName, UnixMillis};

use super::BadRow;
use super::cells::{BadFile, Row, Sheet, written};
use super::side_file::SideFile;
use crate::moments;

/// The columns of an order, `tier` and one of `days` and `perpetual` required.
pub const COLUMNS: [&str; 10] =
    ["product", "tier", "user", "email", "name", "days", "from_activation", "perpetual", "seats", "features"];
/// Those without which a row says nothing.
pub const REQUIRED: [&str; 1] = ["tier"];
/// What the file of keys adds behind them.
const ADDED: [&str; 3] = ["license_key", "license_id", "issued_at"];

/// An order with its key.
pub struct Keyed {
    /// The order.
    pub order: Order,
    /// Its key.
    pub key: LicenseKey,
    /// When it was issued: its term runs from then on, whenever it is stored.
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

/// Reads an order.
///
/// # Errors
/// [`BadRow`].
pub fn order(row: &Row<'_>, product: &Product) -> Result<Order, BadRow> {
    row.cells.as_ref().map_err(Clone::clone)?;
    let days = row.parsed("days", |text| text.parse().map_err(|_| "it must be a number"))?;
    let (perpetual, from_activation) = (flag(row, "perpetual")?, flag(row, "from_activation")?);
    let tier = row.required("tier")?;
    Ok(Order {
        product: row
            .parsed("product", |text| Product::parse(text).ok_or("2 to 8 of A-Z and 0-9"))?
            .unwrap_or_else(|| product.clone()),
        tier: TierName::parse(&tier)
            .ok_or_else(|| BadRow::cell("tier", "it must be 1 to 16 of a-z, 0-9 and _"))?,
        user_id: row.cell("user").map(Into::into),
        email: row.cell("email").map(Into::into),
        licensee_name: row.cell("name").map(Into::into),
        term: match (days, perpetual, from_activation) {
            (Some(days), Flag::Off, Flag::Off) => Term::Days(days),
            (Some(days), Flag::Off, Flag::On) => Term::DaysFromActivation(days),
            (None, Flag::On, Flag::Off) => Term::Perpetual,
            _ => return Err(BadRow::cell("days", "a row has either days or `yes` under perpetual")),
        },
        seats: row.parsed("seats", |text| text.parse().map_err(|_| "it must be a number"))?,
        features: row.names("features"),
    })
}

enum Flag {
    On,
    Off,
}

fn flag(row: &Row<'_>, column: &'static str) -> Result<Flag, BadRow> {
    let cell = row.cell(column).map(|text| text.to_lowercase());
    match cell.as_deref() {
        Some("yes" | "true" | "1" | "x") => Ok(Flag::On),
        None | Some("no" | "false" | "0") => Ok(Flag::Off),
        Some(_) => Err(BadRow::cell(column, "it must be yes, no or empty")),
    }
}

/// Writes the file of keys: every order as it stands, with its key. Never over one that is there.
///
/// # Errors
/// The file cannot be written, or is there.
pub fn write_keys(
    path: &Path,
    sheet: &Sheet<'_>,
    keys: impl IntoIterator<Item = (LicenseKey, String)>,
    issued_at: UnixMillis,
) -> std::io::Result<()> {
    let mut writer = csv::Writer::from_writer(SideFile::begin(path)?);
    writer.write_record(sheet.header.iter().chain(ADDED))?;
    for (row, (key, id)) in sheet.rows().zip(keys) {
        let (key, at) = (key.to_string(), moments::written(issued_at));
        let added = [written(&key).into_owned(), id, at].map(String::into_bytes);
        writer.write_record(row.raw.iter().map(<[u8]>::to_vec).chain(added))?;
    }
    writer.into_inner().map_err(csv::IntoInnerError::into_error)?.finish_first()
}

/// The orders and keys of such a file, if it is that of these orders.
///
/// # Errors
/// [`NotItsKeys`].
pub fn read_keys(bytes: &[u8], orders: &Sheet<'_>, product: &Product) -> Result<Vec<Keyed>, NotItsKeys> {
    let keys = Sheet::open(bytes, &ADDED)?;
    if keys.count() != orders.count() {
        return Err(NotItsKeys::Changed(keys.count().min(orders.count()) + 2));
    }
    if !orders.header.iter().eq(keys.header.iter().take(orders.header.len())) {
        return Err(NotItsKeys::Changed(1));
    }
    let (mut read, mut seen) = (Vec::new(), HashSet::new());
    for (keyed, ordered) in keys.rows().zip(orders.rows()) {
        let line = keyed.line;
        if !ordered.raw.iter().eq(keyed.raw.iter().take(ordered.raw.len())) {
            return Err(NotItsKeys::Changed(ordered.line));
        }
        let key = keyed.cell("license_key").and_then(|text| LicenseKey::parse(&text));
        let issued_at = keyed.cell("issued_at").and_then(|text| moments::from(&text).ok());
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
