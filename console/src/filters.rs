//! Filters of the templates.
#![expect(
    unreachable_pub,
    clippy::inline_always,
    clippy::unnecessary_wraps,
    clippy::unused_self,
    reason = "the macro of a filter writes so"
)]

use std::fmt::{Display, Write as _};

use askama::Values;
use askama::filters::{Html, Safe, escape};

use crate::views;

/// A sentence of which each part between two backticks is shown as code. All of it is escaped.
#[askama::filter_fn]
pub(crate) fn with_code(sentence: impl Display, _: &dyn Values) -> askama::Result<Safe<String>> {
    let sentence = sentence.to_string();
    let (mut html, mut rest) = (String::with_capacity(sentence.len()), sentence.as_str());
    while let Some((before, code, after)) = quoted(rest) {
        write!(html, "{}<code>{}</code>", escaped(before)?, escaped(code)?)?;
        rest = after;
    }
    write!(html, "{}", escaped(rest)?)?;
    Ok(Safe(html))
}

/// The text before the first two backticks, between and after them.
fn quoted(text: &str) -> Option<(&str, &str, &str)> {
    let (before, begun) = text.split_once('`')?;
    let (code, after) = begun.split_once('`')?;
    Some((before, code, after))
}

/// A number with its noun.
#[askama::filter_fn]
pub(crate) fn counted(count: impl Display, _: &dyn Values, noun: &str) -> askama::Result<String> {
    Ok(views::counted(count, noun))
}

fn escaped(text: &str) -> askama::Result<impl Display> {
    Ok(escape(text, Html)?.0)
}

#[cfg(test)]
mod tests {
    use crate::filters;

    #[derive(askama::Template)]
    #[template(ext = "html", source = "{{ sentence|with_code }}")]
    struct Page {
        sentence: &'static str,
    }

    #[test]
    fn commands_are_code_and_nothing_is_markup() {
        for (sentence, html) in [
            ("run `falconer list`, then `wait`", "run <code>falconer list</code>, then <code>wait</code>"),
            ("one ` alone", "one ` alone"),
            ("<b> `<script>` ` & \"", "&#60;b&#62; <code>&#60;script&#62;</code> ` &#38; &#34;"),
        ] {
            assert_eq!(Page { sentence }.to_string(), html);
        }
    }
}
