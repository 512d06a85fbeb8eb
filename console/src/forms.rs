//! Fields of a form.

use std::borrow::Cow;

/// A form as it was sent. No `Debug`: it may hold a key or a person.
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a body; what is not a form has no fields.
    pub(crate) fn read(body: &[u8]) -> Self {
        let owned = |(name, value): (Cow<'_, str>, Cow<'_, str>)| (name.into_owned(), value.into_owned());
        Self(form_urlencoded::parse(body).map(owned).collect())
    }

    /// Every field, in its order.
    pub(crate) fn into_fields(self) -> Vec<(String, String)> {
        self.0
    }

    /// The first field of a name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// A field with something in it, without the blanks around it.
    pub(crate) fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).map(str::trim).filter(|text| !text.is_empty())
    }

    /// Every field of a name, such as ticked boxes.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}
