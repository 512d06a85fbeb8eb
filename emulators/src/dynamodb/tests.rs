use serde_json::json;

use super::{Client, DynamoDb, Storage, call};
use crate::runtime;
use crate::template::{Names, Template};

const TABLE: &str = r"
Resources:
  ThingsTable:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{ AttributeName: pk, AttributeType: S }]
      KeySchema: [{ AttributeName: pk, KeyType: HASH }]
      TimeToLiveSpecification: { AttributeName: gone_at, Enabled: true }
";

#[test]
fn tables_come_from_template_created_once() {
    let database = DynamoDb::start(Storage::Memory, 0).unwrap();
    let template = Template::parse(TABLE).unwrap();
    let names = template.local_names();
    database.create_tables(&template, &names).unwrap();
    database.create_tables(&template, &names).unwrap();
    let answer = ask(&database, "DescribeTimeToLive", json!({ "TableName": "falconer-things" }));
    assert_eq!(answer["TimeToLiveDescription"]["AttributeName"], "gone_at");
}

#[test]
fn the_projects_own_tables_can_be_created() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
    let template = Template::read(&path).unwrap();
    let database = DynamoDb::start(Storage::Memory, 0).unwrap();
    database.create_tables(&template, &template.local_names()).unwrap();
    database.create_tables(&template, &template.local_names()).unwrap();
    let tables = ask(&database, "ListTables", json!({}));
    assert_eq!(
        tables["TableNames"],
        json!(["falconer-licenses", "falconer-rate-limits", "falconer-verifications"])
    );
}

#[test]
fn a_folder_keeps_items_and_refuses_other_keys() {
    let folder = Folder::new();
    let template = Template::parse(TABLE).unwrap();
    let names = template.local_names();
    let item = json!({ "pk": { "S": "a" } });
    {
        let database = DynamoDb::start(Storage::Folder(&folder.0), 0).unwrap();
        database.create_tables(&template, &names).unwrap();
        ask(&database, "PutItem", json!({ "TableName": "falconer-things", "Item": item }));
    }
    let database = DynamoDb::start(Storage::Folder(&folder.0), 0).unwrap();
    database.create_tables(&template, &names).unwrap();
    let got = ask(&database, "GetItem", json!({ "TableName": "falconer-things", "Key": item }));
    assert_eq!(got["Item"], item);

    let other = Template::parse(&TABLE.replace("AttributeName: pk", "AttributeName: id")).unwrap();
    let error = database.create_tables(&other, &names).unwrap_err();
    assert!(error.to_string().contains("other keys"), "{error}");
}

#[test]
fn a_port_in_use_is_one_clear_sentence() {
    let first = DynamoDb::start(Storage::Memory, 0).unwrap();
    let port: u16 = first.endpoint().rsplit(':').next().unwrap().parse().unwrap();
    let error = DynamoDb::start(Storage::Memory, port).err().unwrap();
    assert!(error.to_string().contains("is in use"), "{error}");
}

#[test]
fn a_table_without_a_name_is_refused() {
    let database = DynamoDb::start(Storage::Memory, 0).unwrap();
    let template = Template::parse(TABLE).unwrap();
    assert!(database.create_tables(&template, &Names::default()).is_err());
}

fn ask(database: &DynamoDb, operation: &'static str, body: serde_json::Value) -> serde_json::Value {
    let endpoint = database.endpoint().to_owned();
    runtime::wait_for(async move { call(&Client::new(), &endpoint, operation, &body).await })
        .unwrap()
        .unwrap()
        .unwrap()
}

/// A folder of this test's own, gone with it.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("falconer-emulators-{}", crate::ambient::new_id())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
