//! DynamoDB in this process.

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use dynoxide::Database;
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::client::Client;
use crate::template::{Names, TableResource, Template};
use crate::{runtime, server};

/// The one file in the data folder. Its name says what wrote it, so that nobody deletes a stranger's.
const DATABASE_FILE: &str = "dynamodb.sqlite";

/// DynamoDB refuses a request without credentials; the stand-in wants them present and checks nothing.
const UNCHECKED_CREDENTIALS: &str = "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, \
     SignedHeaders=host, Signature=local";

/// The place of the tables.
#[derive(Clone, Copy, Debug)]
pub enum Storage<'a> {
    /// Gone when the stand-in is dropped.
    Memory,
    /// In a file in this folder, kept between runs. The folder is created if it is missing.
    Folder(&'a Path),
}

/// A running DynamoDB. Dropping it closes the port; requests already begun are finished.
pub struct DynamoDb {
    url: String,
    stop: Option<oneshot::Sender<()>>,
}

impl DynamoDb {
    /// Listens on 127.0.0.1:`port` (0: any free one).
    ///
    /// # Errors
    /// The port is in use, or the folder cannot be written.
    pub fn start(storage: Storage<'_>, port: u16) -> Result<Self> {
        let (listener, address) = server::listen(port)?;
        let database = open(storage)?;
        let (stop, stopped) = oneshot::channel::<()>();
        runtime::handle()?.spawn(async move {
            let stopped = async {
                // An error means the sender is gone, which is the same wish.
                let _ = stopped.await;
            };
            let served = dynoxide::server::serve_with_shutdown(listener, database, stopped).await;
            if let Err(reason) = served {
                eprintln!("The local DynamoDB stopped: {reason}");
            }
        });
        Ok(Self { url: format!("http://{address}"), stop: Some(stop) })
    }

    /// The value of `AWS_ENDPOINT_URL_DYNAMODB`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.url
    }

    /// Creates the template's tables here; see [`create_tables`].
    ///
    /// # Errors
    /// As [`create_tables`].
    pub fn create_tables(&self, template: &Template, names: &Names) -> Result<()> {
        create_tables(&self.url, template, names)
    }

    /// Sends a request in DynamoDB's own JSON, for items that Falconer would never write.
    ///
    /// # Errors
    /// DynamoDB refuses; the message is its own.
    pub fn send(&self, operation: &str, body: &Value) -> Result<Value> {
        let (endpoint, operation, body) = (self.url.clone(), operation.to_owned(), body.clone());
        let answer =
            runtime::wait_for(async move { call(&Client::new(), &endpoint, &operation, &body).await })??;
        answer.map_err(anyhow::Error::msg)
    }
}

impl Drop for DynamoDb {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The server may have ended by itself.
            let _ = stop.send(());
        }
    }
}

/// Creates every table of the template at `endpoint` under its physical name; one that exists already is left alone.
///
/// Works on any DynamoDB that checks no signatures, so that a second implementation can be held against the first.
///
/// # Errors
/// The endpoint does not answer or refuses, a table has no name, or an existing table has other keys than the
/// template's (a data folder of an older version).
pub fn create_tables(endpoint: &str, template: &Template, names: &Names) -> Result<()> {
    let tables = template.tables()?;
    let names = names.clone();
    let endpoint = endpoint.to_owned();
    runtime::wait_for(async move {
        let client = Client::new();
        for table in &tables {
            create_table(&client, &endpoint, table, names.of(&table.logical_id)?).await?;
        }
        anyhow::Ok(())
    })?
}

async fn create_table(client: &Client, endpoint: &str, table: &TableResource, name: &str) -> Result<()> {
    let create = table.create_request(name);
    match call(client, endpoint, "CreateTable", &create).await? {
        Ok(_) => {}
        Err(refusal) if refusal.contains("ResourceInUseException") => {
            return same_keys(client, endpoint, name, &create).await;
        }
        Err(refusal) => bail!("creating table {name} was refused: {refusal}"),
    }
    if let Some(specification) = &table.time_to_live {
        let request = json!({ "TableName": name, "TimeToLiveSpecification": specification });
        if let Err(refusal) = call(client, endpoint, "UpdateTimeToLive", &request).await? {
            bail!("setting the expiry of table {name} was refused: {refusal}");
        }
    }
    Ok(())
}

/// An old data folder would otherwise fail much later, with a message about an expression.
async fn same_keys(client: &Client, endpoint: &str, name: &str, wanted: &Value) -> Result<()> {
    let request = json!({ "TableName": name });
    let described = match call(client, endpoint, "DescribeTable", &request).await? {
        Ok(described) => described,
        Err(refusal) => bail!("describing table {name} was refused: {refusal}"),
    };
    ensure!(
        keys(&described["Table"]) == keys(wanted),
        "table {name} exists with other keys than template.yaml gives it; \
         delete the data folder of an older version and start again"
    );
    Ok(())
}

/// The keys of the table and of its indexes, in one order.
fn keys(table: &Value) -> Vec<(String, Value)> {
    let mut keys: Vec<(String, Value)> = table["GlobalSecondaryIndexes"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|index| {
            let name = index["IndexName"].as_str().unwrap_or_default().to_owned();
            (name, index["KeySchema"].clone())
        })
        .collect();
    keys.push((String::new(), table["KeySchema"].clone()));
    keys.sort_by(|left, right| left.0.cmp(&right.0));
    keys
}

/// The answer, or the refusal as text; an `Err` outside means that nobody answered.
async fn call(
    client: &Client,
    endpoint: &str,
    operation: &str,
    body: &Value,
) -> Result<Result<Value, String>> {
    let request = Request::post(format!("{endpoint}/"))
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
        .header("x-amz-date", "20260101T000000Z")
        .header("authorization", UNCHECKED_CREDENTIALS)
        .body(Full::new(Bytes::from(body.to_string())))?;
    let response = client.send(request).await?;
    if response.status().is_success() {
        let answer = serde_json::from_slice(response.body())
            .with_context(|| format!("{operation}: an answer that is not JSON"))?;
        return Ok(Ok(answer));
    }
    Ok(Err(String::from_utf8_lossy(response.body()).into_owned()))
}

fn open(storage: Storage<'_>) -> Result<Database> {
    match storage {
        Storage::Memory => Database::memory().context("cannot open a database in memory"),
        Storage::Folder(folder) => {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot create the data folder {}", folder.display()))?;
            let file = folder.join(DATABASE_FILE);
            let path = file.to_str().context("the data folder's name is not UTF-8")?;
            Database::new(path).with_context(|| format!("cannot open {}", file.display()))
        }
    }
}

#[cfg(test)]
mod tests;
