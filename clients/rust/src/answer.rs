//! Parsing and authenticating the server's answers.

use falconer_domain::Product;
use falconer_domain::lease::{Claims, LeaseError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::UnixSeconds;
use crate::json_object::JsonObject;
use crate::signed;
use crate::transport::{NetworkFailure, Reply};
use crate::trust::TrustedKeys;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestFailure {
    /// No answer arrived.
    Unreachable(NetworkFailure),
    /// The server is busy or down: status 408, 425, 429 or 5xx.
    Busy {
        /// Wait that the server asks for, from `Retry-After`.
        retry_after_seconds: Option<u64>,
    },
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
    /// The operating system supplied no random bytes for a nonce, so no request was sent.
    NothingSent,
    /// This process was forked from the one that opened the license, so no request was sent.
    Forked,
}

impl RequestFailure {
    /// True if the call ended early, so that its failure says nothing about server and network.
    pub(crate) const fn is_early_end(&self) -> bool {
        matches!(self, Self::Unreachable(NetworkFailure::Cancelled) | Self::Forked)
    }

    /// Name for the log.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Unreachable(NetworkFailure::Cancelled) => "cancelled",
            Self::Unreachable(_) => "unreachable",
            Self::Busy { .. } => "busy",
            Self::NotTheServer => "not the server",
            Self::UntrustedSignature => "untrusted signature",
            Self::NotForThisRequest => "not for this request",
            Self::OtherMachine => "other machine",
            Self::OtherProduct => "other product",
            Self::NothingSent => "nothing sent",
            Self::Forked => "forked",
        }
    }
}

/// A refusal by the server, with the details that help the user to go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Code as the server wrote it, `SEATS_EXHAUSTED`. Unknown codes are kept unchanged.
    pub(crate) code: String,
    /// Devices that hold the seats, where the server lists them.
    pub(crate) holders: Vec<SeatHolder>,
    /// Earliest moment of the next transfer, where the server states it.
    pub(crate) next_transfer_at: Option<UnixSeconds>,
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
}

/// A device that holds a seat of the license, as the server lists it for a user who may move that seat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
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
        Err(reason) => return ServerAnswer::Failed(RequestFailure::Unreachable(*reason)),
    };
    match reply.status {
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
