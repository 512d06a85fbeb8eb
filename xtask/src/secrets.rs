//! The key ring as the Secrets Manager stand-in holds it, so that `--data` can keep it.
//!
//! The stand-in writes its state when it ends in peace only; licenses in the tables would outlive the ring they need.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use ureq::http::Request;

use crate::environment::write_private;
use crate::http::{self, Answer};

/// Secrets Manager, the secret in it, and where a copy is kept.
pub(crate) struct Secret {
    endpoint: String,
    id: String,
    copy: Option<PathBuf>,
}

impl Secret {
    pub(crate) fn new(endpoint: &str, id: &str, data: Option<&Path>) -> Self {
        let copy = data.map(|folder| folder.join("keyring.json"));
        Self { endpoint: endpoint.to_owned(), id: id.to_owned(), copy }
    }

    /// The secret's value, if it has one.
    pub(crate) fn value(&self) -> Result<Option<String>> {
        let answer = self.call("GetSecretValue", &json!({ "SecretId": self.id }))?;
        match answer.status {
            200 => Ok(answer.json()["SecretString"].as_str().map(str::to_owned)),
            400 if answer.text.contains("ResourceNotFoundException") => Ok(None),
            _ => bail!("Secrets Manager answers {} when asked for the key ring", answer.status),
        }
    }

    /// True if the key ring has a member of this name.
    pub(crate) fn has(&self, member: &str) -> Result<bool> {
        let ring: Value = serde_json::from_str(&self.value()?.unwrap_or_default()).unwrap_or_default();
        Ok(!ring[member].is_null())
    }

    /// Puts the kept copy in place, if there is one.
    pub(crate) fn restore(&self) -> Result<()> {
        let Some(value) = self.copy.as_ref().and_then(|copy| fs::read_to_string(copy).ok()) else {
            return Ok(());
        };
        let answer = self.call("CreateSecret", &json!({ "Name": self.id, "SecretString": value }))?;
        if answer.status != 200 {
            bail!("Secrets Manager answers {} when given the kept key ring", answer.status);
        }
        Ok(())
    }

    /// Copies it, if it is to be kept and has changed.
    pub(crate) fn keep(&self) -> Result<()> {
        let Some(copy) = &self.copy else {
            return Ok(());
        };
        let Some(value) = self.value()? else {
            return Ok(());
        };
        if fs::read_to_string(copy).is_ok_and(|kept| kept == value) {
            return Ok(());
        }
        write_private(copy, &value)
    }

    fn call(&self, action: &str, body: &Value) -> Result<Answer> {
        let request = Request::post(&self.endpoint)
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("secretsmanager.{action}"))
            .body(body.to_string())?;
        http::send(request).context("Secrets Manager is not there")
    }
}
