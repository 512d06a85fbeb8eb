use serde_json::{Value, json};

use super::Secrets;

#[test]
fn speaks_the_services_protocol() {
    let secrets = Secrets::start(0).unwrap();
    let (status, refusal) = ask(&secrets, "GetSecretValue", &json!({ "SecretId": "ring" }));
    assert_eq!(status, 400);
    assert_eq!(refusal["__type"], "ResourceNotFoundException");

    let create = json!({ "Name": "ring", "SecretString": "{}" });
    let (status, created) = ask(&secrets, "CreateSecret", &create);
    assert_eq!((status, &created["Name"]), (200, &json!("ring")));
    let (_, got) = ask(&secrets, "GetSecretValue", &json!({ "SecretId": "ring" }));
    assert_eq!(got["SecretString"], "{}");
    assert_eq!(got["VersionId"], created["VersionId"]);

    let version = secrets.put("ring", "{\"a\":1}");
    assert_eq!(secrets.current("ring").as_deref(), Some("{\"a\":1}"));
    assert_eq!(secrets.staged("ring", "AWSPREVIOUS").as_deref(), Some("{}"));
    assert_eq!(secrets.version("ring", "AWSCURRENT"), Some(version));
    let (status, _) = ask(&secrets, "RotateSecret", &json!({}));
    assert_eq!(status, 400);
    let both = json!({ "SecretId": "ring", "SecretString": "a", "SecretBinary": "YQ==" });
    let (_, refusal) = ask(&secrets, "PutSecretValue", &both);
    assert_eq!(refusal["__type"], "InvalidParameterException");
}

#[test]
fn stops_answering_when_dropped() {
    let secrets = Secrets::start(0).unwrap();
    let endpoint = secrets.endpoint();
    drop(secrets);
    assert!(ureq::post(&endpoint).send("{}").is_err());
}

fn ask(secrets: &Secrets, operation: &str, body: &Value) -> (u16, Value) {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().into();
    let mut response = agent
        .post(secrets.endpoint())
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("secretsmanager.{operation}"))
        .send(body.to_string())
        .unwrap();
    let body = response.body_mut().read_json().unwrap();
    (response.status().as_u16(), body)
}
