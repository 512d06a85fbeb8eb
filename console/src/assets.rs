//! The style sheet and the script, inside the program.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

const STYLE: &str = include_str!("../assets/console.css");
const SCRIPT: &str = include_str!("../assets/console.js");

pub(crate) async fn style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response()
}

pub(crate) async fn script() -> Response {
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The script of all pages together.
    const MAX_SCRIPT_BYTES: usize = 10 * 1024;

    #[test]
    fn script_is_small_and_loads_nothing() {
        assert!(SCRIPT.len() <= MAX_SCRIPT_BYTES, "{} bytes", SCRIPT.len());
        for text in [STYLE, SCRIPT] {
            for elsewhere in
                ["http:", "https:", "@import", "eval(", "innerHTML =", "localStorage", "document.cookie"]
            {
                assert!(!text.contains(elsewhere), "{elsewhere}");
            }
        }
    }
}
