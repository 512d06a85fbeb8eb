//! Requests, read from a line.
//!
//! **Invariant:** no text of a line is repeated, the id alone excepted: a line may hold a license key, and an error of
//! the JSON reader quotes what it reads. Sentences about bad lines are therefore constants.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::lines::Line;

/// Longest id, in bytes.
const MAX_ID_BYTES: usize = 64;

/// The id of a request: a whole number or a short text, which the answer repeats.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Id(Value);

#[cfg(test)]
impl Id {
    pub(super) fn of_number(number: u64) -> Self {
        Self(number.into())
    }
}

/// A request that can be answered.
#[derive(Debug, PartialEq)]
pub(super) struct Request {
    pub(super) id: Id,
    pub(super) method: Method,
}

/// What is asked.
#[derive(Debug, PartialEq)]
pub(super) enum Method {
    /// Answered at once.
    Look(Look),
    /// Answered after the server has answered.
    RequestedCall(RequestedCall),
    Cancel(Id),
    StartRefresher,
    StopRefresher,
    Quit,
}

#[derive(Debug, PartialEq)]
pub(super) enum Look {
    Snapshot,
    Status,
    HasFeature(String),
    Limit(String, u64),
    License,
    Notice,
    Pending,
    Device,
}

/// No `Debug` of its parameters: they hold the license key.
#[derive(PartialEq)]
pub(super) enum RequestedCall {
    Activate { key: String, name: String, email: String },
    Transfer { key: Option<String>, name: String, email: String, from_device: Option<String> },
    Refresh,
    Deactivate,
    ActivationRequest { key: String, name: String, email: String },
    RenewalRequest,
    ImportResponse { text: String },
    DeactivateByReceipt,
}

impl std::fmt::Debug for RequestedCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Activate { .. } => "Activate",
            Self::Transfer { .. } => "Transfer",
            Self::Refresh => "Refresh",
            Self::Deactivate => "Deactivate",
            Self::ActivationRequest { .. } => "ActivationRequest",
            Self::RenewalRequest => "RenewalRequest",
            Self::ImportResponse { .. } => "ImportResponse",
            Self::DeactivateByReceipt => "DeactivateByReceipt",
        })
    }
}

/// A line that is not a request. `id` is there if it could be read.
#[derive(Debug, PartialEq)]
pub(super) struct BadLine {
    pub(super) id: Option<Id>,
    pub(super) reason: BadRequest,
}

/// Mistakes of the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadRequest {
    LineTooLong,
    NotUtf8,
    NotJson,
    InvalidRequest,
    UnknownMethod,
    InvalidParams,
    IdInUse,
    TooManyCalls,
}

impl BadRequest {
    /// The member `error` of an answer, with the members that a failure of the library has too.
    pub(super) fn to_json(self) -> Value {
        let (name, next_step) = (self.name(), "Correct the application.");
        let message = json!({ "id": name, "sentence": self.sentence(), "next_step": next_step });
        json!({ "kind": "protocol", "cause": name, "code": null, "message": message })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::LineTooLong => "line_too_long",
            Self::NotUtf8 => "not_utf8",
            Self::NotJson => "not_json",
            Self::InvalidRequest => "invalid_request",
            Self::UnknownMethod => "unknown_method",
            Self::InvalidParams => "invalid_params",
            Self::IdInUse => "id_in_use",
            Self::TooManyCalls => "too_many_calls",
        }
    }

    /// For the developer, in constant words.
    const fn sentence(self) -> &'static str {
        match self {
            Self::LineTooLong => "The line is longer than 65536 bytes.",
            Self::NotUtf8 => "The line is not UTF-8.",
            Self::NotJson => "The line is not JSON.",
            Self::InvalidRequest => {
                "The line is not an object of id (a whole number or a text of 1 to 64 bytes), method and params."
            }
            Self::UnknownMethod => "The method is unknown.",
            Self::InvalidParams => "The method takes other params.",
            Self::IdInUse => "A call with this id is waiting for its answer.",
            Self::TooManyCalls => "Sixteen calls are waiting for their answers.",
        }
    }
}

impl Id {
    fn read(value: Value) -> Option<Self> {
        let is_good = match &value {
            Value::Number(number) => number.is_i64() || number.is_u64(),
            Value::String(text) => (1..=MAX_ID_BYTES).contains(&text.len()),
            _ => false,
        };
        is_good.then_some(Self(value))
    }

    pub(super) const fn as_json(&self) -> &Value {
        &self.0
    }
}

/// Reads a line. `None` for an empty one.
pub(super) fn read(line: Line) -> Option<Result<Request, BadLine>> {
    let bad = |reason| Some(Err(BadLine { id: None, reason }));
    let text = match line {
        Line::TooLong => return bad(BadRequest::LineTooLong),
        Line::NotUtf8 => return bad(BadRequest::NotUtf8),
        Line::Text(text) => text,
    };
    if text.trim().is_empty() {
        return None;
    }
    match serde_json::from_str(&text) {
        Ok(Value::Object(members)) => Some(read_object(members)),
        Ok(_) => bad(BadRequest::InvalidRequest),
        Err(_) => bad(BadRequest::NotJson),
    }
}

fn read_object(mut members: Map<String, Value>) -> Result<Request, BadLine> {
    let id = members.remove("id").and_then(Id::read);
    let (method, params) = (members.remove("method"), members.remove("params").unwrap_or_default());
    let (Some(id), Some(Value::String(method)), true) = (id.clone(), method, members.is_empty()) else {
        return Err(BadLine { id, reason: BadRequest::InvalidRequest });
    };
    match read_method(&method, params) {
        Ok(method) => Ok(Request { id, method }),
        Err(reason) => Err(BadLine { id: Some(id), reason }),
    }
}

fn read_method(name: &str, params: Value) -> Result<Method, BadRequest> {
    let method = match name {
        "has_feature" => {
            let FeatureParams { name } = read_params(params)?;
            return Ok(Method::Look(Look::HasFeature(name)));
        }
        "limit" => {
            let LimitParams { name, default } = read_params(params)?;
            return Ok(Method::Look(Look::Limit(name, default)));
        }
        "activate" => {
            let ActivateParams { key, name, email } = read_params(params)?;
            return Ok(Method::RequestedCall(RequestedCall::Activate { key, name, email }));
        }
        "activation_request" => {
            let ActivateParams { key, name, email } = read_params(params)?;
            return Ok(Method::RequestedCall(RequestedCall::ActivationRequest { key, name, email }));
        }
        "import_response" => {
            let ImportParams { text } = read_params(params)?;
            return Ok(Method::RequestedCall(RequestedCall::ImportResponse { text }));
        }
        "transfer" => {
            let TransferParams { key, name, email, from_device } = read_params(params)?;
            return Ok(Method::RequestedCall(RequestedCall::Transfer { key, name, email, from_device }));
        }
        "cancel" => {
            let CancelParams { id } = read_params(params)?;
            return Id::read(id).map(Method::Cancel).ok_or(BadRequest::InvalidParams);
        }
        "snapshot" => Method::Look(Look::Snapshot),
        "status" => Method::Look(Look::Status),
        "license" => Method::Look(Look::License),
        "notice" => Method::Look(Look::Notice),
        "pending" => Method::Look(Look::Pending),
        "device" => Method::Look(Look::Device),
        "refresh" => Method::RequestedCall(RequestedCall::Refresh),
        "deactivate" => Method::RequestedCall(RequestedCall::Deactivate),
        "renewal_request" => Method::RequestedCall(RequestedCall::RenewalRequest),
        "deactivate_by_receipt" => Method::RequestedCall(RequestedCall::DeactivateByReceipt),
        "start_refresher" => Method::StartRefresher,
        "stop_refresher" => Method::StopRefresher,
        "quit" => Method::Quit,
        _ => return Err(BadRequest::UnknownMethod),
    };
    read_params::<NoParams>(params).map(|NoParams {}| method)
}

/// Absent params are an empty object.
fn read_params<T: DeserializeOwned>(params: Value) -> Result<T, BadRequest> {
    let params = if params.is_null() { Value::Object(Map::new()) } else { params };
    if !params.is_object() {
        return Err(BadRequest::InvalidParams);
    }
    serde_json::from_value(params).map_err(|_| BadRequest::InvalidParams)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoParams {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FeatureParams {
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitParams {
    name: String,
    #[serde(default)]
    default: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ActivateParams {
    key: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    email: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImportParams {
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TransferParams {
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    name: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    from_device: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CancelParams {
    id: Value,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Request, BadLine> {
        read(Line::Text(text.to_owned())).expect("a line that is not empty")
    }

    fn id(value: Value) -> Id {
        Id::read(value).unwrap()
    }

    #[test]
    fn methods_are_read_with_their_params() {
        let look = |look| Method::Look(look);
        for (line, expected) in [
            (r#"{"id":1,"method":"status"}"#, look(Look::Status)),
            (r#"{"id":1,"method":"status","params":null}"#, look(Look::Status)),
            (r#"{"params":{},"method":"snapshot","id":1}"#, look(Look::Snapshot)),
            (
                r#"{"id":1,"method":"has_feature","params":{"name":"x"}}"#,
                look(Look::HasFeature("x".to_owned())),
            ),
            (
                r#"{"id":1,"method":"limit","params":{"name":"agents"}}"#,
                look(Look::Limit("agents".to_owned(), 0)),
            ),
            (
                r#"{"id":1,"method":"limit","params":{"name":"agents","default":3}}"#,
                look(Look::Limit("agents".to_owned(), 3)),
            ),
            (
                r#"{"id":1,"method":"transfer"}"#,
                Method::RequestedCall(RequestedCall::Transfer {
                    key: None,
                    name: String::new(),
                    email: String::new(),
                    from_device: None,
                }),
            ),
            (r#"{"id":1,"method":"cancel","params":{"id":"a"}}"#, Method::Cancel(id(json!("a")))),
        ] {
            assert_eq!(read_text(line), Ok(Request { id: id(json!(1)), method: expected }), "{line}");
        }
        assert_eq!(read(Line::Text("  ".to_owned())), None);
    }

    #[test]
    fn bad_lines_name_the_mistake_and_the_id() {
        let long = format!(r#"{{"id":"{}","method":"status"}}"#, "x".repeat(MAX_ID_BYTES + 1));
        let deep = "[".repeat(10_000);
        for (line, expected, reason) in [
            ("hello", None, BadRequest::NotJson),
            (r#"{"id":1,"method":"status"} {}"#, None, BadRequest::NotJson),
            (r#"{"id":"\ud800","method":"status"}"#, None, BadRequest::NotJson),
            (&deep, None, BadRequest::NotJson),
            ("[1]", None, BadRequest::InvalidRequest),
            (r#"{"method":"status"}"#, None, BadRequest::InvalidRequest),
            (r#"{"id":null,"method":"status"}"#, None, BadRequest::InvalidRequest),
            (r#"{"id":1.5,"method":"status"}"#, None, BadRequest::InvalidRequest),
            (&long, None, BadRequest::InvalidRequest),
            (r#"{"id":1}"#, Some(json!(1)), BadRequest::InvalidRequest),
            (r#"{"id":1,"method":7}"#, Some(json!(1)), BadRequest::InvalidRequest),
            (r#"{"id":1,"method":"status","key":"x"}"#, Some(json!(1)), BadRequest::InvalidRequest),
            (r#"{"id":"a","method":"Status"}"#, Some(json!("a")), BadRequest::UnknownMethod),
            (r#"{"id":"a","method":"activate"}"#, Some(json!("a")), BadRequest::InvalidParams),
            (r#"{"id":1,"method":"activate","params":["x"]}"#, Some(json!(1)), BadRequest::InvalidParams),
            (r#"{"id":1,"method":"activate","params":{"key":7}}"#, Some(json!(1)), BadRequest::InvalidParams),
            (r#"{"id":1,"method":"status","params":{"x":7}}"#, Some(json!(1)), BadRequest::InvalidParams),
            (r#"{"id":1,"method":"cancel","params":{"id":{}}}"#, Some(json!(1)), BadRequest::InvalidParams),
        ] {
            let shown: String = line.chars().take(60).collect();
            assert_eq!(read_text(line), Err(BadLine { id: expected.map(id), reason }), "{shown}");
        }
    }

    #[test]
    fn requests_hide_the_key_when_shown() {
        let line = r#"{"id":1,"method":"activate","params":{"key":"QF-PRO-SECRET","email":"a@example.com"}}"#;
        let shown = format!("{:?}", read_text(line));
        assert!(!shown.contains("SECRET") && !shown.contains('@'), "{shown}");
    }
}
