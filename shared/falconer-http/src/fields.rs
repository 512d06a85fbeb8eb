//! Members of a request that several endpoints share, parsed once and carried as what they are.

use std::fmt;

use crate::problem::Problem;

/// Longest `origin`, in characters: the width S1's table gave it.
pub const MAX_ORIGIN_CHARS: usize = 255;

/// A license key as it was typed: any text. The key ring says whether it is one.
#[derive(Clone, PartialEq, Eq)]
pub struct TypedKey(pub(crate) String);

/// A license key never reaches a log, mistyped or not.
impl fmt::Debug for TypedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TypedKey(…)")
    }
}

/// A caller's nonce: 16 to 128 visible ASCII characters, returned inside the lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce(String);

impl Nonce {
    /// The nonce itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let good = (16..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        let rule = "must be 16 to 128 visible ASCII characters";
        if good { Ok(Self(text.to_owned())) } else { Err(Problem::field("nonce", rule)) }
    }
}

/// What a caller says about where it runs: for the audit, believed by nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        if text.chars().count() > MAX_ORIGIN_CHARS {
            return Err(Problem::field(
                "origin",
                &format!("must have at most {MAX_ORIGIN_CHARS} characters"),
            ));
        }
        if text.chars().any(char::is_control) {
            return Err(Problem::field("origin", "must not contain control characters"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.0
    }
}
