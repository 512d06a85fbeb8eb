//! Hardware in a request: the object of today's client library, or the flat members of older ones.

use falconer_domain::hardware::{
    ComponentForm, FLAT_NAMES, Label, MAX_COMPONENT_CHARS, MIN_COMPONENT_CHARS, ReceivedComponents,
};
use serde_json::Value;

use crate::body::Body;
use crate::problem::Problem;

/// The form of components that today's client library sends; older clients name none.
const KEYED_FORMAT: u64 = 1;

/// What a request says of its machine.
#[derive(Clone, Debug)]
pub struct Hardware {
    /// Its components; those that say nothing (empty cells, placeholders and their hashes) are absent.
    pub components: ReceivedComponents,
    /// What they are made of.
    pub form: ComponentForm,
}

/// Reads what a body says of its machine.
///
/// # Errors
/// `INVALID_FIELD`: not an object of texts, an unknown label, a component of the wrong length, an unknown format.
pub fn read(body: &Body) -> Result<Hardware, Problem> {
    let form = match body.member(&["hardware_format", "hardwareFormat"]) {
        None => ComponentForm::Opaque,
        Some((_, format)) if format.as_u64() == Some(KEYED_FORMAT) => ComponentForm::Keyed,
        Some((name, _)) => return Err(Problem::field(name, "must be 1 or absent")),
    };
    let mut components = ReceivedComponents::default();
    if let Some((_, hardware)) = body.member(&["hardware"]) {
        read_object(hardware, &mut components)?;
    } else {
        read_flat(body, &mut components)?;
    }
    Ok(Hardware { components, form })
}

fn read_object(hardware: &Value, components: &mut ReceivedComponents) -> Result<(), Problem> {
    let Value::Object(members) = hardware else {
        return Err(Problem::field("hardware", "must be an object of component labels and texts"));
    };
    // Labels are known by name, so there are at most seven of them; more members mean an unknown one.
    for (name, value) in members {
        let label = Label::parse(name)
            .ok_or_else(|| Problem::field("hardware", "has a label that is not known here"))?;
        insert(label, &format!("hardware.{}", label.as_str()), value, components)?;
    }
    Ok(())
}

fn read_flat(body: &Body, components: &mut ReceivedComponents) -> Result<(), Problem> {
    for set in FLAT_NAMES {
        let present: Vec<_> =
            set.into_iter().filter_map(|(names, label)| Some((body.member(names)?, label))).collect();
        for ((name, value), label) in &present {
            insert(*label, name, value, components)?;
        }
        if !present.is_empty() {
            break;
        }
    }
    Ok(())
}

fn insert(
    label: Label,
    field: &str,
    value: &Value,
    components: &mut ReceivedComponents,
) -> Result<(), Problem> {
    let text = match value {
        Value::Null => return Ok(()),
        Value::String(text) => text,
        _ => return Err(Problem::field(field, "must be a string")),
    };
    let rule = format!("must have {MIN_COMPONENT_CHARS} to {MAX_COMPONENT_CHARS} printable characters");
    components.insert(label, text).map_err(|_| Problem::field(field, &rule))
}
