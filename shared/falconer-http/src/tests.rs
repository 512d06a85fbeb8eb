//! Readers of requests: no input makes them panic, and each refusal has a code that blames the caller.

use falconer_domain::UnixMillis;
use lambda_http::http::{Method, StatusCode};
use proptest::prelude::*;
use serde_json::{Map, Value};
use tokio::time::{Duration, Instant};

use crate::body::MAX_BODY_BYTES;
use crate::{ChangeRequest, Effect, Problem, Request, RequestBody, SeatChangeRequest, hardware};

/// Names of members in all their spellings, and one unknown name.
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

/// An event of the gateway with arbitrary values in the places that callers fill.
fn call(body: &[u8], content_type: &str, forwarded: &str, source_ip: &str) -> Request {
    let text = include_str!("../../../events/verify/post.json");
    let mut event: Value = serde_json::from_str(text).unwrap();
    event["headers"]["content-type"] = content_type.into();
    event["headers"]["x-forwarded-for"] = forwarded.into();
    event["requestContext"]["http"]["sourceIp"] = source_ip.into();
    event["body"] = data_encoding::BASE64.encode(body).into();
    event["isBase64Encoded"] = true.into();
    let deadline = Instant::now() + Duration::from_secs(1);
    Request::read(&event.to_string(), UnixMillis(0), deadline).expect("a request")
}

/// Reads every member that any endpoint reads.
fn read(request: &Request) -> Result<(), Problem> {
    request.require(&Method::POST)?;
    let mut body = RequestBody::read(request)?;
    body.license()?;
    body.nonce()?;
    body.origin();
    body.from_device()?;
    hardware::read(&mut body)?;
    ChangeRequest::read(request)?;
    SeatChangeRequest::read(request)?;
    Ok(())
}

fn status(problem: Problem, request: &Request) -> StatusCode {
    let answer = crate::Response::from(crate::Rejection::from(problem));
    answer.into_http(request, Effect::Mutating).status()
}

proptest! {
    #[test]
    fn requests_any_json_is_read_or_4xx(body in json()) {
        let request = call(body.to_string().as_bytes(), "application/json", "", "203.0.113.1");
        if let Err(problem) = read(&request) {
            prop_assert!(status(problem, &request).is_client_error(), "{}", body);
        }
    }

    #[test]
    fn requests_any_bytes_are_read_or_4xx(
        body in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            json().prop_map(|json| json.to_string().into_bytes()),
            (0_usize..3 * MAX_BODY_BYTES).prop_map(|length| vec![b'['; length]),
        ],
        content_type in prop_oneof![Just("application/json".to_owned()), "\\PC{0,30}", "application/[a-z+;= ]{0,20}"],
    ) {
        let request = call(&body, &content_type, "", "203.0.113.1");
        if let Err(problem) = read(&request) {
            prop_assert!(status(problem, &request).is_client_error());
        }
    }

    /// Headers cannot move a caller to another address.
    #[test]
    fn requests_headers_keep_the_address(
        forwarded in "([0-9]{1,2}(\\.[0-9]{1,2}){3}(, [0-9]{1,2}(\\.[0-9]{1,2}){3})?|[ -~]{0,60})",
        source_ip in "([0-9]{1,2}(\\.[0-9]{1,2}){3}|[ -~]{0,45})",
    ) {
        let plain = call(b"{}", "application/json", "", &source_ip).address;
        let claimed = call(b"{}", "application/json", &forwarded, &source_ip).address;
        prop_assert_eq!(claimed, plain);
    }
}
