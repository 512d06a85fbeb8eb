//! Licenses for machines without a network: a request, an answer and a receipt travel as files, and the lease in the
//! answer is a long one.
//!
//! `docs/spec/air-gap.md` specifies the three texts. The operator answers a request by [`decide`](fn@decide), with the
//! rules of the endpoints. A device with a long lease keeps its seat until the lease ends, wherever the device is then
//! ([`OfflineLease`]), so that a seat is never used twice.

mod answer;
mod decide;
mod fields;
mod hold;
mod receipt;
mod request;
mod text;

pub use answer::AirGapAnswer;
pub use decide::{AirGapRefusal, CountedTransfer, RefusedByRules, decide};
pub use hold::{
    GivenBack, Guarded, HeldOffline, OfflineLease, OperatorWord, ReceiptRefusal, accept, guarded, keep_held,
};
pub use receipt::Receipt;
pub use request::{
    AirGapPurpose, AirGapRequest, LicenseName, MAX_EMAIL_BYTES, MAX_NAME_BYTES, NONCE_BYTES, UncheckedRequest,
};
pub use text::{
    AirGapContent, ContentTooLong, MAX_CONTENT_BYTES, MAX_TEXT_BYTES, TextError, TextKind, file_text,
    read_text, short_text,
};

/// Largest `air_gap_days`: ten years. A longer time ends at this one, because nothing can take the lease back.
pub const MAX_AIR_GAP_DAYS: u32 = 3_650;

/// Why a text of the right kind says nothing that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this text is whole, but a newer version of the application or of `falconer` has written it")]
pub struct UnreadableContent;
