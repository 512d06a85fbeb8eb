//! Hardware in JSON: the object of today's client library, or the flat members of older ones. The functions and
//! `falconer explain` read it here.

use super::{ComponentForm, FLAT_NAMES, Label, MAX_COMPONENT_CHARS, MIN_COMPONENT_CHARS, ReceivedComponents};
use crate::members::{Given, Member, Members, NO_CHARACTER};

/// The form of components that today's client library sends; older clients name none.
const KEYED_FORMAT: f64 = 1.0;
/// The member with the object of parts.
const OBJECT: &str = "hardware";
/// The member with the form of the parts.
const FORMAT: [&str; 2] = ["hardware_format", "hardwareFormat"];

/// The hardware in a request.
#[derive(Clone, Debug)]
pub struct Hardware {
    /// The components; those that say nothing (empty cells, placeholders and their hashes) are absent.
    pub components: ReceivedComponents,
    /// The content of the components.
    pub form: ComponentForm,
    /// The members that were read, and how much of each.
    pub used: Vec<Used>,
}

/// A member that was read, by its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Used {
    /// All of it, and with it those of its other names that say the same.
    Whole(usize, &'static [&'static str]),
    /// All but these parts of it.
    Without(usize, Vec<String>),
}

/// An unusable part of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {rule}")]
pub struct Fault {
    /// The member.
    pub field: String,
    /// The rule it breaks.
    pub rule: String,
}

impl Fault {
    fn of(field: &str, rule: &str) -> Self {
        Self { field: field.to_owned(), rule: rule.to_owned() }
    }
}

impl Hardware {
    /// Reads what a request says of its machine. A part that cannot be used is set aside; the others prove what they
    /// prove.
    ///
    /// # Errors
    /// [`Fault`]: not an object, an unknown format, or parts of which every one was set aside. A machine that said
    /// something unusable is never a machine that said nothing.
    pub fn read(request: &Members) -> Result<Self, Fault> {
        let (form, format) = read_format(request)?;
        let mut found = match request.find(OBJECT).map(|index| (index, request.0[index].given())) {
            Some((index, given)) => {
                let mut found = Found::in_object(&object(given)?);
                found.used.push(Used::Without(index, std::mem::take(&mut found.aside)));
                found
            }
            None => read_flat(request),
        };
        found.used.extend(format);
        found.whole(form)
    }

    /// Reads the object of parts alone, as [`Self::read`] reads it inside a request.
    ///
    /// # Errors
    /// [`Fault`]: every part was set aside.
    pub fn read_parts(parts: &Members) -> Result<Self, Fault> {
        let mut found = Found::in_object(parts);
        found.used.push(Used::Without(0, std::mem::take(&mut found.aside)));
        found.whole(ComponentForm::Opaque)
    }

    /// Returns true if a request says anything of its machine.
    #[must_use]
    pub fn is_in(request: &Members) -> bool {
        let flat = FLAT_NAMES.into_iter().flatten().flat_map(|(names, _)| names.iter().copied());
        flat.chain([OBJECT]).any(|name| request.find(name).is_some())
    }
}

fn read_format(request: &Members) -> Result<(ComponentForm, Option<Used>), Fault> {
    let Some((index, member)) = member(request, &FORMAT) else { return Ok((ComponentForm::Opaque, None)) };
    match member.given() {
        // As 1, as 1.0 where every number is a float, and as "1" where every value is a text.
        Given::Number(format) | Given::Text(format) if format.trim().parse() == Ok(KEYED_FORMAT) => {
            Ok((ComponentForm::Keyed, Some(Used::Whole(index, &FORMAT))))
        }
        _ => Err(Fault::of(&member.name, "must be 1 or absent")),
    }
}

fn member<'m>(members: &'m Members, names: &[&str]) -> Option<(usize, &'m Member)> {
    let index = names.iter().find_map(|name| members.find(name))?;
    Some((index, &members.0[index]))
}

/// The object, or the object inside a JSON text.
fn object(given: Given) -> Result<Members, Fault> {
    let members = match given {
        Given::Object(members) => Some(members),
        Given::Text(text) => Members::read(&text),
        _ => None,
    };
    members.ok_or_else(|| Fault::of(OBJECT, "must be an object of component labels and texts"))
}

/// Of the two sets of flat members the first that is present counts.
fn read_flat(request: &Members) -> Found {
    let mut found = Found::default();
    for set in FLAT_NAMES {
        let mut is_present = false;
        for (names, label) in set {
            let Some((index, member)) = member(request, names) else { continue };
            is_present = true;
            if found.add(label, &member.name, member) {
                found.used.push(Used::Whole(index, names));
            }
        }
        if is_present {
            break;
        }
    }
    found
}

/// The parts that were found.
#[derive(Default)]
struct Found {
    components: ReceivedComponents,
    used: Vec<Used>,
    /// Parts that were set aside, by the names that the caller gave them.
    aside: Vec<String>,
    /// Why the first of them was.
    fault: Option<Fault>,
}

impl Found {
    fn whole(self, form: ComponentForm) -> Result<Hardware, Fault> {
        match self.fault {
            Some(fault) if self.components.is_empty() => Err(fault),
            _ => Ok(Hardware { components: self.components, form, used: self.used }),
        }
    }

    fn in_object(parts: &Members) -> Self {
        let mut found = Self::default();
        for (index, part) in parts.0.iter().enumerate().filter(|(_, part)| !part.is_nothing()) {
            let Some(label) = label(&part.name) else {
                found.fault.get_or_insert_with(|| Fault::of(OBJECT, "has a label that is not known here"));
                found.aside.push(part.name.clone());
                continue;
            };
            let counts = [label.as_str(), label.camel_case()].into_iter().find_map(|name| parts.find(name));
            if counts == Some(index) {
                if !found.add(label, &format!("{OBJECT}.{}", label.as_str()), part) {
                    found.aside.push(part.name.clone());
                }
            } else if counts.is_some_and(|other| !parts.0[other].says_what(part)) {
                found.aside.push(part.name.clone());
            }
        }
        found
    }

    /// Takes a part, and says whether it could be taken.
    fn add(&mut self, label: Label, field: &str, part: &Member) -> bool {
        let taken = match part.given() {
            Given::Text(text) if !text.contains(NO_CHARACTER) => self.components.insert(label, &text).is_ok(),
            Given::Text(_) => false,
            // A serial number of digits, as a language wrote it that thinks it a number.
            Given::Number(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                self.components.insert(label, &digits).is_ok()
            }
            _ => {
                self.fault.get_or_insert_with(|| Fault::of(field, "must be a string"));
                return false;
            }
        };
        if !taken {
            let rule =
                format!("must have {MIN_COMPONENT_CHARS} to {MAX_COMPONENT_CHARS} printable characters");
            self.fault.get_or_insert_with(|| Fault::of(field, &rule));
        }
        taken
    }
}

/// The label of a part, in either spelling.
fn label(name: &str) -> Option<Label> {
    Label::ALL.into_iter().find(|label| [label.as_str(), label.camel_case()].contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(hardware: &Hardware) -> Vec<Label> {
        hardware.components.iter().map(|(label, _)| label).collect()
    }

    #[test]
    fn a_request_or_its_parts_alone_say_the_same() {
        let parts =
            r#"{"machineId":"machine-number-1","mac":"00:11:22:33:44:55","colour":"red","board":null}"#;
        let alone = Hardware::read_parts(&Members::read(parts).unwrap()).unwrap();
        let request = format!(r#"{{"license":"x","hardware":{parts},"hardwareFormat":"1"}}"#);
        let request = Members::read(&request).unwrap();
        assert!(Hardware::is_in(&request) && !Hardware::is_in(&Members::read(parts).unwrap()));
        let inside = Hardware::read(&request).unwrap();
        assert_eq!((labels(&inside), inside.form), (labels(&alone), ComponentForm::Keyed));
        assert_eq!(labels(&alone), [Label::MachineId, Label::Mac]);
        assert_eq!(inside.used[0], Used::Without(1, vec!["colour".to_owned()]));
        let nothing = Members::read(r#"{"hardware":{"colour":"red"}}"#).unwrap();
        let fault = Hardware::read(&nothing).unwrap_err();
        assert_eq!(fault.to_string(), "hardware has a label that is not known here");
        assert!(Hardware::read(&Members::default()).unwrap().components.is_empty());
    }

    #[test]
    fn parts_are_texts_or_digits() {
        let read = |mac: &str, format: &str| {
            let request = format!(r#"{{"hardware":{{"mac":{mac}}},"hardware_format":{format}}}"#);
            Hardware::read(&Members::read(&request).unwrap()).map(|hardware| labels(&hardware))
        };
        let fault = |mac, format| read(mac, format).unwrap_err().to_string();
        for (mac, format) in
            [("\"00:11:22:33:44:55\"", "1"), ("583920174635", "1.0"), ("\"abcdefgh\"", "\"1\"")]
        {
            assert_eq!(read(mac, format).unwrap(), [Label::Mac], "{mac} {format}");
        }
        for format in ["2", "\"2\"", "0", "true"] {
            assert_eq!(fault("\"00:11:22:33:44:55\"", format), "hardware_format must be 1 or absent");
        }
        for mac in ["-12345678", "1234567.5", "true"] {
            assert_eq!(fault(mac, "1"), "hardware.mac must be a string", "{mac}");
        }
        for mac in ["\"qz\"", "\"abc\\ud83defgh\""] {
            assert!(fault(mac, "1").contains("printable characters"), "{mac}");
        }
    }

    #[test]
    fn flat_members_are_hardware_too() {
        let request = r#"{"license":"x","hw1":"00:11:22:33:44:55","hw3":"board-number-1"}"#;
        let read = Hardware::read(&Members::read(request).unwrap()).unwrap();
        assert_eq!(labels(&read), [Label::Mac, Label::Board], "{read:?}");
    }
}
