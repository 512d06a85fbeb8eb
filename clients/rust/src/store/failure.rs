//! Reasons why a license could not be saved.

use std::io;

use crate::user_message::{MessageId, UserMessage};

/// Reason why the license could not be read or saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The disk or the user's share of it is full, or the disk is failing.
    #[error("the disk or the user's quota is full, or the disk is failing")]
    Full,
    /// Folder or file cannot be written.
    #[error("the folder or the file of the license cannot be written")]
    ReadOnly,
    /// The file is corrupt or belongs to another program.
    #[error("the file of the license is damaged or belongs to another program")]
    Damaged,
    /// Another process holds the file, or the system refuses; the failure may pass.
    #[error("the file of the license is in use")]
    Unavailable,
}

impl StoreError {
    /// Message for a failure at the start.
    pub(crate) const fn user_message(self) -> UserMessage {
        let id = match self {
            Self::Full => MessageId::StoreFull,
            Self::ReadOnly => MessageId::StoreReadOnly,
            Self::Damaged => MessageId::StoreDamaged,
            Self::Unavailable => MessageId::StoreUnavailable,
        };
        id.message()
    }

    /// Message for a failure in a running program: a file in use is set aside only at the next start.
    pub(crate) const fn user_message_while_running(self) -> UserMessage {
        match self {
            Self::Damaged => MessageId::StoreDamagedWhileRunning.message(),
            Self::Full | Self::ReadOnly | Self::Unavailable => self.user_message(),
        }
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge
            | io::ErrorKind::WriteZero => Self::Full,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            // EIO has no kind of its own.
            _ if error.raw_os_error() == Some(DEVICE_FAILURE) => Self::Full,
            _ => Self::Unavailable,
        }
    }
}

/// A device that does not read or write: `EIO`, or `ERROR_IO_DEVICE`.
const DEVICE_FAILURE: i32 = if cfg!(windows) { 1_117 } else { 5 };

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of Linux: an error of the system keeps its own meaning up to the message.
    #[cfg(target_os = "linux")]
    #[test]
    fn full_quota_is_reported_as_full_disk() {
        for (name, number, expected) in [
            ("EDQUOT", 122, StoreError::Full),
            ("ENOSPC", 28, StoreError::Full),
            ("EFBIG", 27, StoreError::Full),
            ("EIO", 5, StoreError::Full),
            ("EACCES", 13, StoreError::ReadOnly),
            ("EPERM", 1, StoreError::ReadOnly),
            ("EROFS", 30, StoreError::ReadOnly),
            ("ENOTDIR", 20, StoreError::Unavailable),
            ("EMFILE", 24, StoreError::Unavailable),
        ] {
            assert_eq!(StoreError::from(io::Error::from_raw_os_error(number)), expected, "{name}");
        }
    }

    #[test]
    fn every_error_has_a_next_step() {
        for error in [StoreError::Full, StoreError::ReadOnly, StoreError::Damaged, StoreError::Unavailable] {
            for message in [error.user_message(), error.user_message_while_running()] {
                assert!(message.sentence.ends_with('.') && message.next_step.ends_with('.'), "{message}");
            }
        }
    }
}
