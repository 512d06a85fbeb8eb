//! Over-broad access. `cargo xtask template` judges the expanded template, which needs Python; this is the same
//! question to the template as it is written.

use std::collections::{BTreeMap, BTreeSet};

use falconer_emulators::template::Template;
use falconer_tests::checkout;
use serde_json::Value;

/// Roles that may write a license: a put inside a transaction.
const WRITERS: [&str; 3] = ["ActivateSyncRole", "TransferRole", "DeactivateRole"];

/// What `roles.yaml` writes after a table of which a role may touch some items alone.
const WITH_KEYS: &str = " with keys ";

fn list(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |all| all.iter().collect())
}

/// `X.Arn` or `X`; any other expression is shown unchanged.
fn target(value: &Value) -> String {
    let path = |value: &Value| {
        let parts: Vec<_> = value["Fn::GetAtt"].as_array()?.iter().filter_map(Value::as_str).collect();
        Some(parts.join("."))
    };
    value["Ref"].as_str().map(str::to_owned).or_else(|| path(value)).unwrap_or_else(|| value.to_string())
}

/// Resource to the actions a role is allowed on it.
fn grants(role: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let mut grants = BTreeMap::<_, BTreeSet<_>>::new();
    for policy in role["Properties"]["Policies"].as_array().into_iter().flatten() {
        for statement in list(&policy["PolicyDocument"]["Statement"]) {
            let mut members: BTreeSet<_> =
                statement.as_object().unwrap().keys().map(String::as_str).collect();
            let mut narrowed = String::new();
            if members.remove("Condition") {
                let keys = &statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"];
                let keys =
                    list(keys).into_iter().map(|key| key.as_str().expect("a condition about keys alone"));
                narrowed = format!("{WITH_KEYS}{}", keys.collect::<Vec<_>>().join(", "));
            }
            assert_eq!(members, BTreeSet::from(["Action", "Effect", "Resource"]), "{statement}");
            for resource in list(&statement["Resource"]) {
                let actions =
                    list(&statement["Action"]).into_iter().map(|one| one.as_str().unwrap().to_owned());
                grants.entry(target(resource) + &narrowed).or_default().extend(actions);
            }
        }
    }
    grants
}

#[test]
fn roles_grant_only_needed_actions() {
    let read = |name: &str| std::fs::read_to_string(checkout().join(name)).unwrap();
    let template = Template::parse(&read("template.yaml")).unwrap();
    let indented: Vec<_> =
        read("xtask/template/roles.yaml").lines().map(|line| format!("  {line}")).collect();
    let expected = Template::parse(&format!("Resources:\n{}", indented.join("\n"))).unwrap();
    let functions: Vec<_> = template.of_type("AWS::Serverless::Function").collect();
    assert_eq!(functions.len(), 6);
    for (name, function) in functions {
        let role = format!("{}Role", name.strip_suffix("Function").unwrap());
        assert_eq!(target(&function["Properties"]["Role"]), format!("{role}.Arn"), "a role of its own");
        // SAM would add a role of its own making.
        assert!(function["Properties"].get("Policies").is_none(), "{name}");
        let allowed = grants(template.resource(&role).unwrap());
        let listed = expected.resource(&role).unwrap()["may"].as_object().unwrap();
        let listed: BTreeMap<_, BTreeSet<_>> = listed
            .iter()
            .map(|(name, actions)| {
                let actions = list(actions).into_iter().map(|one| one.as_str().unwrap().to_owned());
                (name.clone(), actions.collect())
            })
            .collect();
        assert_eq!(allowed, listed, "{role}: roles.yaml lists every action and resource");
        for (resource, actions) in &allowed {
            let whole = resource.split(WITH_KEYS).next().unwrap();
            let wild = whole.contains('*') || actions.iter().any(|action| action.contains('*'));
            assert!(!wild, "{role} may {actions:?} on {resource}");
            let reads = ["dynamodb:GetItem"].map(str::to_owned).into();
            let writes = ["dynamodb:GetItem", "dynamodb:PutItem"].map(str::to_owned).into();
            if resource.starts_with("LicensesTable") {
                let most = if WRITERS.contains(&role.as_str()) { &writes } else { &reads };
                assert!(BTreeSet::is_subset(actions, most), "{role} may {actions:?} on licenses");
            }
            if resource.starts_with("MasterKeySecret") {
                assert_eq!(actions.iter().collect::<Vec<_>>(), ["secretsmanager:GetSecretValue"], "{role}");
            }
        }
    }
}
