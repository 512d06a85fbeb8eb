//! The one place of a function where randomness is asked for.

use falconer_domain::hardware::DeviceId;
use uuid::Uuid;

use crate::problem::Problem;

/// An id for a device that may turn out to be new.
///
/// # Errors
/// `UNAVAILABLE`: the operating system gives no random bytes.
pub(crate) fn device_id() -> Result<DeviceId, Problem> {
    let mut bytes = [0; 10];
    #[expect(
        clippy::disallowed_methods,
        reason = "the shell asks for random bytes, the rules are handed them"
    )]
    getrandom::fill(&mut bytes).map_err(|why| {
        tracing::error!(error = %why, "no random bytes from the operating system");
        Problem::unavailable()
    })?;
    Ok(DeviceId::from_random(bytes))
}

/// A token for one transaction, or the id of a request that the gateway did not name.
pub(crate) fn id() -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "the shell asks for random bytes, the rules are handed them"
    )]
    let id = Uuid::new_v4();
    id.to_string()
}
