//! `GET /api/keys` and `GET /api/health`.

use falconer_domain::jwks::Jwks;
use falconer_tests::{LEGACY_MASTER, MASTER_A, MASTER_B, TestStack, TestStackOptions};

#[test]
fn publishes_keys_except_legacy() {
    let ring =
        format!(r#"{{"current":"3","legacy":"2","1":"{MASTER_A}","2":"{LEGACY_MASTER}","3":"{MASTER_B}"}}"#);
    let stack = TestStack::with(&TestStackOptions { ring: Some(ring), ..TestStackOptions::default() });
    let reply = stack.get("/api/keys");
    assert_eq!((reply.status, reply.header("cache-control")), (200, Some("public, max-age=300")));
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert!(reply.header("x-request-id").is_some());
    let told: Jwks = serde_json::from_value(reply.body.clone()).unwrap();
    assert_eq!(told, Jwks::of(&stack.ring()));
    let kids: Vec<_> = told.keys.iter().map(|key| key.kid.as_str()).collect();
    assert_eq!(kids, ["1", "3"]);
    assert!(told.keys[1].is_endorsed_by("1", &told.keys[0].public_key().unwrap()));
    let first = &reply.body["keys"][0];
    assert_eq!(
        [&first["kty"], &first["crv"], &first["alg"], &first["use"]],
        ["OKP", "Ed25519", "EdDSA", "sig"]
    );
}

#[test]
fn health_and_readiness_answer_ok() {
    let stack = TestStack::start();
    for path in ["/api/health", "/api/health/ready"] {
        let reply = stack.get(path);
        assert_eq!((reply.status, reply.header("cache-control")), (200, Some("no-store")), "{path}");
        assert_eq!(reply.body["status"], "ok");
        assert!(reply.body["timestamp"].as_i64().unwrap() > 1_700_000_000_000);
        assert_eq!(reply.body.as_object().unwrap().len(), 2);
    }
}
