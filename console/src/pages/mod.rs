//! The pages, one file each.

pub(crate) mod bulk;
pub(crate) mod catalog;
pub(crate) mod change;
pub(crate) mod confirm;
pub(crate) mod explain;
pub(crate) mod history;
pub(crate) mod home;
pub(crate) mod issue;
pub(crate) mod issue_many;
pub(crate) mod keyring;
pub(crate) mod license;
pub(crate) mod licenses;
pub(crate) mod look;
pub(crate) mod move_in;
pub(crate) mod work;
