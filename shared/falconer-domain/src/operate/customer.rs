//! Corrections of who the customer is: what was mistyped when a license was issued, or has changed since.

use crate::issue::{self, OrderRefusal};
use crate::license::License;
use crate::operate::lift_erasure;
use crate::person::{Email, PersonName};

/// New entries for the customer of a license.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Correction {
    user_id: FieldChange<String>,
    email: FieldChange<Email>,
    name: FieldChange<PersonName>,
}

/// One entry of a correction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum FieldChange<T> {
    #[default]
    Kept,
    Cleared,
    Is(T),
}

impl<T> FieldChange<T> {
    /// Reads what was typed: nothing at all keeps the entry, and a blank text clears it.
    fn read(
        typed: Option<&str>,
        read: impl FnOnce(&str) -> Result<T, OrderRefusal>,
    ) -> Result<Self, OrderRefusal> {
        match typed {
            None => Ok(Self::Kept),
            Some(typed) if typed.trim().is_empty() => Ok(Self::Cleared),
            Some(typed) => read(typed).map(Self::Is),
        }
    }

    fn over(self, stored: Option<T>) -> Option<T> {
        match self {
            Self::Kept => stored,
            Self::Cleared => None,
            Self::Is(entered) => Some(entered),
        }
    }
}

impl Correction {
    /// Reads what was typed, as an order is read: `None` leaves an entry as it is, and a blank text clears it.
    ///
    /// # Errors
    /// [`OrderRefusal::Text`] or [`OrderRefusal::Email`].
    pub fn read(user: Option<&str>, email: Option<&str>, name: Option<&str>) -> Result<Self, OrderRefusal> {
        Ok(Self {
            user_id: FieldChange::read(user, issue::user_id)?,
            email: FieldChange::read(email, issue::email)?,
            name: FieldChange::read(name, issue::customers_name)?,
        })
    }
}

impl Correction {
    const fn names_somebody(&self) -> bool {
        matches!(self.user_id, FieldChange::Is(_))
            || matches!(self.email, FieldChange::Is(_))
            || matches!(self.name, FieldChange::Is(_))
    }
}

/// Corrects who the customer is.
///
/// The address that the first client sent stays beside the operator's. A transfer that has to name the customer's
/// e-mail is compared with the operator's where there is one: the corrected address counts from the next request on.
/// Where it was cleared, the client's address counts again.
///
/// An erased license to which the operator enters somebody is a customer's again: the mark of the erasure goes.
#[must_use]
pub fn set_customer(license: License, correction: &Correction) -> License {
    let license = if correction.names_somebody() { lift_erasure(license) } else { license };
    let Correction { user_id, email, name } = correction.clone();
    License {
        user_id: user_id.over(license.user_id),
        email: email.over(license.email),
        licensee_name: name.over(license.licensee_name),
        ..license
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seats::tests::license;

    fn issued() -> License {
        License {
            user_id: Some("u1".to_owned()),
            email: Email::read("mistyped@example.com").unwrap(),
            licensee_name: PersonName::read("Fixture Person").unwrap(),
            licensee_email: Email::read("dialog@example.com").unwrap(),
            ..license()
        }
    }

    fn corrected(user: Option<&str>, email: Option<&str>, name: Option<&str>) -> License {
        set_customer(issued(), &Correction::read(user, email, name).unwrap())
    }

    #[test]
    fn new_customer_lifts_an_erasure() {
        let erased = crate::operate::erase(issued(), crate::UnixMillis(1_800_000_000_000));
        let after = |email| set_customer(erased.clone(), &Correction::read(None, Some(email), None).unwrap());
        assert!(after("new@example.com").erased_at.is_none());
        assert_eq!(after(""), erased, "clearing names nobody");
    }

    #[test]
    fn entries_are_set_cleared_or_kept() {
        assert_eq!(corrected(None, None, None), issued());
        let one = corrected(None, Some(" Anna <Right@Example.com>"), None);
        let email = Email::read("right@example.com").unwrap();
        assert_eq!(one, License { email, ..issued() });
        for blank in ["", "  ", "\n"] {
            let none = corrected(Some(blank), Some(blank), Some(blank));
            assert_eq!(none, License { user_id: None, email: None, licensee_name: None, ..issued() });
        }
        let name = corrected(Some("  u2 "), None, Some("Zoe\u{308}"));
        assert_eq!(name.user_id.as_deref(), Some("u2"));
        assert_eq!(name.licensee_name.unwrap().as_str(), "Zo\u{EB}");
    }

    #[test]
    fn what_an_order_would_refuse_is_refused() {
        let refused = |user, email, name| Correction::read(user, email, name).unwrap_err();
        let long = "x".repeat(256);
        assert_eq!(refused(Some("\u{200B}"), None, None), OrderRefusal::Text("user"));
        assert_eq!(refused(Some(&long), None, None), OrderRefusal::Text("user"));
        assert_eq!(refused(None, None, Some(&long)), OrderRefusal::Text("name"));
        assert_eq!(refused(None, Some("\u{200B}"), None), OrderRefusal::Text("email"));
        assert_eq!(refused(None, Some("nobody"), None), OrderRefusal::Email);
    }
}
