//! Moving in and out: licenses from a sheet or a table of another system, and all of ours as a sheet.
//!
//! A row goes from [`cells`] through [`sheet`] or [`postgres`], which read it into an [`Incoming`], to [`intake`],
//! which finds out whether the license is there already and makes it otherwise, to [`bulk`], which stores many at once.
//! A row that cannot be read becomes a [`BadRow`], and the next one is read.

pub mod booleans;
pub mod bulk;
pub mod cells;
pub mod dates;
pub mod encoding;
pub mod export;
pub mod import;
pub mod intake;
pub mod issuing;
pub mod noticed;
pub mod numbers;
pub mod own;
pub mod postgres;
pub mod sheet;
pub mod side_file;
pub mod spoiled;
pub mod update;

use falconer_domain::hardware::ReceivedComponents;
use falconer_domain::issue::{Order, OrderRefusal};
use falconer_domain::person::{Email, Note};
use falconer_domain::{GenerationNumber, LicenseId, Product, Status, UnixMillis};

use own::Own;

/// A license as a row describes it, before it has an id. No `Debug`: it is about a person.
pub struct Incoming {
    /// Its key, as the row has it.
    pub key: String,
    /// Whether the row itself names the product; else a key may.
    pub names_product: bool,
    /// What was sold. Its term counts for nothing; the record has it.
    pub order: Order,
    /// What has become of it.
    pub record: Record,
    /// What only an export of ours has.
    pub own: Option<Own>,
}

/// What has become of a license since it was sold. No `Debug`: it is about a person.
pub struct Record {
    /// What the operator has made of it.
    pub status: Status,
    /// When it ends.
    pub expires_at: Option<UnixMillis>,
    /// Days it lasts from its first binding on.
    pub duration_days: Option<u32>,
    /// When it was issued, if the row says.
    pub created_at: Option<UnixMillis>,
    /// The vendor's own id of the customer, where it is kept as it is; else the order has it.
    pub user_id: Option<String>,
    /// The e-mail that a client said.
    pub licensee_email: Option<Email>,
    /// What it is bound to, as the client sent it.
    pub hardware: ReceivedComponents,
    /// When counted bindings happened.
    pub transfers: Vec<UnixMillis>,
    /// How many there ever were.
    pub transfers_total: u32,
    /// What the operator wrote down.
    pub notes: Option<Note>,
    /// What the other system kept beside it.
    pub metadata: Option<String>,
}

/// Why a row is not imported, in a sentence for whoever mends it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRow {
    /// The row has more cells than the header.
    #[error("the row has {0} cells and the header {1}; is a quotation mark missing around a cell?")]
    Cells(usize, usize),
    /// A quotation mark without another one.
    #[error("a quotation mark opens in this row and closes nowhere, so that every row below belongs to it")]
    OpenQuote,
    /// A cell that must not be empty.
    #[error("{0} is empty")]
    Empty(&'static str),
    /// A cell that does not read.
    #[error("{0}: {1}")]
    Cell(&'static str, String),
    /// An order that cannot be taken.
    #[error(transparent)]
    Order(#[from] OrderRefusal),
    /// The product has no catalog.
    #[error("product {0} has no catalog; `falconer catalog apply` puts one")]
    NoCatalog(Product),
    /// It looks like ours or S1's and is not, or it should be.
    #[error(
        "license_key: no master of this ring signed it; `falconer keyring add --legacy -` adds S1's master, \
         or mend the key"
    )]
    NotAuthentic,
    /// An imported key has a form.
    #[error(
        "license_key: to be kept it must have 6 to 64 of A-Z, 0-9 and -; import without --keep-keys for a fresh one"
    )]
    NotKeepable,
    /// A free text that does not begin to be a key.
    #[error("license_key: it must have at most 128 bytes")]
    KeyTooLong,
    /// The same key twice.
    #[error("license_key: line {0} has the same key, apart from upper and lower case and spaces around it")]
    Repeated(u64),
    /// The key of another license.
    #[error("license_key: it does not open license {0}, which the row names")]
    OtherLicense(LicenseId),
    /// The key of another product.
    #[error("license_key: it is of product {0}, and the row is of {1}")]
    OtherProduct(Product, Product),
    /// The ring is another one, or the cell was changed.
    #[error(
        "key_escrow: it does not open with this key ring; import with the ring the export was made with, and \
         leave that column and license_id as they are"
    )]
    OtherRing,
    /// A license that was replaced stays revoked.
    #[error("status: the license was replaced by {0}, so it must be revoked")]
    Replaced(LicenseId),
    /// Too large to be stored.
    #[error("the row has {0} bytes, and 200000 are the most: shorten its largest cell")]
    TooLarge(usize),
    /// The ring is another one.
    #[error(
        "generation: the key ring has no generation {0} that signs; import with the ring the export was made with"
    )]
    NoGeneration(GenerationNumber),
}

impl BadRow {
    pub(crate) fn cell(column: &'static str, why: impl std::fmt::Display) -> Self {
        Self::Cell(column, why.to_string())
    }
}
