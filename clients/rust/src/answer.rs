//! What came back, and whether it is the server's word.

use falconer_domain::Product;
use falconer_domain::lease::{self, Claims, LeaseError};
use serde::Deserialize;
use serde_json::Value;

use crate::clock::UnixSeconds;
use crate::state::{LockCode, State};
use crate::transport::{NoReply, Reply};
use crate::trust::TrustedKeys;
use crate::user_message::UserMessage;

/// Longest text of an answer that is shown or kept: a code, an id, a name.
const MAX_TEXT_CHARS: usize = 120;
/// A license has at most a hundred seats.
const MAX_HOLDERS: usize = 100;

/// An answer, before anybody acts on it.
#[derive(Debug)]
pub(crate) enum ServerAnswer {
    /// Signed, fresh, and for this product. Only this can change anything.
    Signed(Box<SignedAnswer>),
    /// A no that nobody signed: about no license, or about the request itself.
    Unsigned(Refusal),
    /// Signed by a key that is not known yet.
    UnknownKey,
    /// No answer that says anything.
    Failed(RequestFailure),
}

/// The server's word.
#[derive(Debug)]
pub(crate) struct SignedAnswer {
    /// What was signed.
    pub(crate) claims: Claims,
    /// The lease, verbatim.
    pub(crate) jws: String,
    /// What the body says beside it, for display.
    pub(crate) refusal: Refusal,
}

/// Why there is no answer to act on. None of these changes the state; they only let the clock run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestFailure {
    /// Nobody answered, or not in time.
    Unreachable,
    /// The server is busy or down: 408, 425, 429 or 5xx.
    Busy {
        /// When it wants to be asked again.
        retry_after_seconds: Option<u64>,
    },
    /// Somebody else answered: a captive portal, a proxy, a page.
    NotTheServer,
    /// The signature does not hold, or is of a key that is not trusted.
    UntrustedSignature,
    /// The signature holds and the answer is to another question: another nonce, an older one, another license.
    NotForThisRequest,
    /// A yes about some other machine.
    OtherMachine,
    /// The license is for another product.
    OtherProduct,
    /// The operating system gave no random bytes, so nothing was sent.
    NothingSent,
}

impl RequestFailure {
    /// As the log names it.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Busy { .. } => "busy",
            Self::NotTheServer => "not the server",
            Self::UntrustedSignature => "untrusted signature",
            Self::NotForThisRequest => "not for this request",
            Self::OtherMachine => "other machine",
            Self::OtherProduct => "other product",
            Self::NothingSent => "nothing sent",
        }
    }

    /// A sentence and a next step for the user.
    #[must_use]
    pub const fn user_message(&self) -> UserMessage {
        match self {
            Self::Unreachable => UserMessage::new(
                "The license server could not be reached.",
                "Check the internet connection, then try again.",
            ),
            Self::Busy { .. } => {
                UserMessage::new("The license server is busy.", "Try again in a few minutes.")
            }
            Self::NotTheServer => UserMessage::new(
                "Something between this device and the license server answered in its place.",
                "If this network asks you to sign in, do that in a browser first; then try again.",
            ),
            Self::UntrustedSignature => UserMessage::new(
                "The answer does not come from the vendor's license server.",
                "Try again on another network; if it stays so, update the application or ask the vendor.",
            ),
            Self::NotForThisRequest => UserMessage::new(
                "The answer does not belong to what was asked.",
                "Try again; if it stays so, ask the vendor.",
            ),
            Self::OtherMachine => UserMessage::new(
                "The answer is about another device than this one.",
                "Try again; if it stays so, ask the vendor.",
            ),
            Self::OtherProduct => UserMessage::new(
                "This license key is for another product.",
                "Look for the key of this product, or ask the vendor.",
            ),
            Self::NothingSent => UserMessage::new(
                "This device offered no random numbers, so nothing was sent.",
                "Restart the device, then try again.",
            ),
        }
    }
}

/// A no of the server, with what helps the person who meets it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The code as the server wrote it, `SEATS_EXHAUSTED`; one that is not known here is kept as it is.
    pub code: String,
    /// The devices that hold the seats, where the server lists them.
    pub holders: Vec<SeatHolder>,
    /// When the license can move again, where the server says it.
    pub next_transfer_at: Option<UnixSeconds>,
}

impl Refusal {
    /// Whether the same request would be refused again, whoever says so without a signature: these are the codes of a
    /// server that has no license to sign about. Any other unsigned word may be anybody's, or means to try again.
    pub(crate) fn is_final_without_signature(&self) -> bool {
        matches!(
            self.code.as_str(),
            "INVALID_SIGNATURE" | "INVALID_FIELD" | "MISSING_LICENSE" | "FINGERPRINT_TOO_WEAK"
        )
    }

    /// A sentence and a next step for the user.
    #[must_use]
    pub fn user_message(&self) -> UserMessage {
        if let Some(code) = LockCode::of_refusal(&self.code) {
            return State::Locked { code }.user_message();
        }
        let (sentence, next_step) = match self.code.as_str() {
            "INVALID_SIGNATURE" => (
                "The vendor's server does not know this license key.",
                "Compare it with the mail it came in, character by character.",
            ),
            "NOT_FOUND" => ("The key is genuine, but its license was not found.", "Ask the vendor."),
            "SEATS_EXHAUSTED" => (
                "The license is in use on another device.",
                "Move it to this device, or deactivate it there first.",
            ),
            "DEVICE_REQUIRED" => {
                ("Several devices use this license.", "Choose the device that this one shall replace.")
            }
            "TRANSFER_LIMIT_REACHED" => (
                "The license has moved as often as it may for now.",
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
            _ => ("The license server refused.", "Ask the vendor, and tell the code."),
        };
        UserMessage::new(sentence, next_step)
    }
}

/// A device that holds a seat of the license.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatHolder {
    /// Its id: what `transfer` takes as `from_device`.
    pub id: String,
    /// What its user called it.
    pub name: Option<String>,
    /// When it was last seen.
    pub last_seen_at: Option<UnixSeconds>,
}

/// Reads an answer: by status, by form, by signature, in this order. `nonce` is the one that was sent.
pub(crate) fn read(
    reply: Result<&Reply, &NoReply>,
    product: &Product,
    nonce: &str,
    trust: &TrustedKeys,
) -> ServerAnswer {
    let Ok(reply) = reply else { return ServerAnswer::Failed(RequestFailure::Unreachable) };
    match reply.status {
        408 | 425 | 429 | 500.. => {
            return ServerAnswer::Failed(RequestFailure::Busy {
                retry_after_seconds: reply.retry_after_seconds,
            });
        }
        200..300 | 400..500 => {}
        _ => return ServerAnswer::Failed(RequestFailure::NotTheServer),
    }
    let Ok(body) = serde_json::from_slice::<Body>(&reply.body) else {
        return ServerAnswer::Failed(RequestFailure::NotTheServer);
    };
    let refusal = body.refusal();
    match body.lease {
        Some(jws) => signed(jws, refusal, product, nonce, trust),
        // A yes that nobody signed is nobody's yes.
        None if reply.status >= 400 && !refusal.code.is_empty() => ServerAnswer::Unsigned(refusal),
        None => ServerAnswer::Failed(RequestFailure::NotTheServer),
    }
}

fn signed(
    jws: String,
    refusal: Refusal,
    product: &Product,
    nonce: &str,
    trust: &TrustedKeys,
) -> ServerAnswer {
    match lease::verify(&jws, product, |kid| trust.key(kid)) {
        Ok(claims) if claims.nonce.as_deref() == Some(nonce) => {
            // What was signed is what was said, whatever stands beside it.
            let refusal = Refusal { code: short(&claims.code), ..refusal };
            ServerAnswer::Signed(Box::new(SignedAnswer { claims, jws, refusal }))
        }
        Ok(_) => ServerAnswer::Failed(RequestFailure::NotForThisRequest),
        Err(LeaseError::WrongAudience) => ServerAnswer::Failed(RequestFailure::OtherProduct),
        Err(LeaseError::UnknownKey) => ServerAnswer::UnknownKey,
        Err(_) => ServerAnswer::Failed(RequestFailure::UntrustedSignature),
    }
}

/// The members of a body that are looked at. Those for display are read one by one: a server may change them.
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
            holders: holders.filter_map(holder).collect(),
            next_transfer_at: moment(&self.transfers["nextAt"]),
        }
    }
}

fn holder(device: &Value) -> Option<SeatHolder> {
    Some(SeatHolder {
        id: text(&device["id"])?,
        name: text(&device["name"]),
        last_seen_at: moment(&device["lastSeenAt"]),
    })
}

fn moment(millis: &Value) -> Option<UnixSeconds> {
    millis.as_i64().map(|millis| UnixSeconds(millis.div_euclid(1_000)))
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(short)
}

/// Bounded and without control characters: it ends on a screen and in a log.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_TEXT_CHARS).collect()
}
