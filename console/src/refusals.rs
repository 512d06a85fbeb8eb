//! Pages of the guard: why a request does not reach the console, and what to do. They come before the cookie, so they load
//! no style sheet, and they name a page of the console to those alone who have its address.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use crate::guard::GuardRefusal;

/// A refusal for a person.
struct RefusalPage {
    status: StatusCode,
    title: &'static str,
    sentence: &'static str,
    link: Link,
}

/// The way on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    /// None: the console would not answer there, or its address is not for everybody.
    Nowhere,
    /// Home.
    Home,
    /// The page that the form was on.
    Form,
}

/// Pages with forms of files.
const FORMS_OF_FILES: [(&str, &str); 2] = [("issue/many", "Issue many"), ("move-in", "Move in")];

/// The page of a refusal. The path is that of the request.
pub(crate) fn page(refusal: GuardRefusal, base: &str, path: &str) -> Response {
    let RefusalPage { status, title, sentence, link } = RefusalPage::of(refusal);
    let way = link.way(path.strip_prefix(base).unwrap_or_default());
    let link = way
        .map_or_else(String::new, |(page, words)| format!("<p><a href=\"{base}{page}\">{words}</a></p>\n"));
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title} \u{b7} Falconer</title>\n</head>\n<body>\n\
         <main>\n<h1>{title}</h1>\n<p>{sentence}</p>\n{link}</main>\n</body>\n</html>\n"
    );
    (status, Html(page)).into_response()
}

impl Link {
    fn way(self, page: &str) -> Option<(&'static str, &'static str)> {
        let of_form = FORMS_OF_FILES.into_iter().find(|(form, _)| self == Self::Form && page == *form);
        match self {
            Self::Nowhere => None,
            Self::Home | Self::Form => of_form.or(Some(("", "Home"))),
        }
    }
}

impl RefusalPage {
    const fn of(refusal: GuardRefusal) -> Self {
        let (status, title, sentence, link) = match refusal {
            GuardRefusal::Host => (
                StatusCode::MISDIRECTED_REQUEST,
                "Another name",
                "This name does not lead to the console. It answers to 127.0.0.1 and its port alone. Go on in its own \
                 window, or start <code>falconer console</code> again, which opens one.",
                Link::Nowhere,
            ),
            GuardRefusal::Path => (
                StatusCode::NOT_FOUND,
                "No such page",
                "There is no such page. The address may be of an earlier run of the console, and each run has addresses \
                 of its own. Go on in the window of this run, or start <code>falconer console</code> again, which opens \
                 one. What was confirmed in an earlier run is done, and all else is not.",
                Link::Nowhere,
            ),
            GuardRefusal::Cookie => (
                StatusCode::FORBIDDEN,
                "Not opened here",
                "This browser has not opened the console. Go on in the browser that has, or start <code>falconer \
                 console</code> again, which opens it.",
                Link::Nowhere,
            ),
            GuardRefusal::Ticket => (
                StatusCode::FORBIDDEN,
                "Opened before",
                "This console was opened before, and its file opens it once. Go on in that window, or start \
                 <code>falconer console</code> again. In the browser that has opened it, the link leads there, too.",
                Link::Home,
            ),
            GuardRefusal::Origin => (
                StatusCode::FORBIDDEN,
                "Not from the console",
                "A change has to come from a page of this console, and nothing was changed. Open the page again, and \
                 send its form from there.",
                Link::Home,
            ),
            GuardRefusal::Csrf => (
                StatusCode::FORBIDDEN,
                "Not a whole form",
                "This form lacks the token of this run: it did not come whole, or not from a page of this console. \
                 Nothing was changed. Open the page again, and send its form once more.",
                Link::Form,
            ),
            GuardRefusal::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "Too large",
                "The file is larger than 32 MiB, and nothing was done with it. Part it, or move it in by <code>falconer \
                 import</code>, which takes 1 GB.",
                Link::Form,
            ),
            GuardRefusal::Method => (
                StatusCode::METHOD_NOT_ALLOWED,
                "No such request",
                "Pages are read by GET, and changes made by POST.",
                Link::Home,
            ),
        };
        Self { status, title, sentence, link }
    }
}
