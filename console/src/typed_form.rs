//! Forms that were sent, kept to be changed once more: the way back from a preview or an error leads to the same form with
//! everything that was typed. A form names its page in a field, under an id that says nothing.

use falconer_operator::words;

use crate::forms::Form;
use crate::guard::CSRF_FIELD;
use crate::kept::Keepable;
use crate::shell::Shell;
use crate::tokens::{self, Token};
use crate::trouble::Trouble;

/// Field with the page of a form, which is kept.
pub(crate) const BACK_FIELD: &str = "back";
/// Field with the page that a confirmation came from.
pub(crate) const FROM_FIELD: &str = "from";
/// Name of the id in the address of a form's page.
const FORM_QUERY: &str = "form=";
/// Longest address of a page, without the path of the run: a list that goes on after a license has some 100 characters.
const MAX_PAGE_CHARS: usize = 200;

/// Fields with what was typed into them. No `Debug`: they may be about a person.
#[derive(Default)]
pub(crate) struct Typed {
    fields: Vec<(String, String)>,
}

/// The page of a form, and what was typed into the form before.
pub(crate) struct FormPage {
    /// The address that shows the form filled, below the path of the run.
    pub(crate) back: String,
    pub(crate) typed: Typed,
}

static NOTHING: Typed = Typed { fields: Vec::new() };

impl Typed {
    /// The fields of a form, without its token and its page, and without what hides: the forms leave that out, too.
    pub(crate) fn of(form: &Form) -> Self {
        let typed = form.fields().iter().filter(|(name, _)| name != CSRF_FIELD && name != BACK_FIELD);
        let seen = |(name, value): &(String, String)| (name.clone(), shown(value));
        Self { fields: typed.map(seen).collect() }
    }

    /// The same, if the form was for this change, else nothing.
    pub(crate) fn of_action(&self, action: &str) -> &Self {
        if self.ticked("action", action) { self } else { &NOTHING }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The typed text of a field.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// The typed text of a field, else the text that it begins with.
    pub(crate) fn text<'a>(&'a self, name: &str, first: &'a str) -> &'a str {
        self.get(name).unwrap_or(first)
    }

    /// True if a value is the chosen one of several, of which one is chosen at first.
    pub(crate) fn chosen(&self, name: &str, value: &str, first: &str) -> bool {
        self.text(name, first) == value
    }

    /// True if a box of this value was ticked.
    pub(crate) fn ticked(&self, name: &str, value: &str) -> bool {
        self.fields.iter().any(|(field, ticked)| field == name && ticked == value)
    }
}

impl Keepable for Typed {}

impl FormPage {
    /// The form of a page that is asked for: filled where the address has the id of a form that was sent.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub(crate) fn asked(shell: &Shell, page: &str, query: &[(String, String)]) -> Result<Self, Trouble> {
        let name = FORM_QUERY.trim_end_matches('=');
        let id =
            query.iter().find(|(field, id)| field == name && tokens::is_id(id)).map(|(_, id)| id.clone());
        let id = id.map_or_else(|| Token::fresh().map(|id| id.as_str().to_owned()), Ok)?;
        let typed = shell.drafts.get(&id).map(|typed| Typed { fields: typed.fields.clone() });
        let sign = if page.contains('?') { '&' } else { '?' };
        Ok(Self { back: format!("{page}{sign}{FORM_QUERY}{id}"), typed: typed.unwrap_or_default() })
    }

    /// The form that was just sent, to be mended.
    pub(crate) fn sent(form: &Form, page: &str) -> Self {
        let back = page_of(form, BACK_FIELD).unwrap_or(page).to_owned();
        Self { back, typed: Typed::of(form) }
    }

    /// The fields, if the form was for this change.
    pub(crate) fn of(&self, action: &str) -> &Typed {
        self.typed.of_action(action)
    }
}

/// Keeps a form that names its page.
pub(crate) fn keep(shell: &Shell, form: &Form) {
    if let Some(id) = page_of(form, BACK_FIELD).and_then(id_in) {
        shell.drafts.keep_as(id, Typed::of(form));
    }
}

/// Forgets the form of a change that is made.
pub(crate) fn forget(shell: &Shell, confirmation: &Form) {
    if let Some(id) = page_of(confirmation, FROM_FIELD).and_then(id_in) {
        shell.drafts.take(id);
    }
}

/// The page that a field names, below the path of the run.
pub(crate) fn page_of<'a>(form: &'a Form, field: &str) -> Option<&'a str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-/?=&".contains(c);
    let is_page = |page: &&str| {
        (1..=MAX_PAGE_CHARS).contains(&page.len()) && page.chars().all(plain) && !page.starts_with('/')
    };
    form.get(field).filter(is_page)
}

/// A text without what hides or turns letters around.
pub(crate) fn shown(text: &str) -> String {
    words::lines(&text.replace('\r', "")).into_owned()
}

fn id_in(page: &str) -> Option<&str> {
    page.rsplit_once(FORM_QUERY).map(|(_, id)| id).filter(|id| tokens::is_id(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_of_a_form_is_below_the_run() {
        let of = |page: &str| Form::read(format!("back={page}").as_bytes());
        for page in ["issue?form=0", "license/lic_1", "licenses?ending=30&after=lic_1&form=2"] {
            assert_eq!(page_of(&of(&page.replace('&', "%26")), BACK_FIELD), Some(page));
        }
        for page in ["", "//evil.example", "/x", "http://evil.example", "..", "x%22", &"x".repeat(201)] {
            assert_eq!(page_of(&of(page), BACK_FIELD), None, "{page}");
        }
        let id = "0".repeat(32);
        assert_eq!(id_in(&format!("issue?form={id}")), Some(id.as_str()));
        assert_eq!((id_in("issue"), id_in("issue?form=0")), (None, None));
    }

    #[test]
    fn typed_fields_are_those_of_their_change() {
        let typed =
            Typed::of(&Form::read(b"csrf=x&back=y&action=extend&days=&release=a&release=b&n=1%0D%0A2"));
        assert_eq!((typed.get("csrf"), typed.get("back")), (None, None));
        let extend = typed.of_action("extend");
        assert_eq!(
            (extend.text("days", "365"), extend.text("until", "2027"), extend.text("n", "")),
            ("", "2027", "1\n2")
        );
        assert!(extend.ticked("release", "b") && !extend.ticked("release", "c"));
        assert!(typed.of_action("note").is_empty() && typed.of_action("note").chosen("term", "days", "days"));
    }
}
