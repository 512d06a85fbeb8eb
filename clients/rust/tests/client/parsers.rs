//! Arbitrary input to every reader: network replies, and the public keys of an application.

use std::sync::{Arc, Mutex};

use falconer_client::transport::{NetworkFailure, Reply, TransportRequest};
use falconer_client::{PublicKeys, State, Transport, UnixSeconds};
use falconer_domain::encoding::BASE64URL_NOPAD;
use falconer_domain::jwks::Jwks;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::harness::{DAY, LEASE_SECONDS, Machine, START, Server, TestClock, builder, key, ring, unlocked};

/// The server, or a given reply in its place.
#[derive(Clone)]
struct ReplyOverride {
    server: Server,
    says: Arc<Mutex<Option<Reply>>>,
}

impl Transport for ReplyOverride {
    fn send(&self, request: &TransportRequest<'_>) -> Result<Reply, NetworkFailure> {
        let &TransportRequest { endpoint, body, .. } = request;
        let says = self.says.lock().unwrap().clone();
        says.map_or_else(|| self.server.send(&TransportRequest::new(endpoint, body)), Ok)
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,40}",
        "[A-Za-z0-9_=.-]{0,120}",
        "[0-9]{0,20}",
        Just("VALID".to_owned()),
        Just("1".to_owned())
    ]
}

/// JSON with known member names and arbitrary values.
fn body() -> impl Strategy<Value = Value> {
    let names = vec![
        "lease",
        "code",
        "devices",
        "transfers",
        "nextAt",
        "id",
        "name",
        "lastSeenAt",
        "keys",
        "kid",
        "x",
        "kty",
        "crv",
        "alg",
        "use",
        "endorsed_by",
        "1",
        "valid",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        let name = proptest::sample::select(names.clone());
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((name, inner), 0..8).prop_map(|members| members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    })
}

/// Three arbitrary parts in the form of a lease, under a header that names a pinned key.
fn lease() -> impl Strategy<Value = String> {
    let part =
        || prop_oneof![text(), body().prop_map(|json| BASE64URL_NOPAD.encode(json.to_string().as_bytes()))];
    let header = prop_oneof![
        Just(BASE64URL_NOPAD.encode(br#"{"alg":"EdDSA","typ":"lease+jwt","kid":"1"}"#)),
        Just(BASE64URL_NOPAD.encode(br#"{"alg":"none","typ":"lease+jwt","kid":"1"}"#)),
        part(),
    ];
    let signature =
        proptest::collection::vec(any::<u8>(), 64).prop_map(|bytes| BASE64URL_NOPAD.encode(&bytes));
    (header, part(), prop_oneof![signature, part()])
        .prop_map(|(header, payload, signature)| format!("{header}.{payload}.{signature}"))
}

fn reply() -> impl Strategy<Value = Reply> {
    let bytes = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        body().prop_map(|json| json.to_string().into_bytes()),
        (lease(), body()).prop_map(|(lease, mut body)| {
            if let Some(members) = body.as_object_mut() {
                members.insert("lease".to_owned(), lease.into());
            }
            body.to_string().into_bytes()
        }),
        (0_usize..70_000).prop_map(|length| vec![b'['; length]),
    ];
    let status = prop_oneof![Just(200_u16), Just(401), 100_u16..=599];
    (status, proptest::option::of(any::<u64>()), bytes).prop_map(|(status, retry_after_seconds, body)| {
        let reply = Reply::new(status, body);
        match retry_after_seconds {
            Some(seconds) => reply.with_retry_after(seconds),
            None => reply,
        }
    })
}

proptest! {
    /// No reply at any status from any endpoint changes the license.
    #[test]
    fn network_bytes_change_nothing(replies in proptest::collection::vec(reply(), 1..4)) {
        let clock = TestClock::new();
        let server = Server::new(&clock);
        let anybody = ReplyOverride { server, says: Arc::default() };
        let client = builder(&anybody, &clock, &Machine::named("home")).open().unwrap();
        client.activate(&key(1), "", "").unwrap();
        let held = client.license();
        clock.pass(2 * DAY);
        // A missed check leaves the end of grace in place.
        let grace = State::Grace { until: UnixSeconds(START.0 / 1_000 + LEASE_SECONDS) };
        for reply in replies {
            *anybody.says.lock().unwrap() = Some(reply);
            let _ = client.refresh();
            prop_assert_eq!(client.license(), held.clone());
            prop_assert_eq!(client.status(), grace);
            prop_assert!(unlocked(&client));
        }
    }

    /// No such reply activates a machine either.
    #[test]
    fn network_bytes_activate_nothing(reply in reply()) {
        let clock = TestClock::new();
        let anybody = ReplyOverride { server: Server::new(&clock), says: Arc::new(Mutex::new(Some(reply))) };
        let client = builder(&anybody, &clock, &Machine::named("home")).open().unwrap();
        let _ = client.activate(&key(1), "", "");
        prop_assert!(!unlocked(&client));
        prop_assert!(client.license().is_none());
    }

    #[test]
    fn public_keys_are_read_or_rejected(json in body(), text in text(), without in any::<bool>()) {
        let _ = PublicKeys::parse(&json.to_string());
        prop_assert!(PublicKeys::parse(&text).is_err());
        let mut good = serde_json::to_value(Jwks::of(ring(1))).unwrap();
        prop_assert!(PublicKeys::parse(&good.to_string()).is_ok());
        // 43 characters of base64url can be a key by chance.
        let may_be_one = json.as_str().is_some_and(|text| text.len() == 43);
        if without {
            good["keys"][0]["x"] = json;
        } else {
            good["keys"][0] = json;
        }
        prop_assert!(may_be_one && without || PublicKeys::parse(&good.to_string()).is_err());
        let none = json!({ "keys": [] });
        prop_assert!(PublicKeys::parse(&none.to_string()).is_err());
    }
}
