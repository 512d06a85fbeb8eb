//! Reads `template.yaml`: the one place where tables, routes, time-outs and settings are written down.

mod cors;
mod functions;
mod names;
mod resolve;
mod routes;
mod tables;
mod yaml;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value};

pub use functions::Function;
pub use names::Names;
pub use routes::{Matched, Route, match_route};
pub use tables::TableResource;

/// A parsed template, its short-form intrinsics (`!Ref X`) written long (`{"Ref": "X"}`).
#[derive(Clone, Debug)]
pub struct Template {
    document: Value,
}

impl Template {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// The file cannot be read or is not a template.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the template {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} cannot be used", path.display()))
    }

    /// Parses YAML text.
    ///
    /// # Errors
    /// The text is not YAML, or has no `Resources`.
    pub fn parse(text: &str) -> Result<Self> {
        let document = yaml::parse(text)?;
        if !document["Resources"].is_object() {
            bail!("the template has no Resources");
        }
        Ok(Self { document })
    }

    /// The whole document, for what no other method reads: parameters and globals.
    #[must_use]
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// The tables, in the order of their logical ids.
    ///
    /// # Errors
    /// A table lacks its keys, or a property needs a value that only a deployment knows.
    pub fn tables(&self) -> Result<Vec<TableResource>> {
        self.of_type("AWS::DynamoDB::Table")
            .map(|(id, resource)| TableResource::read(self, id, resource))
            .collect()
    }

    /// The functions, in the order of their logical ids.
    ///
    /// # Errors
    /// A function's time-out, memory or event is not what the template's language allows.
    pub fn functions(&self) -> Result<Vec<Function>> {
        self.of_type("AWS::Serverless::Function")
            .map(|(id, resource)| Function::read(self, id, resource))
            .collect()
    }

    /// The settings of all functions together: name of the environment variable to its value here.
    ///
    /// # Errors
    /// A value refers to something that `names` does not name and that has no default.
    pub fn environment(&self, names: &Names) -> Result<BTreeMap<String, String>> {
        let mut all = BTreeMap::new();
        for function in self.functions()? {
            all.extend(function.environment(self, names)?);
        }
        Ok(all)
    }

    /// The name of each resource of the template on this machine; see [`Names::local`].
    #[must_use]
    pub fn local_names(&self) -> Names {
        Names::local(self.resources().keys())
    }

    /// One resource of the template, its intrinsics long.
    #[must_use]
    pub fn resource(&self, logical_id: &str) -> Option<&Value> {
        self.resources().get(logical_id)
    }

    /// The part of `Globals` for a kind of resource, such as `Function`.
    #[must_use]
    pub fn globals(&self, kind: &str) -> Option<&Value> {
        self.document["Globals"].get(kind)
    }

    fn resources(&self) -> &Map<String, Value> {
        // Unwrap safety: `parse` refuses a document whose Resources are not a mapping.
        self.document["Resources"].as_object().expect("a mapping")
    }

    /// The resources of a type, by their logical ids, their intrinsics long.
    pub fn of_type(&self, kind: &'static str) -> impl Iterator<Item = (&String, &Value)> {
        self.resources().iter().filter(move |(_, resource)| resource["Type"] == kind)
    }
}

#[cfg(test)]
mod tests;
