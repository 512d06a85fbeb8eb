//! Hardware in a request, as the rules read it; the body remembers what of it was taken.

use falconer_domain::hardware::{Fault, Used};

use crate::body::RequestBody;
use crate::problem::Problem;

pub use falconer_domain::hardware::Hardware;

/// Reads what a body says of its machine.
///
/// # Errors
/// `INVALID_FIELD`: not an object, an unknown format, or parts of which every one was set aside.
pub fn read(body: &mut RequestBody) -> Result<Hardware, Problem> {
    let hardware =
        Hardware::read(body.members()).map_err(|Fault { field, rule }| Problem::field(&field, &rule))?;
    for used in &hardware.used {
        match used {
            Used::Whole(index, names) => body.take(*index, names),
            Used::Without(index, parts) => body.take_without(*index, parts.clone()),
        }
    }
    Ok(hardware)
}
