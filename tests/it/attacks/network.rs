//! Somebody on the network between an application and the functions, who may say and change anything.

use std::sync::{Arc, Mutex};

use falconer_client::transport::{ApiEndpoint, NetworkFailure, Reply, TransportRequest};
use falconer_client::{
    FailureKind, HttpTransport, InvalidAnswer, Licensing, LockCode, PublicKeys, State, Transport,
};
use falconer_domain::encoding::BASE64URL_NOPAD;
use falconer_tests::{Fixture, MASTER_B, TestStack, TestStackOptions};
use serde_json::Value;

use crate::computer::{FixtureHardware, TestClock};
use crate::issuing::falconer;

/// The faults of the network between an application and its server.
type Meddling =
    Box<dyn Fn(&HttpTransport, ApiEndpoint, Option<&str>) -> Result<Reply, NetworkFailure> + Send>;

/// The way to the server, and whoever sits on it.
#[derive(Clone)]
struct MeddlingTransport {
    server: HttpTransport,
    meddling: Arc<Mutex<Option<Meddling>>>,
    /// The last answer that really came from the server.
    heard: Arc<Mutex<Option<Reply>>>,
}

impl MeddlingTransport {
    fn to(stack: &TestStack) -> Self {
        let server = HttpTransport::new(&stack.gateway().url());
        Self { server, meddling: Arc::default(), heard: Arc::default() }
    }

    fn meddle(
        &self,
        with: impl Fn(&HttpTransport, ApiEndpoint, Option<&str>) -> Result<Reply, NetworkFailure> + Send + 'static,
    ) {
        *self.meddling.lock().unwrap() = Some(Box::new(with));
    }

    fn leave(&self) {
        *self.meddling.lock().unwrap() = None;
    }
}

impl Transport for MeddlingTransport {
    fn send(&self, request: &TransportRequest<'_>) -> Result<Reply, NetworkFailure> {
        let &TransportRequest { endpoint, body, .. } = request;
        let meddling = self.meddling.lock().unwrap();
        if let Some(meddling) = &*meddling {
            return meddling(&self.server, endpoint, body);
        }
        let reply = self.server.send(request);
        if endpoint == ApiEndpoint::Verify {
            *self.heard.lock().unwrap() = reply.clone().ok();
        }
        reply
    }
}

/// An application that trusts the keys of this stack.
fn application(stack: &TestStack, way: &MeddlingTransport, machine: &'static str) -> Licensing {
    let keys = PublicKeys::parse(&stack.get("/api/keys").body.to_string()).expect("public keys");
    Licensing::builder("QF", "https://licenses.example.com", keys)
        .transport(way.clone())
        .clock(TestClock::right())
        .hardware(FixtureHardware(machine))
        .store_in_memory()
        .open()
        .expect("an open license")
}

fn operate(stack: &TestStack, arguments: &[&str]) {
    let output = falconer(stack).args(["--yes"]).args(arguments).output().expect("the program runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Activated, checked once, and revoked since: whoever makes the application miss that has won.
fn revoked() -> (TestStack, MeddlingTransport, Licensing) {
    let stack = TestStack::start();
    let way = MeddlingTransport::to(&stack);
    let key = stack.put(Fixture::pro());
    let client = application(&stack, &way, "first");
    client.activate(&key, "", "").expect("an activation");
    assert_eq!(client.refresh(), Ok(State::Active));
    operate(&stack, &["revoke", &key, "--reason", "refund"]);
    (stack, way, client)
}

/// The truth gets through as soon as nobody is in its way.
fn ends_with_the_truth(way: &MeddlingTransport, client: &Licensing) {
    way.leave();
    assert_eq!(client.refresh(), Ok(State::Locked { code: LockCode::Revoked }));
}

#[test]
fn replayed_answer_is_ignored() {
    let (_stack, way, client) = revoked();
    let held = client.license();
    let recorded = way.heard.lock().unwrap().clone().expect("an answer");
    way.meddle(move |server, endpoint, body| match endpoint {
        ApiEndpoint::Verify => Ok(recorded.clone()),
        _ => server.send(&TransportRequest::new(endpoint, body)),
    });
    assert_eq!(client.refresh(), Err(FailureKind::Answer(InvalidAnswer::NotForThisRequest).into()));
    assert_eq!(client.license(), held, "not a second more than before");
    ends_with_the_truth(&way, &client);
}

/// A whole authority of somebody else's, with a license of the same key's product, and its own public keys.
#[test]
fn forged_server_is_not_believed() {
    let (_stack, way, client) = revoked();
    let held = client.license();
    for generation in ["1", "9"] {
        let ring = format!(r#"{{"current":"{generation}","{generation}":"{MASTER_B}"}}"#);
        let forged = TestStack::with(&TestStackOptions { ring: Some(ring), ..TestStackOptions::default() });
        let theirs = forged.put(Fixture::pro());
        let url = forged.gateway().url();
        way.meddle(move |_, endpoint, body| {
            // It knows nothing of the key, so it answers about one of its own.
            let body = body.map(|body| {
                let mut body: Value = serde_json::from_str(body).unwrap();
                for name in ["license", "license_key"] {
                    if body.get(name).is_some() {
                        body[name] = theirs.clone().into();
                    }
                }
                body.to_string()
            });
            HttpTransport::new(&url).send(&TransportRequest::new(endpoint, body.as_deref()))
        });
        assert_eq!(
            client.refresh(),
            Err(FailureKind::Answer(InvalidAnswer::UntrustedSignature).into()),
            "kid {generation}"
        );
        assert_eq!(client.license(), held);
        way.leave();
        drop(forged);
    }
    ends_with_the_truth(&way, &client);
}

/// A yes that was heard, as an answer to what is asked now: what it says of the nonce is changed, and nobody signs it.
fn downgraded(yes: &Reply, header: Option<&str>, asked: &str) -> Reply {
    let mut body: Value = serde_json::from_slice(&yes.body).unwrap();
    let lease = body["lease"].take();
    let payload = lease.as_str().unwrap().split('.').nth(1).unwrap().as_bytes();
    let mut claims: Value = serde_json::from_slice(&BASE64URL_NOPAD.decode(payload).unwrap()).unwrap();
    let asked: Value = serde_json::from_str(asked).unwrap();
    claims["nonce"] = asked["nonce"].clone();
    match header {
        None => drop(body.as_object_mut().unwrap().remove("lease")),
        Some("") => body["lease"] = "".into(),
        Some(header) => {
            let [header, claims, signature] = [header.as_bytes(), claims.to_string().as_bytes(), &[0; 64]]
                .map(|part| BASE64URL_NOPAD.encode(part));
            body["lease"] = format!("{header}.{claims}.{signature}").into();
        }
    }
    Reply::new(yes.status, body.to_string().into_bytes())
}

#[test]
fn unsigned_answer_changes_nothing() {
    let (stack, way, client) = revoked();
    let held = client.license();
    let yes = way.heard.lock().unwrap().clone().expect("an answer");
    for header in [
        None,
        Some(""),
        Some(r#"{"alg":"none","typ":"lease+jwt","kid":"1"}"#),
        Some(r#"{"alg":"EdDSA","typ":"lease+jwt","kid":"1"}"#),
    ] {
        let yes = yes.clone();
        way.meddle(move |server, endpoint, body| match (endpoint, body) {
            (ApiEndpoint::Verify, Some(asked)) => Ok(downgraded(&yes, header, asked)),
            _ => server.send(&TransportRequest::new(endpoint, body)),
        });
        assert!(client.refresh().is_err_and(|failure| failure.kind != FailureKind::Refused), "{header:?}");
        assert_eq!(client.license(), held, "{header:?}");
    }
    ends_with_the_truth(&way, &client);
    // And unsigned members do not turn a signed no into a yes.
    let key = stack.put(Fixture::pro());
    let other = application(&stack, &way, "second");
    other.activate(&key, "", "").expect("an activation");
    operate(&stack, &["revoke", &key, "--reason", "refund"]);
    way.meddle(|server, endpoint, body| {
        let mut reply = server.send(&TransportRequest::new(endpoint, body))?;
        let mut body: Value = serde_json::from_slice(&reply.body).unwrap();
        (body["valid"], body["code"]) = (true.into(), "VALID".into());
        reply.status = 200;
        reply.body = body.to_string().into_bytes();
        Ok(reply)
    });
    assert_eq!(other.refresh(), Ok(State::Locked { code: LockCode::Revoked }));
}

/// A proxy that shows the bound machine's hardware in the name of another gets that one a signed yes. It is about the
/// bound machine, so the application on the other one does not act on it.
#[test]
fn answer_for_other_hardware_is_refused() {
    let stack = TestStack::start();
    let way = MeddlingTransport::to(&stack);
    let key = stack.put(Fixture::pro());
    let owner = application(&stack, &way, "first");
    let shown = Arc::new(Mutex::new(Value::Null));
    let seen = Arc::clone(&shown);
    way.meddle(move |server, endpoint, body| {
        if let Some(body) = body {
            *seen.lock().unwrap() = serde_json::from_str::<Value>(body).unwrap()["hardware"].clone();
        }
        server.send(&TransportRequest::new(endpoint, body))
    });
    owner.activate(&key, "", "").expect("an activation");
    let owners = shown.lock().unwrap().clone();
    assert!(owners.is_object(), "{owners}");

    let thief = application(&stack, &way, "second");
    way.meddle(move |server, endpoint, body| {
        let body = body.map(|body| {
            let mut body: Value = serde_json::from_str(body).unwrap();
            body["hardware"] = owners.clone();
            body.to_string()
        });
        server.send(&TransportRequest::new(endpoint, body.as_deref()))
    });
    let got = thief.activate(&key, "", "");
    assert_eq!(got, Err(FailureKind::Answer(InvalidAnswer::OtherMachine).into()), "the answer is not taken");
    assert_ne!(thief.status(), State::Active);
    assert!(!thief.has_feature("backtesting"));
    let _ = thief.refresh();
    assert_ne!(thief.status(), State::Active);
    assert_eq!(owner.status(), State::Active);
    assert_eq!(stack.stored(&stack.license_id(&key)).devices.len(), 1);
}
