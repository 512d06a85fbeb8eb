//! Other origins, as an HTTP API treats them: it answers preflights by itself, and adds to each answer what the browser
//! of a listed origin may read. The functions know nothing of it.
//!
//! Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html>.

use std::sync::Arc;

use anyhow::Result;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, ORIGIN,
    TRANSFER_ENCODING,
};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode, Uri};

use crate::client::Client;
use crate::server::{Call, Server, ServerReaction, json};

/// The headers that only the gateway sets.
const OURS: [HeaderName; 6] = [
    ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_ALLOW_CREDENTIALS,
    ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE,
];

/// A `CorsConfiguration`, as the template writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cors {
    /// Origins that may call, or `*`.
    pub origins: Vec<String>,
    /// Methods that a page may use.
    pub methods: Vec<String>,
    /// Headers that a page may send.
    pub headers: Vec<String>,
    /// Headers that a page may read.
    pub exposed: Vec<String>,
    /// Seconds for which a browser need not ask again.
    pub max_age_seconds: Option<u64>,
}

impl Cors {
    /// The answer to a preflight; `None` for any other request.
    pub(crate) fn preflight(&self, head: &Parts) -> Option<Response<Full<Bytes>>> {
        let asks = head.method == Method::OPTIONS && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        let origin = head.headers.get(ORIGIN).filter(|_| asks)?;
        let mut response = Response::new(Full::new(Bytes::new()));
        *response.status_mut() = StatusCode::NO_CONTENT;
        if let Some(allowed) = self.allowed(origin) {
            let headers = response.headers_mut();
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
            list(headers, ACCESS_CONTROL_ALLOW_METHODS, &self.methods);
            list(headers, ACCESS_CONTROL_ALLOW_HEADERS, &self.headers);
            list(headers, ACCESS_CONTROL_EXPOSE_HEADERS, &self.exposed);
            if let Some(seconds) = self.max_age_seconds {
                headers.insert(ACCESS_CONTROL_MAX_AGE, seconds.into());
            }
        }
        Some(response)
    }

    /// Adds to a function's answer what the origin's browser wants to see. What the function said of it is dropped, as the
    /// gateway does.
    pub(crate) fn dress(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        for name in OURS {
            headers.remove(name);
        }
        if let Some(allowed) = origin.and_then(|origin| self.allowed(origin)) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
            list(headers, ACCESS_CONTROL_EXPOSE_HEADERS, &self.exposed);
        }
    }

    /// The header's value for an origin, if any.
    fn allowed(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        if self.origins.iter().any(|listed| listed == "*") {
            return Some(HeaderValue::from_static("*"));
        }
        let text = origin.to_str().ok()?;
        self.origins.iter().any(|listed| listed == text).then(|| origin.clone())
    }
}

fn list(headers: &mut HeaderMap, name: HeaderName, values: &[String]) {
    // The template's own words; one that no header can hold is left out, as a header that is empty.
    if let Ok(value) = HeaderValue::from_str(&values.join(","))
        && !values.is_empty()
    {
        headers.insert(name, value);
    }
}

/// A proxy that puts the gateway's CORS before something that has none or another. Dropping it closes the port.
pub struct CorsProxy {
    server: Server,
}

impl CorsProxy {
    /// Listens on 127.0.0.1:`port` and forwards to `upstream`, as `http://127.0.0.1:8000`.
    ///
    /// # Errors
    /// The port is in use.
    pub fn start(port: u16, upstream: &str, cors: Cors) -> Result<Self> {
        let shared = Arc::new(Forwarding {
            upstream: upstream.trim_end_matches('/').to_owned(),
            client: Client::new(),
            cors,
        });
        let server = Server::start(port, move |call| {
            let shared = Arc::clone(&shared);
            async move { shared.answer(call).await }
        })?;
        Ok(Self { server })
    }

    /// The address that callers use instead of the upstream.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }
}

struct Forwarding {
    upstream: String,
    client: Client,
    cors: Cors,
}

impl Forwarding {
    async fn answer(&self, call: Call) -> ServerReaction {
        if let Some(response) = self.cors.preflight(&call.head) {
            return ServerReaction::Answer(response);
        }
        let origin = call.head.headers.get(ORIGIN).cloned();
        let response = match self.request(call) {
            Some(request) => self.client.send(request).await,
            None => return ServerReaction::Abort,
        };
        // The functions may still be on their way up.
        let Ok(response) = response else {
            return json(502, "application/json", br#"{"message":"Bad Gateway"}"#.to_vec());
        };
        let (mut head, body) = response.into_parts();
        without_connection(&mut head.headers);
        self.cors.dress(origin.as_ref(), &mut head.headers);
        ServerReaction::Answer(Response::from_parts(head, Full::new(body)))
    }

    fn request(&self, call: Call) -> Option<Request<Full<Bytes>>> {
        let path = call.head.uri.path_and_query().map_or("/", |path| path.as_str());
        let uri: Uri = format!("{}{path}", self.upstream).parse().ok()?;
        let mut request = Request::new(Full::new(call.body));
        *request.method_mut() = call.head.method;
        *request.uri_mut() = uri;
        *request.headers_mut() = call.head.headers;
        without_connection(request.headers_mut());
        Some(request)
    }
}

/// Each side's connection is its own affair.
fn without_connection(headers: &mut HeaderMap) {
    for name in [CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION] {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(origins: &[&str]) -> Cors {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Cors {
            origins: texts(origins),
            methods: texts(&["GET", "POST"]),
            headers: texts(&["content-type"]),
            exposed: texts(&["Retry-After"]),
            max_age_seconds: Some(600),
        }
    }

    fn head(method: &str, origin: &str) -> Parts {
        let request = Request::builder().method(method).header(ORIGIN, origin);
        request.header(ACCESS_CONTROL_REQUEST_METHOD, "POST").body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_listed_origin_learns_what_it_may_do() {
        let response = cors(&["https://a.example"]).preflight(&head("OPTIONS", "https://a.example")).unwrap();
        assert_eq!(response.status(), 204);
        let told: Vec<_> = OURS.iter().filter_map(|name| response.headers().get(name)).collect();
        assert_eq!(told, ["https://a.example", "GET,POST", "content-type", "Retry-After", "600"]);
    }

    #[test]
    fn an_origin_that_is_not_listed_learns_nothing() {
        for origin in ["https://b.example", "null", "tauri://localhost", "https://a.example.evil"] {
            let response = cors(&["https://a.example"]).preflight(&head("OPTIONS", origin)).unwrap();
            assert_eq!((response.status().as_u16(), response.headers().len()), (204, 0), "{origin}");
        }
        let response = cors(&["*"]).preflight(&head("OPTIONS", "null")).unwrap();
        assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert!(cors(&["*"]).preflight(&head("POST", "https://a.example")).is_none());
    }

    #[test]
    fn answers_are_dressed_by_the_gateway_alone() {
        let mut headers = HeaderMap::new();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("https://evil.example"));
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        cors(&["https://a.example"])
            .dress(Some(&HeaderValue::from_static("https://b.example")), &mut headers);
        assert!(headers.is_empty(), "{headers:?}");
        cors(&["https://a.example"])
            .dress(Some(&HeaderValue::from_static("https://a.example")), &mut headers);
        assert_eq!(headers.len(), 2);
        assert_eq!(headers[ACCESS_CONTROL_EXPOSE_HEADERS], "Retry-After");
    }
}
