use serde_json::{Value, json};

use super::{Put, Refusal, RefusalKind, SecretValue, Vault};

const NAME: &str = "ring";
const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const C: &str = "cccccccccccccccccccccccccccccccc";

#[test]
fn a_created_secret_is_current_and_exists_once() {
    let mut vault = Vault::default();
    let created = vault.create(NAME, text(A, "one")).unwrap();
    assert_eq!(created["VersionId"], A);
    assert_eq!(vault.get(NAME, None, None).unwrap()["SecretString"], "one");
    let by_arn = created["ARN"].as_str().unwrap();
    assert_eq!(vault.get(by_arn, None, None).unwrap()["VersionStages"], json!(["AWSCURRENT"]));

    vault.create(NAME, text(A, "one")).unwrap();
    check(vault.create(NAME, text(A, "two")), RefusalKind::ResourceExists);
    check(vault.create(NAME, text(B, "one")), RefusalKind::ResourceExists);
}

#[test]
fn a_secret_without_a_value_has_no_current_version() {
    let mut vault = Vault::default();
    vault.create(NAME, Put { value: None, ..text(A, "") }).unwrap();
    check(vault.get(NAME, None, None), RefusalKind::ResourceNotFound);
    // The first version is current, whatever label it was put under.
    vault.put(NAME, text(B, "one"), Some(stages(&["NEXT"]))).unwrap();
    assert_eq!(vault.text(NAME, "AWSCURRENT").as_deref(), Some("one"));
    assert_eq!(vault.text(NAME, "NEXT").as_deref(), Some("one"));
}

#[test]
fn put_makes_old_previous_repeat_has_no_effect() {
    let mut vault = vault();
    vault.put(NAME, text(B, "two"), None).unwrap();
    assert_eq!(staged(&vault), json!({ A: ["AWSPREVIOUS"], B: ["AWSCURRENT"] }));
    vault.put(NAME, text(C, "three"), None).unwrap();
    assert_eq!(staged(&vault), json!({ B: ["AWSPREVIOUS"], C: ["AWSCURRENT"] }));

    vault.put(NAME, text(B, "two"), None).unwrap();
    assert_eq!(staged(&vault), json!({ B: ["AWSPREVIOUS"], C: ["AWSCURRENT"] }));
    check(vault.put(NAME, text(B, "other"), None), RefusalKind::ResourceExists);
    // A version without a label can still be had by its id.
    assert_eq!(vault.get(NAME, Some(A), None).unwrap()["SecretString"], "one");
}

#[test]
fn put_under_other_label_keeps_current() {
    let mut vault = vault();
    vault.put(NAME, text(B, "two"), Some(stages(&["AWSPENDING"]))).unwrap();
    assert_eq!(vault.text(NAME, "AWSCURRENT").as_deref(), Some("one"));
    assert_eq!(vault.get(NAME, None, Some("AWSPENDING")).unwrap()["VersionId"], B);
}

#[test]
fn a_label_moves_only_from_the_version_named() {
    let mut vault = vault();
    vault.put(NAME, text(B, "two"), Some(stages(&["AWSPENDING"]))).unwrap();
    let mut to_b = |from: Option<&str>| vault.move_stage(NAME, Some("AWSCURRENT"), Some(B), from);
    check(to_b(None), RefusalKind::InvalidParameter);
    check(to_b(Some(B)), RefusalKind::InvalidParameter);
    check(to_b(Some(C)), RefusalKind::ResourceNotFound);
    to_b(Some(A)).unwrap();
    assert_eq!(staged(&vault), json!({ A: ["AWSPREVIOUS"], B: ["AWSCURRENT", "AWSPENDING"] }));

    // The loser of a race names the version that had the label when it looked.
    let late = vault.move_stage(NAME, Some("AWSCURRENT"), Some(A), Some(A));
    check(late, RefusalKind::InvalidParameter);
}

#[test]
fn a_free_label_is_attached_and_removed() {
    let mut vault = vault();
    vault.move_stage(NAME, Some("MINE"), Some(A), None).unwrap();
    vault.move_stage(NAME, Some("MINE"), Some(A), None).unwrap();
    assert_eq!(staged(&vault), json!({ A: ["AWSCURRENT", "MINE"] }));
    vault.move_stage(NAME, Some("MINE"), None, Some(A)).unwrap();
    assert_eq!(staged(&vault), json!({ A: ["AWSCURRENT"] }));
    let invalid = RefusalKind::InvalidParameter;
    check(vault.move_stage(NAME, Some("MINE"), None, Some(A)), invalid);
    check(vault.move_stage(NAME, Some("AWSCURRENT"), None, Some(A)), invalid);
    check(vault.move_stage(NAME, Some("MINE"), None, None), invalid);
    check(vault.move_stage(NAME, None, Some(A), None), invalid);
}

#[test]
fn what_is_not_there_is_not_found() {
    let mut vault = vault();
    let missing = RefusalKind::ResourceNotFound;
    check(vault.get("other", None, None), missing);
    check(vault.describe("other"), missing);
    check(vault.put("other", text(A, "x"), None), missing);
    check(vault.get(NAME, Some(B), None), missing);
    check(vault.get(NAME, None, Some("NOWHERE")), missing);
    check(vault.get(NAME, Some(A), Some("NOWHERE")), RefusalKind::InvalidRequest);
    vault.remove(NAME);
    check(vault.get(NAME, None, None), missing);
}

#[test]
fn parameters_are_bounded() {
    let mut vault = vault();
    check(vault.put(NAME, text("short", "x"), None), RefusalKind::InvalidParameter);
    let empty = Put { value: None, ..text(B, "") };
    check(vault.put(NAME, empty, None), RefusalKind::InvalidRequest);
}

#[test]
fn value_set_by_test_moves_labels_like_put() {
    let mut vault = vault();
    vault.set(NAME, B, "two", 5);
    assert_eq!(staged(&vault), json!({ A: ["AWSPREVIOUS"], B: ["AWSCURRENT"] }));
    assert_eq!(vault.describe(NAME).unwrap()["LastChangedDate"], 0.005);
    assert!(!format!("{vault:?}").contains("two"));
}

fn vault() -> Vault {
    let mut vault = Vault::default();
    vault.create(NAME, text(A, "one")).unwrap();
    vault
}

fn text(version: &str, text: &str) -> Put {
    Put {
        value: Some(SecretValue::Text(text.to_owned())),
        version: version.to_owned(),
        now_milliseconds: 1_700_000_000_123,
    }
}

fn stages(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn staged(vault: &Vault) -> Value {
    vault.describe(NAME).unwrap()["VersionIdsToStages"].clone()
}

fn check(result: Result<Value, Refusal>, kind: RefusalKind) {
    assert_eq!(result.unwrap_err().kind, kind);
}
