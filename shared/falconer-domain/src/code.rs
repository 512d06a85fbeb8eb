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
    /// What that person does next.
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
            /// Every code, in the order the answers are decided.
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
        "Nothing; the features it unlocks stand in the answer.";
    MethodNotAllowed, "METHOD_NOT_ALLOWED", 405, "Method not allowed",
        "Use the method named in the Allow header.";
    BodyTooLarge, "BODY_TOO_LARGE", 413, "Body too large",
        "Send at most 8 KiB of JSON.";
    UnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE", 415, "Body must be JSON",
        "Send Content-Type: application/json, or none.";
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
    Unavailable, "UNAVAILABLE", 503, "Service temporarily unavailable",
        "Try again after the seconds named in Retry-After; a valid lease goes on holding meanwhile.";
    Internal, "INTERNAL", 500, "Internal server error",
        "Report it to the vendor with the request id.";
}

impl Code {
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
    fn names_are_unique_and_every_code_says_what_to_do_next() {
        let names: BTreeSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for row in Code::ALL.iter().map(|code| code.row()) {
            assert!(row.name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'), "{row:?}");
            assert!(!row.text.ends_with('.') && row.next_step.ends_with('.'), "{row:?}");
        }
    }
}
