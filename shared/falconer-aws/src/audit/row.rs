//! The record of a decision or a change.

use falconer_domain::hardware::{DeviceId, Sighting};
use falconer_domain::{LicenseId, Product, UnixMillis};

use crate::address::Address;
use crate::tables;

/// The subject of an audit row, which is also its partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AuditSubject {
    /// A license.
    License(LicenseId),
    /// A product's catalog.
    Catalog(Product),
}

impl AuditSubject {
    pub(crate) fn partition(&self) -> String {
        match self {
            Self::License(id) => id.to_string(),
            Self::Catalog(product) => tables::catalog_key(product),
        }
    }
}

/// The part of a request that a row holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowPart {
    /// All there is.
    Whole,
    /// From where a change was asked, beside the row that says what changed and is kept for good.
    Caller,
}

/// One audit row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// The part of the request.
    pub part: RowPart,
    /// The subject.
    pub about: AuditSubject,
    /// When.
    pub at: UnixMillis,
    /// The request.
    pub request_id: String,
    /// The request or command: `verify`, `issue`, …
    pub action: &'static str,
    /// The resulting code.
    pub code: &'static str,
    /// The caller's own account of its origin.
    pub origin: Option<String>,
    /// The caller's folded address.
    pub address: Option<Address>,
    /// The person or client that made a change; absent where nothing changed.
    pub actor: Option<String>,
    /// Why, in the words of whoever changed it.
    pub reason: Option<String>,
    /// The device it is about.
    pub device: Option<DeviceId>,
    /// The machine of the request, if the request described one.
    pub hardware: Option<Sighting>,
    /// Days it is kept; `None` is for good.
    pub kept_days: Option<u32>,
}

impl AuditRow {
    /// The same without the place it was asked from, where that is not to be known: the license's person was erased.
    #[must_use]
    pub fn without_caller(self) -> Self {
        Self { origin: None, address: None, ..self }
    }

    /// The row of a change to a license: kept for good, and written in the same transaction. Where a client asked for
    /// it is in another row.
    #[must_use]
    pub fn change(
        license_id: &LicenseId,
        at: UnixMillis,
        request_id: &str,
        action: &'static str,
        code: &'static str,
        actor: &str,
    ) -> Self {
        Self {
            part: RowPart::Whole,
            about: AuditSubject::License(license_id.clone()),
            at,
            request_id: request_id.to_owned(),
            action,
            code,
            origin: None,
            address: None,
            actor: Some(actor.to_owned()),
            reason: None,
            device: None,
            hardware: None,
            kept_days: None,
        }
    }
}
