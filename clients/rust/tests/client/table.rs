//! Every HTTP status, kind of body and kind of signature, and the state that follows.

use std::sync::{Arc, Mutex};

use ed25519_dalek::Signer as _;

use falconer_client::transport::{ApiEndpoint, NetworkFailure, Reply, TransportRequest};
use falconer_client::{Licensing, LockCode, State, Transport, UnixSeconds};
use falconer_domain::encoding::BASE64URL_NOPAD;
use falconer_domain::hardware::DeviceId;
use falconer_domain::jwks::Jwks;
use falconer_domain::lease::{Claims, Kind};
use falconer_domain::{Code, LicenseKey, Product};
use serde_json::{Value, json};

use crate::harness::{
    DAY, LEASE_SECONDS, Machine, START, Server, TestClock, builder, changed_at_the_end, key, product,
    received, ring, unlocked,
};

const STATUSES: [u16; 24] = [
    200, 201, 202, 204, 299, 301, 302, 304, 400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 425, 429, 500,
    502, 503, 599,
];

/// Kind of body.
#[derive(Clone, Copy, Debug)]
enum Body {
    /// JSON with a lease of this code; a valid one is bound to this machine.
    Lease(&'static str),
    /// A valid lease without a device.
    Unbound,
    /// A valid lease for another machine.
    OtherMachine,
    /// The same JSON without its lease.
    Unsigned(&'static str),
    /// Bytes that are not an answer.
    Raw(&'static [u8]),
}

const BODIES: [Body; 26] = [
    Body::Lease("VALID"),
    Body::Lease("TOMORROWS_YES"),
    Body::Lease("REVOKED"),
    Body::Lease("SUSPENDED"),
    Body::Lease("PENDING"),
    Body::Lease("EXPIRED"),
    Body::Lease("NOT_ACTIVATED"),
    Body::Lease("HARDWARE_MISMATCH"),
    Body::Lease("NOT_FOUND"),
    Body::Lease("SEATS_EXHAUSTED"),
    Body::Lease("DEACTIVATED"),
    Body::Lease("TOMORROWS_NO"),
    Body::Unbound,
    Body::OtherMachine,
    Body::Unsigned("VALID"),
    Body::Unsigned("REVOKED"),
    Body::Unsigned("INVALID_SIGNATURE"),
    Body::Unsigned("RATE_LIMITED"),
    Body::Raw(b""),
    Body::Raw(b"<html>Please sign in</html>"),
    Body::Raw(b"null"),
    Body::Raw(b"[]"),
    Body::Raw(b"{}"),
    Body::Raw(b"{\"lease\":7,\"code\":\"REVOKED\"}"),
    Body::Raw(b"{\"lease\":\"a.b.c\",\"code\":\"REVOKED\"}"),
    Body::Raw(b"\xFF\xFE{\"code\":\"REVOKED\"}"),
];

impl Body {
    /// Bodies without a lease need one kind of signature only.
    fn signatures(self) -> &'static [Signature] {
        match self {
            Self::Unsigned(_) | Self::Raw(_) => &SIGNATURES[..1],
            _ => &SIGNATURES,
        }
    }
}

/// Kind of signature, or defect of the signed claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signature {
    Good,
    /// By a new generation that a pinned one endorses.
    Endorsed,
    /// Under the newer name of the algorithm (RFC 9864).
    NewerAlgorithm,
    /// With an old `iat`; the moment is `at`.
    OldIssue,
    Changed,
    /// Of another payload.
    OtherPayload,
    /// By an unendorsed key under an unknown `kid`.
    UnknownKey,
    /// By an unendorsed key under the pinned `kid`.
    Forged,
    AlgNone,
    OtherType,
    /// A lease typed as a refusal, or a refusal typed as a lease; only `valid` shows the difference.
    Retyped,
    /// A lease with the audience of a refusal, or the other way round.
    Readdressed,
    /// Without `at`, as 0.1.0 signed.
    NoMoment,
    OtherProduct,
    OtherNonce,
    NoNonce,
    /// Signed before the stored answer.
    Older,
    /// About another license.
    OtherLicense,
}

const SIGNATURES: [Signature; 18] = [
    Signature::Good,
    Signature::Endorsed,
    Signature::NewerAlgorithm,
    Signature::OldIssue,
    Signature::Changed,
    Signature::OtherPayload,
    Signature::UnknownKey,
    Signature::Forged,
    Signature::AlgNone,
    Signature::OtherType,
    Signature::Retyped,
    Signature::Readdressed,
    Signature::NoMoment,
    Signature::OtherProduct,
    Signature::OtherNonce,
    Signature::NoNonce,
    Signature::Older,
    Signature::OtherLicense,
];

/// Answers verify with one combination, and the rest like the server.
#[derive(Clone)]
struct CraftedTransport {
    server: Server,
    next: Arc<Mutex<(u16, Body, Signature)>>,
}

impl Transport for CraftedTransport {
    fn send(&self, request: &TransportRequest<'_>) -> Result<Reply, NetworkFailure> {
        let &TransportRequest { endpoint, body, .. } = request;
        let (status, kind, signature) = *self.next.lock().unwrap();
        match endpoint {
            ApiEndpoint::Keys => {
                let keys = ring(if signature == Signature::Endorsed { 3 } else { 1 });
                Ok(reply(200, serde_json::to_vec(&Jwks::of(keys)).unwrap()))
            }
            ApiEndpoint::Verify => {
                let request: Value = serde_json::from_str(body.unwrap()).unwrap();
                Ok(reply(status, self.body(kind, signature, &request)))
            }
            _ => self.server.send(request),
        }
    }
}

fn reply(status: u16, body: Vec<u8>) -> Reply {
    Reply::new(status, body)
}

impl CraftedTransport {
    fn body(&self, kind: Body, signature: Signature, request: &Value) -> Vec<u8> {
        let claims = self.claims(kind, request);
        match kind {
            Body::Raw(bytes) => bytes.to_vec(),
            Body::Unsigned(code) => {
                json!({ "code": code, "error": "", "valid": false }).to_string().into_bytes()
            }
            _ => json!({ "code": claims.code, "lease": sign(claims, signature) }).to_string().into_bytes(),
        }
    }

    fn claims(&self, kind: Body, request: &Value) -> Claims {
        let state = self.server.state();
        let typed = LicenseKey::parse(&key(1)).unwrap();
        let shown = received(&request["hardware"]);
        let elsewhere = received(&json!({ "mac": "another-one", "board": "another-two" }));
        let device = DeviceId::from_random([1; 10]);
        let nonce = request["nonce"].as_str();
        match kind {
            Body::Lease(code @ ("VALID" | "TOMORROWS_YES")) => {
                let claims = state.claims(&typed, Code::Valid, Some((&device, &shown)), nonce);
                Claims { code: code.to_owned(), ..claims }
            }
            Body::Unbound => state.claims(&typed, Code::Valid, None, nonce),
            Body::OtherMachine => state.claims(&typed, Code::Valid, Some((&device, &elsewhere)), nonce),
            Body::Lease(code) => {
                let claims = state.claims(&typed, Code::Revoked, None, nonce);
                Claims { code: code.to_owned(), ..claims }
            }
            _ => state.claims(&typed, Code::Revoked, None, nonce),
        }
    }
}

fn sign(mut claims: Claims, signature: Signature) -> String {
    match signature {
        Signature::OtherProduct => claims.aud = claims.kind().audience(&Product::parse("XX").unwrap()),
        Signature::Retyped | Signature::Readdressed => {
            claims.aud = other_kind(claims.kind()).audience(&product());
        }
        Signature::OtherNonce => claims.nonce = Some("0".repeat(32)),
        Signature::NoNonce => claims.nonce = None,
        Signature::Older => claims.at -= 30 * DAY,
        Signature::OldIssue => (claims.iat, claims.nbf) = (claims.iat - 30 * DAY, claims.nbf - 30 * DAY),
        Signature::OtherLicense => claims.sub = format!("lic_{}", "0".repeat(24)),
        _ => {}
    }
    let good = |generation: u8| claims.sign(ring(generation).current());
    let payload = serde_json::to_value(&claims).unwrap();
    let typ = claims.kind().media_type();
    match signature {
        Signature::Endorsed => good(3),
        Signature::Changed => changed_at_the_end(&good(1)),
        Signature::OtherPayload => {
            let (lease, other) =
                (good(1), Claims { at: claims.at + 1, ..claims.clone() }.sign(ring(1).current()));
            let (signed, _) = lease.rsplit_once('.').unwrap();
            format!("{signed}.{}", other.rsplit_once('.').unwrap().1)
        }
        Signature::UnknownKey => good(9),
        Signature::Forged => signed(9, "EdDSA", typ, &payload),
        Signature::NewerAlgorithm => signed(1, "Ed25519", typ, &payload),
        Signature::AlgNone => signed(1, "none", typ, &payload),
        Signature::OtherType => signed(1, "EdDSA", "JWT", &payload),
        Signature::Retyped => signed(1, "EdDSA", other_kind(claims.kind()).media_type(), &payload),
        Signature::NoMoment => {
            let mut payload = payload;
            payload.as_object_mut().unwrap().remove("at");
            signed(1, "EdDSA", typ, &payload)
        }
        _ => good(1),
    }
}

const fn other_kind(kind: Kind) -> Kind {
    match kind {
        Kind::Lease => Kind::Refusal,
        Kind::Refusal => Kind::Lease,
    }
}

/// Signs any header over any claims, under the pinned `kid`.
fn signed(generation: u8, alg: &str, typ: &str, payload: &Value) -> String {
    let header = json!({ "alg": alg, "typ": typ, "kid": "1" });
    let signed = [&header, payload].map(|part| BASE64URL_NOPAD.encode(part.to_string().as_bytes())).join(".");
    let signature = ring(generation).current().signing_key().sign(signed.as_bytes());
    format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature.to_bytes()))
}

/// The rules, written a second time: only a fresh, signed answer of the server counts, and only six refusals lock.
fn expected(status: u16, body: Body, signature: Signature) -> Option<State> {
    let listened =
        (200..300).contains(&status) || ((400..500).contains(&status) && ![408, 425, 429].contains(&status));
    let word = [Signature::Good, Signature::Endorsed, Signature::NewerAlgorithm, Signature::OldIssue];
    if !listened || !word.contains(&signature) {
        return None;
    }
    let lock = |code| Some(State::Locked { code });
    match body {
        Body::Lease("VALID" | "TOMORROWS_YES") => Some(State::Active),
        Body::Lease("REVOKED") => lock(LockCode::Revoked),
        Body::Lease("SUSPENDED") => lock(LockCode::Suspended),
        Body::Lease("PENDING") => lock(LockCode::Pending),
        Body::Lease("EXPIRED") => lock(LockCode::Expired),
        Body::Lease("NOT_ACTIVATED") => lock(LockCode::NotActivated),
        Body::Lease("HARDWARE_MISMATCH") => lock(LockCode::HardwareMismatch),
        _ => None,
    }
}

/// State of the client before the answer.
struct Before {
    name: &'static str,
    /// Days since the last good answer.
    days: i64,
    /// Code of that answer, if it locked.
    locked: Option<&'static str>,
    unlocked: bool,
    /// State after an answer that counts for nothing.
    stays: State,
}

const BEFORE: [Before; 4] = [
    Before { name: "active", days: 0, locked: None, unlocked: true, stays: State::Active },
    Before {
        name: "due",
        days: 2,
        locked: None,
        unlocked: true,
        stays: State::Grace { until: UnixSeconds(START.0 / 1_000 + LEASE_SECONDS) },
    },
    Before {
        name: "overdue",
        days: 9,
        locked: None,
        unlocked: false,
        stays: State::Locked { code: LockCode::LeaseExpired },
    },
    Before {
        name: "locked",
        days: 2,
        locked: Some("SUSPENDED"),
        unlocked: false,
        stays: State::Locked { code: LockCode::Suspended },
    },
];

struct Table {
    crafted: CraftedTransport,
    client: Licensing,
}

impl Table {
    fn new(before: &Before) -> Self {
        let clock = TestClock::new();
        let server = Server::new(&clock);
        let next = Arc::new(Mutex::new((200, Body::Raw(b""), Signature::Good)));
        let crafted = CraftedTransport { server, next };
        let client = builder(&crafted, &clock, &Machine::named("home")).open().unwrap();
        client.activate(&key(1), "", "").unwrap();
        let table = Self { crafted, client };
        if let Some(code) = before.locked {
            let _ = table.answer(401, Body::Lease(code), Signature::Good);
        }
        clock.pass(before.days * DAY);
        table
    }

    fn answer(&self, status: u16, body: Body, signature: Signature) -> State {
        *self.crafted.next.lock().unwrap() = (status, body, signature);
        let _ = self.client.refresh();
        self.client.status()
    }
}

#[test]
fn every_status_body_and_signature() {
    let mut counted = 0;
    for before in &BEFORE {
        let mut table = Table::new(before);
        let was = |table: &Table| (table.client.license(), unlocked(&table.client));
        let mut held = was(&table);
        assert_eq!(held.1, before.unlocked, "{}", before.name);
        for status in STATUSES {
            for body in BODIES {
                for &signature in body.signatures() {
                    let place = format!("{}: {status} {body:?} {signature:?}", before.name);
                    let state = table.answer(status, body, signature);
                    if let Some(expected) = expected(status, body, signature) {
                        assert_eq!(state, expected, "{place}");
                        assert_eq!(unlocked(&table.client), expected == State::Active, "{place}");
                        (table, counted) = (Table::new(before), counted + 1);
                        held = was(&table);
                    } else {
                        assert_eq!(was(&table), held, "{place}: what is known and what is on is as before");
                        assert_eq!(state, before.stays, "{place}: and time alone counts");
                    }
                }
            }
        }
    }
    // Eight bodies, four signatures, and every status that is read.
    assert_eq!(counted, 4 * 8 * 4 * 14);
}
