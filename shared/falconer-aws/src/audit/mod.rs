//! The record of what was decided and changed.

mod row;
mod writer;

pub use row::AuditRow;
pub use writer::{AUDIT_BUDGET, AuditOutcome, AuditWriter};
