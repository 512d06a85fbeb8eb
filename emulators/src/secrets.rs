//! A small Secrets Manager: the operations the key ring needs, with the service's own rules and refusals.

mod request;
mod vault;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;

use crate::ambient;
use crate::server::{Call, Server, ServerReaction, json};
use request::SecretsRequest;
use vault::{Put, Vault};

pub use vault::{Refusal, RefusalKind};

/// The content type of the service's answers.
const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// A running Secrets Manager, its secrets in memory. Dropping it closes the port.
pub struct Secrets {
    server: Server,
    vault: Arc<Mutex<Vault>>,
}

impl Secrets {
    /// Listens on 127.0.0.1:`port` (0: any free one), without a secret.
    ///
    /// # Errors
    /// The port is in use.
    pub fn start(port: u16) -> Result<Self> {
        let vault = Arc::new(Mutex::new(Vault::default()));
        let shared = Arc::clone(&vault);
        let server = Server::start(port, move |call| {
            let reply = answer(&shared, &call);
            async move { reply }
        })?;
        Ok(Self { server, vault })
    }

    /// The value of `AWS_ENDPOINT_URL_SECRETS_MANAGER`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.server.url()
    }

    /// Gives `name` this value from now on, as an operator's `PutSecretValue` would; creates the secret if need be.
    /// Returns the new version's id.
    #[expect(clippy::must_use_candidate, reason = "most tests want the value there and no more")]
    pub fn put(&self, name: &str, value: &str) -> String {
        let version = ambient::new_id();
        lock(&self.vault).set(name, &version, value, ambient::now_milliseconds());
        version
    }

    /// Forgets the secret, as if it had never been created.
    pub fn remove(&self, name: &str) {
        lock(&self.vault).remove(name);
    }

    /// The text under `AWSCURRENT`, if there is one.
    #[must_use]
    pub fn current(&self, name: &str) -> Option<String> {
        lock(&self.vault).text(name, "AWSCURRENT")
    }

    /// The text under another staging label, if there is one.
    #[must_use]
    pub fn staged(&self, name: &str, stage: &str) -> Option<String> {
        lock(&self.vault).text(name, stage)
    }

    /// The id of the version under a staging label, if there is one.
    #[must_use]
    pub fn version(&self, name: &str, stage: &str) -> Option<String> {
        lock(&self.vault).version(name, stage)
    }
}

fn lock(vault: &Mutex<Vault>) -> MutexGuard<'_, Vault> {
    // A panic under this lock is a failed test already; the next one should see the state, not a second panic.
    vault.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(vault: &Mutex<Vault>, call: &Call) -> ServerReaction {
    let target = call.head.headers.get("x-amz-target");
    let operation = target
        .and_then(|target| target.to_str().ok())
        .and_then(|target| target.strip_prefix("secretsmanager."))
        .unwrap_or_default();
    match perform(&mut lock(vault), operation, &call.body) {
        Ok(value) => json(200, CONTENT_TYPE, value.to_string().into_bytes()),
        Err(refusal) => {
            let body = serde_json::json!({
                "__type": refusal.kind.name(),
                "Message": refusal.message,
            });
            json(400, CONTENT_TYPE, body.to_string().into_bytes())
        }
    }
}

fn perform(vault: &mut Vault, operation: &str, body: &[u8]) -> Result<serde_json::Value, Refusal> {
    let request: SecretsRequest = serde_json::from_slice(body).map_err(|error| {
        Refusal::new(RefusalKind::Serialization, format!("the request cannot be read: {error}"))
    })?;
    let now = ambient::now_milliseconds();
    let token = request.client_request_token.clone();
    let put = Put {
        value: request.value()?,
        version: token.unwrap_or_else(ambient::new_id),
        now_milliseconds: now,
    };
    match operation {
        "CreateSecret" => vault.create(request.name()?, put),
        "GetSecretValue" => {
            vault.get(request.secret()?, request.version_id.as_deref(), request.version_stage.as_deref())
        }
        "PutSecretValue" => vault.put(request.secret()?, put, request.version_stages.clone()),
        "DescribeSecret" => vault.describe(request.secret()?),
        "UpdateSecretVersionStage" => vault.move_stage(
            request.secret()?,
            request.version_stage.as_deref(),
            request.move_to_version_id.as_deref(),
            request.remove_from_version_id.as_deref(),
        ),
        _ => Err(Refusal::new(
            RefusalKind::UnknownOperation,
            format!("{operation:?} is not an operation of this stand-in"),
        )),
    }
}

#[cfg(test)]
mod tests;
