//! Changing a license: load, decide, commit; and again when somebody else was faster.

pub(crate) mod wire;

use falconer_aws::audit::RowPart;
use falconer_aws::store::{Guard, LastRequest, jitter};
use falconer_aws::{AuditRow, StoreError};
use falconer_domain::hardware::{DeviceId, HashedComponents, Sighting, stated};
use falconer_domain::seats::Outcome;
use falconer_domain::standing::Standing;
use falconer_domain::trace::Trace;
use falconer_domain::{Code, License, Product};

use crate::answer::{Answer, Asker};
use crate::app::{App, Loaded, Vouched};
use crate::arrival::ChangeRequest;
use crate::call::Call;
use crate::problem::Stop;
use crate::random;
use crate::verdict::Bound;

/// How often a request is decided: the first time, and again after a lost race. Three in a row are lost only where many
/// clients of one license meet.
const MAX_DECISIONS: u32 = 3;
/// The actor in audit rows of what a client did; nobody has proved who it was.
const CLIENT: &str = "client";

/// What came of a request.
enum Settled {
    /// A yes, stored where there was something to store. The device holds a seat, or held one.
    Yes { code: Code, standing: Standing, device: Option<DeviceId>, hardware: HashedComponents, trace: Trace },
    /// A no about a license.
    No { code: Code, standing: Standing, asker: Asker },
    /// A no about a license that is not there.
    Missing { code: Code, product: Product },
    /// Nothing was decided: others were faster each time.
    Contended,
}

impl Settled {
    const fn license(&self) -> Option<&License> {
        match self {
            Self::Yes { standing, .. } | Self::No { standing, .. } => Some(&standing.license),
            Self::Missing { .. } | Self::Contended => None,
        }
    }
}

impl App {
    /// Decides about a license and stores what comes of it: in one transaction with its audit row, where it says anything.
    /// `decide` is pure: it is asked again for each state of the license that turns out not to be the latest.
    ///
    /// # Errors
    /// [`Stop`]: the key is none, too many requests, or something of ours is down.
    pub async fn change(
        &self,
        call: &Call,
        request: &ChangeRequest,
        decide: impl Fn(Option<&Standing>, &HashedComponents) -> Result<Outcome, Code>,
    ) -> Result<Answer, Stop> {
        let vouched = self.authenticate(call, &request.license).await?;
        let settled = self.settle(call, &vouched, request, decide).await?;
        let mut answer = self.answer(call, &vouched, request, &settled);
        let origin = request.origin.clone();
        let row = self.passing_row(&mut answer, call, &vouched, origin);
        let is_erased = settled.license().is_some_and(|license| license.erased_at.is_some());
        let row = if is_erased { row.without_caller() } else { row };
        let row = match settled {
            Settled::Yes { trace: Trace::None, .. } => {
                return Ok(answer.about(vouched.authentic.license_id));
            }
            // There is no caller to tell of.
            Settled::Yes { trace: Trace::Lasting, .. } if is_erased => {
                return Ok(answer.about(vouched.authentic.license_id));
            }
            // What it changed stands in the table already.
            Settled::Yes { trace: Trace::Lasting, device, .. } => {
                AuditRow { part: RowPart::Caller, device, ..row }
            }
            Settled::Yes { trace: Trace::Passing, device, .. } => AuditRow { device, ..row },
            Settled::No { .. } | Settled::Missing { .. } | Settled::Contended => row,
        };
        Ok(answer.about(vouched.authentic.license_id).audited(row))
    }

    async fn settle(
        &self,
        call: &Call,
        vouched: &Vouched,
        request: &ChangeRequest,
        decide: impl Fn(Option<&Standing>, &HashedComponents) -> Result<Outcome, Code>,
    ) -> Result<Settled, Stop> {
        let (mut row, catalog) = match self.load(call, vouched).await? {
            Loaded::Found { row, catalog } => (row, catalog),
            Loaded::Missing { product } => return Ok(missing(vouched, request, product, decide)),
        };
        for lost_races in 0.. {
            let standing = self.standing(call, row.license, &catalog).await?;
            let hardware =
                self.hashed(call, vouched, &standing.license, &request.hardware.components).await?;
            if lost_races > 0
                && let Some(code) = row.guard.written_by(&call.request_id).and_then(Code::named)
            {
                // The race was lost to ourselves: our own write, whose reply did not reach us.
                let device = standing.device_of(&hardware, call.now);
                let trace = if code == Code::Refreshed { Trace::None } else { Trace::Lasting };
                return Ok(Settled::Yes { code, standing, device, hardware, trace });
            }
            if lost_races == MAX_DECISIONS {
                break;
            }
            let outcome = match decide(Some(&standing), &hardware) {
                Ok(outcome) => outcome,
                Err(code) => {
                    let device = standing.device_of(&hardware, call.now);
                    let machine = Sighting::of(&hardware, &standing.license);
                    return Ok(Settled::No { code, standing, asker: Asker { device, machine } });
                }
            };
            let trace = Trace::of(&standing.license, &outcome.license);
            if outcome.license == standing.license
                || self.store_outcome(call, &row.guard, &standing, &outcome, trace).await?
            {
                let Outcome { code, license, device } = outcome;
                let standing = Standing { license, ..standing };
                return Ok(Settled::Yes { code, standing, device: Some(device), hardware, trace });
            }
            self.telemetry.lost_race();
            tracing::info!(license.id = %vouched.authentic.license_id, "a row changed meanwhile: deciding again");
            tokio::time::sleep(jitter(lost_races + 1)).await;
            row = match self.reload(call, vouched).await? {
                Some(row) => row,
                None => return Ok(missing(vouched, request, standing.license.product, decide)),
            };
        }
        Ok(Settled::Contended)
    }

    /// Whether it was stored; not, if the row is not the one that was decided about any more.
    async fn store_outcome(
        &self,
        call: &Call,
        guard: &Guard,
        before: &Standing,
        outcome: &Outcome,
        trace: Trace,
    ) -> Result<bool, Stop> {
        call.begin()?;
        let Outcome { license, code, device } = outcome;
        let stored = match trace {
            Trace::None | Trace::Passing => {
                let last_request = LastRequest { id: &call.request_id, code: code.name() };
                self.store.save(guard, &before.license, license, last_request).await
            }
            Trace::Lasting => {
                let (id, action) = (&call.request_id, self.endpoint.name);
                let row = AuditRow::change(&license.id, call.now, id, action, code.name(), CLIENT);
                let row = AuditRow { device: Some(device.clone()), ..row };
                self.store.commit(guard, &before.license, license, &row, &random::id()).await
            }
        };
        match stored {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict) => Ok(false),
            Err(error) => Err(self.store_failed(&error)),
        }
    }

    fn answer(&self, call: &Call, vouched: &Vouched, request: &ChangeRequest, settled: &Settled) -> Answer {
        let signer = vouched.ring.current();
        let occasion = |product| self.occasion(call, vouched, product, request.nonce.as_ref());
        match settled {
            Settled::Contended => Answer::contended(),
            Settled::Missing { code, product } => wire::unknown(call, &occasion(product), signer, *code),
            Settled::No { code, standing, asker } => {
                let answer = wire::no(call, &occasion(&standing.license.product), signer, *code, standing);
                answer.asked_by(asker.clone())
            }
            Settled::Yes { code: code @ Code::Deactivated, standing, .. } => {
                wire::freed(call, &occasion(&standing.license.product), signer, *code, standing)
            }
            Settled::Yes { code, standing, device, hardware, trace: _ } => {
                let bound = device.as_ref().and_then(|id| standing.license.devices.get_key_value(id));
                let bound = bound.map(|(id, device)| {
                    let labels = stated(&device.components, hardware, call.now);
                    Bound { id, device, components: request.hardware.components.lease(&labels) }
                });
                wire::yes(call, &occasion(&standing.license.product), signer, *code, standing, bound.as_ref())
            }
        }
    }
}

/// There is no license, so it could store no hash; what the request brings is judged all the same.
fn missing(
    vouched: &Vouched,
    request: &ChangeRequest,
    product: Product,
    decide: impl Fn(Option<&Standing>, &HashedComponents) -> Result<Outcome, Code>,
) -> Settled {
    let hardware = request.hardware.components.hashed(vouched.ring.current(), &vouched.authentic.license_id);
    let code = decide(None, &hardware).err().unwrap_or(Code::NotFound);
    Settled::Missing { code, product }
}
