//! Shapes of tables.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value};

use super::Template;

/// Properties that `CreateTable` takes under the same name and in the same shape. The others configure what a
/// stand-in does not have: backups, protection, contributor insights.
const SHAPE: [&str; 6] = [
    "KeySchema",
    "AttributeDefinitions",
    "GlobalSecondaryIndexes",
    "LocalSecondaryIndexes",
    "BillingMode",
    "ProvisionedThroughput",
];

/// One `AWS::DynamoDB::Table`.
#[derive(Clone, Debug)]
pub struct TableResource {
    /// The resource's name in the template, as `LicensesTable`.
    pub logical_id: String,
    /// `TimeToLiveSpecification`, which a call of its own sets.
    pub time_to_live: Option<Value>,
    shape: Map<String, Value>,
}

impl TableResource {
    /// The body of a `CreateTable` that gives a table of this shape.
    #[must_use]
    pub fn create_request(&self, name: &str) -> Value {
        let mut request = self.shape.clone();
        request.insert("TableName".to_owned(), Value::from(name));
        Value::Object(request)
    }

    pub(super) fn read(template: &Template, logical_id: &str, resource: &Value) -> Result<Self> {
        let names = template.local_names();
        let property = |name: &str| match &resource["Properties"][name] {
            Value::Null => Ok(None),
            value => template
                .resolve(value, &names)
                .map(|value| Some(value).filter(|value| !value.is_null()))
                .with_context(|| format!("{logical_id}.{name} cannot be read")),
        };
        let mut shape = Map::new();
        for name in SHAPE {
            if let Some(value) = property(name)? {
                shape.insert(name.to_owned(), value);
            }
        }
        ensure!(
            shape.contains_key("KeySchema") && shape.contains_key("AttributeDefinitions"),
            "table {logical_id} has no KeySchema or no AttributeDefinitions"
        );
        Ok(Self {
            logical_id: logical_id.to_owned(),
            time_to_live: property("TimeToLiveSpecification")?,
            shape,
        })
    }
}
