//! The pages, one file each.

pub(crate) mod change;
pub(crate) mod home;
pub(crate) mod license;
pub(crate) mod licenses;
pub(crate) mod look;
