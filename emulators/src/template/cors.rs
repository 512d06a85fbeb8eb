//! The gateway's `CorsConfiguration`.

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{Names, Template};
use crate::cors::Cors;

impl Template {
    /// The HTTP API's rules for pages of other origins; nothing where the template has no such block.
    ///
    /// # Errors
    /// A value in it refers to something that `names` does not name and that has no default.
    pub fn cors(&self, names: &Names) -> Result<Cors> {
        let api = self.of_type("AWS::Serverless::HttpApi").next();
        let Some(block) = api.map(|(_, api)| &api["Properties"]["CorsConfiguration"]) else {
            return Ok(Cors::default());
        };
        let list = |name: &str| -> Result<Vec<String>> {
            let value = self.resolve(&block[name], names).with_context(|| format!("{name} has no value"))?;
            Ok(texts(&value))
        };
        Ok(Cors {
            origins: list("AllowOrigins")?,
            methods: list("AllowMethods")?,
            headers: list("AllowHeaders")?,
            exposed: list("ExposeHeaders")?,
            max_age_seconds: block["MaxAge"].as_u64(),
        })
    }
}

/// A list, or the text in which a parameter holds one.
fn texts(value: &Value) -> Vec<String> {
    let split = |text: &str| text.split(',').map(|part| part.trim().to_owned()).collect::<Vec<_>>();
    match value {
        Value::String(text) => split(text),
        Value::Array(values) => values.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}
