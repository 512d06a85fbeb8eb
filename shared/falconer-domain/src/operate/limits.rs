//! Limits that one license has of its own, in the place of its tier's.

use crate::license::License;
use crate::limits::{LimitsChange, LimitsRefusal};

/// Changes the limits that a license has of its own. A device reads them in its next lease.
///
/// # Errors
/// [`LimitsRefusal`].
pub fn set_limits(mut license: License, change: &LimitsChange) -> Result<License, LimitsRefusal> {
    license.limits = change.over(&license.limits)?;
    Ok(license)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::seats::tests::license;

    #[test]
    fn a_license_has_limits_of_its_own() {
        let change = LimitsChange::read(["agents=10"], []).unwrap();
        let after = set_limits(license(), &change).unwrap();
        assert_eq!(after, License { limits: Limits::read(["agents=10"]).unwrap(), ..license() });
        let back = LimitsChange::read([], ["agents"]).unwrap();
        assert_eq!(set_limits(after, &back), Ok(license()));
    }
}
