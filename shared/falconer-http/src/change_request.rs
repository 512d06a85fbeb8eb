//! Bodies of requests that change a license.

use falconer_domain::hardware::{DeviceId, HashedComponents};
use falconer_domain::person::{DeviceName, Email, PersonName};
use falconer_domain::seats::SeatRequest;

use crate::body::RequestBody;
use crate::fields::{self, Credentials};
use crate::hardware::{self, Hardware};
use crate::problem::Problem;
use crate::random;
use crate::request::Request;

/// The members of every request that changes a license.
#[derive(Debug)]
pub struct ChangeRequest {
    pub(crate) credentials: Credentials,
    pub(crate) hardware: Hardware,
}

impl ChangeRequest {
    /// Reads a body that has these members alone.
    ///
    /// # Errors
    /// Any problem of a body or a field.
    pub fn read(request: &Request) -> Result<Self, Problem> {
        let mut body = RequestBody::read(request)?;
        let read = Self::of(&mut body)?;
        body.finish(request);
        Ok(read)
    }

    fn of(body: &mut RequestBody) -> Result<Self, Problem> {
        Ok(Self { credentials: body.credentials()?, hardware: hardware::read(body)? })
    }
}

/// The purpose of a request to activate-sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeatPurpose {
    /// Hold a seat, also if the device has none yet.
    Hold,
    /// Update the seat that the device holds. A device without one does not get one.
    Refresh,
}

/// A request for a seat.
#[derive(Debug)]
pub struct SeatChangeRequest {
    /// The members of every change.
    pub change: ChangeRequest,
    licensee_name: Option<PersonName>,
    licensee_email: Option<Email>,
    device_name: Option<DeviceName>,
    fresh_id: DeviceId,
}

impl SeatChangeRequest {
    /// Reads a body that has these members alone.
    ///
    /// # Errors
    /// Any problem of a body or a field.
    pub fn read(request: &Request) -> Result<Self, Problem> {
        Ok(Self::read_with(request, |_| Ok(()))?.0)
    }

    /// Reads a body, with further members that the endpoint reads itself.
    ///
    /// # Errors
    /// Any problem of a body or a field.
    pub fn read_with<T>(
        request: &Request,
        own: impl FnOnce(&mut RequestBody) -> Result<T, Problem>,
    ) -> Result<(Self, T), Problem> {
        let mut body = RequestBody::read(request)?;
        let read = Self {
            change: ChangeRequest::of(&mut body)?,
            licensee_name: body.line(&["licensee_name", "licenseeName"], fields::name),
            licensee_email: body.address(&["licensee_email", "licenseeEmail"]),
            device_name: body.line(&["device_name", "deviceName"], fields::name),
            fresh_id: random::device_id()?,
        };
        let own = own(&mut body)?;
        body.finish(request);
        Ok((read, own))
    }

    /// The asking device, its components hashed as the license stores them.
    #[must_use]
    pub fn seat_request<'a>(&'a self, hardware: &'a HashedComponents) -> SeatRequest<'a> {
        SeatRequest {
            hardware,
            form: self.change.hardware.form,
            device_name: self.device_name.as_ref(),
            licensee_name: self.licensee_name.as_ref(),
            licensee_email: self.licensee_email.as_ref(),
            fresh_id: &self.fresh_id,
        }
    }
}
