//! The one table of outcome codes. HTTP statuses, error texts, `docs/errors.md`, the published schema and the tests
//! all read it; nothing repeats it.

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeRow {
    /// The code as machines read it.
    pub name: &'static str,
    /// HTTP status of an answer that carries it.
    pub status: u16,
    /// The `error` member: one sentence for a person, without its full stop.
    pub text: &'static str,
    /// The next step for that person.
    pub next_step: &'static str,
}

macro_rules! codes {
    ($($variant:ident, $name:literal, $status:literal, $text:literal, $next_step:literal;)+) => {
        /// The outcome of a request.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = concat!("`", $name, "`: ", $text, ".")] $variant,)+
        }

        impl Code {
            /// Every code, in the order of `docs/errors.md`. `docs/spec/api.md` has the order in which each endpoint
            /// decides.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The code's row of the table.
            #[must_use]
            pub const fn row(self) -> CodeRow {
                match self {
                    $(Self::$variant => CodeRow { name: $name, status: $status, text: $text, next_step: $next_step },)+
                }
            }
        }
    };
}

codes! {
    Ok, "OK", 200, "Done",
        "Nothing.";
    Valid, "VALID", 200, "License is valid",
        "Nothing; the answer has the features that it unlocks.";
    Activated, "ACTIVATED", 200, "This device holds a seat now",
        "Nothing; keep the lease, and refresh it from its refresh_at on.";
    Refreshed, "REFRESHED", 200, "This device holds its seat",
        "Nothing; keep the lease.";
    Drifted, "DRIFTED", 200, "This device holds its seat, with one part changed",
        "Nothing; the part is known from now on.";
    Transferred, "TRANSFERRED", 200, "A seat was moved to this device",
        "Nothing; the other device learns it at its next check.";
    Reclaimed, "RECLAIMED", 200, "This device has its seat back",
        "Nothing; if you did not move the license yourself, somebody else has its key: tell the vendor.";
    AlreadyBound, "ALREADY_BOUND", 200, "This device holds a seat already",
        "Nothing; keep the lease.";
    Deactivated, "DEACTIVATED", 200, "This device's seat is free",
        "Nothing; forget the lease.";
    MethodNotAllowed, "METHOD_NOT_ALLOWED", 405, "Method not allowed",
        "Use the method named in the Allow header.";
    BodyTooLarge, "BODY_TOO_LARGE", 413, "Body too large",
        "Send at most 8 KiB of JSON.";
    UnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE", 415, "Body must be JSON",
        "Send one JSON object; Content-Type: application/json says what it is.";
    MalformedJson, "MALFORMED_JSON", 400, "Body is not valid JSON",
        "Send one JSON object, encoded in UTF-8.";
    MissingLicense, "MISSING_LICENSE", 400, "Missing license key",
        "Put the key into the member license.";
    InvalidField, "INVALID_FIELD", 400, "A field is not valid",
        "Correct the field that the detail names.";
    RateLimited, "RATE_LIMITED", 429, "Too many requests",
        "Wait the seconds named in Retry-After, then try again.";
    InvalidSignature, "INVALID_SIGNATURE", 401, "Invalid license signature",
        "Compare the key with the mail it came in, character by character.";
    FingerprintTooWeak, "FINGERPRINT_TOO_WEAK", 422, "This device offers too little to recognise it by",
        "Send two components of the device or more, one of them machine_id, mac, board or disk; or install.";
    NotFound, "NOT_FOUND", 401, "License not found",
        "Ask the vendor: the key is genuine, but its license is not in the table.";
    Revoked, "REVOKED", 401, "License revoked",
        "Ask the vendor why; a replacement key may have been mailed.";
    Suspended, "SUSPENDED", 401, "License suspended",
        "Ask the vendor; a suspended license can be reinstated.";
    Pending, "PENDING", 401, "License not active yet",
        "Activate it once on the device where it will be used.";
    Expired, "EXPIRED", 401, "License expired",
        "Renew it with the vendor.";
    NotActivated, "NOT_ACTIVATED", 401, "This device is not activated",
        "Activate the license on this device.";
    HardwareMismatch, "HARDWARE_MISMATCH", 401, "License is bound to another device",
        "Transfer the license to this device, or use the device it is bound to.";
    VirtualMachine, "VIRTUAL_MACHINE", 403, "License does not run in virtual machines",
        "Activate it on a computer that is not a virtual machine, or ask the vendor.";
    DeviceNotBound, "DEVICE_NOT_BOUND", 409, "This device holds no seat",
        "Nothing: the seat is free, or another device's.";
    DeviceRequired, "DEVICE_REQUIRED", 422, "Name the device to move from",
        "Send the id of one of the devices in the answer as from_device.";
    DeviceOffline, "DEVICE_OFFLINE", 409, "That device has a license for use without a network",
        "Give the seat back on that device by a receipt, or ask the vendor.";
    EmailMismatch, "EMAIL_MISMATCH", 403, "E-mail does not match",
        "Send the e-mail address the license was bought with as licensee_email, or ask the vendor.";
    SeatsExhausted, "SEATS_EXHAUSTED", 409, "License is active on another device",
        "Deactivate it there, or transfer it to this device.";
    TransferLimitReached, "TRANSFER_LIMIT_REACHED", 403, "No transfers left for now",
        "Wait until the moment in transfers.nextAt, or ask the vendor to reset the devices.";
    TransferCooldown, "TRANSFER_COOLDOWN", 403, "This license moved too recently",
        "Wait until the moment in transfers.nextAt, or ask the vendor to reset the devices.";
    ConcurrentUpdate, "CONCURRENT_UPDATE", 409, "Changed meanwhile, try again",
        "Send the same request again after the seconds named in Retry-After.";
    Unavailable, "UNAVAILABLE", 503, "Service temporarily unavailable",
        "Try again after the seconds named in Retry-After; a valid lease goes on holding meanwhile.";
    Internal, "INTERNAL", 500, "Internal server error",
        "Report it to the vendor with the request id.";
}

impl Code {
    /// The code of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name() == name)
    }

    /// The code as machines read it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// HTTP status of an answer that carries it.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.row().status
    }

    /// The `error` member of an answer that carries it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        self.row().text
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_with_next_steps() {
        let names: BTreeSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for row in Code::ALL.iter().map(|code| code.row()) {
            assert!(row.name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'), "{row:?}");
            assert!(!row.text.ends_with('.') && row.next_step.ends_with('.'), "{row:?}");
        }
    }

    #[test]
    fn code_agrees_with_its_row() {
        for code in Code::ALL.iter().copied() {
            let row = code.row();
            assert_eq!((code.name(), code.status(), code.text()), (row.name, row.status, row.text));
            assert_eq!(Code::named(row.name), Some(code));
        }
        assert_eq!(Code::named("valid"), None);
    }
}
