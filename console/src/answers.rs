//! The answer to a form gets an address of its own, under an id that says nothing. A browser keeps the body of a form that
//! a page came from in the files of its session, with everything that was typed; of an address it keeps the address.

use std::sync::Arc;

use axum::body::{Bytes, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::header::{CONTENT_TYPE, LOCATION, SET_COOKIE};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};

use crate::guard::MAX_BODY_BYTES;
use crate::kept::Keepable;
use crate::shell::Shell;
use crate::trouble::Trouble;

/// The answer to a form. No `Debug`: it may hold a key or a person.
pub(crate) struct FormAnswer {
    status: StatusCode,
    page: Bytes,
    times: Times,
}

impl Keepable for FormAnswer {}

/// How often an answer is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Times {
    /// Once: it has a key.
    Once,
    /// Again when the page is loaded again.
    Often,
}

/// Marks the answer that has a key.
#[derive(Clone, Copy)]
struct ShownOnce;

/// Lets an answer be given once.
pub(crate) fn shown_once(mut answer: Response) -> Response {
    answer.extensions_mut().insert(ShownOnce);
    answer
}

/// Keeps the page that answers a form, and sends the browser to it.
pub(crate) async fn keep(State(shell): State<Arc<Shell>>, request: Request, next: Next) -> Response {
    let is_form = *request.method() == Method::POST;
    let answer = next.run(request).await;
    if !is_form || !is_page(&answer) {
        return answer;
    }
    let times = if answer.extensions().get::<ShownOnce>().is_some() { Times::Once } else { Times::Often };
    let (parts, body) = answer.into_parts();
    let kept = match to_bytes(body, MAX_BODY_BYTES).await {
        Ok(page) => shell.answers.keep(FormAnswer { status: parts.status, page, times }),
        Err(_) => return shell.trouble(&Trouble::Damaged("this page cannot be drawn".to_owned())),
    };
    match kept {
        Ok(id) => shell.go(&format!("answer/{id}")),
        Err(error) => shell.trouble(&error.into()),
    }
}

/// `GET answer/{id}`.
pub(crate) async fn show(State(shell): State<Arc<Shell>>, Path(id): Path<String>) -> Response {
    let kept = match shell.answers.get(&id) {
        // Of two browsers that ask for a key at once, one gets it.
        Some(answer) if answer.times == Times::Once => shell.answers.take(&id),
        kept => kept,
    };
    match kept {
        Some(answer) => (answer.status, Html(answer.page.clone())).into_response(),
        None => shell.trouble(&Trouble::NotFound(
            "this page was shown already, or is forgotten; a key is shown once, and Reveal shows it again"
                .to_owned(),
        )),
    }
}

/// A page: neither a file to save nor the way into the console, which sets the cookie.
fn is_page(answer: &Response) -> bool {
    let headers = answer.headers();
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/html"))
        && !headers.contains_key(LOCATION)
        && !headers.contains_key(SET_COOKIE)
}
