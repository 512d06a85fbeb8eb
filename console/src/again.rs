//! Ways on from what went wrong. Where something did not answer, the page offers the same address once more, or the same
//! form with everything that was typed into it. Where one field does not read, the page offers this field to be mended, and
//! keeps the others. Any page leads back to the form.

use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::Response;

use crate::forms::Form;
use crate::guard::{CSRF_FIELD, MAX_BODY_BYTES};
use crate::shell::Shell;
use crate::tokens;
use crate::trouble::Trouble;
use crate::typed_form::{self, BACK_FIELD, FROM_FIELD, page_of};

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

/// The page that a request came from, for a link.
pub(crate) struct WayBack {
    /// Below the path of the run.
    pub(crate) page: String,
    pub(crate) words: &'static str,
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

/// Characters of a field that fits one line.
const LINE_CHARS: usize = 100;
/// Fields of several lines, however few are filled.
const OF_LINES: [&str; 2] = ["hardware", "note"];
/// Fields whose labels say more than their names do; the labels are those of the forms.
const LABELS: [(&str, &str); 4] = [
    ("at", "At another moment"),
    ("build", "Date of a build"),
    ("reason", "Reason, for the audit"),
    ("until", "Last day"),
];

impl TypedField {
    fn of(name: &str, value: &str, trouble: &Trouble) -> Self {
        // The forms leave out what hides, too.
        let value = typed_form::shown(value);
        let is_long = value.contains('\n') || value.chars().nth(LINE_CHARS).is_some();
        let shown = match (trouble, is_long || OF_LINES.contains(&name)) {
            (Trouble::BadField(bad, _), true) if *bad == name => FieldShown::Lines,
            (Trouble::BadField(bad, _), false) if *bad == name => FieldShown::Line,
            _ => FieldShown::Hidden,
        };
        Self { name: name.to_owned(), value, shown }
    }

    /// The fields of a form. A bad field that was not sent at all comes, too.
    fn all(form: &Form, trouble: &Trouble) -> Vec<Self> {
        let fields = form.fields().iter().filter(|(name, _)| name != CSRF_FIELD);
        let mut fields: Vec<_> = fields.map(|(name, value)| Self::of(name, value, trouble)).collect();
        if let Trouble::BadField(bad, _) = trouble
            && fields.iter().all(|field| field.name != *bad)
        {
            fields.push(Self::of(bad, "", trouble));
        }
        fields
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

/// Marks an answer that says what went wrong.
#[derive(Clone)]
pub(crate) struct Unanswered(pub(crate) Arc<Trouble>);

/// Keeps each form that names its page, and draws the page of an [`Unanswered`] request with the ways on.
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
    let form = (is_form && typed.len() <= MAX_REPEATED_BYTES).then(|| Form::read(&typed));
    if let Some(form) = &form {
        typed_form::keep(&shell, form);
    }
    let answer = next.run(request).await;
    let Some(Unanswered(trouble)) = answer.extensions().get().cloned() else { return answer };
    let base = shell.guard.base();
    let way_back = WayBack::of(path.strip_prefix(&base).unwrap_or_default(), form.as_ref(), &trouble);
    let again = match (&*trouble, &form) {
        (Trouble::Unreachable(_), None) if is_page => Some(Again { path, fields: None }),
        (Trouble::Unreachable(_) | Trouble::BadField(..), Some(form)) => {
            Some(Again { path, fields: Some(TypedField::all(form, &trouble)) })
        }
        _ => None,
    };
    shell.trouble_page(&trouble, again, way_back)
}

impl WayBack {
    /// The page of the form, filled where the form names it, else the page that the path is about.
    fn of(path: &str, form: Option<&Form>, trouble: &Trouble) -> Option<Self> {
        let named = form.and_then(|form| page_of(form, BACK_FIELD).or_else(|| page_of(form, FROM_FIELD)));
        let is_missing = matches!(trouble, Trouble::NotFound(_));
        let path = path.split('?').next().unwrap_or_default();
        // Work on many has a page of its own, beside the addresses of its forms.
        let of_work = path.rsplit_once('/').map(|(work, _)| work).filter(|work| {
            let id = work.rsplit('/').next().unwrap_or_default();
            !is_missing && form.is_some() && tokens::is_id(id)
        });
        let mut parts = path.split('/');
        let page = match (parts.next().unwrap_or_default(), parts.next()) {
            _ if of_work.is_some() => of_work.unwrap_or_default().to_owned(),
            ("license", _) if is_missing => "licenses".to_owned(),
            ("license", Some(id)) => format!("license/{id}"),
            ("license" | "licenses" | "search" | "look" | "bulk" | "confirm", _) => "licenses".to_owned(),
            ("issue", Some("many")) => "issue/many".to_owned(),
            (page @ ("issue" | "move-in" | "catalog" | "keyring"), _) => page.to_owned(),
            _ => String::new(),
        };
        let page = named.filter(|_| !is_missing).map_or(page, str::to_owned);
        let is_filled = page.contains("form=");
        let words = match page.split(['/', '?']).next().unwrap_or_default() {
            _ if page == path || page.is_empty() => return None,
            "license" if is_filled => "Back to the license, with what you typed",
            "license" => "Back to the license",
            "licenses" | "search" | "look" if is_filled => "Back to the licenses, with what you ticked",
            _ if of_work.is_some() => "Back to the run",
            "licenses" | "search" | "look" => "The licenses",
            _ if is_filled => "Back to the form, with what you typed",
            "issue" => "Back to the orders",
            "move-in" => "Move in",
            "catalog" => "The catalog",
            "keyring" => "The key ring",
            _ => return None,
        };
        Some(Self { page, words })
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).is_some_and(|kind| kind.starts_with(FORM))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(path: &str, form: &str, trouble: &Trouble) -> Option<String> {
        let form = Form::read(form.as_bytes());
        WayBack::of(path, Some(&form), trouble).map(|way| way.page)
    }

    #[test]
    fn every_refusal_leads_back() {
        let refused = Trouble::Refused(String::new());
        let missing = Trouble::NotFound(String::new());
        let id = "0".repeat(32);
        for (path, form, page) in [
            ("license/lic_1/preview", "", "license/lic_1"),
            ("license/lic_1/explain", "", "license/lic_1"),
            ("license/lic_1/preview", "back=license/lic_1?form%3D0", "license/lic_1?form=0"),
            ("confirm", "from=license/lic_1", "license/lic_1"),
            ("confirm", "", "licenses"),
            ("bulk/preview", "back=search/0", "search/0"),
            ("licenses/export", "", "licenses"),
            ("issue/preview", "", "issue"),
            (&format!("issue/many/{id}/keys"), "", &format!("issue/many/{id}")),
            (&format!("bulk/{id}/run"), "", &format!("bulk/{id}")),
            ("move-in/0/delete", "", "move-in"),
            ("catalog/preview", "back=//evil.example", "catalog"),
            ("keyring/preview", "", "keyring"),
        ] {
            assert_eq!(way(path, form, &refused).as_deref(), Some(page), "{path} {form}");
        }
        assert_eq!(way("license/lic_1/preview", "back=license/lic_1", &missing).as_deref(), Some("licenses"));
        assert_eq!(way(&format!("issue/many/{id}/keys"), "", &missing).as_deref(), Some("issue/many"));
        assert_eq!(way("nowhere", "", &missing), None);
    }

    #[test]
    fn bad_field_alone_is_shown() {
        let form = Form::read(b"csrf=0&shown=lic_1&license=lic_2&action=extend&days=&note=&reason=why");
        let bad = Trouble::BadField("days", String::new());
        let shown = |trouble: &Trouble| -> Vec<_> {
            let fields = TypedField::all(&form, trouble).into_iter();
            fields.filter(|field| field.shown != FieldShown::Hidden).map(|field| field.name).collect()
        };
        assert_eq!(shown(&bad), ["days"]);
        assert_eq!(shown(&Trouble::BadField("until", String::new())), ["until"], "which was not sent");
        assert_eq!(shown(&Trouble::Unreachable(String::new())), [""; 0]);
    }
}
