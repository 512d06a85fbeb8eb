//! Reasons why no whole reply arrived, with a sentence and a next step for each.

use crate::user_message::UserMessage;

/// Reason why no whole reply arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkFailure {
    /// The server's name could not be resolved.
    #[error("name not resolved")]
    Dns,
    /// No connection to the server.
    #[error("no connection")]
    Connect,
    /// No connection to the proxy, or none through it.
    #[error("no connection through the proxy")]
    Proxy,
    /// The proxy wants a user name and a password, or others than it was given.
    #[error("proxy wants a password")]
    ProxyPassword,
    /// The certificate is of an unknown authority or of another server.
    #[error("certificate not trusted")]
    Certificate,
    /// The certificate is not valid at the time of this machine's clock.
    #[error("certificate outside of its time")]
    Clock,
    /// The time of one attempt is over.
    #[error("timed out")]
    Timeout,
    /// The application cancelled the call.
    #[error("cancelled")]
    Cancelled,
    /// Another system answered before there was a connection to the server: a portal, or a filter.
    #[error("answered by another system")]
    Intercepted,
    /// Any other reason.
    #[error("no answer")]
    Other,
}

impl NetworkFailure {
    /// All of them.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 10] = [
        Self::Dns,
        Self::Connect,
        Self::Proxy,
        Self::ProxyPassword,
        Self::Certificate,
        Self::Clock,
        Self::Timeout,
        Self::Cancelled,
        Self::Intercepted,
        Self::Other,
    ];

    /// Name for the log.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Dns => "name not resolved",
            Self::Connect => "no connection",
            Self::Proxy => "no connection through the proxy",
            Self::ProxyPassword => "proxy wants a password",
            Self::Certificate => "certificate not trusted",
            Self::Clock => "certificate outside of its time",
            Self::Timeout => "timed out",
            Self::Cancelled => "cancelled",
            Self::Intercepted => "answered by another system",
            Self::Other => "unreachable",
        }
    }

    /// True where another attempt within seconds may end otherwise. A password, a clock or a certificate needs a person.
    pub(crate) const fn is_worth_another_attempt(self) -> bool {
        match self {
            Self::Dns | Self::Connect | Self::Proxy | Self::Timeout | Self::Other => true,
            Self::ProxyPassword | Self::Certificate | Self::Clock | Self::Cancelled | Self::Intercepted => {
                false
            }
        }
    }

    /// Sentence and next step for the user.
    #[must_use]
    pub const fn user_message(self) -> UserMessage {
        match self {
            Self::Dns => UserMessage::new(
                "The name of the license server was not found.",
                "Check the internet connection, then try again.",
            ),
            Self::Connect => UserMessage::new(
                "No connection to the license server could be made.",
                "Check the internet connection and the firewall, then try again.",
            ),
            Self::Proxy => UserMessage::new(
                "The proxy of this network made no connection to the license server.",
                "Check the proxy in the settings of this device, or ask the network's administrator.",
            ),
            Self::ProxyPassword => UserMessage::new(
                "The proxy of this network wants a user name and a password.",
                "Ask the network's administrator for them, or try another network.",
            ),
            Self::Certificate => UserMessage::new(
                "The connection is not secure: this device does not trust the certificate that it was shown.",
                "If the network asks you to sign in, do that in a browser first. Otherwise ask the network's \
                 administrator, or try another network.",
            ),
            Self::Clock => UserMessage::new(
                "The license server's certificate is not valid at the date and time of this device.",
                "Set the date and the time of this device, then try again. If they are right, ask the vendor.",
            ),
            Self::Timeout => UserMessage::new(
                "The license server did not answer in time.",
                "Check the internet connection, then try again in a few minutes.",
            ),
            Self::Cancelled => {
                UserMessage::new("The request was cancelled.", "Try again when you are ready.")
            }
            Self::Intercepted => UserMessage::new(
                "Something between this device and the license server answered in its place.",
                "If this network asks you to sign in, do that in a browser first, then try again.",
            ),
            Self::Other => UserMessage::new(
                "The license server could not be reached.",
                "Check the internet connection, then try again.",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_failure_has_its_own_sentence() {
        let sentences: HashSet<_> =
            NetworkFailure::ALL.iter().map(|failure| failure.user_message().sentence).collect();
        assert_eq!(sentences.len(), NetworkFailure::ALL.len());
        let names: HashSet<_> = NetworkFailure::ALL.iter().map(|failure| failure.name()).collect();
        assert_eq!(names.len(), NetworkFailure::ALL.len());
    }
}
