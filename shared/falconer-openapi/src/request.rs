//! What a request may say. Members are read one by one, so there is no struct to take this from; the limits are the
//! constants that hold, and schemathesis sends what is described here.

use falconer_domain::hardware::{Label, MAX_COMPONENT_CHARS, MIN_COMPONENT_CHARS};
use falconer_domain::person::{MAX_DEVICE_NAME_CHARS, MAX_PERSON_CHARS};
use falconer_http::fields::MAX_ORIGIN_CHARS;
use serde_json::{Map, Value, json};

/// What becomes of the name of a device.
const DEVICE_NAME: &str =
    "What the customer calls the device. Not stored on a license whose person was erased.";
/// What becomes of the customer's name and e-mail.
const LICENSEE: &str =
    "Stored where none is stored yet, and not on a license whose person was erased; never returned.";

/// A text of so many characters, or `null`, which is as good as absent.
fn text(max_chars: usize, what: &str) -> Value {
    json!({ "type": ["string", "null"], "maxLength": max_chars, "description": what })
}

fn component() -> Value {
    json!({ "type": ["string", "null"], "minLength": MIN_COMPONENT_CHARS, "maxLength": MAX_COMPONENT_CHARS })
}

/// A component outside of `hardware`, as older clients send it.
fn flat_component() -> Value {
    let mut component = component();
    component["description"] = Value::from("A component of an older client, which has no label for it.");
    component
}

/// The schemas of the four requests.
pub(crate) fn schemas() -> Map<String, Value> {
    let verify = [key(), hardware(), said()].concat();
    let deactivate = [key(), hardware(), said()].concat();
    let seat = [key(), hardware(), said(), person(), vec![machine()]].concat();
    let activate = [seat.clone(), vec![refresh()]].concat();
    let what = "The id of the device to move from, where several are bound.";
    let from = ("from_device", json!({ "type": ["string", "null"], "description": what }));
    let transfer = [seat, vec![from]].concat();
    [
        ("VerifyRequest", verify),
        ("ActivateSyncRequest", activate),
        ("TransferRequest", transfer),
        ("DeactivateRequest", deactivate),
    ]
    .into_iter()
    .map(|(name, members)| (name.to_owned(), request(members)))
    .collect()
}

/// What is described is what is taken as it is sent. Most of the rest is taken less literally, and named in the answer.
fn request(members: Vec<(&'static str, Value)>) -> Value {
    let properties: Map<_, _> = members.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
    json!({
        "type": "object",
        "description": "Names are read in camelCase too. null, \"\", [] and {} are absent. The key, nonce, hardware_format, \
            refresh and from_device are exact; every other member that is not as described is cleaned, cut or set aside, and named in \
            the answer's `ignored`, as is every member that is not named here but `timestamp` and `status`.",
        "properties": properties,
        "required": ["license"],
    })
}

fn key() -> Vec<(&'static str, Value)> {
    let what = "The key as the customer typed it. `license_key` and `licenseKey` are read too.";
    vec![("license", json!({ "type": "string", "description": what }))]
}

fn hardware() -> Vec<(&'static str, Value)> {
    let labels: Map<_, _> = Label::ALL.iter().map(|label| (label.as_str().to_owned(), component())).collect();
    let object = json!({
        "type": ["object", "null"],
        "description": "What the device is recognised by. It wins over the flat members. A part with another label, or that is not \
            as described, is set aside and named in the answer's `ignored`; if no part is left, the answer is INVALID_FIELD.",
        "properties": labels,
    });
    let format =
        json!({ "enum": [1, "1", null], "description": "1: components are keyed by the license key." });
    let flat = ["hw_component_1", "hw_component_2", "hw_component_3", "hw1", "hw2", "hw3"];
    let mut members = vec![("hardware", object), ("hardware_format", format)];
    members.extend(flat.map(|name| (name, flat_component())));
    members
}

fn said() -> Vec<(&'static str, Value)> {
    let nonce = json!({
        "type": ["string", "null"],
        "pattern": "^[!-~]{16,128}$",
        "description": "Returned inside the lease, as proof that the answer is fresh.",
    });
    let status = json!({
        "enum": [403, "403", null],
        "description": "403: refusals that are 401 are 403, for HTTP clients that drop the body of a 401.",
    });
    vec![
        ("nonce", nonce),
        ("origin", text(MAX_ORIGIN_CHARS, "Where the request comes from, for the audit.")),
        ("refusal_status", status),
    ]
}

fn refresh() -> (&'static str, Value) {
    let what = "True: assign no seat. A device with a seat is recorded as seen, any other gets verify's answer. A \
        request without hardware gets FINGERPRINT_TOO_WEAK if the license itself is good. 1, 0 and texts of these values are read too.";
    ("refresh", json!({ "type": ["boolean", "null"], "description": what }))
}

fn machine() -> (&'static str, Value) {
    let what = "True: the client runs in a virtual machine. A policy with `virtual_machines = \"refuse\"` gives it no seat. \
        1, 0 and texts of these values are read too.";
    ("virtual_machine", json!({ "type": ["boolean", "null"], "description": what }))
}

fn person() -> Vec<(&'static str, Value)> {
    vec![
        ("device_name", text(MAX_DEVICE_NAME_CHARS, DEVICE_NAME)),
        ("licensee_name", text(MAX_PERSON_CHARS, LICENSEE)),
        ("licensee_email", text(MAX_PERSON_CHARS, LICENSEE)),
    ]
}
