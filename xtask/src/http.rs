//! HTTP to this machine.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;
use ureq::Agent;
use ureq::http::Request;

/// Longer than any answer takes here, shorter than somebody waits for Ctrl-C to work.
const TIMEOUT: Duration = Duration::from_secs(5);

/// An answer, whatever its status.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Answer {
    /// The body as JSON; `null` if it is not JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }
}

/// `GET url`.
pub(crate) fn get(url: &str) -> Result<Answer> {
    send(Request::get(url).body(String::new())?)
}

/// `POST url` with a JSON body.
pub(crate) fn post(url: &str, body: &Value) -> Result<Answer> {
    send(Request::post(url).header("content-type", "application/json").body(body.to_string())?)
}

/// Sends `request`. A proxy of the developer's has no business between programs of one machine.
pub(crate) fn send(request: Request<String>) -> Result<Answer> {
    let url = request.uri().to_string();
    let agent: Agent = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(TIMEOUT))
        .proxy(None)
        .build()
        .into();
    let mut response = agent.run(request).with_context(|| format!("{url} does not answer"))?;
    let text = response.body_mut().read_to_string()?;
    Ok(Answer { status: response.status().as_u16(), text })
}
