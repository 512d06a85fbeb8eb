//! Access patterns of operators, besides those of [`crate::tables`]. No function links this module.
//!
//! | # | access pattern | table | operation | consistency | condition |
//! | --- | --- | --- | --- | --- | --- |
//! | 8 | the licenses of a user | licenses, `by_user_id` | `Query` | eventual | – |
//! | 9 | the licenses of an e-mail | licenses, `by_email` | `Query` | eventual | – |
//! | 10 | the licenses that end in a month, without suspended and revoked ones | licenses, `by_expiry` | `Query` | eventual | – |
//! | 11 | every license | licenses | `Scan` | strong | – |
//! | 12 | what happened to a license | verifications | `Query` | strong | – |
//! | 13 | replace a license's key | licenses, verifications | `TransactWriteItems` of four puts | – | the version read; the three others not there yet |
//! | 14 | put a catalog with its audit row | licenses, verifications | `TransactWriteItems` of two puts | – | the version read, or none there; the row not there yet |
//! | 15 | the ids of all licenses | licenses | `Scan` of one attribute | strong | – |
//! | 16 | issue many licenses with their audit rows | licenses, verifications | `TransactWriteItems` of two puts each | – | none of them is there yet |
//! | 17 | what happened to all licenses since a moment | verifications | `Scan` | eventual | – |
//! | 18 | what happened to a license last | verifications | `Query`, backwards, so many rows | strong | – |
//! | 19 | an order | licenses | `GetItem` `order#shop#ID` | strong | – |
//! | 20 | issue a license for an order | licenses, verifications | `TransactWriteItems` of three puts | – | none of them is there yet |
//! | 21 | erase the person of a license | licenses, verifications | `TransactWriteItems` of two puts | – | the version read; the row not there yet |
//! | 22 | end the erasure of a license | licenses | `UpdateItem` `license_id` | – | it is being erased |
//! | 23 | what happened to a license, page by page | verifications | `Query` | strong | – |
//! | 24 | blank an audit row | verifications | `UpdateItem` `license_id`, `at` | – | it is there |
//! | 25 | the orders of some licenses | licenses | `Scan`, filtered | strong | – |
//! | 26 | hide the id of an order | licenses | `GetItem`, then `TransactWriteItems` of a put and a delete | strong | the one not there yet; the other is |
//! | 27 | an order whose id is hidden | licenses | `GetItem` `order#hidden#HASH` | strong | – |
//! | 28 | the products that have a stored catalog | licenses | `Scan` of one attribute | strong | – |
//!
//! The indexes hold keys alone, so each license they name is read by pattern 1.

use falconer_domain::issue::OrderId;

/// Pattern 14: over a catalog that was put there by hand, without a version, or over none.
pub const NO_VERSION: &str = "attribute_not_exists(version)";

/// The key of an order's item. `shop` is the vendor itself; orders of payment providers get a word of their own.
#[must_use]
pub fn order_key(order: &OrderId) -> String {
    format!("{ORDERS}{order}")
}

/// The key of an order's item whose license was erased.
#[must_use]
pub fn hidden_order_key(order: &OrderId) -> String {
    format!("order#hidden#{}", order.hidden())
}

/// How the keys of orders begin.
pub const ORDERS: &str = "order#shop#";

/// Index of pattern 8.
pub const BY_USER_ID: &str = "by_user_id";
/// Index of pattern 9.
pub const BY_EMAIL: &str = "by_email";
/// Index of pattern 10.
pub const BY_EXPIRY: &str = "by_expiry";

/// Pattern 8.
pub const OF_USER: &str = "user_id = :value";
/// Pattern 9.
pub const OF_EMAIL: &str = "email = :value";
/// Pattern 10.
pub const ENDING: &str = "expiry_month = :month AND expires_at BETWEEN :from AND :until";
/// Pattern 12: from a moment on. `at` is a reserved word of DynamoDB.
pub const HAPPENED_SINCE: &str = "license_id = :license_id AND #at >= :since";
/// Pattern 12: after a row.
pub const HAPPENED_AFTER: &str = "license_id = :license_id AND #at > :since";
/// Pattern 18.
pub const HAPPENED: &str = "license_id = :license_id";
/// Pattern 15.
pub const ID_ALONE: &str = "license_id";
/// Pattern 17.
pub const SINCE: &str = "#at >= :since";
/// Pattern 28.
pub const CATALOGS: &str = "begins_with(license_id, :prefix)";
/// Pattern 17: what statistics look at. `action` is a reserved word of DynamoDB too.
pub const FOR_STATISTICS: &str = "license_id, #at, #action, code";
/// The reserved word.
pub const ACTION_NAME: (&str, &str) = ("#action", "action");
/// The reserved word.
pub const AT_NAME: (&str, &str) = ("#at", "at");

/// Patterns 24 and 26: only what is there.
pub const IS_THERE: &str = "attribute_exists(license_id)";
/// Pattern 22: a version of its own, so that a write under way does not bring the mark back.
pub const END_ERASURE: &str = "SET version = version + :one REMOVE being_erased";
/// Pattern 22.
pub const IS_BEING_ERASED: &str = "attribute_exists(being_erased)";
/// Pattern 24: from where it was asked.
pub const BLANK_CALLER: &str = "REMOVE origin, address";
/// Pattern 24: the same, and what changed.
pub const BLANK_CALLER_AND_CHANGES: &str = "SET changes = :changes REMOVE origin, address";
/// Pattern 24: from where it was asked, and why.
pub const BLANK_ROW: &str = "REMOVE origin, address, reason";
/// Pattern 24: the same, and what changed.
pub const BLANK_ROW_AND_CHANGES: &str = "SET changes = :changes REMOVE origin, address, reason";
/// Pattern 25.
pub const IS_ORDER: &str = "begins_with(license_id, :order)";
/// Pattern 25.
pub const ISSUED_FOR: &str = "license_id, issued";
