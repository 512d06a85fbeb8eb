//! The members of the requests, one struct for all: their names never clash.

use serde::Deserialize;

use super::vault::{Refusal, RefusalKind, SecretValue};

/// Any request of the service.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SecretsRequest {
    name: Option<String>,
    secret_id: Option<String>,
    secret_string: Option<String>,
    secret_binary: Option<String>,
    pub(super) client_request_token: Option<String>,
    pub(super) version_id: Option<String>,
    pub(super) version_stage: Option<String>,
    pub(super) version_stages: Option<Vec<String>>,
    pub(super) move_to_version_id: Option<String>,
    pub(super) remove_from_version_id: Option<String>,
}

impl SecretsRequest {
    pub(super) fn name(&self) -> Result<&str, Refusal> {
        required(self.name.as_deref(), "Name")
    }

    pub(super) fn secret(&self) -> Result<&str, Refusal> {
        required(self.secret_id.as_deref(), "SecretId")
    }

    pub(super) fn value(&self) -> Result<Option<SecretValue>, Refusal> {
        match (&self.secret_string, &self.secret_binary) {
            (Some(_), Some(_)) => Err(Refusal::new(
                RefusalKind::InvalidParameter,
                "You can't specify both a binary secret value and a string secret value in the same secret.",
            )),
            (Some(text), None) => Ok(Some(SecretValue::Text(text.clone()))),
            (None, Some(base64)) => Ok(Some(SecretValue::Binary(base64.clone()))),
            (None, None) => Ok(None),
        }
    }
}

fn required<'a>(value: Option<&'a str>, member: &str) -> Result<&'a str, Refusal> {
    value
        .filter(|value| !value.is_empty())
        .ok_or_else(|| Refusal::new(RefusalKind::InvalidParameter, format!("{member} is required.")))
}
