//! The JSON body of a request: checked for size and form, then read member by member, for what decides.
//!
//! The key, `nonce`, `hardware_format`, `refresh` and `from_device` are exact: one that does not read ends the request.
//! Every other member is nice to have: it is taken, cleaned, cut, or set aside, and the answer names each one that was
//! not taken as it was sent.

use std::fmt;

use falconer_domain::Code;
use falconer_domain::members::{self, Given, Member, Members, NO_CHARACTER};
use falconer_domain::person::Email;
use falconer_domain::seats::ReportedMachine;

use crate::change_request::SeatPurpose;
use crate::fields::{self, CleanedLine, Credentials, Nonce, Origin, TypedKey};
use crate::notes::{Names, Notes, RefusalStatus};
use crate::problem::Problem;
use crate::request::Request;

/// Largest body taken, after base64 decoding: the largest honest request has some 1.5 KB.
pub const MAX_BODY_BYTES: usize = 8 * 1024;

/// Members that every endpoint takes and none reads: a caller's clock and a caller's status decide nothing.
const READ_BY_NOBODY: [&str; 2] = ["timestamp", "status"];

/// A JSON object. Members are asked for by all their names; the first name that holds something counts.
#[derive(Clone)]
pub struct RequestBody {
    members: Members,
    /// One for each member.
    taken: Vec<Taken>,
}

/// How much of a member was taken.
#[derive(Clone, PartialEq, Eq)]
enum Taken {
    Nothing,
    AsSent,
    /// All but these parts of it.
    Without(Vec<String>),
}

/// Values stay out: one of them is the license key.
impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Body").field(&self.taken.len()).finish()
    }
}

impl RequestBody {
    /// Reads a request's body: a JSON object, whatever its content type calls it.
    ///
    /// # Errors
    /// `BODY_TOO_LARGE`; `MALFORMED_JSON`, or `UNSUPPORTED_MEDIA_TYPE` for what does not even claim to be JSON;
    /// `MISSING_LICENSE` for JSON that is not an object.
    pub fn read(request: &Request) -> Result<Self, Problem> {
        if request.body.len() > MAX_BODY_BYTES {
            return Err(Problem::new(Code::BodyTooLarge, Code::BodyTooLarge.row().next_step));
        }
        let text = members::decoded(&request.body);
        if let Some(members) = members::object(&text) {
            return Ok(Self { taken: vec![Taken::Nothing; members.0.len()], members });
        }
        if serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok() && !text.starts_with('{') {
            return Err(Problem::new(Code::MissingLicense, "The body is JSON but not an object."));
        }
        let code = match &request.content_type {
            Some(given) if !claims_json(given) => Code::UnsupportedMediaType,
            _ => Code::MalformedJson,
        };
        Err(Problem::new(code, code.row().next_step))
    }

    /// The license key, nonce and origin, which every endpoint with a body reads.
    ///
    /// # Errors
    /// `MISSING_LICENSE` or `INVALID_FIELD`.
    pub fn credentials(&mut self) -> Result<Credentials, Problem> {
        Ok(Credentials { license: self.license()?, nonce: self.nonce()?, origin: self.origin() })
    }

    /// The license key as it was typed.
    ///
    /// # Errors
    /// `MISSING_LICENSE`, or `INVALID_FIELD` when it is not a text.
    pub fn license(&mut self) -> Result<TypedKey, Problem> {
        const NAMES: [&str; 3] = ["license", "license_key", "licenseKey"];
        // A text of invisible characters in one name does not hide the key in another.
        let invisible =
            |name: &str| self.members.text(name).is_some_and(|text| !text.contains(char::is_alphanumeric));
        let holds = |name: &&str| self.members.find(name).is_some() && !invisible(name);
        if let Some(name) = NAMES.into_iter().find(holds)
            && let Some(typed) = self.exact_text(&[name])?
        {
            if let Some(index) = self.members.find(name) {
                self.take(index, &NAMES);
            }
            return Ok(TypedKey(typed));
        }
        if let Some(typed) = self.exact_text(&NAMES)? {
            return Ok(TypedKey(typed));
        }
        // A blank text is an invalid key, as in the Flask server; without any text the key is missing.
        let blank =
            self.members.0.iter().any(|member| NAMES.contains(&member.name.as_str()) && member.is_text());
        let missing = || Problem::new(Code::MissingLicense, Code::MissingLicense.row().next_step);
        blank.then(|| TypedKey(String::new())).ok_or_else(missing)
    }

    /// The caller's nonce.
    ///
    /// # Errors
    /// `INVALID_FIELD`.
    pub fn nonce(&mut self) -> Result<Option<Nonce>, Problem> {
        self.exact_text(&["nonce"])?.map(|text| Nonce::parse(&text)).transpose()
    }

    /// The device to move from, as the caller names it.
    ///
    /// # Errors
    /// `INVALID_FIELD`.
    pub fn from_device(&mut self) -> Result<Option<String>, Problem> {
        Ok(self.exact_text(&["from_device", "fromDevice"])?.map(|name| name.trim().to_owned()))
    }

    /// Reads the purpose of a request for a seat: `refresh` is `true` for an update alone. A value that is
    /// neither `true` nor `false` takes no seat by accident.
    ///
    /// # Errors
    /// `INVALID_FIELD`.
    pub fn purpose(&mut self) -> Result<SeatPurpose, Problem> {
        const NAMES: [&str; 1] = ["refresh"];
        let Some((index, member)) = self.member(&NAMES) else { return Ok(SeatPurpose::Hold) };
        let refreshes =
            flag(member.given()).ok_or_else(|| Problem::field(&member.name, "must be true or false"))?;
        self.take(index, &NAMES);
        Ok(if refreshes { SeatPurpose::Refresh } else { SeatPurpose::Hold })
    }

    /// Reads the caller's account of its machine: `virtual_machine` is `true` in a virtual machine. A value that is neither
    /// `true` nor `false` costs no activation; it is set aside.
    pub(crate) fn machine(&mut self) -> ReportedMachine {
        const NAMES: [&str; 2] = ["virtual_machine", "virtualMachine"];
        let given = self.member(&NAMES).map(|(index, member)| (index, flag(member.given())));
        let Some((index, Some(is_virtual))) = given else { return ReportedMachine::Ordinary };
        self.take(index, &NAMES);
        if is_virtual { ReportedMachine::Virtual } else { ReportedMachine::Ordinary }
    }

    /// Reads the caller's own account of its origin.
    pub fn origin(&mut self) -> Option<Origin> {
        self.line(&["origin"], Origin::read)
    }

    /// One line about a person or a device, by any of its names: cleaned, and cut to its limit.
    pub(crate) fn line<T>(&mut self, names: &[&str], read: fn(&str) -> Option<CleanedLine<T>>) -> Option<T> {
        let (index, member) = self.member(names)?;
        let (Given::Text(text) | Given::Number(text)) = member.given() else { return None };
        let CleanedLine { value, is_whole } = read(&text)?;
        if is_whole {
            self.take(index, names);
        }
        Some(value)
    }

    /// Reads an e-mail address, which is never a number.
    pub(crate) fn address(&mut self, names: &[&str]) -> Option<Email> {
        let is_text = matches!(self.member(names)?.1.given(), Given::Text(_));
        is_text.then(|| self.line(names, fields::email)).flatten()
    }

    /// Names the members that were not taken, and notes the caller's wishes for the answer.
    pub fn finish(mut self, request: &Request) {
        const STATUS: [&str; 2] = ["refusal_status", "refusalStatus"];
        let wanted = self.member(&STATUS);
        let status = wanted.and_then(|(index, member)| Some((index, RefusalStatus::read(&member.given())?)));
        if let Some((index, _)) = status {
            self.take(index, &STATUS);
        }
        let mut names = Names::default();
        for (member, taken) in self.members.0.iter().zip(&self.taken) {
            match taken {
                Taken::AsSent => {}
                Taken::Without(parts) => names.add_all(parts),
                Taken::Nothing if member.is_nothing() || is_read_by_nobody(member) => {}
                Taken::Nothing => names.add(&member.name),
            }
        }
        request.note(Notes { ignored: names.into(), refusal_status: status.map(|(_, status)| status) });
    }

    /// Returns all members.
    pub(crate) const fn members(&self) -> &Members {
        &self.members
    }

    /// The member that counts, by the first of its names that holds something.
    pub(crate) fn member(&self, names: &[&str]) -> Option<(usize, &Member)> {
        let index = names.iter().find_map(|name| self.members.find(name))?;
        Some((index, &self.members.0[index]))
    }

    /// Marks a member as taken in full, and with it those of its other names that say the same.
    pub(crate) fn take(&mut self, index: usize, names: &[&str]) {
        let member = &self.members.0[index];
        for (other, taken) in self.members.0.iter().zip(&mut self.taken) {
            if names.contains(&other.name.as_str()) && other.says_what(member) {
                *taken = Taken::AsSent;
            }
        }
    }

    /// Marks a member as taken but for these parts of it.
    pub(crate) fn take_without(&mut self, index: usize, parts: Vec<String>) {
        self.taken[index] = Taken::Without(parts);
    }

    /// A text that is taken as it is, or refused.
    fn exact_text(&mut self, names: &[&str]) -> Result<Option<String>, Problem> {
        let Some((index, member)) = self.member(names) else { return Ok(None) };
        let Given::Text(text) = member.given() else {
            return Err(Problem::field(&member.name, "must be a string"));
        };
        self.take(index, names);
        Ok(Some(text))
    }
}

/// Returns true if it is one of the members that nobody reads, in the form that clients send.
/// Reads yes or no. Languages without booleans write 1 or a text.
fn flag(given: Given) -> Option<bool> {
    match given {
        Given::Flag(flag) => Some(flag),
        Given::Number(number) => match number.parse::<f64>() {
            Ok(1.0) => Some(true),
            Ok(0.0) => Some(false),
            _ => None,
        },
        Given::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        },
        Given::Nothing | Given::Object(_) | Given::Other => None,
    }
}

fn is_read_by_nobody(member: &Member) -> bool {
    READ_BY_NOBODY.contains(&member.name.as_str())
        && match member.given() {
            Given::Text(text) => !text.contains(NO_CHARACTER),
            Given::Number(number) => number.parse::<f64>().is_ok_and(f64::is_finite),
            _ => false,
        }
}

/// Returns true if any of the content types calls the body JSON: `application/json`, or `application/…+json`, whatever
/// its parameters. A header that is sent twice arrives as one, joined by a comma.
fn claims_json(content_types: &str) -> bool {
    content_types.split(',').any(|content_type| {
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        essence == "application/json"
            || essence == "text/json"
            || (essence.starts_with("application/") && essence.ends_with("+json"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_media_types() {
        for (content_types, expected) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/vnd.falconer+json", true),
            ("application/json,application/json", true),
            ("text/plain, application/json", true),
            ("text/plain", false),
            ("application/jsonp", false),
            ("", false),
        ] {
            assert_eq!(claims_json(content_types), expected, "{content_types}");
        }
    }
}
