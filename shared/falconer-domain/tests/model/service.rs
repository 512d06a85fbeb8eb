//! The service in small: an instance loads, decides by the domain's own functions, and commits.

use falconer_domain::activate::ActivateRefusal;
use falconer_domain::catalog::Tier;
use falconer_domain::deactivate::DeactivateRefusal;
use falconer_domain::effective_license::EffectiveLicense;
use falconer_domain::escrow::NONCE_BYTES;
use falconer_domain::hardware::{ComponentForm, DeviceId, Label, ReceivedComponents};
use falconer_domain::issue::{Order, Term};
use falconer_domain::license_key::CurrentKey;
use falconer_domain::operate::{Reset, reset_hardware};
use falconer_domain::seats::{Outcome, ReportedMachine, SeatRequest};
use falconer_domain::transfer::{FromDevice, TransferRefusal};
use falconer_domain::{
    Catalog, Code, KeyRing, License, LicenseId, LicenseKey, PolicyOverrides, Product, TierName, UnixMillis,
    activate, deactivate, transfer,
};
use std::sync::Arc;

use super::{
    AuditEntry, BEGIN, BindingKind, COOLDOWN_HOURS, Call, Condition, MAX_DECISIONS, ModelOperation,
    ModelRequest, ModelRow, ModelState, Next, OF_CLIENTS, OPERATOR, Promise, STEP_MILLIS, World,
};

impl World {
    /// One seat, two machines.
    pub(super) fn new(condition: Condition, requests: usize) -> Self {
        let small = Self::of(1, 2, OF_CLIENTS);
        Self { condition, requests, doubles: 1, clock_steps: 1, ..small }
    }

    /// So many seats and machines, each request delivered once and all of them at one moment.
    pub(super) fn of(seats: u32, machines: usize, wishes: &'static [ModelOperation]) -> Self {
        let ring = KeyRing::parse(r#"{"current":"1","1":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}"#).unwrap();
        let tier = TierName::parse("pro").unwrap();
        let product = Product::parse("QF").unwrap();
        let tiers = [(tier.clone(), Tier::default())].into();
        let catalog = Catalog::new(product.clone(), &PolicyOverrides::default(), tiers).unwrap();
        let issued = issued(
            &ring,
            &catalog,
            Order {
                product,
                tier,
                user_id: None,
                email: None,
                licensee_name: None,
                term: Term::Perpetual,
                seats: Some(seats),
                features: Vec::new(),
                limits: falconer_domain::Limits::default(),
                updates_until: None,
            },
        );
        let hardware = |machine: usize| {
            let mut received = ReceivedComponents::default();
            for label in [Label::Mac, Label::Board, Label::Cpu] {
                received.insert(label, &format!("machine {machine} {}", label.as_str())).unwrap();
            }
            received.hashed(ring.current(), &issued.id)
        };
        let hardware = (0..machines).map(hardware).collect();
        let (condition, requests, doubles, clock_steps) = (Condition::Version, 4, 0, 0);
        Self { condition, requests, doubles, clock_steps, seats, wishes, catalog, issued, hardware }
    }

    pub(super) fn standing(&self, license: &License) -> EffectiveLicense {
        EffectiveLicense::of(license.clone(), &self.catalog).unwrap()
    }

    /// The domain decides.
    pub(super) fn decide(&self, call: &Call, license: &License) -> Result<Outcome, Code> {
        let standing = self.standing(license);
        let hardware = &self.hardware[call.request.machine];
        let seat_request = SeatRequest {
            hardware,
            form: ComponentForm::Keyed,
            machine: ReportedMachine::Ordinary,
            device_name: None,
            licensee_name: None,
            licensee_email: None,
            fresh_id: &call.fresh_id,
        };
        match call.request.wish {
            ModelOperation::Activate => {
                activate::decide(Some(&standing), &seat_request, call.now).map_err(ActivateRefusal::code)
            }
            ModelOperation::Transfer => {
                transfer::decide(Some(&standing), &seat_request, FromDevice::Only, call.now)
                    .map_err(TransferRefusal::code)
            }
            ModelOperation::Deactivate => {
                deactivate::decide(Some(&standing), hardware, call.now).map_err(DeactivateRefusal::code)
            }
            // The operator's own device never had a seat, and the answer says so.
            ModelOperation::Reset => Ok(Outcome {
                code: Code::Deactivated,
                license: reset_hardware(license.clone(), &Reset::All).unwrap(),
                device: device_id(OPERATOR, 0),
            }),
        }
    }

    /// The license when it is new, and when the first machines have long been bound to all of its seats.
    pub(super) fn beginnings(&self) -> [License; 2] {
        let mut held = self.issued.clone();
        for machine in 0..usize::try_from(self.seats).unwrap() {
            let request = ModelRequest { machine, wish: ModelOperation::Activate, is_copy: false };
            let long_ago = UnixMillis(BEGIN.0 - 100 * STEP_MILLIS);
            let call = Call { request, now: long_ago, fresh_id: device_id(machine, 0), lost_races: 0 };
            held = self.decide(&call, &held).unwrap().license;
        }
        [self.issued.clone(), held]
    }

    /// Returns true if nobody has more machines than seats: then none of them ever pays.
    pub(super) const fn is_roomy(&self) -> bool {
        self.hardware.len() <= self.seats as usize
    }

    pub(super) fn proceed(&self, state: &mut ModelState, nth: usize) {
        let (mut call, next) = state.busy.remove(nth);
        let next = match next {
            Next::Load => self.decided(&call, &state.row, state.log.len()),
            Next::Commit(row, ..)
                if self.condition == Condition::Version && row.version != state.row.version + 1 =>
            {
                call.lost_races += 1;
                if call.lost_races < MAX_DECISIONS {
                    Next::Load
                } else {
                    Next::Answer(Code::ConcurrentUpdate, None)
                }
            }
            Next::Commit(row, entry, promise) => {
                let code = entry.code;
                state.commit(row, entry);
                Next::Answer(code, Some(Promise { log_length: state.log.len(), ..promise }))
            }
            Next::Answer(_, promise) => return state.hear(promise),
        };
        state.busy.insert(nth, (call, next));
    }

    pub(super) fn decided(&self, call: &Call, row: &ModelRow, log_length: usize) -> Next {
        let Outcome { code, license, device } = match self.decide(call, &row.license) {
            Ok(outcome) => outcome,
            Err(code) => return Next::Answer(code, None),
        };
        let holds_a_seat = license.devices.contains_key(&device);
        let promise = Promise { device, holds_a_seat, log_length };
        if license == *row.license {
            return Next::Answer(code, Some(promise));
        }
        let (was, is) = (&row.license, &license);
        let entry = AuditEntry {
            code,
            bound: is.devices.keys().find(|id| !was.devices.contains_key(*id)).cloned(),
            freed: was.devices.keys().filter(|id| !is.devices.contains_key(*id)).cloned().collect(),
            paid: match (was.free_used, is.free_used, is.transfers_total - was.transfers_total) {
                (was, is, 0) if was == is => BindingKind::Nothing,
                (was, is, 0) if is == was + 1 => BindingKind::Free,
                (was, is, 1) if was == is => BindingKind::Counted,
                (was, is, 0) if is < was => BindingKind::GivenBack(was - is),
                all => panic!("one binding is counted once: {all:?}"),
            },
        };
        Next::Commit(ModelRow { license: Arc::new(license), version: row.version + 1 }, entry, promise)
    }
}

pub(super) fn issued(ring: &KeyRing, catalog: &Catalog, order: Order) -> License {
    let order = order.check(catalog).unwrap();
    let key = CurrentKey::issue(ring.current(), order.product().clone(), order.printed_tier(), [1; 10]);
    let key = LicenseKey::Current(key);
    let id = LicenseId::of(ring.current(), &key);
    let mut license = order.license(id, &key, ring.current(), BEGIN, [0; NONCE_BYTES]).license;
    license.policy.transfer_cooldown_hours = Some(COOLDOWN_HOURS);
    license
}

pub(super) fn device_id(machine: usize, taken: u8) -> DeviceId {
    DeviceId::from_random([u8::try_from(machine).unwrap(), taken, 0, 0, 0, 0, 0, 0, 0, 0])
}
