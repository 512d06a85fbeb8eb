//! What goes in.

use falconer_domain::hardware::ReceivedComponents;
use falconer_http::{Body, Call, Nonce, Origin, Problem, TypedKey, hardware};

/// A request, parsed.
pub(crate) struct VerifyRequest {
    pub(crate) license: TypedKey,
    pub(crate) origin: Option<Origin>,
    pub(crate) nonce: Option<Nonce>,
    pub(crate) hardware: Option<ReceivedComponents>,
}

impl VerifyRequest {
    /// Reads the members that count. Hardware that says nothing was not given.
    pub(crate) fn read(call: &Call) -> Result<Self, Problem> {
        let mut body = Body::read(call)?;
        let hardware = hardware::read(&mut body)?.components;
        let request = Self {
            license: body.license()?,
            origin: body.origin(),
            nonce: body.nonce()?,
            hardware: (!hardware.is_empty()).then_some(hardware),
        };
        body.finish(call);
        Ok(request)
    }
}
