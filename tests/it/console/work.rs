//! Work on many, as the tests of each of its pages do it.

use falconer_tests::TestStack;

use super::{Browser, ConsoleAnswer};
use crate::manners::Folder;

/// Starts a console whose files lie in a folder of the test.
pub(crate) fn opened(stack: &TestStack, folder: &Folder) -> Browser {
    Browser::open(stack, &["--files", &folder.path("kept")])
}

/// The page of an answer that leads on.
pub(crate) fn page_of(browser: &Browser, answer: &ConsoleAnswer) -> String {
    assert_eq!(answer.status, 303, "{}", answer.text());
    answer.header("location").strip_prefix(&browser.base).expect("a page of the console").to_owned()
}

/// Looks at a file on the page of its kind of work, and returns its page when the look has ended.
pub(crate) fn looked_at(
    browser: &Browser,
    kind: &str,
    file: (&str, &[u8]),
    fields: &[(&str, &str)],
) -> (String, ConsoleAnswer) {
    let fields = [&[("product", "QF")], fields].concat();
    let page = page_of(browser, &browser.upload(kind, &fields, file));
    let answer = browser.ended(&page);
    assert_eq!(answer.status, 200, "{}", answer.text());
    (page, answer)
}

/// Runs what was looked at, and returns the page when the run has ended.
pub(crate) fn ran(browser: &Browser, page: &str) -> ConsoleAnswer {
    page_of(browser, &browser.post(&format!("{page}/run"), &[]));
    browser.ended(page)
}
