//! Reasons why no whole reply arrived.

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

    /// Returns true if the request may have reached the server all the same.
    pub(crate) const fn may_follow_delivery(self) -> bool {
        match self {
            Self::Timeout | Self::Cancelled | Self::Other => true,
            Self::Dns
            | Self::Connect
            | Self::Proxy
            | Self::ProxyPassword
            | Self::Certificate
            | Self::Clock
            | Self::Intercepted => false,
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
}
