//! Every reader of requests: no bytes make it panic, and what it refuses it refuses with a code of the caller's.

use falconer_domain::UnixMillis;
use lambda_http::http::{Method, StatusCode};
use proptest::prelude::*;
use serde_json::{Map, Value};
use tokio::time::{Duration, Instant};

use crate::body::MAX_BODY_BYTES;
use crate::{Body, Call, ChangeRequest, Effect, Problem, SeatRequest, hardware};

/// Names that are looked at, under all their spellings, and one that is not.
const NAMES: [&str; 20] = [
    "license",
    "license_key",
    "licenseKey",
    "hardware",
    "hardware_format",
    "hardwareFormat",
    "hw_component_1",
    "hwComponent2",
    "hw3",
    "mac",
    "board",
    "nonce",
    "origin",
    "licensee_name",
    "licenseeEmail",
    "device_name",
    "deviceName",
    "from_device",
    "fromDevice",
    "unknown",
];

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,130}".prop_map(Value::from),
        "[\u{0}-\u{20}\u{7F}-\u{9F}\u{200B}-\u{202E}a]{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        let name = proptest::sample::select(&NAMES[..]).prop_map(str::to_owned);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((name, inner), 0..8)
                .prop_map(|members| Value::from(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// An event as the gateway would send it, with anything in the places that callers fill.
fn call(body: &[u8], content_type: &str, forwarded: &str, source_ip: &str) -> Call {
    let text = include_str!("../../../events/verify/post.json");
    let mut event: Value = serde_json::from_str(text).unwrap();
    event["headers"]["content-type"] = content_type.into();
    event["headers"]["x-forwarded-for"] = forwarded.into();
    event["requestContext"]["http"]["sourceIp"] = source_ip.into();
    event["body"] = data_encoding::BASE64.encode(body).into();
    event["isBase64Encoded"] = true.into();
    let deadline = Instant::now() + Duration::from_secs(1);
    Call::read(&event.to_string(), UnixMillis(0), deadline).expect("a request")
}

/// Reads everything that any endpoint reads of a body.
fn read(call: &Call) -> Result<(), Problem> {
    call.require(&Method::POST)?;
    let mut body = Body::read(call)?;
    body.license()?;
    body.nonce()?;
    body.origin();
    body.from_device()?;
    hardware::read(&mut body)?;
    ChangeRequest::read(call)?;
    SeatRequest::read(call)?;
    Ok(())
}

fn status(problem: Problem, call: &Call) -> StatusCode {
    let answer = crate::Answer::from(crate::Stop::from(problem));
    answer.into_response(call, Effect::Changes).status()
}

proptest! {
    #[test]
    fn any_json_is_read_or_refused_as_the_callers_mistake(body in json()) {
        let call = call(body.to_string().as_bytes(), "application/json", "", "203.0.113.1");
        if let Err(problem) = read(&call) {
            prop_assert!(status(problem, &call).is_client_error(), "{}", body);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused_as_the_callers_mistake(
        body in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            json().prop_map(|json| json.to_string().into_bytes()),
            (0_usize..3 * MAX_BODY_BYTES).prop_map(|length| vec![b'['; length]),
        ],
        content_type in prop_oneof![Just("application/json".to_owned()), "\\PC{0,30}", "application/[a-z+;= ]{0,20}"],
    ) {
        let call = call(&body, &content_type, "", "203.0.113.1");
        if let Err(problem) = read(&call) {
            prop_assert!(status(problem, &call).is_client_error());
        }
    }

    /// Whoever fills in headers moves to no other address.
    #[test]
    fn no_header_changes_the_address(
        forwarded in "([0-9]{1,2}(\\.[0-9]{1,2}){3}(, [0-9]{1,2}(\\.[0-9]{1,2}){3})?|[ -~]{0,60})",
        source_ip in "([0-9]{1,2}(\\.[0-9]{1,2}){3}|[ -~]{0,45})",
    ) {
        let plain = call(b"{}", "application/json", "", &source_ip).address;
        let claimed = call(b"{}", "application/json", &forwarded, &source_ip).address;
        prop_assert_eq!(claimed, plain);
    }
}
