//! The document as one page for people: no script, no font, nothing fetched.

use std::fmt::{Arguments, Write as _};

use serde_json::Value;

const STYLE: &str = "body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}\
    code{background:#f3f3f3;padding:0 .2em}table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}\
    td,th{border:1px solid #ccc;padding:.3rem .6rem;text-align:left;vertical-align:top}\
    h2{border-top:2px solid #222;padding-top:1rem;margin-top:2.5rem}";

pub(crate) fn render(document: &Value) -> String {
    let mut page = String::new();
    let info = &document["info"];
    put(
        &mut page,
        format_args!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n<h1>{title} {version}</h1>\n<p>{description}</p>\n",
            title = text(&info["title"]),
            version = text(&info["version"]),
            description = text(&info["description"]),
        ),
    );
    for (path, methods) in members(&document["paths"]) {
        for (method, operation) in members(methods) {
            self::operation(&mut page, document, &format!("{} {path}", method.to_uppercase()), operation);
        }
    }
    page.push_str("<h2>Bodies</h2>\n");
    for (name, schema) in members(&document["components"]["schemas"]) {
        if !name.ends_with("Request") {
            put(&mut page, format_args!("<h3 id=\"{name}\">{name}</h3>\n"));
            properties(&mut page, schema);
        }
    }
    page
}

/// Puts text at the end of the page.
fn put(page: &mut String, text: Arguments<'_>) {
    // Unwrap safety: writing into a String does not fail.
    page.write_fmt(text).unwrap();
}

fn operation(page: &mut String, document: &Value, title: &str, operation: &Value) {
    put(page, format_args!("<h2>{title}</h2>\n<p>{}</p>\n", text(&operation["summary"])));
    let body = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
    if let Some(name) = body.as_str().and_then(|path| path.rsplit('/').next()) {
        page.push_str("<h3>Request</h3>\n");
        properties(page, &document["components"]["schemas"][name]);
    }
    page.push_str("<h3>Answers</h3>\n<table>\n<tr><th>status<th>media type<th>body<th>means\n");
    for (status, response) in members(&operation["responses"]) {
        let media: Vec<_> = members(&response["content"]).map(|(media, _)| media.as_str()).collect();
        let mut bodies = names(&response["content"]);
        bodies.dedup();
        put(
            page,
            format_args!(
                "<tr><td>{status}<td>{}<td>{}<td>{}\n",
                media.join("<br>"),
                bodies
                    .iter()
                    .map(|name| format!("<a href=\"#{name}\">{name}</a>"))
                    .collect::<Vec<_>>()
                    .join(", "),
                text(&response["description"]),
            ),
        );
    }
    page.push_str("</table>\n");
}

/// The members of a schema, those of what it is made of included.
fn properties(page: &mut String, schema: &Value) {
    let parts = schema["allOf"].as_array().cloned().unwrap_or_else(|| vec![schema.clone()]);
    let included: Vec<_> = parts
        .iter()
        .filter_map(|part| part["$ref"].as_str()?.rsplit('/').next().map(str::to_owned))
        .collect();
    for name in included {
        put(page, format_args!("<p>All of <a href=\"#{name}\">{name}</a>, and:</p>\n"));
    }
    page.push_str("<table>\n<tr><th>member<th>type<th>what\n");
    for part in &parts {
        let required: Vec<_> =
            part["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, property) in members(&part["properties"]) {
            let optional = if required.contains(&name.as_str()) { "" } else { "?" };
            put(
                page,
                format_args!(
                    "<tr><td><code>{name}</code>{optional}<td>{}<td>{}\n",
                    kind(property),
                    text(&property["description"])
                ),
            );
        }
    }
    page.push_str("</table>\n");
}

fn kind(property: &Value) -> String {
    let referred = names(property);
    let of = match &property["type"] {
        Value::String(one) => one.clone(),
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => String::new(),
    };
    let values = property["enum"].as_array().map(|values| {
        values
            .iter()
            .map(|value| format!("<code>{}</code>", escaped(&value.to_string())))
            .collect::<Vec<_>>()
            .join(", ")
    });
    let links: Vec<_> = referred.iter().map(|name| format!("<a href=\"#{name}\">{name}</a>")).collect();
    [of, values.unwrap_or_default(), links.join(", ")]
        .iter()
        .filter(|part| !part.is_empty())
        .cloned()
        .collect::<Vec<_>>()
        .join(" ")
}

/// The schemas that a value refers to, in order.
fn names(value: &Value) -> Vec<String> {
    match value {
        Value::Object(members) => members
            .iter()
            .flat_map(|(key, inner)| match (key.as_str(), inner.as_str()) {
                ("$ref", Some(path)) => path.rsplit('/').next().map(str::to_owned).into_iter().collect(),
                _ => names(inner),
            })
            .collect(),
        Value::Array(values) => values.iter().flat_map(names).collect(),
        _ => Vec::new(),
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// A text of the document, with `code` between backticks.
fn text(value: &Value) -> String {
    let parts = escaped(value.as_str().unwrap_or_default());
    let parts: Vec<_> = parts.split('`').enumerate().collect();
    let marked =
        parts.iter().map(
            |(place, part)| if place % 2 == 1 { format!("<code>{part}</code>") } else { (*part).to_owned() },
        );
    marked.collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
