//! Asking again: where something did not answer, the page offers the same address once more, or the same form with
//! everything that was typed into it. Where a form does not read, the page offers its fields to be corrected.

use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::Response;
use falconer_operator::words;

use crate::forms::Form;
use crate::guard::{CSRF_FIELD, MAX_BODY_BYTES};
use crate::shell::Shell;
use crate::trouble::Trouble;

/// The largest form that a page holds for another try: a catalog has some 100 KB.
const MAX_REPEATED_BYTES: usize = 1024 * 1024;
/// Type of a form without files.
const FORM: &str = "application/x-www-form-urlencoded";

/// The request to be made again.
pub(crate) struct Again {
    pub(crate) path: String,
    /// The fields of a form, without its token; `None` for a page.
    pub(crate) fields: Option<Vec<TypedField>>,
}

/// A field with what was typed into it. No `Debug`: it may be about a person.
pub(crate) struct TypedField {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) shown: FieldShown,
}

/// How a field comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldShown {
    /// Sent as it is.
    Hidden,
    /// To be corrected, on one line.
    Line,
    /// To be corrected, on several.
    Lines,
}

/// Fields that a person has chosen and not typed.
const CHOSEN: [&str; 14] = [
    "action",
    "covers",
    "despite",
    "device",
    "generation",
    "plan",
    "product",
    "release",
    "remove",
    "reset",
    "search",
    "status",
    "term",
    "tier",
];
/// Characters of a field that fits one line.
const LINE_CHARS: usize = 100;
/// Fields of several lines, however few are filled.
const OF_LINES: [&str; 4] = ["hardware", "note", "pasted", "toml"];
/// Fields whose labels say more than their names do; the labels are those of the forms.
const LABELS: [(&str, &str); 11] = [
    ("at", "At another moment"),
    ("build", "Date of a build"),
    ("email", "E-mail"),
    ("order", "Your order\u{2019}s id"),
    ("pasted", "Rows, with the names of the columns above them"),
    ("reason", "Reason, for the audit"),
    ("settings", "Rules of its own"),
    ("toml", "Tiers, features and rules"),
    ("until", "Last day"),
    ("updates_until", "Last day whose builds are covered"),
    ("user", "Your own id"),
];

impl TypedField {
    fn of(name: String, value: &str, trouble: &Trouble) -> Self {
        // The forms leave out what hides, too.
        let value = words::lines(&value.replace('\r', "")).into_owned();
        let is_fixed = matches!(trouble, Trouble::Unreachable(_)) || CHOSEN.contains(&name.as_str());
        let is_long = value.contains('\n') || value.chars().nth(LINE_CHARS).is_some();
        let shown = match is_long || OF_LINES.contains(&name.as_str()) {
            _ if is_fixed => FieldShown::Hidden,
            true => FieldShown::Lines,
            false => FieldShown::Line,
        };
        Self { name, value, shown }
    }

    /// The name of the field for a person.
    pub(crate) fn label(&self) -> String {
        let known = LABELS.iter().find(|(name, _)| *name == self.name);
        let plain = || {
            let mut letters = self.name.chars();
            let first = letters.next().map(|first| first.to_ascii_uppercase());
            first.into_iter().chain(letters).map(|c| if c == '_' || c == '-' { ' ' } else { c }).collect()
        };
        known.map_or_else(plain, |(_, label)| (*label).to_owned())
    }
}

/// Marks an answer whose request may be made again, as it was or corrected.
#[derive(Clone)]
pub(crate) struct Unanswered(pub(crate) Arc<Trouble>);

/// Draws the page of an [`Unanswered`] request with a way to ask again.
pub(crate) async fn offer(State(shell): State<Arc<Shell>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or_else(String::new, ToString::to_string);
    let is_form = parts.method == Method::POST && is_form(&parts.headers);
    let is_page = parts.method == Method::GET;
    let (request, typed) = if is_form {
        // The guard has bounded and read it before.
        let bytes: Bytes = to_bytes(body, MAX_BODY_BYTES).await.unwrap_or_default();
        (Request::from_parts(parts, Body::from(bytes.clone())), bytes)
    } else {
        (Request::from_parts(parts, body), Bytes::new())
    };
    let answer = next.run(request).await;
    let Some(Unanswered(trouble)) = answer.extensions().get().cloned() else { return answer };
    let can_be_repeated = matches!(*trouble, Trouble::Unreachable(_));
    if is_page && can_be_repeated {
        return shell.trouble_again(&trouble, Again { path, fields: None });
    }
    if !is_form || typed.len() > MAX_REPEATED_BYTES {
        return answer;
    }
    let fields = Form::read(&typed).into_fields().into_iter().filter(|(name, _)| name != CSRF_FIELD);
    let fields: Vec<_> = fields.map(|(name, value)| TypedField::of(name, &value, &trouble)).collect();
    let has_typed = |field: &TypedField| {
        field.shown != FieldShown::Hidden && field.name != "reason" && !field.value.is_empty()
    };
    if can_be_repeated || fields.iter().any(has_typed) {
        return shell.trouble_again(&trouble, Again { path, fields: Some(fields) });
    }
    answer
}

fn is_form(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).is_some_and(|kind| kind.starts_with(FORM))
}
