//! One failure type for all calls.

use std::time::Duration;

use serde::Serialize;
use serde::ser::SerializeStruct;

use crate::answer::{Refusal, RequestFailure, SeatHolder};
use crate::clock::UnixSeconds;
use crate::licensing::OpenError;
use crate::state::LockCode;
use crate::transport::NetworkFailure;
use crate::user_message::{MessageId, UserMessage};

/// Failure of a call. It changes no license by itself; [`status`](crate::Licensing::status) returns the state.
///
/// `Display` writes the English message; [`user_message`](Self::user_message) has its id for translations. As JSON:
///
/// | member | content |
/// | --- | --- |
/// | `kind` | [`FailureKind::name`] |
/// | `cause` | [`FailureKind::cause`], or null |
/// | `code` | [`code`](Self::code), or null |
/// | `retry_after_seconds` | [`retry_after`](Self::retry_after) in seconds, or null |
/// | `next_transfer_at` | [`next_transfer_at`](Self::next_transfer_at) in seconds since 1970, or null |
/// | `holders` | objects with `id`, `name` and `last_seen_at` |
/// | `message` | object with `id`, `sentence` and `next_step` |
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// Kind of failure. Match on it to decide how to go on.
    pub kind: FailureKind,
    /// Code of the server's refusal, `SEATS_EXHAUSTED`. Unknown codes are kept unchanged.
    pub code: Option<String>,
    /// Wait that the server asks for before the next attempt.
    pub retry_after: Option<Duration>,
    /// Earliest moment of the next transfer, where a refusal states it.
    pub next_transfer_at: Option<UnixSeconds>,
    /// Devices that hold the seats, where a refusal lists them. One of them can lose its seat by a transfer.
    pub holders: Vec<SeatHolder>,
}

/// Kind of a [`Failure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// No whole answer arrived.
    Offline(NetworkFailure),
    /// The server is busy or down: status 408, 425, 429, or 5xx other than 511.
    Busy,
    /// The server refused; [`Failure::code`] says why.
    Refused,
    /// An answer arrived that does not count.
    Answer(InvalidAnswer),
    /// The typed text cannot be valid; nothing was sent.
    Input(InvalidInput),
    /// The operating system supplied no random bytes for a nonce; nothing was sent.
    NothingSent,
    /// This process was forked from the one that opened the license; nothing was sent.
    Forked,
    /// The license came over the network, which also takes its seat back.
    NotAirGapped,
    /// The machine has no place for the license: no folder, and no memory.
    Store,
    /// The application opened the license with a setting that is not valid.
    Setting(OpenError),
}

/// Reason why an answer does not count. The state does not change; only time goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidAnswer {
    /// Another system answered in the server's place: a captive portal, a proxy, a web page.
    NotTheServer,
    /// The signature does not verify, or its key is not trusted.
    UntrustedSignature,
    /// The signature verifies, but the answer belongs to another request: its nonce differs, it is older than the
    /// stored answer, or it is about another license.
    NotForThisRequest,
    /// A valid lease for another machine than this one.
    OtherMachine,
    /// A lease for another product.
    OtherProduct,
    /// A text that holds no answer to a request by file.
    NotAnAnswer,
    /// A request or a receipt in the place of the vendor's answer.
    OwnText,
    /// An answer of which a part is missing or was changed.
    DamagedText,
    /// An answer that a later version of the vendor's program has written.
    NewerText,
    /// The answer that is stored: it was imported before, and counts once.
    AlreadyImported,
    /// An answer, and no request by file waits here.
    NoRequest,
    /// A lease by file whose end has passed, by the latest moment that this machine has known. The request still waits.
    Ended,
}

/// Typed text that cannot be valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidInput {
    /// A license key in no known form.
    Key,
    /// A name that is too long.
    Name,
    /// An e-mail address without an `@` between two parts, or one that is too long.
    Email,
    /// No key was given, and no license was activated here.
    MissingKey,
}

impl Failure {
    /// A failure without details. The library adds them; an application needs this in its own tests.
    #[must_use]
    pub const fn new(kind: FailureKind) -> Self {
        Self { kind, code: None, retry_after: None, next_transfer_at: None, holders: Vec::new() }
    }

    /// A refusal with this code.
    #[must_use]
    pub fn refused(code: &str) -> Self {
        Self { code: Some(code.to_owned()), ..Self::new(FailureKind::Refused) }
    }

    /// Sentence and next step for the user.
    #[must_use]
    pub fn user_message(&self) -> UserMessage {
        let id = match (self.kind, self.code.as_deref()) {
            (FailureKind::Refused, Some(code)) => message_of_refusal(code),
            (kind, _) => kind.message_id(),
        };
        id.message()
    }

    /// True if the server answered with a refusal.
    pub(crate) fn is_refusal(&self) -> bool {
        self.kind == FailureKind::Refused
    }

    /// True if the call ended early, so that its failure says nothing about server and network.
    pub(crate) fn is_early_end(&self) -> bool {
        matches!(self.kind, FailureKind::Offline(NetworkFailure::Cancelled) | FailureKind::Forked)
    }
}

impl FailureKind {
    /// Name for programs: `offline`, `busy`, `refused`, `answer`, `input`, `nothing_sent`, `forked`,
    /// `not_air_gapped`, `store` or `setting`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Offline(_) => "offline",
            Self::Busy => "busy",
            Self::Refused => "refused",
            Self::Answer(_) => "answer",
            Self::Input(_) => "input",
            Self::NothingSent => "nothing_sent",
            Self::Forked => "forked",
            Self::NotAirGapped => "not_air_gapped",
            Self::Store => "store",
            Self::Setting(_) => "setting",
        }
    }

    /// Id of the message about the cause, where the kind has several causes: `proxy_password` of
    /// `Offline(ProxyPassword)`.
    #[must_use]
    pub fn cause(self) -> Option<&'static str> {
        let id = self.message_id();
        matches!(self, Self::Offline(_) | Self::Answer(_) | Self::Input(_)).then_some(id.as_str())
    }

    const fn message_id(self) -> MessageId {
        match self {
            Self::Offline(network) => network.message_id(),
            Self::Busy => MessageId::Busy,
            Self::Refused => MessageId::Refused,
            Self::Answer(InvalidAnswer::NotTheServer) => MessageId::NotTheServer,
            Self::Answer(InvalidAnswer::UntrustedSignature) => MessageId::UntrustedSignature,
            Self::Answer(InvalidAnswer::NotForThisRequest) => MessageId::NotForThisRequest,
            Self::Answer(InvalidAnswer::OtherMachine) => MessageId::OtherMachine,
            Self::Answer(InvalidAnswer::OtherProduct) => MessageId::OtherProduct,
            Self::Answer(InvalidAnswer::NotAnAnswer) => MessageId::NotAnAnswer,
            Self::Answer(InvalidAnswer::OwnText) => MessageId::OwnText,
            Self::Answer(InvalidAnswer::DamagedText) => MessageId::DamagedText,
            Self::Answer(InvalidAnswer::NewerText) => MessageId::NewerText,
            Self::Answer(InvalidAnswer::AlreadyImported) => MessageId::AlreadyImported,
            Self::Answer(InvalidAnswer::NoRequest) => MessageId::NoRequest,
            Self::Answer(InvalidAnswer::Ended) => MessageId::AnswerEnded,
            Self::Input(InvalidInput::Key) => MessageId::InvalidKey,
            Self::Input(InvalidInput::Name) => MessageId::InvalidName,
            Self::Input(InvalidInput::Email) => MessageId::InvalidEmail,
            Self::Input(InvalidInput::MissingKey) => MessageId::MissingKey,
            Self::NothingSent => MessageId::NothingSent,
            Self::Forked => MessageId::Forked,
            Self::NotAirGapped => MessageId::NotAirGapped,
            Self::Store => MessageId::NoStore,
            Self::Setting(_) => MessageId::InvalidSetting,
        }
    }
}

impl NetworkFailure {
    const fn message_id(self) -> MessageId {
        match self {
            Self::Dns => MessageId::Dns,
            Self::Connect => MessageId::Connect,
            Self::Proxy => MessageId::Proxy,
            Self::ProxyPassword => MessageId::ProxyPassword,
            Self::Certificate => MessageId::Certificate,
            Self::Clock => MessageId::Clock,
            Self::Timeout => MessageId::Timeout,
            Self::Cancelled => MessageId::Cancelled,
            Self::Intercepted => MessageId::NotTheServer,
            Self::Other => MessageId::Unreachable,
        }
    }
}

/// Message about a refusal. A code without a sentence of its own is shown as it is, so that the vendor can be asked.
fn message_of_refusal(code: &str) -> MessageId {
    if let Some(lock) = LockCode::of_refusal(code) {
        return lock.message_id();
    }
    match code {
        "UPDATES_ENDED" => MessageId::UpdatesEnded,
        "INVALID_SIGNATURE" => MessageId::InvalidSignature,
        "NOT_FOUND" => MessageId::NotFound,
        "SEATS_EXHAUSTED" => MessageId::SeatsExhausted,
        "DEVICE_REQUIRED" => MessageId::DeviceRequired,
        "DEVICE_OFFLINE" => MessageId::DeviceOffline,
        "TRANSFER_LIMIT_REACHED" => MessageId::TransferLimitReached,
        "TRANSFER_COOLDOWN" => MessageId::TransferCooldown,
        "EMAIL_MISMATCH" => MessageId::EmailMismatch,
        "FINGERPRINT_TOO_WEAK" => MessageId::FingerprintTooWeak,
        "VIRTUAL_MACHINE" => MessageId::VirtualMachine,
        "CONCURRENT_UPDATE" => MessageId::ConcurrentUpdate,
        _ => MessageId::Refused,
    }
}

impl std::fmt::Display for Failure {
    /// Writes the message, and the code where the message asks for it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let message = self.user_message();
        match &self.code {
            Some(code) if message.id == MessageId::Refused => write!(f, "{message} ({code})"),
            _ => write!(f, "{message}"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<FailureKind> for Failure {
    fn from(kind: FailureKind) -> Self {
        Self::new(kind)
    }
}

impl From<InvalidInput> for Failure {
    fn from(input: InvalidInput) -> Self {
        Self::new(FailureKind::Input(input))
    }
}

impl From<InvalidAnswer> for Failure {
    fn from(answer: InvalidAnswer) -> Self {
        Self::new(FailureKind::Answer(answer))
    }
}

impl From<OpenError> for Failure {
    /// For programs that hand one failure type to another language.
    fn from(error: OpenError) -> Self {
        Self::new(match error {
            OpenError::NoDataFolder => FailureKind::Store,
            mistake => FailureKind::Setting(mistake),
        })
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let Refusal { code, holders, next_transfer_at } = refusal;
        Self { code: Some(code), holders, next_transfer_at, ..Self::new(FailureKind::Refused) }
    }
}

impl From<RequestFailure> for Failure {
    fn from(failure: RequestFailure) -> Self {
        Self::new(match failure {
            RequestFailure::Unreachable(network) => FailureKind::Offline(network),
            RequestFailure::Busy { retry_after_seconds } => {
                let retry_after = retry_after_seconds.map(Duration::from_secs);
                return Self { retry_after, ..Self::new(FailureKind::Busy) };
            }
            RequestFailure::NotTheServer => FailureKind::Answer(InvalidAnswer::NotTheServer),
            RequestFailure::UntrustedSignature => FailureKind::Answer(InvalidAnswer::UntrustedSignature),
            RequestFailure::NotForThisRequest => FailureKind::Answer(InvalidAnswer::NotForThisRequest),
            RequestFailure::OtherMachine => FailureKind::Answer(InvalidAnswer::OtherMachine),
            RequestFailure::OtherProduct => FailureKind::Answer(InvalidAnswer::OtherProduct),
            RequestFailure::NothingSent => FailureKind::NothingSent,
            RequestFailure::Forked => FailureKind::Forked,
        })
    }
}

impl Serialize for Failure {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_struct("Failure", 7)?;
        members.serialize_field("kind", self.kind.name())?;
        members.serialize_field("cause", &self.kind.cause())?;
        members.serialize_field("code", &self.code)?;
        members.serialize_field("retry_after_seconds", &self.retry_after.map(|wait| wait.as_secs()))?;
        members.serialize_field("next_transfer_at", &self.next_transfer_at)?;
        members.serialize_field("holders", &self.holders)?;
        members.serialize_field("message", &self.user_message())?;
        members.end()
    }
}
