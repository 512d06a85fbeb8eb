//! The key ring in Secrets Manager: read by every instance, written by the operator alone.

mod cell;
mod reader;
mod writer;

pub use cell::{KeyRingCache, RingUnavailable};
pub use reader::{RingReader, StoredRing};
pub use writer::{RingWriteError, RingWriter};
