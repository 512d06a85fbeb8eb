//! Parsing and authenticating the server's answers.

use falconer_domain::Product;
use falconer_domain::lease::{Claims, LeaseError};
use serde::Deserialize;
use serde_json::Value;

use crate::clock::UnixSeconds;
use crate::json_object::JsonObject;
use crate::signed;
use crate::state::{LockCode, State};
use crate::transport::{NetworkFailure, PORTAL_STATUS, Reply};
use crate::trust::TrustedKeys;
use crate::user_message::UserMessage;

/// Longest text that is taken from an answer to be shown or stored: a code, an id, a name.
const MAX_TEXT_CHARS: usize = 120;
/// Longest list of devices that is read; a license has at most 100 seats.
const MAX_HOLDERS: usize = 100;

/// An answer, parsed and authenticated, before anything acts on it.
#[derive(Debug)]
pub(crate) enum ServerAnswer {
    /// Signed, fresh, and for this product. Nothing else can change the license.
    Signed(Box<SignedAnswer>),
    /// A refusal without a signature, about the request or about a key that the server does not know.
    Unsigned(Refusal),
    /// Signed by a key that this client does not know yet.
    UnknownKey,
    /// An answer that decides nothing, or none.
    Failed(RequestFailure),
}

/// An answer whose signature verifies.
#[derive(Debug)]
pub(crate) struct SignedAnswer {
    pub(crate) claims: Claims,
    /// The token as received. It is stored verbatim, so that it can be verified again.
    pub(crate) jws: String,
    /// Code and seat holders for display. The code comes from the claims, the rest from the unauthenticated body.
    pub(crate) refusal: Refusal,
}

/// Reason why a request brought no answer to act on. The state does not change; only time goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestFailure {
    /// No answer arrived.
    Unreachable(NetworkFailure),
    /// The server is busy or down: status 408, 425, 429, or 5xx other than 511.
    Busy {
        /// Wait that the server asks for, from `Retry-After`.
        retry_after_seconds: Option<u64>,
    },
    /// Another system answered in the server's place: a captive portal (status 511 included), a proxy, a web page.
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
    /// The operating system supplied no random bytes for a nonce, so no request was sent.
    NothingSent,
}

impl RequestFailure {
    /// Name for the log.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Unreachable(cause) => cause.name(),
            Self::Busy { .. } => "busy",
            Self::NotTheServer => "not the server",
            Self::UntrustedSignature => "untrusted signature",
            Self::NotForThisRequest => "not for this request",
            Self::OtherMachine => "other machine",
            Self::OtherProduct => "other product",
            Self::NothingSent => "nothing sent",
        }
    }

    /// Sentence and next step for the user.
    #[must_use]
    pub const fn user_message(&self) -> UserMessage {
        match self {
            Self::Unreachable(cause) => cause.user_message(),
            Self::Busy { .. } => {
                UserMessage::new("The license server is busy.", "Try again in a few minutes.")
            }
            Self::NotTheServer => NetworkFailure::Intercepted.user_message(),
            Self::UntrustedSignature => UserMessage::new(
                "The answer does not come from the vendor's license server.",
                "Try again on another network. If this continues, update the application or ask the vendor.",
            ),
            Self::NotForThisRequest => UserMessage::new(
                "The answer belongs to another request.",
                "Try again. If this continues, ask the vendor.",
            ),
            Self::OtherMachine => UserMessage::new(
                "The answer is about another device.",
                "Try again. If this continues, ask the vendor.",
            ),
            Self::OtherProduct => UserMessage::new(
                "This license key is for another product.",
                "Look for the key of this product, or ask the vendor.",
            ),
            Self::NothingSent => UserMessage::new(
                "The operating system supplied no random numbers, so nothing was sent.",
                "Restart the device, then try again.",
            ),
        }
    }
}

/// A refusal by the server, with the details that help the user to go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// Code as the server wrote it, `SEATS_EXHAUSTED`. Unknown codes are kept unchanged.
    pub code: String,
    /// Devices that hold the seats, where the server lists them.
    pub holders: Vec<SeatHolder>,
    /// Earliest moment of the next transfer, where the server states it.
    pub next_transfer_at: Option<UnixSeconds>,
}

impl Refusal {
    /// True for codes that are final even without a signature, since the server has no license to sign about: it does
    /// not know the key, or rejects the request itself. Any other unsigned refusal could come from anybody or invites
    /// another attempt.
    pub(crate) fn is_final_without_signature(&self) -> bool {
        matches!(
            self.code.as_str(),
            "INVALID_SIGNATURE" | "INVALID_FIELD" | "MISSING_LICENSE" | "FINGERPRINT_TOO_WEAK"
        )
    }

    /// Sentence and next step for the user.
    #[must_use]
    pub fn user_message(&self) -> UserMessage {
        if let Some(code) = LockCode::of_refusal(&self.code) {
            return State::Locked { code }.user_message();
        }
        let (sentence, next_step) = match self.code.as_str() {
            "INVALID_SIGNATURE" => (
                "The vendor's server does not know this license key.",
                "Compare it with the mail that it came in, character by character.",
            ),
            "NOT_FOUND" => ("The key is genuine, but its license was not found.", "Ask the vendor."),
            "SEATS_EXHAUSTED" => (
                "The license is in use on another device.",
                "Move it to this device, or deactivate it there first.",
            ),
            "DEVICE_REQUIRED" => {
                ("Several devices use this license.", "Choose the device that this one replaces.")
            }
            "TRANSFER_LIMIT_REACHED" => (
                "The license has reached its limit of transfers for now.",
                "Use it on the device that has it, or ask the vendor to reset its devices.",
            ),
            "TRANSFER_COOLDOWN" => (
                "The license moved a short while ago.",
                "Try again tomorrow, or ask the vendor to reset its devices.",
            ),
            "EMAIL_MISMATCH" => (
                "The e-mail address is not the one the license was bought with.",
                "Enter that address, or ask the vendor.",
            ),
            "FINGERPRINT_TOO_WEAK" => (
                "This device offers too little to recognise it by.",
                "Ask the vendor how to license a device like this one.",
            ),
            _ => ("The license server refused.", "Ask the vendor and name the code."),
        };
        UserMessage::new(sentence, next_step)
    }
}

/// A device that holds a seat of the license, as the server lists it for a user who may move that seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatHolder {
    /// Device id; the argument `from_device` of a transfer.
    pub id: String,
    /// Name that its user gave it.
    pub name: Option<String>,
    /// Moment at which the server last saw it.
    pub last_seen_at: Option<UnixSeconds>,
}

/// Reads a reply in the order status, JSON, signature, nonce. `nonce` is the one that was sent.
pub(crate) fn read(
    reply: Result<&Reply, &NetworkFailure>,
    product: &Product,
    nonce: &str,
    trust: &TrustedKeys,
) -> ServerAnswer {
    let reply = match reply {
        Ok(reply) => reply,
        Err(NetworkFailure::Intercepted) => return ServerAnswer::Failed(RequestFailure::NotTheServer),
        Err(reason) => return ServerAnswer::Failed(RequestFailure::Unreachable(*reason)),
    };
    match reply.status {
        PORTAL_STATUS => return ServerAnswer::Failed(RequestFailure::NotTheServer),
        408 | 425 | 429 | 500.. => {
            return ServerAnswer::Failed(RequestFailure::Busy {
                retry_after_seconds: reply.retry_after_seconds,
            });
        }
        200..300 | 400..500 => {}
        _ => return ServerAnswer::Failed(RequestFailure::NotTheServer),
    }
    let Ok(JsonObject(body)) = serde_json::from_slice::<JsonObject<Body>>(&reply.body) else {
        return ServerAnswer::Failed(RequestFailure::NotTheServer);
    };
    let refusal = body.refusal();
    match body.lease {
        Some(jws) => authenticate(jws, refusal, product, nonce, trust),
        // Ignore an unsigned success: anyone could have sent it.
        None if reply.status >= 400 && !refusal.code.is_empty() => ServerAnswer::Unsigned(refusal),
        None => ServerAnswer::Failed(RequestFailure::NotTheServer),
    }
}

fn authenticate(
    jws: String,
    refusal: Refusal,
    product: &Product,
    nonce: &str,
    trust: &TrustedKeys,
) -> ServerAnswer {
    match signed::verify(&jws, product, |kid| trust.key(kid)) {
        Ok(claims) if claims.nonce.as_deref() == Some(nonce) => {
            // Take the code from the signed claims; the body is not authenticated.
            let refusal = Refusal { code: sanitize(&claims.code), ..refusal };
            ServerAnswer::Signed(Box::new(SignedAnswer { claims, jws, refusal }))
        }
        Ok(_) => ServerAnswer::Failed(RequestFailure::NotForThisRequest),
        Err(LeaseError::WrongAudience) => ServerAnswer::Failed(RequestFailure::OtherProduct),
        Err(LeaseError::UnknownKey) => ServerAnswer::UnknownKey,
        Err(_) => ServerAnswer::Failed(RequestFailure::UntrustedSignature),
    }
}

/// Members of the body. The optional ones are read one by one, so that a change in one of them loses no other.
#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    lease: Option<String>,
    #[serde(default)]
    code: Value,
    #[serde(default)]
    devices: Value,
    #[serde(default)]
    transfers: Value,
}

impl Body {
    fn refusal(&self) -> Refusal {
        let holders = self.devices.as_array().into_iter().flatten().take(MAX_HOLDERS);
        Refusal {
            code: text(&self.code).unwrap_or_default(),
            holders: holders.filter_map(parse_holder).collect(),
            next_transfer_at: to_seconds(&self.transfers["nextAt"]),
        }
    }
}

fn parse_holder(device: &Value) -> Option<SeatHolder> {
    Some(SeatHolder {
        id: text(&device["id"])?,
        name: text(&device["name"]),
        last_seen_at: to_seconds(&device["lastSeenAt"]),
    })
}

fn to_seconds(millis: &Value) -> Option<UnixSeconds> {
    millis.as_i64().map(|millis| UnixSeconds(millis.div_euclid(1_000)))
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(sanitize)
}

/// Cuts to [`MAX_TEXT_CHARS`] and drops control characters: the text is shown on screens and written to logs.
fn sanitize(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_TEXT_CHARS).collect()
}
