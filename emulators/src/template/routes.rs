//! Routes of an HTTP API, and which of them takes a request.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::Value;

/// One `HttpApi` event of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// In capitals; `ANY` takes every one.
    pub method: String,
    /// As `/api/verify`, `/api/{id}`, `/api/{rest+}`; `$default` takes what no other route takes.
    pub path: String,
}

/// A route and what its variables stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matched<'a> {
    /// The route.
    pub route: &'a Route,
    /// Name to value.
    pub parameters: BTreeMap<String, String>,
}

impl Route {
    /// How events name it: `POST /api/verify`, or `$default`.
    #[must_use]
    pub fn key(&self) -> String {
        if self.path == "$default" {
            return self.path.clone();
        }
        format!("{} {}", self.method, self.path)
    }

    pub(super) fn read_all(logical_id: &str, events: &Value) -> Result<Vec<Self>> {
        let events = events.as_object().into_iter().flatten();
        events
            .filter(|(_, event)| event["Type"] == "HttpApi")
            .map(|(name, event)| {
                let text = |property: &str, default: &str| match &event["Properties"][property] {
                    Value::Null => Ok(default.to_owned()),
                    value => value
                        .as_str()
                        .map(str::to_owned)
                        .with_context(|| format!("{property} of event {name} of {logical_id} is not a text")),
                };
                Ok(Self { method: text("Method", "ANY")?.to_uppercase(), path: text("Path", "$default")? })
            })
            .collect()
    }

    /// The parameters of `path` if this route takes it.
    fn takes(&self, method: &str, path: &str) -> Option<BTreeMap<String, String>> {
        if self.path == "$default" {
            return Some(BTreeMap::new());
        }
        if self.method != "ANY" && self.method != method {
            return None;
        }
        let mut parameters = BTreeMap::new();
        let mut rest = path.strip_prefix('/')?;
        let mut wanted = self.path.strip_prefix('/')?.split('/').peekable();
        while let Some(segment) = wanted.next() {
            match variable(segment) {
                Some(name) if name.ends_with('+') => {
                    let name = name.trim_end_matches('+').to_owned();
                    parameters.insert(name, rest.to_owned());
                    return (!rest.is_empty()).then_some(parameters);
                }
                name => {
                    let (here, after) = match rest.split_once('/') {
                        Some((here, after)) => (here, Some(after)),
                        None => (rest, None),
                    };
                    match name {
                        Some(name) if !here.is_empty() => {
                            parameters.insert(name.to_owned(), here.to_owned());
                        }
                        None if here == segment => {}
                        _ => return None,
                    }
                    match (after, wanted.peek()) {
                        (Some(after), Some(_)) => rest = after,
                        (None, None) => return Some(parameters),
                        _ => return None,
                    }
                }
            }
        }
        None
    }

    /// Fewer variables, then longer ones win, as API Gateway picks the most specific route.
    fn vagueness(&self) -> (bool, bool, usize, bool) {
        (
            self.path == "$default",
            self.path.contains("+}"),
            self.path.matches('{').count(),
            self.method == "ANY",
        )
    }
}

/// The most specific of `routes` that takes the request.
pub fn match_route<'a>(
    routes: impl IntoIterator<Item = &'a Route>,
    method: &str,
    path: &str,
) -> Option<Matched<'a>> {
    routes
        .into_iter()
        .filter_map(|route| {
            let parameters = route.takes(method, path)?;
            Some(Matched { route, parameters })
        })
        .min_by_key(|matched| matched.route.vagueness())
}

fn variable(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}
