//! Requests that change a license, parsed.

use falconer_domain::hardware::{DeviceId, HashedComponents};
use falconer_domain::person::{DeviceName, Email, PersonName};
use falconer_domain::seats::Arrival;

use crate::body::Body;
use crate::call::Call;
use crate::fields::{self, Nonce, Origin, TypedKey};
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
    /// Reads a call that brings this and no more.
    ///
    /// # Errors
    /// Any problem of a body or a field.
    pub fn read(call: &Call) -> Result<Self, Problem> {
        let mut body = Body::read(call)?;
        let request = Self::of(&mut body)?;
        body.finish(call);
        Ok(request)
    }

    fn of(body: &mut Body) -> Result<Self, Problem> {
        Ok(Self {
            license: body.license()?,
            hardware: hardware::read(body)?,
            nonce: body.nonce()?,
            origin: body.origin(),
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

/// A request of a device for a seat.
#[derive(Debug)]
pub struct SeatRequest {
    /// What every change brings.
    pub change: ChangeRequest,
    licensee_name: Option<PersonName>,
    licensee_email: Option<Email>,
    device_name: Option<DeviceName>,
    fresh_id: DeviceId,
}

impl SeatRequest {
    /// Reads a call that brings this and no more.
    ///
    /// # Errors
    /// Any problem of a body or a field.
    pub fn read(call: &Call) -> Result<Self, Problem> {
        Ok(Self::read_with(call, |_| Ok(()))?.0)
    }

    /// Reads a call, and members of the endpoint's own.
    ///
    /// # Errors
    /// Any problem of a body or a field.
    pub fn read_with<T>(
        call: &Call,
        own: impl FnOnce(&mut Body) -> Result<T, Problem>,
    ) -> Result<(Self, T), Problem> {
        let mut body = Body::read(call)?;
        let request = Self {
            change: ChangeRequest::of(&mut body)?,
            licensee_name: body.line(&["licensee_name", "licenseeName"], fields::name),
            licensee_email: body.address(&["licensee_email", "licenseeEmail"]),
            device_name: body.line(&["device_name", "deviceName"], fields::name),
            fresh_id: random::device_id()?,
        };
        let own = own(&mut body)?;
        body.finish(call);
        Ok((request, own))
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
