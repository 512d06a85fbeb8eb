use std::path::Path;
use std::time::Duration;

use super::{Names, Route, Template, match_route};

pub(crate) const SMALL: &str = r#"
AWSTemplateFormatVersion: 2010-09-09
Transform: AWS::Serverless-2016-10-31
Parameters:
  RatePerMinute: { Type: Number, Default: 10 }
  Issuer: { Type: String, Default: "" }
Conditions:
  HasIssuer: !Not [!Equals [!Ref Issuer, ""]]
Globals:
  Function:
    Timeout: 5
    Environment:
      Variables:
        LICENSES_TABLE: !Ref LicensesTable
        LICENSES_ARN: !GetAtt LicensesTable.Arn
        MASTER_KEY_SECRET_ID: !Ref MasterKeySecret
        RATE_LIMIT_PER_MINUTE: !Ref RatePerMinute
        LEASE_ISSUER: !If [HasIssuer, !Ref Issuer, !Sub "https://${AWS::StackName}.test"]
        PLAIN: 400
        MAYBE: !If [HasIssuer, !Ref Issuer, !Ref AWS::NoValue]
Resources:
  LicensesTable:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: Retain
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions:
        - { AttributeName: pk, AttributeType: S }
        - { AttributeName: sk, AttributeType: S }
        - { AttributeName: email, AttributeType: N }
      KeySchema:
        - { AttributeName: pk, KeyType: HASH }
        - { AttributeName: sk, KeyType: RANGE }
      GlobalSecondaryIndexes:
        - IndexName: by-email
          KeySchema: [{ AttributeName: email, KeyType: HASH }]
          Projection: { ProjectionType: KEYS_ONLY }
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true }
  RateLimitsTable:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{ AttributeName: pk, AttributeType: S }]
      KeySchema: [{ AttributeName: pk, KeyType: HASH }]
      TimeToLiveSpecification: { AttributeName: expires_at, Enabled: true }
  MasterKeySecret:
    Type: AWS::SecretsManager::Secret
  VerifyFunction:
    Type: AWS::Serverless::Function
    Metadata:
      BuildMethod: rust-cargolambda
      BuildProperties: { Binary: verify }
    Properties:
      Policies:
        - Statement: [{ Effect: Allow, Action: "dynamodb:GetItem", Resource: !GetAtt LicensesTable.Arn }]
      Events:
        Post: { Type: HttpApi, Properties: { Path: /api/verify, Method: post, ApiId: !Ref Api } }
        Nightly: { Type: Schedule, Properties: { Schedule: rate(1 day) } }
  ActivateSyncFunction:
    Type: AWS::Serverless::Function
    Properties:
      Timeout: 7
      MemorySize: 256
      Environment: { Variables: { PLAIN: own } }
"#;

#[test]
fn reads_tables_without_what_a_stand_in_lacks() {
    let tables = template().tables().unwrap();
    let ids: Vec<_> = tables.iter().map(|table| table.logical_id.as_str()).collect();
    assert_eq!(ids, ["LicensesTable", "RateLimitsTable"]);
    let request = tables[0].create_request("licenses");
    assert_eq!(request["TableName"], "licenses");
    assert_eq!(request["KeySchema"][1]["AttributeName"], "sk");
    assert_eq!(request["GlobalSecondaryIndexes"][0]["IndexName"], "by-email");
    assert_eq!(request["AttributeDefinitions"][2]["AttributeType"], "N", "not YAML 1.1's boolean");
    assert!(request["PointInTimeRecoverySpecification"].is_null());
    assert!(tables[0].time_to_live.is_none());
    assert_eq!(tables[1].time_to_live.as_ref().unwrap()["AttributeName"], "expires_at");
}

#[test]
fn reads_functions_their_routes_and_limits() {
    let functions = template().functions().unwrap();
    let [activate, verify] = functions.as_slice() else {
        panic!("two functions");
    };
    assert_eq!(verify.binary, "verify");
    assert_eq!(verify.timeout, Duration::from_secs(5));
    assert_eq!(verify.memory_megabytes, 128);
    assert_eq!(verify.routes, [route("POST", "/api/verify")]);
    assert_eq!(verify.references()["LICENSES_TABLE"], "LicensesTable");
    assert_eq!(activate.binary, "activate-sync");
    assert_eq!(activate.timeout, Duration::from_secs(7));
    assert_eq!(activate.memory_megabytes, 256);
}

#[test]
fn gives_the_environment_under_local_names() {
    let template = template();
    let names = template.local_names();
    let verify = &template.functions().unwrap()[1];
    let environment = verify.environment(&template, &names).unwrap();
    assert_eq!(environment["LICENSES_TABLE"], "falconer-licenses");
    assert_eq!(environment["LICENSES_ARN"], "falconer-licenses");
    assert_eq!(environment["MASTER_KEY_SECRET_ID"], "falconer-master-key");
    assert_eq!(environment["RATE_LIMIT_PER_MINUTE"], "10");
    assert_eq!(environment["LEASE_ISSUER"], "https://falconer-local.test");
    assert_eq!(environment["PLAIN"], "400");
    assert!(!environment.contains_key("MAYBE"), "left out by its condition");

    let chosen = names.with("RatePerMinute", "0").with("Issuer", "me");
    let environment = verify.environment(&template, &chosen).unwrap();
    assert_eq!(environment["RATE_LIMIT_PER_MINUTE"], "0");
    assert_eq!((&*environment["LEASE_ISSUER"], &*environment["MAYBE"]), ("me", "me"));
}

#[test]
fn unknown_value_is_error_naming_variable() {
    let error = template().environment(&Names::default()).unwrap_err();
    assert!(format!("{error:#}").contains("LICENSES_ARN"), "{error:#}");
}

#[test]
fn a_text_that_is_no_template_is_refused() {
    for text in ["", "- a", "Resources: 3", "{", "a: !Ref"] {
        assert!(Template::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn the_most_specific_route_takes_a_request() {
    let routes = [
        route("ANY", "$default"),
        route("GET", "/api/{rest+}"),
        route("GET", "/api/{id}"),
        route("GET", "/api/keys"),
        route("POST", "/api/keys"),
    ];
    let key = |method, path| match_route(&routes, method, path).unwrap().route.key();
    assert_eq!(key("GET", "/api/keys"), "GET /api/keys");
    assert_eq!(key("POST", "/api/keys"), "POST /api/keys");
    assert_eq!(key("GET", "/api/7"), "GET /api/{id}");
    assert_eq!(key("GET", "/api/7/8"), "GET /api/{rest+}");
    assert_eq!(key("PUT", "/api/keys"), "$default");
    assert_eq!(key("GET", "/"), "$default");
    let matched = match_route(&routes[1..], "GET", "/api/7/8").unwrap();
    assert_eq!(matched.parameters["rest"], "7/8");
    assert_eq!(match_route(&routes[1..], "GET", "/api/"), None);
    assert_eq!(
        match_route(&routes[1..], "GET", "/api/keys/"),
        match_route(&routes[1..2], "GET", "/api/keys/")
    );
}

/// The real template, beside this workspace's manifest.
#[test]
fn reads_the_projects_own_template() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
    let template = Template::read(&path).unwrap();
    let names = template.local_names();
    let ids: Vec<_> = template.tables().unwrap().into_iter().map(|table| table.logical_id).collect();
    assert_eq!(ids, ["LicensesTable", "RateLimitsTable", "VerificationsTable"]);
    let environment = template.environment(&names).unwrap();
    assert_eq!(environment["LICENSES_TABLE"], "falconer-licenses");
    assert_eq!(environment["MASTER_KEY_SECRET_ID"], "falconer-master-key");
    let functions = template.functions().unwrap();
    let verify = functions.iter().find(|one| one.binary == "verify").unwrap();
    assert_eq!(verify.routes, [route("POST", "/api/verify")]);
    assert_eq!(verify.timeout, Duration::from_secs(5));
}

fn template() -> Template {
    Template::parse(SMALL).unwrap()
}

fn route(method: &str, path: &str) -> Route {
    Route { method: method.to_owned(), path: path.to_owned() }
}
