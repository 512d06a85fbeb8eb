use http_body_util::BodyExt as _;
use hyper::body::Bytes;
use serde_json::json;

use super::response;
use crate::runtime;

#[test]
fn headers_cookies_and_bodies_arrive() {
    let answer = json!({
        "statusCode": 418,
        "headers": { "content-type": "application/json", "x-number": 7, "content-length": "999" },
        "multiValueHeaders": { "x-many": ["a", "b"], "content-type": ["text/plain"] },
        "cookies": ["a=1", "b=2"],
        "body": "aGk=",
        "isBase64Encoded": true,
    });
    let (head, body) = parts(&answer.to_string());
    assert_eq!(head.status, 418);
    assert_eq!(head.headers["x-number"], "7");
    assert_eq!(head.headers["content-type"], "text/plain");
    assert_eq!(head.headers.get_all("x-many").iter().count(), 2);
    assert_eq!(head.headers.get_all("set-cookie").iter().count(), 2);
    assert!(head.headers.get("content-length").is_none());
    assert_eq!(head.headers["apigw-requestid"], "id");
    assert_eq!(body, "hi");
}

#[test]
fn members_may_be_null_or_missing() {
    let (head, body) = parts(r#"{"statusCode":204,"headers":null,"cookies":null,"body":null}"#);
    assert_eq!((head.status.as_u16(), body.len()), (204, 0));
}

#[test]
fn json_without_a_status_is_the_body_of_a_200() {
    let (head, body) = parts(r#"{"ok":true}"#);
    assert_eq!((head.status.as_u16(), body.as_ref()), (200, &b"{\"ok\":true}"[..]));
    assert_eq!(parts("\"text\"").1, "text");
}

#[test]
fn what_cannot_be_a_response_is_refused() {
    for answer in [
        "",
        "{",
        r#"{"statusCode":"many"}"#,
        r#"{"statusCode":1000}"#,
        r#"{"statusCode":200,"headers":{"a b":"c"}}"#,
        r#"{"statusCode":200,"headers":{"a":"b\nc"}}"#,
        r#"{"statusCode":200,"body":"*","isBase64Encoded":true}"#,
    ] {
        assert!(response(answer.as_bytes(), "id").is_err(), "{answer}");
    }
}

fn parts(answer: &str) -> (hyper::http::response::Parts, Bytes) {
    let (head, body) = response(answer.as_bytes(), "id").unwrap().into_parts();
    let body = runtime::wait_for(body.collect()).unwrap().unwrap().to_bytes();
    (head, body)
}
