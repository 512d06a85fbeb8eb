//! Every endpoint, with every code that it answers and the body that carries it.

use falconer_domain::Code;

/// One route.
pub(crate) struct DescribedRoute {
    pub(crate) name: &'static str,
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) summary: &'static str,
    /// The schema of its body.
    pub(crate) request: Option<&'static str>,
    /// The codes, each with the schema of the answer.
    pub(crate) codes: &'static [(Code, &'static str)],
}

/// How a body travels.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyKind {
    Answer,
    Problem,
}

impl BodyKind {
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
            (Code::InvalidSignature, "RefusalResponse"),
            $((Code::$code, $schema),)+
            (Code::Unavailable, "Problem"),
            (Code::Internal, "Problem"),
        ]
    };
}

pub(crate) const ENDPOINTS: &[DescribedRoute] = &[
    DescribedRoute {
        name: "verify",
        method: "POST",
        path: "/api/verify",
        summary: "Check a license key, now and on this device.",
        request: Some("VerifyRequest"),
        codes: of_a_key! {
            Valid => "VerifyResponse",
            NotFound => "RefusalResponse",
            Revoked => "RefusalResponse",
            Suspended => "RefusalResponse",
            Pending => "RefusalResponse",
            Expired => "RefusalResponse",
            NotActivated => "RefusalResponse",
            HardwareMismatch => "RefusalResponse",
        },
    },
    DescribedRoute {
        name: "activate-sync",
        method: "POST",
        path: "/api/activate-sync",
        summary: "Bind this device, or refresh its binding.",
        request: Some("ActivateSyncRequest"),
        codes: of_a_key! {
            Activated => "SeatResponse",
            Refreshed => "SeatResponse",
            Drifted => "SeatResponse",
            FingerprintTooWeak => "SeatRefusalResponse",
            NotFound => "SeatRefusalResponse",
            Revoked => "SeatRefusalResponse",
            Suspended => "SeatRefusalResponse",
            Pending => "SeatRefusalResponse",
            Expired => "SeatRefusalResponse",
            NotActivated => "SeatRefusalResponse",
            HardwareMismatch => "SeatRefusalResponse",
            VirtualMachine => "SeatRefusalResponse",
            SeatsExhausted => "SeatRefusalResponse",
            TransferLimitReached => "SeatRefusalResponse",
            TransferCooldown => "SeatRefusalResponse",
            ConcurrentUpdate => "SeatRefusalResponse",
        },
    },
    DescribedRoute {
        name: "transfer",
        method: "POST",
        path: "/api/transfer",
        summary: "Move a seat to this device.",
        request: Some("TransferRequest"),
        codes: of_a_key! {
            Transferred => "SeatResponse",
            Reclaimed => "SeatResponse",
            AlreadyBound => "SeatResponse",
            Activated => "SeatResponse",
            FingerprintTooWeak => "SeatRefusalResponse",
            NotFound => "SeatRefusalResponse",
            Revoked => "SeatRefusalResponse",
            Suspended => "SeatRefusalResponse",
            Expired => "SeatRefusalResponse",
            VirtualMachine => "SeatRefusalResponse",
            DeviceRequired => "SeatRefusalResponse",
            DeviceOffline => "SeatRefusalResponse",
            EmailMismatch => "SeatRefusalResponse",
            TransferLimitReached => "SeatRefusalResponse",
            TransferCooldown => "SeatRefusalResponse",
            ConcurrentUpdate => "SeatRefusalResponse",
        },
    },
    DescribedRoute {
        name: "deactivate",
        method: "POST",
        path: "/api/deactivate",
        summary: "Free this device's seat.",
        request: Some("DeactivateRequest"),
        codes: of_a_key! {
            Deactivated => "DeactivateResponse",
            NotFound => "SeatRefusalResponse",
            DeviceNotBound => "SeatRefusalResponse",
            ConcurrentUpdate => "SeatRefusalResponse",
        },
    },
    DescribedRoute {
        name: "keys",
        method: "GET",
        path: "/api/keys",
        summary: "The public keys that verify leases, each endorsed by the older ones.",
        request: None,
        codes: &[(Code::Ok, "Jwks"), (Code::Unavailable, "Problem"), (Code::Internal, "Problem")],
    },
    DescribedRoute {
        name: "health",
        method: "GET",
        path: "/api/health",
        summary: "Liveness: the function runs.",
        request: None,
        codes: &[(Code::Ok, "Alive"), (Code::Internal, "Problem"), (Code::Unavailable, "Problem")],
    },
    DescribedRoute {
        name: "ready",
        method: "GET",
        path: "/api/health/ready",
        summary: "Readiness: DynamoDB and Secrets Manager answer.",
        request: None,
        codes: &[(Code::Ok, "Alive"), (Code::Internal, "Problem"), (Code::Unavailable, "Problem")],
    },
];
