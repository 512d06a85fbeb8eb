//! The ways the service says no.

/// A lawful no, as the service words it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The service's name of the exception.
    pub kind: RefusalKind,
    /// For people.
    pub message: String,
}

/// The service's exceptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// No such secret, version or label.
    ResourceNotFound,
    /// The secret or the version's id is taken.
    ResourceExists,
    /// Parameters that contradict each other or the secret's state.
    InvalidRequest,
    /// A parameter that cannot be.
    InvalidParameter,
    /// A body that is not this protocol's JSON.
    Serialization,
    /// An operation this stand-in does not have.
    UnknownOperation,
}

impl Refusal {
    pub(in crate::secrets) fn new(kind: RefusalKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl RefusalKind {
    /// The `__type` of the answer.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ResourceNotFound => "ResourceNotFoundException",
            Self::ResourceExists => "ResourceExistsException",
            Self::InvalidRequest => "InvalidRequestException",
            Self::InvalidParameter => "InvalidParameterException",
            Self::Serialization => "SerializationException",
            Self::UnknownOperation => "UnknownOperationException",
        }
    }
}
