//! The JSON body of a request: checked for size, media type and form, then read member by member.

use std::fmt;

use falconer_domain::Code;
use falconer_domain::person::BadLine;
use falconer_domain::transfer::FromDevice;
use serde_json::{Map, Value};

use crate::arrival::Asks;
use crate::call::Call;
use crate::fields::{Nonce, Origin, TypedKey};
use crate::problem::Problem;

/// Largest body taken, after base64 decoding: the largest honest request has some 1.5 KB.
pub const MAX_BODY_BYTES: usize = 8 * 1024;

/// A JSON object. Members are asked for by all their names; the first present one counts, `null` is absent.
#[derive(Clone)]
pub struct Body(Map<String, Value>);

/// Values stay out: one of them is the license key.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Body").field(&self.0.len()).finish()
    }
}

impl Body {
    /// Reads a call's body.
    ///
    /// # Errors
    /// `BODY_TOO_LARGE`, `UNSUPPORTED_MEDIA_TYPE`, `MALFORMED_JSON`, or `MISSING_LICENSE` for JSON that is no object.
    pub fn read(call: &Call) -> Result<Self, Problem> {
        if call.body.len() > MAX_BODY_BYTES {
            return Err(Problem::new(Code::BodyTooLarge, Code::BodyTooLarge.row().next_step));
        }
        if call.content_type.as_deref().is_some_and(|given| !is_json(given)) {
            return Err(Problem::new(Code::UnsupportedMediaType, Code::UnsupportedMediaType.row().next_step));
        }
        // serde_json stops at a depth of 128, so a deeply nested body is refused and never overflows the stack.
        match serde_json::from_slice(&call.body) {
            Ok(Value::Object(members)) => Ok(Self(members)),
            Ok(_) => Err(Problem::new(Code::MissingLicense, "The body is JSON but not an object.")),
            Err(_) => Err(Problem::new(Code::MalformedJson, Code::MalformedJson.row().next_step)),
        }
    }

    /// A member, by the first of its names that is present.
    pub(crate) fn member(&self, names: &[&'static str]) -> Option<(&'static str, &Value)> {
        names.iter().find_map(|name| {
            let value = self.0.get(*name).filter(|value| !value.is_null())?;
            Some((*name, value))
        })
    }

    /// A text.
    ///
    /// # Errors
    /// `INVALID_FIELD` for any other type.
    pub(crate) fn text(&self, names: &[&'static str]) -> Result<Option<&str>, Problem> {
        self.member(names)
            .map(|(name, value)| value.as_str().ok_or_else(|| Problem::field(name, "must be a string")))
            .transpose()
    }

    /// The license key as it was typed.
    ///
    /// # Errors
    /// `MISSING_LICENSE`, or `INVALID_FIELD` when it is no text.
    pub fn license(&self) -> Result<TypedKey, Problem> {
        self.text(&["license", "license_key", "licenseKey"])?
            .map(|typed| TypedKey(typed.to_owned()))
            .ok_or_else(|| Problem::new(Code::MissingLicense, Code::MissingLicense.row().next_step))
    }

    /// The caller's nonce.
    ///
    /// # Errors
    /// `INVALID_FIELD`.
    pub fn nonce(&self) -> Result<Option<Nonce>, Problem> {
        self.text(&["nonce"])?.map(Nonce::parse).transpose()
    }

    /// One line about a person or a device, by any of its names. Blank is absent.
    ///
    /// # Errors
    /// `INVALID_FIELD`.
    pub(crate) fn line<T>(
        &self,
        names: &[&'static str],
        read: fn(&str) -> Result<Option<T>, BadLine>,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(names)? else { return Ok(None) };
        read(text).map_err(|bad| {
            let name = self.member(names).map_or("a text", |(name, _)| name);
            Problem::field(name, &bad.to_string())
        })
    }

    /// The device to move from, as the caller names it.
    ///
    /// # Errors
    /// `INVALID_FIELD`.
    pub fn from_device(&self) -> Result<FromDevice<'_>, Problem> {
        let named = self.text(&["from_device", "fromDevice"])?.map(str::trim).filter(|name| !name.is_empty());
        Ok(named.map_or(FromDevice::Only, FromDevice::Named))
    }

    /// What a device asks of its seat: `refresh` is `true` where it only wants to be seen. Languages without booleans
    /// write 1 or a text; a value that is neither takes no seat by accident.
    ///
    /// # Errors
    /// `INVALID_FIELD`.
    pub fn asks(&self) -> Result<Asks, Problem> {
        let Some((name, value)) = self.member(&["refresh"]) else { return Ok(Asks::ToHold) };
        let refreshes = match value {
            Value::Bool(flag) => Some(*flag),
            Value::Number(number) if number.as_f64() == Some(1.0) => Some(true),
            Value::Number(number) if number.as_f64() == Some(0.0) => Some(false),
            Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "1" => Some(true),
                "" | "false" | "0" => Some(false),
                _ => None,
            },
            Value::Array(none) if none.is_empty() => Some(false),
            _ => None,
        };
        match refreshes {
            Some(true) => Ok(Asks::ToBeSeen),
            Some(false) => Ok(Asks::ToHold),
            None => Err(Problem::field(name, "must be true or false")),
        }
    }

    /// Where the caller says it runs.
    ///
    /// # Errors
    /// `INVALID_FIELD`.
    pub fn origin(&self) -> Result<Option<Origin>, Problem> {
        self.text(&["origin"])?.map(Origin::parse).transpose()
    }
}

/// `application/json`, or any `application/…+json`, whatever its parameters.
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_media_types() {
        for (content_type, expected) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/vnd.falconer+json", true),
            ("text/plain", false),
            ("application/jsonp", false),
            ("", false),
        ] {
            assert_eq!(is_json(content_type), expected, "{content_type}");
        }
    }
}
