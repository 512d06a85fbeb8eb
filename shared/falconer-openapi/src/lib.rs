//! The published description of the API (OpenAPI 3.1): bodies from the structs that are serialized, statuses and codes
//! from the table of codes, limits from the constants that hold. The members of requests are in `request.rs`.

mod endpoints;
mod page;
mod request;

use falconer_domain::Code;
use serde_json::{Map, Value, json};

use endpoints::{BodyKind, DescribedRoute, ENDPOINTS};

/// The document, as `docs/openapi.yaml` has it.
#[must_use]
pub fn yaml() -> String {
    // Unwrap safety: JSON values are YAML; a test writes the document.
    let text = serde_saphyr::to_string(&document()).unwrap();
    format!("# Made by `cargo xtask docs` from the types. Do not edit.\n{text}")
}

/// The same as one page without a script, as `docs/openapi.html` has it.
#[must_use]
pub fn page() -> String {
    page::render(&document())
}

fn document() -> Value {
    let paths: Map<_, _> = ENDPOINTS
        .iter()
        .map(|endpoint| {
            let mut methods = json!({ endpoint.method.to_lowercase(): operation(endpoint) });
            if endpoint.method == "GET" {
                methods["head"] = without_bodies(operation(endpoint));
            }
            (endpoint.path.to_owned(), methods)
        })
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Falconer",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A license authority. The license key is the credential, and only the body holds it. \
                Act on the lease, which is signed, and not on the body around it.",
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": { "schemas": schemas() },
    })
}

fn schemas() -> Map<String, Value> {
    let mut schemas = request::schemas();
    for (name, schema) in falconer_http::openapi::bodies() {
        schemas.insert(name, serde_json::to_value(schema).unwrap_or_default());
    }
    // What these two functions say is a struct of theirs, or of the domain's.
    schemas.insert(
        "Alive".to_owned(),
        object(&[("status", json!({ "enum": ["ok"] })), ("timestamp", millis())]),
    );
    schemas.insert("Jwk".to_owned(), jwk());
    let keys = json!({ "type": "array", "items": reference("Jwk") });
    let mut jwks = object(&[("keys", keys)]);
    jwks["properties"]["statement"] = json!({
        "type": "string",
        "description": "The newest key statement of the vendor's root, a JWS; absent where no root has signed one.",
    });
    schemas.insert("Jwks".to_owned(), jwks);
    schemas
        .insert("GatewayMessage".to_owned(), object(&[("message", json!({ "type": ["string", "null"] }))]));
    schemas
}

fn millis() -> Value {
    json!({ "type": "integer", "format": "int64", "description": "Milliseconds since 1970." })
}

fn jwk() -> Value {
    let text = || json!({ "type": "string" });
    object(&[
        ("kty", json!({ "enum": ["OKP"] })),
        ("crv", json!({ "enum": ["Ed25519"] })),
        ("alg", json!({ "enum": ["EdDSA"] })),
        ("use", json!({ "enum": ["sig"] })),
        ("kid", text()),
        ("x", text()),
        ("endorsed_by", json!({ "type": "object", "additionalProperties": { "type": "string" } })),
    ])
}

/// An object that has all of these members.
fn object(members: &[(&str, Value)]) -> Value {
    let properties: Map<_, _> =
        members.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    let required: Vec<_> = members.iter().map(|(name, _)| *name).collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn operation(endpoint: &DescribedRoute) -> Value {
    let mut statuses: Vec<u16> =
        endpoint.codes.iter().map(|(code, _)| code.status()).chain([404, 429, 500, 503]).collect();
    if endpoint.request.is_some() {
        statuses.push(403);
    }
    statuses.sort_unstable();
    statuses.dedup();
    let responses: Map<_, _> =
        statuses.into_iter().map(|status| (status.to_string(), response(endpoint, status))).collect();
    let mut operation = json!({
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "responses": responses,
    });
    if let Some(body) = endpoint.request {
        operation["requestBody"] = json!({
            "required": true,
            "description": "A JSON object; it is read whatever its content type, or without one.",
            "content": { "application/json": { "schema": reference(body) } },
        });
    }
    operation
}

/// The same for HEAD: GET without a body.
fn without_bodies(mut operation: Value) -> Value {
    operation["operationId"] =
        Value::from(format!("{}-head", operation["operationId"].as_str().unwrap_or_default()));
    operation["summary"] = Value::from("The same without a body.");
    for response in operation["responses"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        response.as_object_mut().map(|response| response.remove("content"));
    }
    operation
}

/// Returns true if a code is answered with a status: with its own, and where `refusal_status` asks for it, with 403 for
/// 401.
fn is_answered_with(code: Code, status: u16) -> bool {
    code.status() == status || (status == 403 && code.status() == 401)
}

/// An answer of one status: what the function says with it, and what the gateway may say by itself.
fn response(endpoint: &DescribedRoute, status: u16) -> Value {
    let codes: Vec<_> =
        endpoint.codes.iter().filter(|(code, _)| is_answered_with(*code, status)).copied().collect();
    let mut bodies: Vec<(&str, Value)> = Vec::new();
    for (media, kind) in
        [("application/json", BodyKind::Answer), ("application/problem+json", BodyKind::Problem)]
    {
        let mut by_schema: Vec<(&str, Vec<&str>)> = Vec::new();
        for (code, schema) in codes.iter().filter(|(_, schema)| BodyKind::of(schema) == kind) {
            match by_schema.iter_mut().find(|(name, _)| name == schema) {
                Some((_, names)) => names.push(code.name()),
                None => by_schema.push((schema, vec![code.name()])),
            }
        }
        bodies.extend(by_schema.iter().map(|(schema, names)| (media, with_codes(schema, names))));
    }
    // The gateway's own: no such route, its throttle, a function that did not answer.
    if matches!(status, 404 | 429 | 500 | 503) {
        bodies.push(("application/json", reference("GatewayMessage")));
    }
    let mut content = Map::new();
    for (media, schema) in bodies {
        let schema = match content.remove(media) {
            None => json!({ "schema": schema }),
            Some(before) => either(&before["schema"], schema),
        };
        content.insert(media.to_owned(), schema);
    }
    let texts: Vec<_> =
        codes.iter().map(|(code, _)| format!("`{}`: {}.", code.name(), code.text())).collect();
    let description =
        if texts.is_empty() { "Answer of API Gateway itself.".to_owned() } else { texts.join(" ") };
    json!({ "description": description, "headers": headers(status, &codes), "content": content })
}

fn either(before: &Value, also: Value) -> Value {
    let mut all = before["anyOf"].as_array().cloned().unwrap_or_else(|| vec![before.clone()]);
    all.push(also);
    json!({ "schema": { "anyOf": all } })
}

/// A body whose `code` is one of these. What carries no code is as it is.
fn with_codes(schema: &str, names: &[&str]) -> Value {
    if matches!(schema, "Alive" | "Jwks") {
        return reference(schema);
    }
    json!({ "allOf": [reference(schema), { "type": "object", "properties": { "code": { "enum": names } } }] })
}

fn headers(status: u16, codes: &[(Code, &str)]) -> Value {
    let text = |what: &str| json!({ "description": what, "schema": { "type": "string" } });
    let mut headers = Map::new();
    if !codes.is_empty() {
        headers.insert("X-Request-Id".to_owned(), text("The request's id, for support."));
    }
    if matches!(status, 429 | 503) || codes.iter().any(|(code, _)| *code == Code::ConcurrentUpdate) {
        headers.insert("Retry-After".to_owned(), text("Seconds to wait."));
    }
    if status == 429 {
        headers.insert("RateLimit-Policy".to_owned(), text("The limit: its name, requests and seconds."));
        headers.insert(
            "RateLimit".to_owned(),
            text("Requests left of the limit, and the seconds until it starts anew."),
        );
    }
    Value::Object(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn document_lists_every_code() {
        let document = document().to_string();
        for code in Code::ALL.iter().filter(|code| **code != Code::Ok) {
            assert!(document.contains(&format!("\"{}\"", code.name())), "{}", code.name());
        }
    }

    #[test]
    fn every_reference_resolves() {
        let document = document();
        let text = document.to_string();
        let referred =
            text.split("#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap());
        for name in referred {
            assert!(document["components"]["schemas"][name].is_object(), "{name}");
        }
    }
}
