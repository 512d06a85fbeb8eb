//! An HTTP answer, as tests look at it.

use falconer_domain::encoding::BASE64URL_NOPAD;
use serde_json::Value;

/// Status, headers in lower case, body.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers, in order.
    pub headers: Vec<(String, String)>,
    /// The JSON body; `null` if the body is not JSON.
    pub body: Value,
}

impl Reply {
    /// `POST` of a JSON body, for callers on threads of their own.
    ///
    /// # Panics
    /// Nobody answers.
    #[must_use]
    pub fn post(url: &str, headers: &[(String, String)], body: &str) -> Self {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().into();
        let mut request = agent.post(url).content_type("application/json");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        Self::read(request.send(body).expect("an answer"))
    }

    pub(crate) fn read(mut response: ureq::http::Response<ureq::Body>) -> Self {
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let text = response.body_mut().read_to_string().unwrap_or_default();
        Self {
            status: response.status().as_u16(),
            headers,
            body: serde_json::from_str(&text).unwrap_or(Value::Null),
        }
    }

    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// The body's code.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// The header and the claims of the lease, not verified.
    ///
    /// # Panics
    /// It does not exist.
    #[must_use]
    pub fn lease_parts(&self) -> (Value, Value) {
        let lease = self.body["lease"].as_str().expect("a lease");
        let part = |index| {
            let text: &str = lease.split('.').nth(index).expect("three parts");
            let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).expect("base64url");
            serde_json::from_slice(&bytes).expect("JSON")
        };
        (part(0), part(1))
    }
}
