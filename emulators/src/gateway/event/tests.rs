use hyper::Request;
use serde_json::{Value, json};

use super::{Bytes, Received, event};
use crate::template::{Route, match_route};

#[test]
fn event_matches_api_gateway() {
    let request = Request::post("/api/things/7?b=2&a=1&a=%C3%A4+x&flag")
        .header("Host", "api.example.test:9000")
        .header("User-Agent", "curl/8")
        .header("Content-Type", "application/json; charset=utf-8")
        .header("X-Twice", "one")
        .header("X-Twice", "two")
        .header("X-Forwarded-For", "198.51.100.9")
        .header("Cookie", "a=1; b=2")
        .header("Cookie", "c=3");
    let expected = json!({
        "version": "2.0",
        "routeKey": "POST /api/things/{id}",
        "rawPath": "/api/things/7",
        "rawQueryString": "b=2&a=1&a=%C3%A4+x&flag",
        "cookies": ["a=1", "b=2", "c=3"],
        "headers": {
            "host": "api.example.test:9000",
            "user-agent": "curl/8",
            "content-type": "application/json; charset=utf-8",
            "x-twice": "one,two",
            "x-forwarded-for": "198.51.100.9, 203.0.113.5",
            "x-forwarded-proto": "https",
            "x-forwarded-port": "443",
        },
        "queryStringParameters": { "a": "1,ä x", "b": "2", "flag": "" },
        "pathParameters": { "id": "7" },
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": "api.example.test",
            "domainPrefix": "api",
            "http": {
                "method": "POST",
                "path": "/api/things/7",
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.5",
                "userAgent": "curl/8",
            },
            "requestId": "request-1",
            "routeKey": "POST /api/things/{id}",
            "stage": "$default",
            "time": "14/Nov/2023:22:13:20 +0000",
            "timeEpoch": 1_700_000_000_000_u64,
        },
        "body": "{\"a\":1}",
        "isBase64Encoded": false,
    });
    assert_eq!(made_of(request, b"{\"a\":1}"), expected);
}

#[test]
fn what_is_not_there_is_left_out() {
    let made = made_of(Request::post("/api/things/7"), b"");
    for member in ["body", "cookies", "queryStringParameters"] {
        assert!(made.get(member).is_none(), "{member}");
    }
}

#[test]
fn a_body_that_is_no_text_goes_as_base64() {
    let check = |kind: Option<&str>, body: &[u8], expected: (&str, bool)| {
        let request = Request::post("/api/things/7");
        let request = match kind {
            Some(kind) => request.header("content-type", kind),
            None => request,
        };
        let made = made_of(request, body);
        assert_eq!((made["body"].as_str().unwrap(), made["isBase64Encoded"].as_bool().unwrap()), expected);
    };
    check(Some("application/json"), b"{\"\xff\"}", ("eyL/In0=", true));
    check(Some("application/json"), b"{}", ("{}", false));
    check(Some("Text/Plain"), b"hi", ("hi", false));
    check(Some("application/x-www-form-urlencoded"), b"hi", ("aGk=", true));
    check(None, b"hi", ("hi", false));
}

fn made_of(request: hyper::http::request::Builder, body: &[u8]) -> Value {
    let (head, ()) = request.body(()).unwrap().into_parts();
    let routes = [Route { method: "POST".to_owned(), path: "/api/things/{id}".to_owned() }];
    let matched = match_route(&routes, "POST", head.uri.path()).unwrap();
    let received = Received {
        head: &head,
        body: &Bytes::copy_from_slice(body),
        source_ip: "203.0.113.5".parse().unwrap(),
        request_id: "request-1",
        now_milliseconds: 1_700_000_000_000,
    };
    event(&received, &matched)
}
