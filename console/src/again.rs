//! Asking again: where something did not answer, the page offers the same address once more, or the same form with
//! everything that was typed into it.

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
use crate::trouble::Trouble;

/// The largest form that a page holds for another try: a catalog has some 100 KB.
const MAX_REPEATED_BYTES: usize = 1024 * 1024;
/// Type of a form without files.
const FORM: &str = "application/x-www-form-urlencoded";

/// The request to be made again.
pub(crate) struct Again {
    pub(crate) path: String,
    /// The fields of a form, without its token; `None` for a page.
    pub(crate) fields: Option<Vec<(String, String)>>,
}

/// Marks an answer whose request may be made again.
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
    if is_page {
        shell.trouble_again(&trouble, Again { path, fields: None })
    } else if is_form && typed.len() <= MAX_REPEATED_BYTES {
        let fields = Form::read(&typed).into_fields();
        let fields = fields.into_iter().filter(|(name, _)| name != CSRF_FIELD).collect();
        shell.trouble_again(&trouble, Again { path, fields: Some(fields) })
    } else {
        answer
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).is_some_and(|kind| kind.starts_with(FORM))
}
