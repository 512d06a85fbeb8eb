//! Configuration of a gateway.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use crate::cors::Cors;
use crate::template::{Names, Route, Template};

/// The functions of a gateway, and their settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// The port of 127.0.0.1 for HTTP requests; 0 is any free one.
    pub port: u16,
    /// The source of instances.
    pub launch: Launch,
    /// The functions.
    pub functions: Vec<FunctionConfig>,
    /// The rules for pages of other origins.
    pub cors: Cors,
}

/// The source of instances.
#[derive(Clone, Debug)]
pub enum Launch {
    /// The gateway starts `<folder>/<function>`.
    Binaries(PathBuf),
    /// Somebody else starts them and points them at [`Gateway::runtime_api`](super::Gateway::runtime_api).
    External,
}

/// One function.
#[derive(Clone, Debug)]
pub struct FunctionConfig {
    /// The name, which is also the binary's.
    pub name: String,
    /// How many instances there are, always.
    pub instances: usize,
    /// How long one invocation may take.
    pub timeout: Duration,
    /// The memory that the function reads in its environment; nothing enforces it.
    pub memory_megabytes: u64,
    /// The requests that come here.
    pub routes: Vec<Route>,
    /// Environment variables, over those that Lambda sets.
    pub environment: BTreeMap<String, String>,
}

impl FunctionConfig {
    /// The environment of an instance: what Lambda sets, then the function's own. Credentials are dummies, they
    /// sign requests that nobody checks. `AWS_LAMBDA_RUNTIME_API` is the gateway's to add.
    #[must_use]
    pub fn instance_environment(&self) -> BTreeMap<String, String> {
        let memory = self.memory_megabytes.to_string();
        let lambda = [
            ("AWS_LAMBDA_FUNCTION_NAME", self.name.as_str()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory.as_str()),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/local"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "local"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "local"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
            ("TZ", ":UTC"),
        ];
        let mut environment: BTreeMap<_, _> =
            lambda.map(|(variable, value)| (variable.to_owned(), value.to_owned())).into();
        environment.extend(self.environment.clone());
        environment
    }
}

impl Config {
    /// Every function of the template, `instances` of each, with the template's routes, limits and settings, on any
    /// free port. `extra` are variables that no template has, as `AWS_ENDPOINT_URL_DYNAMODB`; they win.
    ///
    /// # Errors
    /// The template's functions cannot be read, or a setting has no value.
    pub fn from_template(
        template: &Template,
        names: &Names,
        launch: Launch,
        instances: usize,
        extra: &BTreeMap<String, String>,
    ) -> Result<Self> {
        let functions = template
            .functions()?
            .into_iter()
            .map(|function| {
                let mut environment = function.environment(template, names)?;
                environment.extend(extra.clone());
                Ok(FunctionConfig {
                    name: function.binary,
                    instances,
                    timeout: function.timeout,
                    memory_megabytes: function.memory_megabytes,
                    routes: function.routes,
                    environment,
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self { port: 0, launch, functions, cors: template.cors(names)? })
    }

    /// The same with other settings for one function; a name that is not there changes nothing.
    #[must_use]
    pub fn with_function(mut self, name: &str, change: impl FnOnce(&mut FunctionConfig)) -> Self {
        if let Some(function) = self.functions.iter_mut().find(|one| one.name == name) {
            change(function);
        }
        self
    }
}
