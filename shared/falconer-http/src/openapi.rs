//! Schemas of all bodies, derived from the structs that are serialized.

use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::change::response::{DeactivateResponse, SeatRefusalResponse, SeatResponse};
use crate::problem::ProblemBody;
use crate::response::RefusalResponse;
use crate::verify_response::VerifyResponse;

/// Returns every schema by its name, with the schemas it refers to.
#[must_use]
pub fn bodies() -> Vec<(String, RefOr<Schema>)> {
    let mut found = Vec::new();
    add::<VerifyResponse<'static>>(&mut found);
    add::<SeatResponse<'static>>(&mut found);
    add::<DeactivateResponse<'static>>(&mut found);
    add::<RefusalResponse<'static>>(&mut found);
    add::<SeatRefusalResponse<'static>>(&mut found);
    add::<ProblemBody<'static>>(&mut found);
    found
}

fn add<T: ToSchema + PartialSchema>(found: &mut Vec<(String, RefOr<Schema>)>) {
    found.push((T::name().into_owned(), T::schema()));
    T::schemas(found);
}
