//! Import and export: licenses from a sheet or a table of another system, and Falconer's licenses as a sheet.
//!
//! A row goes from [`cells`] through [`sheet`] or [`postgres`], which read it into an [`ImportRow`], to [`row_resolver`],
//! which finds out whether the license is there already and makes it otherwise, to [`bulk`], which stores many at once.
//! A row that cannot be read becomes a [`BadRow`], and the next one is read.

pub mod atomic_file;
pub mod booleans;
pub mod bulk;
pub mod bulk_issue;
pub mod cells;
pub mod dates;
pub mod encoding;
pub mod export;
pub mod export_columns;
pub mod import;
pub mod issue_csv;
pub mod noticed;
pub mod numbers;
pub mod postgres;
pub mod row_resolver;
pub mod settings;
pub mod sheet;
pub mod spoiled;
pub mod update;

use falconer_domain::hardware::ReceivedComponents;
use falconer_domain::issue::{Order, OrderRefusal};
use falconer_domain::person::{Email, Note};
use falconer_domain::{CalendarDate, GenerationNumber, LicenseId, Product, Status, UnixMillis};

use export_columns::ExportColumns;
use noticed::Noticed;

/// A license as a row describes it, before it has an id. No `Debug`: it is about a person.
pub struct ImportRow {
    /// The key, as the row has it.
    pub key: String,
    /// True if the row itself names the product; else a key may.
    pub names_product: bool,
    /// The order. Its term is unused; the record has it.
    pub order: Order,
    /// State of the license.
    pub record: ImportedState,
    /// Columns of a Falconer export.
    pub own: Option<ExportColumns>,
}

/// A row as far as it reads, with every reason why it cannot be imported. No `Debug`: it is about a person.
pub struct Draft {
    /// The key, where the row has one.
    pub key: Option<String>,
    /// True if the row itself names the product.
    pub names_product: bool,
    /// The order, if it reads.
    pub order: Option<Order>,
    /// State of the license, if it reads.
    pub record: Option<ImportedState>,
    /// Columns of a Falconer export.
    pub own: Option<ExportColumns>,
    /// Why the row cannot be imported.
    pub reasons: Vec<BadRow>,
    /// Notices for the operator if the row is imported.
    pub notes: Notes,
}

/// Notices about a row, each with an optional detail.
pub type Notes = Vec<(Noticed, Option<String>)>;

impl Draft {
    /// A row that does not read at all.
    #[must_use]
    pub fn unread(why: BadRow) -> Self {
        let (reasons, notes) = (vec![why], Vec::new());
        Self { key: None, names_product: false, order: None, record: None, own: None, reasons, notes }
    }

    /// A row that reads.
    #[must_use]
    pub fn whole(incoming: ImportRow, notes: Notes) -> Self {
        let ImportRow { key, names_product, order, record, own } = incoming;
        Self {
            key: Some(key),
            names_product,
            order: Some(order),
            record: Some(record),
            own,
            reasons: Vec::new(),
            notes,
        }
    }
}

/// Every reason why a row is not imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRows(pub Vec<BadRow>);

impl std::fmt::Display for BadRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let reasons: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&reasons.join("; "))
    }
}

/// How the place of a text begins that is not shown.
const NOT_TOLD: &str = "a text of ";
/// Longest text of a cell that a message shows, in characters.
const MAX_CHARS_SHOWN: usize = 24;

/// A cell as a message may show it: nothing that could be a key or an address, which a row whose cells have moved has
/// anywhere.
#[must_use]
pub fn redacted(cell: &str) -> String {
    let count = |is: fn(char) -> bool| cell.chars().filter(|c| is(*c)).count();
    let (digits, hyphens) = (count(|c| c.is_ascii_digit()), count(|c| c == '-'));
    let is_like_a_date = count(|c| ".:/".contains(c)) >= 2 && count(char::is_alphabetic) <= 2;
    let is_like_a_key = digits >= 5 || hyphens >= 2 || (hyphens == 1 && digits >= 1);
    let is_iso = dates::read(cell).is_ok();
    let is_shown = !is_like_a_key || is_like_a_date || is_iso;
    if is_shown && cell.chars().count() <= MAX_CHARS_SHOWN && !cell.contains('@') {
        cell.chars().filter(|c| !c.is_control()).collect()
    } else {
        format!("{NOT_TOLD}{} characters", cell.chars().count())
    }
}

/// True for what [`redacted`] says in place of a cell.
#[must_use]
pub fn is_hidden(shown: &str) -> bool {
    shown.starts_with(NOT_TOLD)
}

/// How to say what a word means; nothing where the word itself is not shown.
fn translation(flag: &str, value: &str) -> String {
    match value {
        hidden if is_hidden(hidden) => String::new(),
        words if words.contains(' ') => format!("; {flag} '{words}=OURS' says what it means"),
        word => format!("; {flag} {word}=OURS says what it means"),
    }
}

/// State of a license since it was sold. No `Debug`: it is about a person.
pub struct ImportedState {
    /// Status set by the operator.
    pub status: Status,
    /// The end of the license.
    pub expires_at: Option<UnixMillis>,
    /// Days it lasts from its first binding on.
    pub duration_days: Option<u32>,
    /// The last day whose builds it covers, if the row has it. The tier's days count from an issue, not from an import.
    pub updates_until: Option<CalendarDate>,
    /// Time of issue, if the row has it.
    pub created_at: Option<UnixMillis>,
    /// The vendor's own id of the customer, where it is kept as it is; else the order has it.
    pub user_id: Option<String>,
    /// The e-mail that a client said.
    pub licensee_email: Option<Email>,
    /// Bound hardware, as the client sent it.
    pub hardware: ReceivedComponents,
    /// When counted bindings happened.
    pub transfers: Vec<UnixMillis>,
    /// How many there ever were.
    pub transfers_total: u32,
    /// The operator's note.
    pub notes: Option<Note>,
    /// Other members of the source system.
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
    /// A word that the sheet uses for something.
    #[error("{column}: {value} is not {known}{}", translation(flag, value))]
    Word {
        /// The column.
        column: &'static str,
        /// The word, as a message may show it.
        value: String,
        /// The words that are known.
        known: &'static str,
        /// The flag that translates it.
        flag: &'static str,
    },
    /// A date that means "no end".
    #[error(
        "expiry_date: {0} looks like a placeholder, not like an end; leave it empty for a license that never ends, or \
         name it by --never"
    )]
    Placeholder(String),
    /// A term that has begun, and nothing says when.
    #[error(
        "expiry_date: it is empty, the license is active, and its duration began nobody knows when; write its end"
    )]
    Undated,
    /// The column that a term is counted from.
    #[error("{0}: {1}, and the end of the license is counted from it")]
    Counted(String, String),
    /// A cell that a spreadsheet program has made something else of.
    #[error(
        "license_key: the sheet shows an error, or has rounded or changed this key; write the key as it was issued"
    )]
    SpoiledKey,
    /// Rows within a cell.
    #[error("{0}: the cell has a whole row in it; is a quotation mark missing, or one too many?")]
    Swallowed(String),
    /// An order that cannot be taken.
    #[error(transparent)]
    Order(#[from] OrderRefusal),
    /// The product has no catalog.
    #[error("product {0} has no catalog; `falconer catalog apply FILE` stores one")]
    NoCatalog(Product),
    /// It resembles a key of Falconer or the Flask server without a valid signature.
    #[error(
        "license_key: no master of this ring signed it; `falconer keyring add --legacy -` adds the Flask server's master, \
         or mend the key"
    )]
    NotAuthentic,
    /// An imported key has a form.
    #[error(
        "license_key: to be kept it must have 6 to 64 letters A-Z and digits; import without --keep-keys for a fresh one"
    )]
    NotKeepable,
    /// A free text that does not begin to be a key.
    #[error("license_key: it must have at most 1024 bytes")]
    KeyTooLong,
    /// The same key twice.
    #[error("license_key: lines {} have one key, apart from how it is written; keep one of them", lines(.0))]
    Repeated(Vec<u64>),
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

/// Lines that a message names.
const MAX_LINES_SHOWN: usize = 10;

fn lines(lines: &[u64]) -> String {
    let told: Vec<_> = lines.iter().take(MAX_LINES_SHOWN).map(u64::to_string).collect();
    match (told.split_last(), lines.len().saturating_sub(told.len())) {
        (Some((last, [])), _) => last.clone(),
        (Some((last, before)), 0) => format!("{} and {last}", before.join(", ")),
        (_, more) => format!("{} and {more} more", told.join(", ")),
    }
}

impl BadRow {
    pub(crate) fn cell(column: &'static str, why: impl std::fmt::Display) -> Self {
        Self::Cell(column, why.to_string())
    }
}
