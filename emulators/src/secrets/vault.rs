//! Secrets, their versions and their staging labels: the rules, without HTTP and without a clock.

mod refusal;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

pub use refusal::{Refusal, RefusalKind};

const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";

/// The service's bounds on a version's id.
const VERSION_ID_LENGTHS: std::ops::RangeInclusive<usize> = 32..=64;

/// All secrets, by name.
#[derive(Debug, Default)]
pub(super) struct Vault {
    secrets: BTreeMap<String, Secret>,
}

/// The content of a version.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum SecretValue {
    Text(String),
    /// In base64, as it came and as it goes.
    Binary(String),
}

impl std::fmt::Debug for SecretValue {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SecretValue(…)")
    }
}

/// A version that is to be.
pub(super) struct Put {
    pub(super) value: Option<SecretValue>,
    pub(super) version: String,
    pub(super) now_milliseconds: u64,
}

#[derive(Debug)]
struct Secret {
    name: String,
    created_milliseconds: u64,
    changed_milliseconds: u64,
    versions: BTreeMap<String, Version>,
    /// Label to version: a label is on one version at most, by construction.
    stages: BTreeMap<String, String>,
}

#[derive(Debug)]
struct Version {
    value: SecretValue,
    created_milliseconds: u64,
}

impl Vault {
    pub(super) fn create(&mut self, name: &str, put: Put) -> Result<Value, Refusal> {
        check_version_id(&put.version)?;
        if let Some(existing) = self.secrets.get(name) {
            return existing.created_again(&put);
        }
        let mut secret = Secret::new(name, put.now_milliseconds);
        let with_version = put.value.is_some();
        let version = put.version.clone();
        if with_version {
            secret.add(put, vec![CURRENT.to_owned()])?;
        }
        let mut answer = json!({ "ARN": secret.arn(), "Name": secret.name });
        if with_version {
            answer["VersionId"] = Value::from(version);
        }
        self.secrets.insert(name.to_owned(), secret);
        Ok(answer)
    }

    pub(super) fn get(&self, id: &str, version: Option<&str>, stage: Option<&str>) -> Result<Value, Refusal> {
        let secret = self.find(id)?;
        let (version_id, version) = secret.select(version, stage)?;
        let mut answer = json!({
            "ARN": secret.arn(),
            "Name": secret.name,
            "VersionId": version_id,
            "VersionStages": secret.stages_of(version_id),
            "CreatedDate": seconds(version.created_milliseconds),
        });
        match &version.value {
            SecretValue::Text(text) => answer["SecretString"] = Value::from(text.as_str()),
            SecretValue::Binary(base64) => answer["SecretBinary"] = Value::from(base64.as_str()),
        }
        Ok(answer)
    }

    pub(super) fn put(&mut self, id: &str, put: Put, stages: Option<Vec<String>>) -> Result<Value, Refusal> {
        check_version_id(&put.version)?;
        let secret = self.find_mut(id)?;
        let version = put.version.clone();
        if let Some(existing) = secret.versions.get(&version) {
            // The same request once more is answered as the first time; nothing moves.
            if put.value.as_ref() != Some(&existing.value) {
                return Err(secret.token_in_use(&version));
            }
        } else {
            let mut stages = stages.unwrap_or_else(|| vec![CURRENT.to_owned()]);
            if secret.versions.is_empty() && !stages.iter().any(|stage| stage == CURRENT) {
                stages.push(CURRENT.to_owned());
            }
            secret.add(put, stages)?;
        }
        Ok(json!({
            "ARN": secret.arn(),
            "Name": secret.name,
            "VersionId": version,
            "VersionStages": secret.stages_of(&version),
        }))
    }

    pub(super) fn describe(&self, id: &str) -> Result<Value, Refusal> {
        let secret = self.find(id)?;
        let staged: Map<String, Value> = secret
            .versions
            .keys()
            .map(|version| (version.clone(), secret.stages_of(version)))
            .filter(|(_, stages)| stages.as_array().is_some_and(|stages| !stages.is_empty()))
            .collect();
        Ok(json!({
            "ARN": secret.arn(),
            "Name": secret.name,
            "CreatedDate": seconds(secret.created_milliseconds),
            "LastChangedDate": seconds(secret.changed_milliseconds),
            "VersionIdsToStages": staged,
        }))
    }

    pub(super) fn move_stage(
        &mut self,
        id: &str,
        stage: Option<&str>,
        to: Option<&str>,
        from: Option<&str>,
    ) -> Result<Value, Refusal> {
        let secret = self.find_mut(id)?;
        let stage = stage.ok_or_else(|| invalid("VersionStage is required."))?;
        for version in [to, from].into_iter().flatten() {
            if !secret.versions.contains_key(version) {
                return Err(not_found(&format!(
                    "Secrets Manager can't find the specified secret value for VersionId: {version}"
                )));
            }
        }
        let holder = secret.stages.get(stage).cloned();
        match (holder.as_deref(), to, from) {
            // It is where it is wanted.
            (Some(holder), Some(to), None) if holder == to => {}
            (Some(holder), _, Some(from)) if holder != from => {
                return Err(invalid(&format!(
                    "Staging label {stage} is attached to version {holder}, not to version {from} that \
                     RemoveFromVersionId names."
                )));
            }
            (None, _, Some(from)) => {
                return Err(invalid(&format!(
                    "Staging label {stage} is not attached to version {from} that RemoveFromVersionId names."
                )));
            }
            (Some(holder), Some(_), None) => {
                return Err(invalid(&format!(
                    "The parameter RemoveFromVersionId can't be empty. Staging label {stage} is currently attached \
                     to version {holder}, so you must explicitly reference that version in RemoveFromVersionId."
                )));
            }
            (_, Some(to), _) => secret.label(stage, to),
            (Some(_), None, Some(_)) if stage == CURRENT => {
                return Err(invalid(
                    "You can't remove staging label AWSCURRENT without moving it to another version.",
                ));
            }
            (Some(_), None, Some(_)) => {
                secret.stages.remove(stage);
            }
            (_, None, None) => {
                return Err(invalid("MoveToVersionId and RemoveFromVersionId can't both be empty."));
            }
        }
        Ok(json!({ "ARN": secret.arn(), "Name": secret.name }))
    }

    /// For tests: the value from now on, whatever was there.
    pub(super) fn set(&mut self, name: &str, version: &str, text: &str, now_milliseconds: u64) {
        let secret =
            self.secrets.entry(name.to_owned()).or_insert_with(|| Secret::new(name, now_milliseconds));
        let value = SecretValue::Text(text.to_owned());
        secret.insert(version, value, now_milliseconds);
        secret.label(CURRENT, version);
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.secrets.remove(name);
    }

    pub(super) fn text(&self, name: &str, stage: &str) -> Option<String> {
        let (_, version) = self.secrets.get(name)?.select(None, Some(stage)).ok()?;
        match &version.value {
            SecretValue::Text(text) => Some(text.clone()),
            SecretValue::Binary(_) => None,
        }
    }

    pub(super) fn version(&self, name: &str, stage: &str) -> Option<String> {
        self.secrets.get(name)?.stages.get(stage).cloned()
    }

    fn find(&self, id: &str) -> Result<&Secret, Refusal> {
        self.secrets
            .values()
            .find(|secret| secret.is_called(id))
            .ok_or_else(|| not_found("Secrets Manager can't find the specified secret."))
    }

    fn find_mut(&mut self, id: &str) -> Result<&mut Secret, Refusal> {
        self.secrets
            .values_mut()
            .find(|secret| secret.is_called(id))
            .ok_or_else(|| not_found("Secrets Manager can't find the specified secret."))
    }
}

impl Secret {
    fn new(name: &str, now_milliseconds: u64) -> Self {
        Self {
            name: name.to_owned(),
            created_milliseconds: now_milliseconds,
            changed_milliseconds: now_milliseconds,
            versions: BTreeMap::new(),
            stages: BTreeMap::new(),
        }
    }

    /// The service appends six random letters, so that a secret deleted and created again has another ARN.
    fn arn(&self) -> String {
        format!("{}-local1", self.partial_arn())
    }

    fn partial_arn(&self) -> String {
        format!("arn:aws:secretsmanager:us-east-1:000000000000:secret:{}", self.name)
    }

    fn is_called(&self, id: &str) -> bool {
        id == self.name || id == self.arn() || id == self.partial_arn()
    }

    fn stages_of(&self, version: &str) -> Value {
        self.stages
            .iter()
            .filter(|(_, holder)| *holder == version)
            .map(|(stage, _)| Value::from(stage.as_str()))
            .collect()
    }

    fn select(&self, version: Option<&str>, stage: Option<&str>) -> Result<(&str, &Version), Refusal> {
        let stage_asked = stage.unwrap_or(CURRENT);
        let id = match version {
            Some(version) => version,
            None => self.stages.get(stage_asked).ok_or_else(|| {
                not_found(&format!(
                    "Secrets Manager can't find the specified secret value for staging label: {stage_asked}"
                ))
            })?,
        };
        let (id, found) = self.versions.get_key_value(id).ok_or_else(|| {
            not_found(&format!("Secrets Manager can't find the specified secret value for VersionId: {id}"))
        })?;
        let disagree = stage.is_some_and(|stage| self.stages.get(stage) != Some(id));
        if version.is_some() && disagree {
            return Err(Refusal::new(
                RefusalKind::InvalidRequest,
                "You provided a VersionStage that is not associated to the provided VersionId.",
            ));
        }
        Ok((id, found))
    }

    fn add(&mut self, put: Put, stages: Vec<String>) -> Result<(), Refusal> {
        let value = put.value.ok_or_else(|| {
            Refusal::new(RefusalKind::InvalidRequest, "You must provide either SecretString or SecretBinary.")
        })?;
        self.insert(&put.version, value, put.now_milliseconds);
        for stage in stages {
            self.label(&stage, &put.version);
        }
        Ok(())
    }

    fn insert(&mut self, version: &str, value: SecretValue, now_milliseconds: u64) {
        self.changed_milliseconds = now_milliseconds;
        let version_of_now = Version { value, created_milliseconds: now_milliseconds };
        self.versions.insert(version.to_owned(), version_of_now);
    }

    /// Puts a label on a version; where `AWSCURRENT` was, `AWSPREVIOUS` goes.
    fn label(&mut self, stage: &str, version: &str) {
        let before = self.stages.insert(stage.to_owned(), version.to_owned());
        if let Some(before) = before.filter(|before| stage == CURRENT && before != version) {
            self.stages.insert(PREVIOUS.to_owned(), before);
        }
    }

    /// A repeated `CreateSecret` with the same token and value is answered as the first one.
    fn created_again(&self, put: &Put) -> Result<Value, Refusal> {
        match self.versions.get(&put.version) {
            Some(version) if put.value.as_ref() == Some(&version.value) => Ok(json!({
                "ARN": self.arn(), "Name": self.name, "VersionId": put.version,
            })),
            _ => Err(Refusal::new(
                RefusalKind::ResourceExists,
                format!("The operation failed because the secret {} already exists.", self.name),
            )),
        }
    }

    fn token_in_use(&self, version: &str) -> Refusal {
        Refusal::new(
            RefusalKind::ResourceExists,
            format!(
                "You can't use ClientRequestToken {version} because that value is already in use for a version of \
                 secret {}.",
                self.arn()
            ),
        )
    }
}

fn check_version_id(version: &str) -> Result<(), Refusal> {
    if VERSION_ID_LENGTHS.contains(&version.chars().count()) {
        return Ok(());
    }
    Err(invalid("ClientRequestToken must be 32-64 characters long."))
}

/// Seconds since 1970 with a fraction, the only form of a date in this protocol.
fn seconds(milliseconds: u64) -> Value {
    let (whole, rest) = (milliseconds / 1000, milliseconds % 1000);
    serde_json::from_str(&format!("{whole}.{rest:03}")).unwrap_or_default()
}

fn not_found(message: &str) -> Refusal {
    Refusal::new(RefusalKind::ResourceNotFound, message)
}

fn invalid(message: &str) -> Refusal {
    Refusal::new(RefusalKind::InvalidParameter, message)
}

#[cfg(test)]
mod tests;
