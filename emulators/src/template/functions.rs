//! Functions: their binaries, limits, routes and settings.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::names::{kebab, stem};
use super::{Names, Route, Template};

/// Lambda's default for a function that sets none.
const DEFAULT_TIMEOUT_SECONDS: u64 = 3;
const DEFAULT_MEMORY_MEGABYTES: u64 = 128;

/// One `AWS::Serverless::Function`.
#[derive(Clone, Debug)]
pub struct Function {
    /// The resource's name in the template, as `VerifyFunction`.
    pub logical_id: String,
    /// The name of its binary: `Metadata.BuildProperties.Binary`, else the logical id in kebab case without its kind.
    pub binary: String,
    /// How long one invocation may take.
    pub timeout: Duration,
    /// Megabytes of memory, as Lambda reports them to the function.
    pub memory_megabytes: u64,
    /// The requests that come here.
    pub routes: Vec<Route>,
    /// Environment variables as the template writes them, the function's own over the global ones.
    variables: BTreeMap<String, Value>,
}

impl Function {
    /// The function's environment variables here, without those that a condition leaves out.
    ///
    /// # Errors
    /// A value refers to something that `names` does not name and that has no default.
    pub fn environment(&self, template: &Template, names: &Names) -> Result<BTreeMap<String, String>> {
        self.variables
            .iter()
            .map(|(variable, value)| {
                let left_out = || format!("{variable} of {} has no value", self.logical_id);
                if template.resolve(value, names).with_context(left_out)?.is_null() {
                    return Ok(None);
                }
                let value = template.resolve_text(value, names).with_context(left_out)?;
                Ok(Some((variable.clone(), value)))
            })
            .filter_map(Result::transpose)
            .collect()
    }

    /// Environment variables that stand for a resource or a parameter, with the id they refer to.
    #[must_use]
    pub fn references(&self) -> BTreeMap<&str, &str> {
        self.variables
            .iter()
            .filter_map(|(variable, value)| Some((variable.as_str(), value["Ref"].as_str()?)))
            .collect()
    }

    /// The names of its environment variables.
    pub fn variable_names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }

    pub(super) fn read(template: &Template, logical_id: &str, resource: &Value) -> Result<Self> {
        let names = template.local_names();
        let global = &template.document["Globals"]["Function"];
        let own = &resource["Properties"];
        let number = |name: &str, default: u64| -> Result<u64> {
            let value = [&own[name], &global[name]].into_iter().find(|value| !value.is_null());
            let Some(value) = value else {
                return Ok(default);
            };
            let text = template.resolve_text(value, &names)?;
            text.parse().with_context(|| format!("{name} of {logical_id} is not a whole number: {text:?}"))
        };
        let variables = [global, own]
            .into_iter()
            .filter_map(|place| place["Environment"]["Variables"].as_object())
            .flatten()
            .map(|(variable, value)| (variable.clone(), value.clone()))
            .collect();
        Ok(Self {
            logical_id: logical_id.to_owned(),
            binary: binary(logical_id, resource),
            timeout: Duration::from_secs(number("Timeout", DEFAULT_TIMEOUT_SECONDS)?),
            memory_megabytes: number("MemorySize", DEFAULT_MEMORY_MEGABYTES)?,
            routes: Route::read_all(logical_id, &own["Events"])?,
            variables,
        })
    }
}

fn binary(logical_id: &str, resource: &Value) -> String {
    resource["Metadata"]["BuildProperties"]["Binary"]
        .as_str()
        .map_or_else(|| kebab(stem(logical_id)), str::to_owned)
}
