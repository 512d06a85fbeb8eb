//! Requests that change a license, parsed.

use falconer_domain::hardware::{DeviceId, HashedComponents};
use falconer_domain::person::{DeviceName, Email, PersonName};
use falconer_domain::seats::Arrival;

use crate::body::Body;
use crate::call::Call;
use crate::fields::{Nonce, Origin, TypedKey};
use crate::hardware::{self, Hardware};
use crate::problem::Problem;
use crate::random;

/// What every request to change a license brings.
#[derive(Debug)]
pub struct ChangeRequest {
    pub(crate) license: TypedKey,
    pub(crate) hardware: Hardware,
    pub(crate) nonce: Option<Nonce>,
    pub(crate) origin: Option<Origin>,
}

impl ChangeRequest {
    /// Reads it.
    ///
    /// # Errors
    /// `MISSING_LICENSE` or `INVALID_FIELD`.
    pub fn read(body: &Body) -> Result<Self, Problem> {
        Ok(Self {
            license: body.license()?,
            hardware: hardware::read(body)?,
            nonce: body.nonce()?,
            origin: body.origin()?,
        })
    }
}

/// What a device asks of its seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// To have one, also if it holds none yet.
    ToHold,
    /// To be seen in the one it holds, and nothing if it holds none.
    ToBeSeen,
}

/// A request of a device for a seat. `status`, which S2's clients send, is not among its members: clients set no state.
#[derive(Debug)]
pub struct SeatRequest {
    /// What every change brings.
    pub change: ChangeRequest,
    /// The body, for members of the endpoint's own.
    pub body: Body,
    licensee_name: Option<PersonName>,
    licensee_email: Option<Email>,
    device_name: Option<DeviceName>,
    fresh_id: DeviceId,
}

impl SeatRequest {
    /// Reads it.
    ///
    /// # Errors
    /// Any problem of a body or a field.
    pub fn read(call: &Call) -> Result<Self, Problem> {
        let body = Body::read(call)?;
        Ok(Self {
            change: ChangeRequest::read(&body)?,
            licensee_name: body.line(&["licensee_name", "licenseeName"], PersonName::read)?,
            licensee_email: body.line(&["licensee_email", "licenseeEmail"], Email::read)?,
            device_name: body.line(&["device_name", "deviceName"], DeviceName::read)?,
            fresh_id: random::device_id()?,
            body,
        })
    }

    /// The device that asks, its components hashed as the license stores them.
    #[must_use]
    pub fn arrival<'a>(&'a self, hardware: &'a HashedComponents) -> Arrival<'a> {
        Arrival {
            hardware,
            form: self.change.hardware.form,
            device_name: self.device_name.as_ref(),
            licensee_name: self.licensee_name.as_ref(),
            licensee_email: self.licensee_email.as_ref(),
            fresh_id: &self.fresh_id,
        }
    }
}
