//! Changes of a license: load, decide, commit; and again when another request was faster.

pub(crate) mod response;

use falconer_aws::audit::RowPart;
use falconer_aws::store::{LastRequest, RowVersion, jitter};
use falconer_aws::{AuditRow, StoreError};
use falconer_domain::effective_license::EffectiveLicense;
use falconer_domain::hardware::{DeviceId, HashedComponents, Sighting, lease_labels, may_be_copy};
use falconer_domain::seats::Outcome;
use falconer_domain::trace::Trace;
use falconer_domain::{Code, License, Product};

use crate::app::App;
use crate::change_request::ChangeRequest;
use crate::problem::Rejection;
use crate::random;
use crate::request::Request;
use crate::response::{Asker, Response};
use crate::session::{Loaded, Session};
use crate::verify_response::BoundDevice;

/// Most decisions about one request: the first, and one after each lost race. Three races in a row are lost only where
/// many clients of one license meet.
const MAX_DECISIONS: u32 = 3;
/// The actor in audit rows of changes by clients; nobody has proved who it was.
const CLIENT: &str = "client";

/// Outcome of a request to change a license.
enum ChangeOutcome {
    /// A yes, stored where anything changed. The device holds a seat, or held one.
    Granted {
        code: Code,
        standing: EffectiveLicense,
        device: Option<DeviceId>,
        hardware: HashedComponents,
        trace: Trace,
    },
    /// A no about a license.
    Refused { code: Code, standing: EffectiveLicense, asker: Asker },
    /// A no about a license that does not exist.
    Missing { code: Code, product: Product },
    /// No decision: other requests were faster each time.
    Contended,
}

impl ChangeOutcome {
    const fn license(&self) -> Option<&License> {
        match self {
            Self::Granted { standing, .. } | Self::Refused { standing, .. } => Some(&standing.license),
            Self::Missing { .. } | Self::Contended => None,
        }
    }
}

/// A pure decision. It is asked again for each state of the license that turns out not to be the latest.
pub trait Decide: Fn(Option<&EffectiveLicense>, &HashedComponents) -> Result<Outcome, Code> {}
impl<F: Fn(Option<&EffectiveLicense>, &HashedComponents) -> Result<Outcome, Code>> Decide for F {}

impl App {
    /// Decides about a license and stores the result, in one transaction with its audit row where the change is worth
    /// one.
    ///
    /// # Errors
    /// [`Rejection`]: the key is invalid, the caller is over a limit, or a service is down.
    pub async fn change(
        &self,
        request: &Request,
        body: &ChangeRequest,
        decide: impl Decide,
    ) -> Result<Response, Rejection> {
        let session = self.authenticate(request, body.credentials.clone()).await?;
        let outcome = session.change(body, decide).await?;
        let mut response = session.respond(body, &outcome);
        let row = session.passing_row(&mut response);
        let is_erased = outcome.license().is_some_and(|license| license.erased_at.is_some());
        let row = if is_erased { row.without_caller() } else { row };
        let row = match outcome {
            ChangeOutcome::Granted { trace: Trace::None, .. } => {
                return Ok(response.about(session.authentic.license_id));
            }
            // The caller's part is not recorded.
            ChangeOutcome::Granted { trace: Trace::Lasting, .. } if is_erased => {
                return Ok(response.about(session.authentic.license_id));
            }
            // The transaction has stored the other part of the row.
            ChangeOutcome::Granted { trace: Trace::Lasting, device, .. } => {
                AuditRow { part: RowPart::Caller, device, ..row }
            }
            ChangeOutcome::Granted { trace: Trace::Passing, device, hardware, standing, .. } => {
                let copied = device.as_ref().and_then(|id| standing.license.devices.get(id));
                let copied = copied.filter(|device| may_be_copy(&device.components, &hardware));
                let hardware = copied.and_then(|_| Sighting::of(&hardware, &standing.license));
                AuditRow { device, hardware, ..row }
            }
            ChangeOutcome::Refused { .. } | ChangeOutcome::Missing { .. } | ChangeOutcome::Contended => row,
        };
        Ok(response.about(session.authentic.license_id).audited(row))
    }
}

impl Session<'_> {
    async fn change(&self, body: &ChangeRequest, decide: impl Decide) -> Result<ChangeOutcome, Rejection> {
        let (mut row, catalog) = match self.load().await? {
            Loaded::Found { row, catalog } => (row, catalog),
            Loaded::Missing { product } => return Ok(self.missing(body, product, decide)),
        };
        for lost_races in 0.. {
            let standing = self.standing(row.license, &catalog).await?;
            let hardware = self.hash(&standing.license, &body.hardware.components).await?;
            if lost_races > 0
                && let Some(code) = row.guard.written_by(&self.request.request_id).and_then(Code::named)
            {
                // This request lost the race to itself: its own write went through, and the reply got lost.
                let device = standing.device_of(&hardware, self.request.now);
                let trace = if code == Code::Refreshed { Trace::None } else { Trace::Lasting };
                return Ok(ChangeOutcome::Granted { code, standing, device, hardware, trace });
            }
            if lost_races == MAX_DECISIONS {
                break;
            }
            let outcome = match decide(Some(&standing), &hardware) {
                Ok(outcome) => outcome,
                Err(code) => {
                    let device = standing.device_of(&hardware, self.request.now);
                    let machine = Sighting::of(&hardware, &standing.license);
                    let asker = Asker { device, machine };
                    return Ok(ChangeOutcome::Refused { code, standing, asker });
                }
            };
            let copied = standing.license.devices.get(&outcome.device);
            let copied = copied.is_some_and(|device| may_be_copy(&device.components, &hardware));
            let trace = match Trace::of(&standing.license, &outcome.license) {
                Trace::None if copied => Trace::Passing,
                trace => trace,
            };
            if outcome.license == standing.license
                || self.store(&row.guard, &standing, &outcome, trace).await?
            {
                let Outcome { code, license, device } = outcome;
                let standing = EffectiveLicense { license, ..standing };
                return Ok(ChangeOutcome::Granted { code, standing, device: Some(device), hardware, trace });
            }
            self.app.telemetry.lost_race();
            tracing::info!(license.id = %self.license_id(), "license changed during the decision; decided again");
            tokio::time::sleep(jitter(lost_races + 1)).await;
            row = match self.reload().await? {
                Some(row) => row,
                None => return Ok(self.missing(body, standing.license.product, decide)),
            };
        }
        Ok(ChangeOutcome::Contended)
    }

    /// Stores an outcome. `false` if the row has changed since the decision.
    async fn store(
        &self,
        guard: &RowVersion,
        before: &EffectiveLicense,
        outcome: &Outcome,
        trace: Trace,
    ) -> Result<bool, Rejection> {
        let (app, request) = (self.app, self.request);
        request.begin()?;
        let Outcome { license, code, device } = outcome;
        let stored = match trace {
            Trace::None | Trace::Passing => {
                let last_request = LastRequest { id: &request.request_id, code: code.name() };
                app.store.save(guard, &before.license, license, last_request).await
            }
            Trace::Lasting => {
                let (id, action) = (&request.request_id, app.endpoint.name);
                let row = AuditRow::change(&license.id, request.now, id, action, code.name(), CLIENT);
                let row = AuditRow { device: Some(device.clone()), ..row };
                app.store.commit(guard, &before.license, license, &row, &random::id()).await
            }
        };
        match stored {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict) => Ok(false),
            Err(error) => Err(app.store_failed(&error)),
        }
    }

    /// Judges a request whose license does not exist. No stored hash can match, and the other rules still hold.
    fn missing(&self, body: &ChangeRequest, product: Product, decide: impl Decide) -> ChangeOutcome {
        let hardware = body.hardware.components.hashed(self.ring.current(), self.license_id());
        let code = decide(None, &hardware).err().unwrap_or(Code::NotFound);
        ChangeOutcome::Missing { code, product }
    }

    fn respond(&self, body: &ChangeRequest, outcome: &ChangeOutcome) -> Response {
        match outcome {
            ChangeOutcome::Contended => Response::contended(),
            ChangeOutcome::Missing { code, product } => self.refuse(*code, product, None),
            ChangeOutcome::Refused { code, standing, asker } => {
                self.refuse_seat(*code, standing).asked_by(asker.clone())
            }
            ChangeOutcome::Granted { code: code @ Code::Deactivated, standing, .. } => {
                self.confirm_deactivation(*code, standing)
            }
            ChangeOutcome::Granted { code, standing, device, hardware, trace: _ } => {
                let bound = device.as_ref().and_then(|id| standing.license.devices.get_key_value(id));
                let bound = bound.map(|(id, device)| {
                    let labels = lease_labels(&device.components, hardware, self.request.now);
                    BoundDevice { id, device, components: body.hardware.components.lease(&labels) }
                });
                self.grant_seat(*code, standing, bound.as_ref())
            }
        }
    }
}
