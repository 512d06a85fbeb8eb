//! The one exception to "the caller's address is the gateway's `sourceIp`": CloudFront's address beside CloudFront's proof.
//! Each attack on it is a test, which reads the address from the audit row of the verdict. The templates of gateway and
//! distribution are held to the code.

use std::collections::{BTreeMap, BTreeSet};

use falconer_emulators::gateway::SOURCE_IP_HEADER;
use falconer_emulators::tap::Matcher;
use falconer_emulators::template::Template;
use falconer_http::caller::{PROOF_HEADER, VIEWER_HEADER};
use falconer_tests::{Fixture, TestStack, TestStackOptions, checkout};
use serde_json::json;

use crate::deployment::template;
use crate::limits::wait_for_room_in_the_minute;

const SECRET: &str = "secret-of-the-distribution-number-1";
const FORMER: &str = "secret-of-the-distribution-number-0";
/// The edge of CloudFront, or an attacker who asks the gateway itself.
const SOURCE: &str = "203.0.113.7";
const VIEWER: &str = "198.51.100.10:46532";

fn behind(secrets: &str) -> TestStack {
    let settings = vec![("ORIGIN_VERIFY_SECRET", secrets.to_owned())];
    TestStack::with(&TestStackOptions { settings, ..TestStackOptions::default() })
}

/// Verifies a new license with these headers, and returns the address in its audit row.
fn seen(stack: &TestStack, headers: &[(&str, &str)]) -> String {
    let key = stack.put(Fixture::pro());
    let headers = [&[("content-type", "application/json"), (SOURCE_IP_HEADER, SOURCE)], headers].concat();
    let reply = stack.send("POST", "/api/verify", &headers, json!({ "license": key }).to_string().as_bytes());
    assert_eq!(reply.code(), "VALID", "no header changes a verdict");
    stack.settle();
    let row = stack.audit_rows(&stack.license_id(&key)).remove(0);
    row["address"]["S"].as_str().expect("an address").to_owned()
}

#[test]
fn viewer_is_the_caller_with_the_secret() {
    let stack = behind(&format!("{SECRET},{FORMER}"));
    for (viewer, expected) in [(VIEWER, "198.51.100.10"), ("2001:db8:1:2:3:4:5:6:46532", "2001:db8:1:2::/64")]
    {
        for proof in [SECRET, FORMER] {
            assert_eq!(seen(&stack, &[(PROOF_HEADER, proof), (VIEWER_HEADER, viewer)]), expected);
        }
    }
    assert!(!stack.log_text().contains("secret-of"), "no line repeats the secret");
}

#[test]
fn forged_header_without_secret_is_ignored() {
    let stack = behind(SECRET);
    assert_eq!(seen(&stack, &[(VIEWER_HEADER, VIEWER)]), SOURCE);
    assert_eq!(seen(&stack, &[(VIEWER_HEADER, VIEWER), ("x-forwarded-for", "192.0.2.1")]), SOURCE);
}

#[test]
fn wrong_secret_is_ignored() {
    let stack = behind(SECRET);
    for proof in ["wrong", FORMER, &SECRET[..34], "*", ""] {
        assert_eq!(seen(&stack, &[(PROOF_HEADER, proof), (VIEWER_HEADER, VIEWER)]), SOURCE, "{proof}");
    }
}

#[test]
fn secret_without_viewer_is_the_source() {
    assert_eq!(seen(&behind(SECRET), &[(PROOF_HEADER, SECRET)]), SOURCE);
}

#[test]
fn malformed_viewer_is_the_source() {
    let stack = behind(SECRET);
    for viewer in
        ["198.51.100.10", "198.51.100.10:99999", "198.51.100.10,192.0.2.1:80", "unknown:80", ":80", ""]
    {
        assert_eq!(seen(&stack, &[(PROOF_HEADER, SECRET), (VIEWER_HEADER, viewer)]), SOURCE, "{viewer}");
    }
}

/// The gateway joins repeated headers with a comma.
#[test]
fn headers_sent_twice_are_ignored() {
    let stack = behind(SECRET);
    for proofs in [[SECRET, SECRET], ["guess", SECRET], [SECRET, "guess"]] {
        let headers = [(PROOF_HEADER, proofs[0]), (PROOF_HEADER, proofs[1]), (VIEWER_HEADER, VIEWER)];
        assert_eq!(seen(&stack, &headers), SOURCE, "{proofs:?}");
    }
    let headers = [(PROOF_HEADER, SECRET), (VIEWER_HEADER, "192.0.2.1:80"), (VIEWER_HEADER, VIEWER)];
    assert_eq!(seen(&stack, &headers), SOURCE);
}

#[test]
fn without_the_setting_no_header_counts() {
    let stack = TestStack::start();
    for proof in ["", SECRET] {
        assert_eq!(seen(&stack, &[(PROOF_HEADER, proof), (VIEWER_HEADER, VIEWER)]), SOURCE);
    }
}

/// Customers behind one edge have a limit each, and somebody who makes addresses up has one in all.
#[test]
fn limits_follow_the_proved_address_alone() {
    let stack = TestStack::with(&TestStackOptions {
        settings: vec![
            ("ORIGIN_VERIFY_SECRET", SECRET.to_owned()),
            ("RATE_LIMIT_PER_ADDRESS_PER_MINUTE", "5".to_owned()),
        ],
        ..TestStackOptions::default()
    });
    let admitted = |proof: &str| {
        wait_for_room_in_the_minute();
        (0..8)
            .filter(|number| {
                let viewer = format!("192.0.2.{number}:80");
                let headers = [
                    ("content-type", "application/json"),
                    (SOURCE_IP_HEADER, SOURCE),
                    (PROOF_HEADER, proof),
                    (VIEWER_HEADER, &viewer),
                ];
                let body = json!({ "license": stack.put(Fixture::pro()) }).to_string();
                stack.send("POST", "/api/verify", &headers, body.as_bytes()).status == 200
            })
            .count()
    };
    assert_eq!([admitted(SECRET), admitted("wrong")], [8, 5]);
    stack.settle();
    assert!(stack.dynamodb.matching(&Matcher::operation("UpdateItem")).is_empty(), "no counter was asked");
}

/// The routes that anyone may flood without a key have throttles of their own, below that of the others.
#[test]
fn gets_have_throttles_of_their_own() {
    let template = template();
    let api = &template.resource("Api").unwrap()["Properties"];
    let whole = api["DefaultRouteSettings"]["ThrottlingRateLimit"].as_u64().unwrap();
    let own: BTreeMap<_, _> = api["RouteSettings"].as_object().unwrap().iter().collect();
    let routes = template.functions().unwrap().into_iter().flat_map(|function| function.routes);
    let gets: BTreeSet<_> =
        routes.map(|route| route.key().clone()).filter(|key| !key.starts_with("POST")).collect();
    assert_eq!(own.keys().map(|key| (*key).clone()).collect::<BTreeSet<_>>(), gets);
    for (route, settings) in own {
        let rate = settings["ThrottlingRateLimit"].as_u64().unwrap();
        assert!(rate < whole && settings["ThrottlingBurstLimit"].as_u64() == Some(2 * rate), "{route}");
    }
}

/// `cloudfront.yaml` sends what the functions look for, to every path, and caches nothing but the keys.
#[test]
fn distribution_sends_what_the_functions_read() {
    let template = Template::read(&checkout().join("cloudfront.yaml")).unwrap();
    let of = |id: &str| template.resource(id).unwrap()["Properties"].clone();
    let distribution = &of("Distribution")["DistributionConfig"];
    let origin = &distribution["Origins"][0];
    let header = &origin["OriginCustomHeaders"][0];
    assert!(header["HeaderName"].as_str().unwrap().eq_ignore_ascii_case(PROOF_HEADER));
    assert_eq!(header["HeaderValue"], json!({ "Ref": "OriginVerifySecret" }));
    assert_eq!(template.document()["Parameters"]["OriginVerifySecret"]["NoEcho"], true);
    let forwarded = &of("ForwardedRequest")["OriginRequestPolicyConfig"]["HeadersConfig"];
    let names: Vec<_> =
        forwarded["Headers"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert!(names.iter().any(|name| name.eq_ignore_ascii_case(VIEWER_HEADER)), "{names:?}");
    assert!(
        !names.iter().any(|name| name.eq_ignore_ascii_case("host")),
        "the gateway knows its own name alone"
    );
    let behaviours = std::iter::once(&distribution["DefaultCacheBehavior"])
        .chain(distribution["CacheBehaviors"].as_array().unwrap());
    for behaviour in behaviours {
        assert_eq!(behaviour["OriginRequestPolicyId"], json!({ "Ref": "ForwardedRequest" }));
        assert_eq!(behaviour["ViewerProtocolPolicy"], "https-only");
        let is_cached = behaviour["PathPattern"] == "/api/keys";
        assert_eq!(behaviour["CachePolicyId"] == json!({ "Ref": "CachedKeys" }), is_cached, "{behaviour}");
    }
}
