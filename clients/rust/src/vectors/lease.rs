//! The profile `lease`.

use crate::trust::TrustedKeys;
use crate::vectors::{public_keys, read, run};

#[test]
fn answers_are_read_as_specified() {
    run("lease", 150, |given| read(given, &TrustedKeys::of(&public_keys(&given["keys"]), None)));
}
