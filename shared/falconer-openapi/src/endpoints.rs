//! Every endpoint, with every code that it answers and the body that carries it.

use falconer_domain::Code;

/// One route.
pub(crate) struct Endpoint {
    pub(crate) name: &'static str,
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) summary: &'static str,
    /// The schema of its body.
    pub(crate) request: Option<&'static str>,
    /// Its codes, each with the schema of the answer.
    pub(crate) codes: &'static [(Code, &'static str)],
}

/// How a body travels.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Answer,
    Problem,
}

impl Kind {
    pub(crate) fn of(schema: &str) -> Self {
        if schema == "Problem" { Self::Problem } else { Self::Answer }
    }
}

/// What stops any request with a body before a decision, and then the decisions.
macro_rules! of_a_key {
    ($($code:ident => $schema:literal),+ $(,)?) => {
        &[
            (Code::MethodNotAllowed, "Problem"),
            (Code::BodyTooLarge, "Problem"),
            (Code::UnsupportedMediaType, "Problem"),
            (Code::MalformedJson, "Problem"),
            (Code::MissingLicense, "Problem"),
            (Code::InvalidField, "Problem"),
            (Code::RateLimited, "Problem"),
            (Code::InvalidSignature, "Refusal"),
            $((Code::$code, $schema),)+
            (Code::Unavailable, "Problem"),
            (Code::Internal, "Problem"),
        ]
    };
}

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        name: "verify",
        method: "POST",
        path: "/api/verify",
        summary: "Is this key good, now, on this device?",
        request: Some("VerifyRequest"),
        codes: of_a_key! {
            Valid => "Yes",
            NotFound => "Refusal",
            Revoked => "Refusal",
            Suspended => "Refusal",
            Pending => "Refusal",
            Expired => "Refusal",
            NotActivated => "Refusal",
            HardwareMismatch => "Refusal",
        },
    },
    Endpoint {
        name: "activate-sync",
        method: "POST",
        path: "/api/activate-sync",
        summary: "Bind this device, or refresh its binding.",
        request: Some("ActivateSyncRequest"),
        codes: of_a_key! {
            Activated => "SeatYes",
            Refreshed => "SeatYes",
            Drifted => "SeatYes",
            FingerprintTooWeak => "SeatRefusal",
            NotFound => "SeatRefusal",
            Revoked => "SeatRefusal",
            Suspended => "SeatRefusal",
            Pending => "SeatRefusal",
            Expired => "SeatRefusal",
            NotActivated => "SeatRefusal",
            HardwareMismatch => "SeatRefusal",
            SeatsExhausted => "SeatRefusal",
            TransferLimitReached => "SeatRefusal",
            TransferCooldown => "SeatRefusal",
            ConcurrentUpdate => "SeatRefusal",
        },
    },
    Endpoint {
        name: "transfer",
        method: "POST",
        path: "/api/transfer",
        summary: "Move a seat to this device.",
        request: Some("TransferRequest"),
        codes: of_a_key! {
            Transferred => "SeatYes",
            Reclaimed => "SeatYes",
            AlreadyBound => "SeatYes",
            Activated => "SeatYes",
            FingerprintTooWeak => "SeatRefusal",
            NotFound => "SeatRefusal",
            Revoked => "SeatRefusal",
            Suspended => "SeatRefusal",
            Expired => "SeatRefusal",
            DeviceRequired => "SeatRefusal",
            EmailMismatch => "SeatRefusal",
            TransferLimitReached => "SeatRefusal",
            TransferCooldown => "SeatRefusal",
            ConcurrentUpdate => "SeatRefusal",
        },
    },
    Endpoint {
        name: "deactivate",
        method: "POST",
        path: "/api/deactivate",
        summary: "Free this device's seat.",
        request: Some("DeactivateRequest"),
        codes: of_a_key! {
            Deactivated => "Freed",
            NotFound => "SeatRefusal",
            DeviceNotBound => "SeatRefusal",
            ConcurrentUpdate => "SeatRefusal",
        },
    },
    Endpoint {
        name: "keys",
        method: "GET",
        path: "/api/keys",
        summary: "The public keys that verify leases, each endorsed by the older ones.",
        request: None,
        codes: &[(Code::Ok, "Jwks"), (Code::Unavailable, "Problem"), (Code::Internal, "Problem")],
    },
    Endpoint {
        name: "health",
        method: "GET",
        path: "/api/health",
        summary: "Does the function run?",
        request: None,
        codes: &[(Code::Ok, "Alive"), (Code::Internal, "Problem"), (Code::Unavailable, "Problem")],
    },
    Endpoint {
        name: "ready",
        method: "GET",
        path: "/api/health/ready",
        summary: "Do the things that it depends on answer?",
        request: None,
        codes: &[(Code::Ok, "Alive"), (Code::Internal, "Problem"), (Code::Unavailable, "Problem")],
    },
];
