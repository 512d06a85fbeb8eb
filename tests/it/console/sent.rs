//! Forms of a page, as a browser fills and sends them.

use super::{Browser, ConsoleAnswer, unescaped};

/// A form with the fields that a browser would send.
#[derive(Clone, Debug)]
pub(crate) struct PageForm {
    id: String,
    /// Below the path of the run.
    pub(crate) action: String,
    pub(crate) fields: Vec<Field>,
}

/// A field of a form.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) value: String,
    /// True if a person sees it.
    pub(crate) is_seen: bool,
    /// False for a box or a choice that is not taken.
    pub(crate) is_sent: bool,
    is_of_several: bool,
}

impl PageForm {
    /// The value that is sent of a field.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|field| field.name == name && field.is_sent).map(|field| field.value.as_str())
    }

    /// Names of the fields that a person sees.
    pub(crate) fn seen(&self) -> Vec<&str> {
        self.fields.iter().filter(|field| field.is_seen).map(|field| field.name.as_str()).collect()
    }

    /// Types into a field, or takes the box or the choice of this value.
    pub(crate) fn fill(mut self, name: &str, value: &str) -> Self {
        let several = self.fields.iter().any(|field| field.name == name && field.is_of_several);
        let mut is_there = false;
        for field in self.fields.iter_mut().filter(|field| field.name == name) {
            if several {
                field.is_sent =
                    (field.value == value) || (name == "license" || name == "release") && field.is_sent;
            } else {
                value.clone_into(&mut field.value);
            }
            is_there |= !several || field.value == value;
        }
        assert!(is_there, "no field {name} for {value}: {self:?}");
        self
    }

    pub(crate) fn send(&self, browser: &Browser) -> ConsoleAnswer {
        let sent = self.fields.iter().filter(|field| field.is_sent && field.name != "csrf");
        let sent: Vec<_> = sent.map(|field| (field.name.as_str(), field.value.as_str())).collect();
        browser.post(&self.action, &sent)
    }
}

impl ConsoleAnswer {
    /// The first form of the page that goes to an address which ends so.
    pub(crate) fn form(&self, browser: &Browser, end: &str) -> PageForm {
        let forms = self.forms(browser).into_iter();
        let mut fitting = forms.filter(|form| form.action.ends_with(end));
        fitting.next().unwrap_or_else(|| panic!("no form to {end}: {}", self.text()))
    }

    /// The form of a change.
    pub(crate) fn form_of(&self, browser: &Browser, action: &str) -> PageForm {
        let forms = self.forms(browser).into_iter();
        let mut fitting = forms.filter(|form| form.get("action") == Some(action));
        fitting.next().unwrap_or_else(|| panic!("no form of {action}: {}", self.text()))
    }

    pub(crate) fn forms(&self, browser: &Browser) -> Vec<PageForm> {
        let mut forms: Vec<PageForm> = Vec::new();
        let mut fields: Vec<(String, Field)> = Vec::new();
        let mut inside = String::new();
        let mut select = None;
        for piece in self.body.split('<').skip(1) {
            let (tag, text) = piece.split_once('>').unwrap_or((piece, ""));
            let of = |name: &str| attribute(tag, name);
            let field = |name: String, value: String, is_sent: bool, is_of_several: bool| Field {
                name,
                value,
                is_seen: of("type").as_deref() != Some("hidden"),
                is_sent,
                is_of_several,
            };
            let form = of("form").unwrap_or_else(|| inside.clone());
            let is_checked = tag.contains(" checked");
            match tag.split([' ', '/']).next().unwrap_or_default() {
                "form" => {
                    inside = of("id").unwrap_or_else(|| format!("form {}", forms.len()));
                    let action = of("action").unwrap_or_default();
                    let action = action.strip_prefix(&browser.base).unwrap_or(&action).to_owned();
                    forms.push(PageForm { id: inside.clone(), action, fields: Vec::new() });
                }
                "input" => {
                    let Some(name) = of("name") else { continue };
                    let is_box = matches!(of("type").as_deref(), Some("checkbox" | "radio"));
                    let value = of("value").unwrap_or_default();
                    fields.push((form, field(name, value, !is_box || is_checked, is_box)));
                }
                "textarea" => {
                    let value = unescaped(text.strip_prefix('\n').unwrap_or(text));
                    fields.push((form, field(of("name").unwrap(), value, true, false)));
                }
                "select" => select = of("name"),
                "option" => {
                    let Some(name) = select.clone() else { continue };
                    let value = of("value").unwrap_or_else(|| unescaped(text));
                    let is_first = fields.last().is_none_or(|(_, last)| last.name != name);
                    let is_selected = tag.contains(" selected");
                    if is_selected {
                        let earlier = fields.iter_mut().rev().take_while(|(_, earlier)| earlier.name == name);
                        earlier.for_each(|(_, earlier)| earlier.is_sent = false);
                    }
                    fields.push((form, field(name, value, is_first || is_selected, true)));
                }
                "" if tag.starts_with("/select") => select = None,
                "" if tag.starts_with("/form") => inside.clear(),
                _ => {}
            }
        }
        for (of, field) in fields {
            if let Some(form) = forms.iter_mut().find(|form| form.id == of) {
                form.fields.push(field);
            }
        }
        forms
    }

    /// The address of a link with these words, below the path of the run.
    pub(crate) fn link(&self, browser: &Browser, words: &str) -> String {
        let mut links = self.body.split("<a ").skip(1).filter_map(|piece| {
            let (tag, text) = piece.split_once('>')?;
            text.starts_with(words).then(|| attribute(&format!(" {tag}"), "href")).flatten()
        });
        let link = links.next().unwrap_or_else(|| panic!("no link {words}: {}", self.text()));
        link.strip_prefix(&browser.base).unwrap_or(&link).to_owned()
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    rest.split('"').next().map(unescaped)
}
