//! Changing the key ring: nothing is ever lost, and no master is ever shown.
//!
//! The cases marked "of the service" hold our Secrets Manager responder against another implementation: with
//! `SECRETS_MANAGER_ENDPOINT` set, as `cargo xtask e2e` sets it, they run there instead.

use falconer_aws::keyring::{RingWriteError, RingWriter};
use falconer_aws::{Budgets, Clients};
use falconer_domain::{GenerationNumber, KeyRing, UnixMillis};
use falconer_emulators::secrets::Secrets;
use falconer_operator::keyring::Draft;
use falconer_operator::keyring::operations as keyring;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

/// Somebody's secrets, and clients of them.
struct Service {
    clients: Clients,
    endpoint: String,
    _ours: Option<Secrets>,
}

impl Service {
    fn start() -> Self {
        #[expect(clippy::disallowed_methods, reason = "tests read what xtask tells them")]
        let theirs = std::env::var("SECRETS_MANAGER_ENDPOINT").ok();
        let ours = theirs.is_none().then(|| Secrets::start(0).unwrap());
        let endpoint = theirs.unwrap_or_else(|| ours.as_ref().unwrap().endpoint());
        let clients = Clients::of_stand_ins("http://127.0.0.1:1", &endpoint, Budgets::OPERATOR);
        Self { clients, endpoint, _ours: ours }
    }

    /// An operation that our own writer does not make, as another operator's tool would.
    fn ask(&self, operation: &str, request: &Value) -> Value {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build();
        let mut answer = ureq::Agent::from(agent)
            .post(&self.endpoint)
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("secretsmanager.{operation}"))
            // Nobody looks at the signature; ministack finds the service by its scope.
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/secretsmanager/aws4_request",
            )
            .send(request.to_string())
            .unwrap();
        assert_eq!(answer.status(), 200, "{operation}");
        answer.body_mut().read_json().unwrap()
    }

    /// Access to a secret of this name and a suffix that no other run has used.
    fn secret(&self, name: &str) -> RingWriter {
        self.named(name).1
    }

    /// The same, with the whole name.
    fn named(&self, name: &str) -> (String, RingWriter) {
        let name = format!("{name}-{}", falconer_operator::random::id().unwrap());
        let ring = RingWriter::new(&self.clients, &name);
        (name, ring)
    }
}

fn generations(text: &SecretString) -> Vec<u8> {
    KeyRing::parse(text.expose_secret())
        .unwrap()
        .numbers()
        .map(falconer_domain::GenerationNumber::get)
        .collect()
}

#[tokio::test]
async fn of_the_service_adds_and_promotes() {
    let service = Service::start();
    let ring = service.secret("rotation");
    assert!(matches!(ring.read().await, Err(RingWriteError::Missing(_))), "nothing there yet");
    keyring::init(&ring, NOW).await.unwrap();
    let again = keyring::init(&ring, NOW).await.unwrap_err().to_string();
    assert!(again.contains("already holds a key ring"), "{again}");

    let legacy = keyring::add_legacy(&ring, &"s1-master".into(), NOW).await.unwrap();
    let added = keyring::add(&ring, NOW).await.unwrap();
    assert_eq!((legacy.get(), added.get()), (2, 3));
    assert_eq!(keyring::promote_now(&ring).await.unwrap(), added);
    let listed = keyring::open(&ring).await.unwrap().list();
    let roles: Vec<_> = listed.iter().map(|listed| (listed.number.get(), listed.role)).collect();
    assert_eq!(roles, [(1, "verifies"), (2, "legacy"), (3, "current")]);
    assert!(listed.iter().all(|listed| listed.added_at == Some(NOW)));
}

#[tokio::test]
async fn of_the_service_refuses_stale_write() {
    let service = Service::start();
    let ring = service.secret("race");
    keyring::init(&ring, NOW).await.unwrap();
    // Both have read the same version; the slower one hears of it, and the faster one's change stays.
    let (first, second) = (ring.read().await.unwrap(), ring.read().await.unwrap());
    let edited =
        |text: &SecretString, master: &str| Draft::open(text.expose_secret()).unwrap().add(master, NOW);
    let (_, by_first) = edited(&first.text, "first-writers-master-0123456789abcdef").unwrap();
    let (_, by_second) = edited(&second.text, "second-writers-master-0123456789abcde").unwrap();
    ring.replace(&first, &by_first, &falconer_operator::random::id().unwrap()).await.unwrap();
    let refused = ring.replace(&second, &by_second, &falconer_operator::random::id().unwrap()).await;
    assert!(matches!(refused, Err(RingWriteError::Moved)), "{refused:?}");
    let stands = ring.read().await.unwrap();
    assert_eq!(stands.text.expose_secret(), by_first.expose_secret());
    assert_eq!(keyring::add(&ring, NOW).await.unwrap().get(), 3, "starting over works");
    assert_eq!(generations(&ring.read().await.unwrap().text), [1, 2, 3]);
}

#[tokio::test]
async fn of_the_service_loses_no_concurrent_write() {
    let service = Service::start();
    let ring = service.secret("crowd");
    keyring::init(&ring, NOW).await.unwrap();
    let ring = std::sync::Arc::new(ring);
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let ring = std::sync::Arc::clone(&ring);
            tokio::spawn(async move {
                let mut added = Vec::new();
                for _ in 0..40 {
                    if added.len() == 3 {
                        break;
                    }
                    if let Ok(number) = keyring::add(&ring, NOW).await {
                        added.push(number.get());
                    }
                }
                added
            })
        })
        .collect();
    let mut acknowledged = vec![1];
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }
    acknowledged.sort_unstable();
    assert_eq!(
        generations(&ring.read().await.unwrap().text),
        acknowledged,
        "every acknowledged generation stands"
    );
}

#[tokio::test]
async fn of_the_service_distrust_and_trust() {
    let service = Service::start();
    let ring = service.secret("distrust");
    keyring::init(&ring, NOW).await.unwrap();
    let refused = keyring::distrust(&ring, 1).await.unwrap_err().to_string();
    assert!(refused.contains("generation 1 signs"), "{refused}");
    keyring::add(&ring, NOW).await.unwrap();
    keyring::promote_now(&ring).await.unwrap();
    let roles = async || {
        let listed = keyring::open(&ring).await.unwrap().list();
        listed.iter().map(|listed| listed.role).collect::<Vec<_>>()
    };
    assert_eq!(keyring::distrust(&ring, 1).await.unwrap().get(), 1);
    assert_eq!(roles().await, ["distrusted", "current"]);
    assert_eq!(keyring::add(&ring, NOW).await.unwrap().get(), 3);
    assert_eq!(roles().await, ["distrusted", "current", "waiting"], "another change keeps it");
    assert_eq!(keyring::trust(&ring, 1).await.unwrap().get(), 1);
    assert_eq!(roles().await, ["verifies", "current", "waiting"]);
}

/// After `retire` the master is found by no stage: not by the one that Secrets Manager sets itself, and not by one that
/// an interrupted writer has left behind.
#[tokio::test]
async fn of_the_service_retire_moves_stages() {
    let service = Service::start();
    let (name, ring) = service.named("retired");
    keyring::init(&ring, NOW).await.unwrap();
    let first: Value = serde_json::from_str(ring.read().await.unwrap().text.expose_secret()).unwrap();
    let master = first["1"].as_str().unwrap();
    keyring::add(&ring, NOW).await.unwrap();
    keyring::promote_now(&ring).await.unwrap();
    // A writer that stopped half-way: its version has the old master and a stage of its own.
    let stale = ring.read().await.unwrap();
    let put = json!({
        "SecretId": name, "SecretString": stale.text.expose_secret(), "VersionStages": ["falconer-interrupted"],
        "ClientRequestToken": falconer_operator::random::id().unwrap(),
    });
    service.ask("PutSecretValue", &put);

    keyring::retire(&ring, GenerationNumber::new(1).unwrap(), NOW).await.unwrap();
    let described = service.ask("DescribeSecret", &json!({ "SecretId": name }));
    let staged = described["VersionIdsToStages"].as_object().unwrap();
    let mut texts = Vec::new();
    for (version, stages) in staged.iter().filter(|(_, stages)| **stages != json!([])) {
        let read = service.ask("GetSecretValue", &json!({ "SecretId": name, "VersionId": version }));
        let text = read["SecretString"].as_str().unwrap();
        assert!(!text.contains(master), "{stages} name the version with the retired master");
        texts.push((stages.to_string(), text.to_owned()));
    }
    assert!(texts.iter().any(|(stages, _)| stages.contains("AWSCURRENT")), "{staged:?}");
    assert_eq!(generations(&ring.read().await.unwrap().text), [2]);
    // The way back from a mistaken value still leads to a good ring.
    for (stages, text) in texts {
        assert_eq!(generations(&text.into()), [2], "{stages:?}");
    }
    // Once more, as after a run whose second half failed: nothing is left to do.
    keyring::unstage(&ring, GenerationNumber::new(1).unwrap()).await.unwrap();
    assert_eq!(keyring::add(&ring, NOW).await.unwrap().get(), 3, "and the ring is changed as ever");
}

#[tokio::test]
async fn a_bad_ring_is_never_written() {
    let service = Service::start();
    let ring = service.secret("bad");
    keyring::init(&ring, NOW).await.unwrap();
    let stored = ring.read().await.unwrap();
    let bad: SecretString = r#"{"current":"7"}"#.into();
    let refused = ring.replace(&stored, &bad, &falconer_operator::random::id().unwrap()).await;
    assert!(matches!(refused, Err(RingWriteError::Bad(_))), "{refused:?}");
    let short = keyring::add_legacy(&ring, &"short".into(), NOW).await.unwrap_err().to_string();
    assert!(short.contains("shorter than 8 characters"), "{short}");
    assert_eq!(ring.read().await.unwrap().version, stored.version);
}
