//! The record of what was decided and changed.

mod changes;
mod row;
mod writer;

pub(crate) use changes::changes;
pub use row::{AuditRow, RowPart, Subject};
pub use writer::{AUDIT_BUDGET, AuditOutcome, AuditWriter};
