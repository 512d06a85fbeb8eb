//! Causes for which AWS gave no answer, and the next step.

use falconer_aws::StoreError;
use falconer_aws::keyring::RingWriteError;
use falconer_aws::operator::stacks::StackError;

/// Names of AWS for credentials that have expired or do not count, and of the SDK for missing ones.
const CREDENTIALS: [&str; 9] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "IncompleteSignature",
    "MissingAuthenticationToken",
    "credentials",
];
/// Names of AWS for a missing right.
const RIGHT: [&str; 2] = ["AccessDeniedException", "AccessDenied"];
/// Names of AWS for a table, an index or a secret that does not exist.
const MISSING: [&str; 1] = ["ResourceNotFoundException"];
/// Stages of the SDK at which no answer came.
const NETWORK: [&str; 4] = ["connection", "connect timeout", "timeout", "response"];

/// Cause of an outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// Credentials that have expired, or none.
    Credentials,
    /// Credentials without a right.
    Right,
    /// Another account, region or name than that of the stack.
    Missing,
    /// The network, or an endpoint that does not listen.
    Network,
    /// A throttle, a fault of AWS, or a name that is new.
    Passing,
}

impl Outage {
    /// The cause, by the name of AWS's error or the SDK's stage.
    #[must_use]
    pub fn of(kind: &str) -> Self {
        match kind {
            kind if CREDENTIALS.contains(&kind) => Self::Credentials,
            kind if RIGHT.contains(&kind) => Self::Right,
            kind if MISSING.contains(&kind) => Self::Missing,
            kind if NETWORK.contains(&kind) => Self::Network,
            _ => Self::Passing,
        }
    }

    /// The cause, if an error is that AWS gave no answer.
    #[must_use]
    pub fn in_error(error: &(dyn std::error::Error + 'static)) -> Option<Self> {
        let store = error.downcast_ref().and_then(|error| match error {
            StoreError::Unavailable(kind) => Some(kind),
            StoreError::Conflict | StoreError::Corrupt(_) => None,
        });
        let secret = || match error.downcast_ref() {
            Some(RingWriteError::Unavailable(kind)) => Some(kind),
            _ => None,
        };
        let stack = || match error.downcast_ref() {
            Some(StackError::Unavailable(kind)) => Some(kind),
            _ => None,
        };
        store.or_else(secret).or_else(stack).map(|kind| Self::of(kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cause_follows_the_name_of_the_error() {
        let of = |kind: &str| Outage::in_error(&StoreError::Unavailable(kind.to_owned())).unwrap();
        for (kind, cause) in [
            ("ExpiredTokenException", Outage::Credentials),
            ("credentials", Outage::Credentials),
            ("AccessDeniedException", Outage::Right),
            ("ResourceNotFoundException", Outage::Missing),
            ("connect timeout", Outage::Network),
            ("ThrottlingException", Outage::Passing),
        ] {
            assert_eq!(of(kind), cause, "{kind}");
        }
        assert_eq!(
            Outage::in_error(&RingWriteError::Unavailable("credentials".to_owned())),
            Some(Outage::Credentials)
        );
        assert_eq!(
            Outage::in_error(&StackError::Unavailable("AccessDenied".to_owned())),
            Some(Outage::Right)
        );
        assert_eq!(Outage::in_error(&StoreError::Conflict), None);
        assert_eq!(Outage::in_error(&std::fmt::Error), None);
    }
}
