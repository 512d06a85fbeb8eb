//! The body of a request to verify.

use falconer_domain::hardware::ReceivedComponents;
use falconer_http::{Credentials, Problem, Request, RequestBody, hardware};

/// A parsed body.
pub(crate) struct VerifyRequest {
    pub(crate) credentials: Credentials,
    /// `None` if every component is absent or a placeholder.
    pub(crate) hardware: Option<ReceivedComponents>,
}

impl VerifyRequest {
    pub(crate) fn read(request: &Request) -> Result<Self, Problem> {
        let mut body = RequestBody::read(request)?;
        let hardware = hardware::read(&mut body)?.components;
        let read =
            Self { credentials: body.credentials()?, hardware: (!hardware.is_empty()).then_some(hardware) };
        body.finish(request);
        Ok(read)
    }
}
