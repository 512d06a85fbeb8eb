//! Refusals that all endpoints share, and that never read a license: bodies, invalid keys,
//! members, methods, too many requests, outages.

use falconer_domain::{Code, Status, TierName};
use falconer_emulators::tap::{Fault, Matcher};
use falconer_tests::{Fixture, Machine, Reply, TestStack, TestStackOptions};
use serde_json::{Value, json};

use super::{EndpointContract, NONCE, check_head, named, with, with_status};

const COMPONENT_RULE: &str = "must have 8 to 128 printable characters.";
const NONCE_RULE: &str = "nonce must be 16 to 128 visible ASCII characters.";

/// Runs requests that end before anything is asked of DynamoDB, and shows that nothing is.
fn without_a_call(stack: &TestStack, requests: impl FnOnce()) {
    stack.settle();
    stack.forget();
    requests();
    stack.settle();
    let operations: Vec<_> = stack.dynamodb.records().into_iter().map(|record| record.operation).collect();
    assert_eq!(operations, Vec::<String>::new());
}

impl EndpointContract {
    pub(crate) fn refuses_bodies_that_are_no_request(&self) {
        let stack = TestStack::start();
        let key = stack.put(Fixture::pro());
        let not_json = Code::MalformedJson.row().next_step;
        let no_object = "The body is JSON but not an object.";
        let missing = Code::MissingLicense.row().next_step;
        let padded = |bytes: usize| {
            let bare = format!(r#"{{"license":"{key}","pad":""}}"#);
            bare.replace(r#""pad":"""#, &format!(r#""pad":"{}""#, "x".repeat(bytes - bare.len())))
                .into_bytes()
        };
        let nested = format!(r#"{{"license":"{key}","deep":{}1{}}}"#, "[".repeat(2_000), "]".repeat(2_000));
        let send = |headers: &[(&str, &str)], body: &[u8]| stack.send("POST", &self.path(), headers, body);
        let cases = [
            ("empty", Vec::new(), Code::MalformedJson, not_json),
            ("text", b"hello".to_vec(), Code::MalformedJson, not_json),
            ("cut off", br#"{"license":"#.to_vec(), Code::MalformedJson, not_json),
            ("two values", b"{} {}".to_vec(), Code::MalformedJson, not_json),
            ("deeply nested", nested.into_bytes(), Code::MalformedJson, not_json),
            ("array", b"[]".to_vec(), Code::MissingLicense, no_object),
            ("string", b"\"QF\"".to_vec(), Code::MissingLicense, no_object),
            ("null", b"null".to_vec(), Code::MissingLicense, no_object),
            ("no members", b"{}".to_vec(), Code::MissingLicense, missing),
            ("null member", br#"{"license":null}"#.to_vec(), Code::MissingLicense, missing),
            ("8 KiB and one byte", padded(8_193), Code::BodyTooLarge, Code::BodyTooLarge.row().next_step),
        ];
        let plain = format!(r#"{{"license":"{key}"}}"#);
        without_a_call(&stack, || {
            for (name, body, code, detail) in cases {
                let reply = send(&[("content-type", "application/json")], &body);
                assert_eq!(named(&stack, &reply, |_| true), self.problem(code, detail), "{name}");
                check_head(name, &reply);
            }
            let detail = Code::UnsupportedMediaType.row().next_step;
            for content_type in ["text/plain", "application/x-www-form-urlencoded", "nonsense"] {
                let form = format!("license={key}");
                let reply = send(&[("content-type", content_type)], form.as_bytes());
                let expected = self.problem(Code::UnsupportedMediaType, detail);
                assert_eq!(named(&stack, &reply, |_| true), expected, "{content_type}");
                check_head(content_type, &reply);
            }
        });
        let json_type = [("content-type", "application/json; charset=utf-8")];
        assert_eq!(send(&json_type, &padded(8_192)).code(), self.bare.name());
        // Without a content type, and with one that is not text, the gateway hands the body over in base64.
        assert_eq!(send(&[], plain.as_bytes()).code(), self.bare.name());
        let base64 = send(&[("content-type", "application/vnd.falconer+json")], plain.as_bytes());
        assert_eq!(base64.code(), self.bare.name());
    }

    pub(crate) fn refuses_texts_that_are_no_keys(&self) {
        let stack = TestStack::start();
        let good = stack.put(Fixture::pro());
        let mut tampered = good.clone();
        let last = tampered.pop().unwrap();
        tampered.push(if last == '0' { '2' } else { '0' });
        let unknown_generation = format!("{}9{}", &good[..7], &good[8..]);
        without_a_call(&stack, || {
            for (name, typed) in [
                ("empty", ""),
                ("blank", "   "),
                ("longer than 128 bytes", &"A".repeat(129)),
                ("not a key", "ABC-123-XYZ"),
                ("wrong tag", &tampered),
                ("unknown generation", &unknown_generation),
                ("emoji", "🔑🔑🔑"),
                ("the Flask server's example", "QF-PRO-a1b2c3d4e5f6-1234567890"),
            ] {
                stack.speak(typed);
                // With a nonce that a lease would hold, and hardware that is enough.
                let request = with(Machine::named("a").request(typed), json!({ "nonce": NONCE }));
                let reply = stack.post(&self.path(), &request);
                let expected = self.unsigned(Code::InvalidSignature);
                assert_eq!(named(&stack, &reply, |_| true), expected, "{name}");
                check_head(name, &reply);
                assert_eq!(
                    stack.post(&self.path(), &json!({ "license": typed })).body["code"],
                    expected["code"]
                );
            }
        });
    }

    /// `own` are members of this endpoint alone, beside those of every endpoint.
    pub(crate) fn refuses_fields_by_name_and_never_by_value(&self, own: &[(&str, Value, &str)]) {
        let stack = TestStack::start();
        let key = stack.put(Fixture::pro());
        let id = stack.license_id(&key);
        let before = stack.item(&id);
        let of_all = [
            ("license", json!(12), "license must be a string."),
            ("license", json!([key]), "license must be a string."),
            ("license_key", json!({ "key": key }), "license_key must be a string."),
            ("nonce", json!("short"), NONCE_RULE),
            ("nonce", json!("x".repeat(129)), NONCE_RULE),
            ("nonce", json!("with a space in it"), NONCE_RULE),
            ("nonce", json!({ "a": 1 }), "nonce must be a string."),
            ("nonce", json!("null"), NONCE_RULE),
            ("hardware", json!(["mac"]), "hardware must be an object of component labels and texts."),
            ("hardware", json!("null"), "hardware must be an object of component labels and texts."),
            ("hardware", json!(false), "hardware must be an object of component labels and texts."),
            (
                "hardware",
                json!({ "gpu": "fixture-hardware" }),
                "hardware has a label that is not known here.",
            ),
            ("hardware", json!({ "mac": true }), "hardware.mac must be a string."),
            ("hardware", json!({ "mac": 57 }), &format!("hardware.mac {COMPONENT_RULE}")),
            ("hardware", json!({ "mac": "7654321" }), &format!("hardware.mac {COMPONENT_RULE}")),
            ("hardware", json!({ "mac": "xy".repeat(65) }), &format!("hardware.mac {COMPONENT_RULE}")),
            ("hardware", json!({ "board": "54321\n876" }), &format!("hardware.board {COMPONENT_RULE}")),
            ("hw_component_1", json!("short"), &format!("hw_component_1 {COMPONENT_RULE}")),
            ("hwComponent2", json!([1]), "hwComponent2 must be a string."),
            ("hw3", json!(true), "hw3 must be a string."),
            ("hardware_format", json!(2), "hardware_format must be 1 or absent."),
            ("hardware_format", json!("2"), "hardware_format must be 1 or absent."),
            ("hardware_format", json!(1.5), "hardware_format must be 1 or absent."),
            ("hardwareFormat", json!(false), "hardwareFormat must be 1 or absent."),
        ];
        without_a_call(&stack, || {
            for (member, value, detail) in of_all.iter().chain(own) {
                // Its name's other spellings would be looked at first.
                let key_name = if *member == "license_key" { "unused" } else { "license" };
                let request = with(json!({ key_name: key }), json!({ *member: value }));
                let reply = stack.post(&self.path(), &request);
                let expected = self.problem(Code::InvalidField, detail);
                assert_eq!(named(&stack, &reply, |_| true), expected, "{member} {value}");
                check_head(detail, &reply);
            }
            // What a member must look like is said before anything about the key.
            let (member, value, detail) = &of_all[3];
            let reply = stack.post(&self.path(), &json!({ "license": "ABC-123-XYZ", *member: value }));
            assert_eq!(named(&stack, &reply, |_| true), self.problem(Code::InvalidField, detail));
        });
        assert_eq!(stack.item(&id), before);
        assert!(stack.audit_rows(&id).is_empty());
        for (name, request) in [
            (
                "as long as can be",
                json!({ "license": key, "origin": "ü".repeat(255), "nonce": "x".repeat(128) }),
            ),
            (
                "null is absent",
                json!({ "license": null, "license_key": key, "nonce": null, "hardware": null }),
            ),
            ("the first name counts", json!({ "license": key, "license_key": 7 })),
            ("snake_case wins", json!({ "license_key": key, "licenseKey": 7 })),
            ("camelCase", json!({ "licenseKey": key, "hardwareFormat": 1, "hwComponent1": "" })),
            ("snake_case wins again", json!({ "license": key, "hardware_format": 1, "hardwareFormat": 2 })),
            (
                "unknown members",
                json!({ "license": key, "status": 7, "timestamp": [], "gpu": { "deep": 1 } }),
            ),
        ] {
            assert_eq!(stack.post(&self.path(), &request).code(), self.bare.name(), "{name}");
        }
    }

    pub(crate) fn answers_post_only(&self) {
        let stack = TestStack::start();
        assert_eq!(stack.get(&self.path()).status, 404, "the gateway knows no such route");
        without_a_call(&stack, || {
            for method in ["PUT", "GET", "DELETE"] {
                let mut event = crate::events::event(self.name, "post");
                event["requestContext"]["http"]["method"] = method.into();
                let answer = stack.gateway().invoke(self.name, &event).unwrap().into_json().unwrap();
                let headers = answer["headers"].as_object().unwrap();
                let reply = Reply {
                    status: answer["statusCode"].as_u64().unwrap().try_into().unwrap(),
                    headers: headers
                        .iter()
                        .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
                        .collect(),
                    body: serde_json::from_str(answer["body"].as_str().unwrap()).unwrap(),
                };
                let expected = self.problem(Code::MethodNotAllowed, "This endpoint answers POST only.");
                assert_eq!(named(&stack, &reply, |_| true), expected);
                assert_eq!(reply.header("allow"), Some("POST"));
                check_head(method, &reply);
            }
        });
    }

    /// `first` is what it says to a machine that a revoked license has not bound, while it is not over the limit.
    pub(crate) fn refuses_over_its_limit(&self, first: Code) {
        let stack = TestStack::with(&TestStackOptions {
            settings: vec![("RATE_LIMIT_PER_MINUTE", "1".to_owned())],
            ..TestStackOptions::default()
        });
        let key = stack.put(with_status(Fixture::pro(), Status::Revoked));
        let id = stack.license_id(&key);
        let before = stack.item(&id);
        let request = Machine::named("a").request(&key);
        // The window may end between two calls, but hardly between every two of five.
        let replies: Vec<_> = (0..5).map(|_| stack.post(&self.path(), &request)).collect();
        assert_eq!(replies[0].code(), first.name());
        let over: Vec<_> = replies.iter().filter(|reply| reply.status == 429).collect();
        assert!(!over.is_empty(), "none over the limit");
        for reply in &over {
            let detail = Code::RateLimited.row().next_step;
            let expected = self.problem(Code::RateLimited, detail);
            assert_eq!(named(&stack, reply, |_| true), expected, "whatever the license says");
            check_head("429", reply);
            let seconds: u32 = reply.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=60).contains(&seconds), "{seconds}");
            let (policy, left) =
                (format!(r#""{}";q=1;w=60"#, self.name), format!(r#""{}";r=0;t={seconds}"#, self.name));
            assert_eq!(reply.header("ratelimit-policy"), Some(policy.as_str()));
            assert_eq!(reply.header("ratelimit"), Some(left.as_str()));
        }
        stack.settle();
        assert_eq!(stack.audit_rows(&id).len(), replies.len() - over.len(), "no row of what was not decided");
        assert_eq!(stack.item(&id), before);
    }

    /// `fixture` is a license that a request of this machine changes.
    pub(crate) fn tells_an_outage_and_changes_nothing(
        &self,
        fixture: impl Fn() -> Fixture,
        machine: &Machine,
    ) {
        let stack = TestStack::with(&TestStackOptions {
            settings: vec![("RATE_LIMIT_PER_MINUTE", "1000".to_owned())],
            ..TestStackOptions::default()
        });
        let unknown_tier =
            stack.put(fixture().with(|new, _| new.license.tier = TierName::parse("gold").unwrap()));
        let good = stack.put(fixture());
        let broken = stack.put(fixture());
        let mut item = stack.item(&stack.license_id(&broken));
        item["status"] = json!({ "S": "expired" });
        stack.put_item(&item);
        let (licenses, counter) = (&stack.settings.licenses_table, &stack.settings.rate_limits_table);
        for (name, key, broken) in [
            ("a tier the catalog lacks", &unknown_tier, None),
            ("a row that does not read", &broken, None),
            ("the counter is out of reach", &good, Some(Matcher::resource(counter))),
            (
                "the license is out of reach",
                &good,
                Some(Matcher::operation("GetItem").and_resource(licenses)),
            ),
            ("nothing can be written", &good, Some(Matcher::operation("TransactWriteItems"))),
        ] {
            let id = stack.license_id(key);
            let before = stack.item(&id);
            if let Some(matcher) = broken {
                stack.dynamodb.break_all(matcher, Fault::Reset);
            }
            let reply = stack.post(&self.path(), &machine.request(key));
            stack.dynamodb.heal();
            let expected = self.problem(Code::Unavailable, Code::Unavailable.row().next_step);
            assert_eq!(named(&stack, &reply, |_| true), expected, "{name}");
            check_head(name, &reply);
            assert_eq!(reply.header("retry-after"), Some("2"), "{name}");
            stack.settle();
            assert_eq!(stack.item(&id), before, "{name}");
            assert!(stack.audit_rows(&id).is_empty(), "{name}: nothing was decided");
        }
        assert_eq!(stack.post(&self.path(), &machine.request(&good)).status, 200, "healed");
    }
}
