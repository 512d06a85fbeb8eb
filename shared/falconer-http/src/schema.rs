//! The bodies of the answers as schemas, read off the very structs that are serialized.

use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::answer::RefusalBody;
use crate::change::wire::{FreedBody, NoBody, YesBody};
use crate::problem::ProblemBody;
use crate::verdict::Yes;

/// Every body by its name, with what it refers to.
#[must_use]
pub fn bodies() -> Vec<(String, RefOr<Schema>)> {
    let mut found = Vec::new();
    add::<Yes<'static>>(&mut found);
    add::<YesBody<'static>>(&mut found);
    add::<FreedBody<'static>>(&mut found);
    add::<RefusalBody<'static>>(&mut found);
    add::<NoBody<'static>>(&mut found);
    add::<ProblemBody<'static>>(&mut found);
    found
}

fn add<T: ToSchema + PartialSchema>(found: &mut Vec<(String, RefOr<Schema>)>) {
    found.push((T::name().into_owned(), T::schema()));
    T::schemas(found);
}
