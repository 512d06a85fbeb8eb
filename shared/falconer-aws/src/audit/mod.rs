//! The record of what was decided and changed.

mod changes;
#[cfg(feature = "operator")]
mod impersonal;
mod row;
mod writer;

pub(crate) use changes::changes;
#[cfg(feature = "operator")]
pub(crate) use impersonal::impersonal;
pub use row::{AuditRow, AuditSubject, RowPart};
pub use writer::{AUDIT_BUDGET, AuditOutcome, AuditWriter};
