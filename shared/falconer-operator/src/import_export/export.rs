//! All licenses as a sheet: the spreadsheet's thirteen columns, then the members that those would lose.

use data_encoding::BASE64;
use falconer_aws::operator::IssuanceRecord;
use falconer_domain::person::{Email, Note, PersonName};
use falconer_domain::{License, LicenseId, UnixMillis};

use super::cells::{kept_as_text, written};
use super::{export_columns, sheet};
use crate::time;

/// The names of the columns.
pub fn header() -> impl Iterator<Item = &'static str> {
    sheet::COLUMNS.into_iter().chain(export_columns::COLUMNS)
}

/// A license as a row. `key` is its key, masked or not.
#[must_use]
pub fn row(license: &License, issuance: &IssuanceRecord, key: &str) -> Vec<String> {
    let text = |text: Option<&str>| kept_as_text(text.unwrap_or_default()).into_owned();
    let number = |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
    let moment = |at: Option<UnixMillis>| at.map(time::written).unwrap_or_default();
    let sheet = [
        text(Some(key)),
        license.status.as_str().to_owned(),
        text(Some(license.tier.as_str())),
        number(license.duration_days),
        // What a client sent is nowhere in clear; the column `devices` has what is at rest.
        String::new(),
        String::new(),
        String::new(),
        text(license.licensee_name.as_ref().map(PersonName::as_str)),
        text(license.licensee_email.as_ref().map(Email::as_str)),
        license.expires_at.map(time::end_written).unwrap_or_default(),
        license.transfers_total.to_string(),
        moment(license.transfers.last().copied()),
        text(license.notes.as_ref().map(Note::as_str)),
    ];
    let own = [
        license.id.to_string(),
        text(license.user_id.as_deref()),
        text(license.email.as_ref().map(Email::as_str)),
        text(Some(license.product.as_str())),
        number(license.policy.seats),
        text(Some(&license.features.join(" "))),
        export_columns::devices(&license.devices),
        export_columns::released(&license.released),
        license.free_used.to_string(),
        export_columns::moments(&license.transfers),
        export_columns::policy(license.policy),
        time::written(UnixMillis(issuance.created_at)),
        license.generation.to_string(),
        BASE64.encode(&issuance.key_escrow),
        text(license.replaces.as_ref().map(LicenseId::as_str)),
        text(license.replaced_by.as_ref().map(LicenseId::as_str)),
        text(issuance.metadata.as_deref()),
        moment(license.erased_at),
        export_columns::offline(&license.offline),
        export_columns::limits(&license.limits),
        // A day as that of expiry_date, which spreadsheets may show as they like: every form of it reads back.
        license.updates_until.map(|date| date.to_string()).unwrap_or_default(),
    ];
    sheet.into_iter().chain(own).map(|cell| written(&cell).into_owned()).collect()
}
