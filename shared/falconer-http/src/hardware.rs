//! Hardware in a request: the object of today's client library, or the flat members of older ones.

use falconer_domain::hardware::{
    ComponentForm, FLAT_NAMES, Label, MAX_COMPONENT_CHARS, MIN_COMPONENT_CHARS, ReceivedComponents,
};

use crate::body::Body;
use crate::json_members::{Given, Member, Members, REPLACEMENT};
use crate::problem::Problem;

/// The form of components that today's client library sends; older clients name none.
const KEYED_FORMAT: f64 = 1.0;

/// What a request says of its machine.
#[derive(Clone, Debug)]
pub struct Hardware {
    /// Its components; those that say nothing (empty cells, placeholders and their hashes) are absent.
    pub components: ReceivedComponents,
    /// What they are made of.
    pub form: ComponentForm,
}

/// Reads what a body says of its machine. A part that cannot be used is set aside; the others prove what they prove.
///
/// # Errors
/// `INVALID_FIELD`: not an object, an unknown format, or parts of which every one was set aside. A machine that said
/// something unusable is never a machine that said nothing.
pub fn read(body: &mut Body) -> Result<Hardware, Problem> {
    let form = read_format(body)?;
    let found = match body.member(&["hardware"]).map(|(index, member)| (index, member.given())) {
        Some((index, given)) => {
            let found = Found::in_object(&object(given)?);
            body.take_without(index, found.aside.clone());
            found
        }
        None => read_flat(body),
    };
    match found.fault {
        Some(fault) if found.components.is_empty() => Err(fault),
        _ => Ok(Hardware { components: found.components, form }),
    }
}

fn read_format(body: &mut Body) -> Result<ComponentForm, Problem> {
    const NAMES: [&str; 2] = ["hardware_format", "hardwareFormat"];
    let Some((index, member)) = body.member(&NAMES) else { return Ok(ComponentForm::Opaque) };
    match member.given() {
        // As 1, as 1.0 where every number is a float, and as "1" where every value is a text.
        Given::Number(format) | Given::Text(format) if format.trim().parse() == Ok(KEYED_FORMAT) => {
            body.take(index, &NAMES);
            Ok(ComponentForm::Keyed)
        }
        _ => Err(Problem::field(&member.name, "must be 1 or absent")),
    }
}

/// The object, or the object inside a JSON text.
fn object(given: Given) -> Result<Members, Problem> {
    let members = match given {
        Given::Object(members) => Some(members),
        Given::Text(text) => Members::read(&text),
        _ => None,
    };
    members.ok_or_else(|| Problem::field("hardware", "must be an object of component labels and texts"))
}

/// Of the two sets of flat members the first that is present counts.
fn read_flat(body: &mut Body) -> Found {
    let mut found = Found::default();
    for set in FLAT_NAMES {
        let mut is_present = false;
        for (names, label) in set {
            let Some((index, member)) = body.member(names) else { continue };
            is_present = true;
            let name = member.name.clone();
            if found.add(label, &name, member) {
                body.take(index, names);
            }
        }
        if is_present {
            break;
        }
    }
    found
}

/// What was found of a machine.
#[derive(Default)]
struct Found {
    components: ReceivedComponents,
    /// Parts that were set aside, by the names that the caller gave them.
    aside: Vec<String>,
    /// Why the first of them was.
    fault: Option<Problem>,
}

impl Found {
    fn in_object(parts: &Members) -> Self {
        let mut found = Self::default();
        for (index, part) in parts.0.iter().enumerate().filter(|(_, part)| !part.is_nothing()) {
            let Some(label) = label(&part.name) else {
                found
                    .fault
                    .get_or_insert_with(|| Problem::field("hardware", "has a label that is not known here"));
                found.aside.push(part.name.clone());
                continue;
            };
            let counts = [label.as_str(), label.camel_case()].into_iter().find_map(|name| parts.find(name));
            if counts == Some(index) {
                if !found.add(label, &format!("hardware.{}", label.as_str()), part) {
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
            Given::Text(text) if !text.contains(REPLACEMENT) => self.components.insert(label, &text).is_ok(),
            Given::Text(_) => false,
            // A serial number of digits, as a language wrote it that thinks it a number.
            Given::Number(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                self.components.insert(label, &digits).is_ok()
            }
            _ => {
                self.fault.get_or_insert_with(|| Problem::field(field, "must be a string"));
                return false;
            }
        };
        if !taken {
            let rule =
                format!("must have {MIN_COMPONENT_CHARS} to {MAX_COMPONENT_CHARS} printable characters");
            self.fault.get_or_insert_with(|| Problem::field(field, &rule));
        }
        taken
    }
}

/// The label of a part, in either spelling.
fn label(name: &str) -> Option<Label> {
    Label::ALL.into_iter().find(|label| [label.as_str(), label.camel_case()].contains(&name))
}
