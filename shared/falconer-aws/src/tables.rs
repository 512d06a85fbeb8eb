//! Every key, attribute and expression that reaches DynamoDB, in one place.
//!
//! | # | access pattern | table | operation | consistency | condition |
//! | --- | --- | --- | --- | --- | --- |
//! | 1 | a license, to decide about it | licenses | `GetItem` `license_id` | strong | – |
//! | 2 | a product's catalog, cached 60 s | licenses | `GetItem` `catalog#PRODUCT` | strong | – |
//! | 3 | count calls about a license from an address | rate limits | `UpdateItem` `bucket` | – | room below the limit |
//! | 4 | record a verification | verifications | `PutItem` `license_id`, `at` | – | not there yet |
//! | 5 | issue a license with its audit row | licenses, verifications | `TransactWriteItems` of two puts | – | neither is there yet |
//! | 6 | change a license with its audit row | licenses, verifications | `TransactWriteItems` of two puts | – | the version read; the row not there yet |
//! | 6b | change what says nothing of a license | licenses | `PutItem` `license_id` | – | the version read |
//! | 7 | warm the connection, and `ready` | licenses | `GetItem` of a row that never exists | eventual | – |
//!
//! No function scans. Shapes are in `template.yaml` alone.

use falconer_domain::{Product, UnixMillis};

/// Partition key of licenses and verifications.
pub const LICENSE_ID: &str = "license_id";
/// Partition key of rate limits.
pub const BUCKET: &str = "bucket";

/// Partition key of the index by end.
pub const EXPIRY_MONTH: &str = "expiry_month";

/// The row that warming up asks for. No license id looks like it.
pub const SENTINEL: &str = "warm-up";

/// Pattern 3: more calls in this window, and when the row may be swept away.
pub const COUNT_CALLS: &str = "ADD n :calls SET #ttl = if_not_exists(#ttl, :ttl)";
/// Pattern 3: only while the window has room for them.
pub const HAS_ROOM: &str = "attribute_not_exists(n) OR n <= :room";
/// `ttl` is a reserved word of DynamoDB.
pub const TTL_NAME: (&str, &str) = ("#ttl", "ttl");

/// Patterns 4, 5 and 6: never over an existing row.
pub const NOT_THERE: &str = "attribute_not_exists(license_id)";

/// Patterns 6 and 6b: only over the very row that was decided about.
pub const SAME_VERSION: &str = "version = :version";
/// Patterns 6 and 6b: the version read.
pub const VERSION_VALUE: &str = ":version";

/// How the key of a catalog's item begins.
pub const CATALOG_PREFIX: &str = "catalog#";

/// The key of a product's catalog item.
#[must_use]
pub fn catalog_key(product: &Product) -> String {
    format!("{CATALOG_PREFIX}{product}")
}

/// Attribute of an operator's audit row: who the credentials said is asking.
pub const IDENTITY: &str = "identity";

/// The sort key of an audit row: 13 digits of milliseconds, so that text order is time order until the year 2286, then
/// the request id, so that two requests of one millisecond have two rows.
#[must_use]
pub fn audit_key(at: UnixMillis, request_id: &str) -> String {
    format!("{:013}#{request_id}", at.0)
}

/// Suffix of the sort key of a row of [`RowPart::Caller`](crate::audit::RowPart), after the key of its main row.
pub const CALLER: &str = "#caller";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audit_sorts_by_time_then_request() {
        let keys = [
            audit_key(UnixMillis(999), "b"),
            audit_key(UnixMillis(1_000), "a"),
            audit_key(UnixMillis(1_800_000_000_000), "a"),
            audit_key(UnixMillis(1_800_000_000_000), "b"),
        ];
        assert!(keys.is_sorted());
    }
}
