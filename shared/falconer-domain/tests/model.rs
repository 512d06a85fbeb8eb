//! Two or three machines, one or two seats, an operator who resets them, two instances of the service: every order in
//! which it can happen, by a model checker.
//!
//! A network loses, doubles and reorders requests. An instance takes one, loads the row, decides, commits, and answers;
//! between any two of these another instance may do anything. The decisions are the domain's own functions, the rest is
//! the shell's protocol in small: a commit holds only over the version that was read, and after a lost race the
//! instance loads and decides again.
//!
//! Not modelled: *A lost request* is one that is never delivered; every state is examined, so also those
//! before it would be. *A reply that is lost* promises no less than one that arrives, so a promise counts from the
//! moment the reply leaves; clients then may send anything, heard or not, so all that they will ever send is in flight
//! from the beginning. *An instance that dies* is one that never makes its next step, which no other waits for.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use falconer_domain::activate::ActivateRefusal;
use falconer_domain::catalog::Tier;
use falconer_domain::deactivate::DeactivateRefusal;
use falconer_domain::effective_license::EffectiveLicense;
use falconer_domain::escrow::NONCE_BYTES;
use falconer_domain::hardware::{
    ComponentForm, DeviceId, HashedComponents, Label, ReceivedComponents, best_match,
};
use falconer_domain::issue::{Order, Term};
use falconer_domain::license_key::CurrentKey;
use falconer_domain::operate::{Reset, reset_hardware};
use falconer_domain::seats::{Outcome, SeatRequest};
use falconer_domain::transfer::{FromDevice, TransferRefusal};
use falconer_domain::{
    Catalog, Code, KeyRing, License, LicenseId, LicenseKey, PolicyOverrides, Product, TierName, UnixMillis,
    activate, deactivate, transfer,
};
use stateright::{Checker, HasDiscoveries, Model, Property};

/// Of the service: enough for any race of two.
const INSTANCES: usize = 2;
const COOLDOWN_HOURS: u32 = 24;
/// One step of the clock: a cool-down is over.
const STEP_MILLIS: i64 = 25 * 3_600_000;
const BEGIN: UnixMillis = UnixMillis(1_800_000_000_000);
/// The position of a machine's number in ids, for the operator.
const OPERATOR: usize = 255;
/// As in the shell: decided once, and again after each of these lost races but the last.
const MAX_DECISIONS: u8 = 3;

/// The condition of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    /// The version that was read is the one that is there.
    Version,
    /// Nothing: whoever writes last wins.
    None,
}

/// How much happens in all.
struct World {
    condition: Condition,
    /// Requests that clients send.
    requests: usize,
    /// Requests that the network delivers twice.
    doubles: u8,
    /// Steps that the clock makes.
    clock_steps: u8,
    seats: u32,
    wishes: &'static [ModelOperation],
    catalog: Catalog,
    /// The license before anything has happened to it.
    issued: License,
    hardware: Vec<HashedComponents>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum ModelOperation {
    Activate,
    Transfer,
    Deactivate,
    /// The operator's: every seat is vacant and free of count.
    Reset,
}

/// The requests of clients.
const OF_CLIENTS: &[ModelOperation] =
    &[ModelOperation::Activate, ModelOperation::Transfer, ModelOperation::Deactivate];
/// With an operator beside them.
const OF_ALL: &[ModelOperation] =
    &[ModelOperation::Activate, ModelOperation::Deactivate, ModelOperation::Reset];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct ModelRequest {
    /// The sending machine, from 0 on.
    machine: usize,
    wish: ModelOperation,
    is_copy: bool,
}

/// The row of the license, as a write replaces it: whole.
#[derive(Clone, Debug, PartialEq)]
struct ModelRow {
    license: Arc<License>,
    version: u64,
}

/// `License` has no hash of its own. Nothing but these changes here: every client is of today, always shows the same
/// parts, and says nothing of its owner.
impl Hash for ModelRow {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let License { devices, released, free_used, transfers, transfers_total, .. } = &*self.license;
        (self.version, free_used, transfers, transfers_total).hash(state);
        devices.len().hash(state);
        for (id, device) in devices.iter().chain(released.iter().map(|(id, released)| (id, &released.device)))
        {
            (id, device.bound_at, device.seen_at).hash(state);
        }
        for released in released.values() {
            (released.at, released.may_return, released.reclaim.as_str()).hash(state);
        }
    }
}

/// How a binding was paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum BindingKind {
    Nothing,
    Free,
    Counted,
    /// An operator gave so many free bindings back.
    GivenBack(u32),
}

/// An audit row: what one commit did to the row it was decided about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct AuditEntry {
    code: Code,
    bound: Option<DeviceId>,
    freed: BTreeSet<DeviceId>,
    paid: BindingKind,
}

impl AuditEntry {
    fn is_about(&self, device: &DeviceId) -> bool {
        self.bound.as_ref() == Some(device) || self.freed.contains(device)
    }
}

/// A client's knowledge of its device, true at this length of the log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Promise {
    device: DeviceId,
    holds_a_seat: bool,
    log_length: usize,
}

/// A request in the hands of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Call {
    request: ModelRequest,
    /// One moment for the whole request, however often it is decided.
    now: UnixMillis,
    /// One id, too.
    fresh_id: DeviceId,
    lost_races: u8,
}

/// The next step of a busy instance.
#[derive(Clone, Debug, PartialEq, Hash)]
enum Next {
    /// And decide, which nobody else can see or disturb.
    Load,
    /// The row as it will be, with what the audit will say.
    Commit(ModelRow, AuditEntry, Promise),
    Answer(Code, Option<Promise>),
}

#[derive(Clone, Debug, PartialEq, Hash)]
struct ModelState {
    clock: u8,
    row: ModelRow,
    /// The devices that the license began with.
    began_with: BTreeSet<DeviceId>,
    log: Vec<AuditEntry>,
    in_flight: Vec<ModelRequest>,
    copies: u8,
    /// How many of its requests have been taken, for each machine.
    taken: Vec<u8>,
    /// The busy instances, in the order in which they took what they are busy with.
    busy: Vec<(Call, Next)>,
    /// The clients' knowledge of each device, unless a later commit has ended it.
    promised: BTreeMap<DeviceId, bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    /// A request reaches an idle instance.
    Deliver(ModelRequest),
    /// It does, and will once more.
    DeliverTwice(ModelRequest),
    /// A busy instance does what it does next.
    Proceed(usize),
    /// A cool-down passes.
    Wait,
}

impl World {
    /// One seat, two machines.
    fn new(condition: Condition, requests: usize) -> Self {
        let small = Self::of(1, 2, OF_CLIENTS);
        Self { condition, requests, doubles: 1, clock_steps: 1, ..small }
    }

    /// So many seats and machines, each request delivered once and all of them at one moment.
    fn of(seats: u32, machines: usize, wishes: &'static [ModelOperation]) -> Self {
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

    fn standing(&self, license: &License) -> EffectiveLicense {
        EffectiveLicense::of(license.clone(), &self.catalog).unwrap()
    }

    /// The domain decides.
    fn decide(&self, call: &Call, license: &License) -> Result<Outcome, Code> {
        let standing = self.standing(license);
        let hardware = &self.hardware[call.request.machine];
        let seat_request = SeatRequest {
            hardware,
            form: ComponentForm::Keyed,
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
    fn beginnings(&self) -> [License; 2] {
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
    const fn is_roomy(&self) -> bool {
        self.hardware.len() <= self.seats as usize
    }

    fn proceed(&self, state: &mut ModelState, nth: usize) {
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

    fn decided(&self, call: &Call, row: &ModelRow, log_length: usize) -> Next {
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

fn issued(ring: &KeyRing, catalog: &Catalog, order: Order) -> License {
    let order = order.check(catalog).unwrap();
    let key = CurrentKey::issue(ring.current(), order.product().clone(), order.printed_tier(), [1; 10]);
    let key = LicenseKey::Current(key);
    let id = LicenseId::of(ring.current(), &key);
    let mut license = order.license(id, &key, ring.current(), BEGIN, [0; NONCE_BYTES]).license;
    license.policy.transfer_cooldown_hours = Some(COOLDOWN_HOURS);
    license
}

fn device_id(machine: usize, taken: u8) -> DeviceId {
    DeviceId::from_random([u8::try_from(machine).unwrap(), taken, 0, 0, 0, 0, 0, 0, 0, 0])
}

impl ModelState {
    fn now(&self) -> UnixMillis {
        UnixMillis(BEGIN.0 + i64::from(self.clock) * STEP_MILLIS)
    }

    fn take(&mut self, request: ModelRequest) {
        let place = self.in_flight.iter().position(|sent| *sent == request).unwrap();
        self.in_flight.remove(place);
        let taken = &mut self.taken[request.machine];
        *taken += 1;
        let fresh_id = device_id(request.machine, *taken);
        self.busy.push((Call { request, now: self.now(), fresh_id, lost_races: 0 }, Next::Load));
    }

    fn commit(&mut self, row: ModelRow, entry: AuditEntry) {
        self.promised.retain(|device, _| !entry.is_about(device));
        self.row = row;
        self.log.push(entry);
    }

    fn hear(&mut self, promise: Option<Promise>) {
        let Some(Promise { device, holds_a_seat, log_length }) = promise else { return };
        if !self.log[log_length..].iter().any(|entry| entry.is_about(&device)) {
            self.promised.insert(device, holds_a_seat);
        }
    }

    /// The devices that hold a seat according to the log.
    fn told_by_log(&self) -> BTreeSet<&DeviceId> {
        let mut bound: BTreeSet<_> = self.began_with.iter().collect();
        for AuditEntry { bound: came, freed, .. } in &self.log {
            bound.retain(|device| !freed.contains(*device));
            bound.extend(came);
        }
        bound
    }

    fn paid(&self, how: BindingKind) -> usize {
        self.log.iter().filter(|entry| entry.paid == how).count()
    }

    fn given_back(&self) -> usize {
        let given_back = |entry: &AuditEntry| match entry.paid {
            BindingKind::GivenBack(bindings) => bindings as usize,
            _ => 0,
        };
        self.log.iter().map(given_back).sum()
    }

    /// Bindings that cost nothing.
    fn returns(&self) -> usize {
        self.log
            .iter()
            .filter(|entry| entry.code == Code::Activated && entry.paid == BindingKind::Nothing)
            .count()
    }

    /// Returns true if an instance is about to answer so.
    fn answers(&self, code: Code) -> bool {
        self.busy.iter().any(|(_, next)| matches!(next, Next::Answer(answer, _) if *answer == code))
    }

    fn answers_a_copy(&self, code: Code) -> bool {
        let answers = |(call, next): &(Call, Next)| {
            call.request.is_copy && matches!(next, Next::Answer(answer, _) if *answer == code)
        };
        self.busy.iter().any(answers)
    }
}

const SEAT: &str = "no more devices than seats, in the row and in the log";
const PROMISES: &str = "what was acknowledged is stored, unless ended by a later commit";
const AUDIT: &str = "one audit row for each version";
const COUNTS: &str = "free and counted bindings are those of the log";

impl Model for World {
    type State = ModelState;
    type Action = Action;

    fn init_states(&self) -> Vec<ModelState> {
        let machines = self.hardware.len();
        let requests = every_choice(self.requests, machines, self.wishes);
        let begin = |license: License, in_flight: Vec<ModelRequest>| ModelState {
            clock: 0,
            began_with: license.devices.keys().cloned().collect(),
            row: ModelRow { license: Arc::new(license), version: 0 },
            log: Vec::new(),
            in_flight,
            copies: 0,
            taken: vec![0; machines],
            busy: Vec::new(),
            promised: BTreeMap::new(),
        };
        let [new, held] = self.beginnings();
        // The machines are alike while neither is bound, so it does not matter which of them sends more.
        let is_first_ahead = |requests: &&Vec<ModelRequest>| {
            machines > 2 || requests.iter().filter(|sent| sent.machine == 0).count() * 2 >= requests.len()
        };
        let of_new =
            requests.iter().filter(is_first_ahead).map(|requests| begin(new.clone(), requests.clone()));
        let of_held = requests.iter().map(|requests| begin(held.clone(), requests.clone()));
        of_new.chain(of_held).collect()
    }

    fn actions(&self, state: &ModelState, actions: &mut Vec<Action>) {
        // An answer that leaves at once promises no less than one that leaves later: nothing is missed if it goes
        // first.
        if let Some(nth) = state.busy.iter().position(|(_, next)| matches!(next, Next::Answer(..))) {
            actions.push(Action::Proceed(nth));
            return;
        }
        if state.busy.len() < INSTANCES {
            let requests: BTreeSet<_> = state.in_flight.iter().copied().collect();
            actions.extend(requests.iter().copied().map(Action::Deliver));
            if state.copies < self.doubles {
                actions.extend(requests.into_iter().map(Action::DeliverTwice));
            }
        }
        actions.extend((0..state.busy.len()).map(Action::Proceed));
        if state.clock < self.clock_steps {
            actions.push(Action::Wait);
        }
    }

    fn next_state(&self, state: &ModelState, action: Action) -> Option<ModelState> {
        let mut state = state.clone();
        match action {
            Action::Deliver(request) => state.take(request),
            Action::DeliverTwice(request) => {
                state.take(request);
                state.in_flight.push(ModelRequest { is_copy: true, ..request });
                state.in_flight.sort_unstable();
                state.copies += 1;
            }
            Action::Proceed(nth) => self.proceed(&mut state, nth),
            Action::Wait => state.clock += 1,
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(SEAT, |world: &Self, state: &ModelState| {
                state.row.license.devices.len() <= world.seats as usize
                    && state.told_by_log().len() <= world.seats as usize
            }),
            Property::always(PROMISES, |_, state: &ModelState| {
                let bound = &state.row.license.devices;
                state
                    .promised
                    .iter()
                    .all(|(device, holds_a_seat)| bound.contains_key(device) == *holds_a_seat)
            }),
            Property::always(AUDIT, |_, state: &ModelState| {
                u64::try_from(state.log.len()) == Ok(state.row.version)
            }),
            Property::always(COUNTS, |_, state: &ModelState| {
                let License { free_used, transfers, transfers_total, .. } = &*state.row.license;
                let counted = state.paid(BindingKind::Counted);
                *free_used as usize + state.given_back()
                    == state.began_with.len() + state.paid(BindingKind::Free)
                    && (transfers.len(), usize::try_from(*transfers_total)) == (counted, Ok(counted))
            }),
            Property::always("no machine holds two seats", |world: &Self, state: &ModelState| {
                let now = state.now();
                world.hardware.iter().all(|hardware| {
                    let devices = state.row.license.devices.iter();
                    devices.filter(|device| best_match([*device], hardware, 2, now).is_some()).count() <= 1
                })
            }),
            Property::always(
                "who has no more machines than seats never pays",
                |world: &Self, state: &ModelState| {
                    !world.is_roomy()
                        || (state.paid(BindingKind::Counted) == 0 && !state.answers(Code::TransferCooldown))
                },
            ),
            Property::always(
                "a cool-down has as many counted bindings as seats",
                |world: &Self, state: &ModelState| {
                    let cooldown = i64::from(COOLDOWN_HOURS) * 3_600_000;
                    let transfers = &state.row.license.transfers;
                    let one_more = world.seats as usize + 1;
                    transfers.windows(one_more).all(|of| (of[one_more - 1].0 - of[0].0).abs() >= cooldown)
                },
            ),
        ];
        properties.extend(self.reached());
        properties
    }
}

impl World {
    /// Events that must happen in some order, or the other properties would prove little.
    fn reached(&self) -> Vec<Property<Self>> {
        if self.wishes == OF_ALL {
            return vec![
                Property::sometimes("a reset gives bindings back", |_, state: &ModelState| {
                    state.given_back() == 2
                }),
                Property::sometimes("two machines return", |_, state: &ModelState| state.returns() == 2),
            ];
        }
        if self.seats > 1 {
            return vec![
                Property::sometimes("a seat is reclaimed", |_, state: &ModelState| {
                    state.answers(Code::Reclaimed)
                }),
                Property::sometimes("a vacant seat is counted", |_, state: &ModelState| {
                    let counted = |entry: &AuditEntry| {
                        entry.code == Code::Activated && entry.paid == BindingKind::Counted
                    };
                    state.log.iter().any(counted)
                }),
                Property::sometimes("a return beside another device", |_, state: &ModelState| {
                    state.returns() == 1
                }),
            ];
        }
        vec![
            Property::sometimes("a seat is reclaimed", |_, state: &ModelState| {
                state.answers(Code::Reclaimed)
            }),
            Property::sometimes("a lost race is decided again, and commits", |_, state: &ModelState| {
                let won = |(call, next): &(Call, Next)| {
                    call.lost_races > 0 && matches!(next, Next::Answer(Code::Transferred, _))
                };
                state.busy.iter().any(won)
            }),
            Property::sometimes("too many races are lost", |_, state: &ModelState| {
                state.answers(Code::ConcurrentUpdate)
            }),
            Property::sometimes("a cool-down refuses", |_, state: &ModelState| {
                state.answers(Code::TransferCooldown)
            }),
            Property::sometimes("a cool-down ends", |_, state: &ModelState| {
                state.paid(BindingKind::Counted) == 2
            }),
            Property::sometimes("a doubled activation is told it holds its seat", |_, state: &ModelState| {
                state.answers_a_copy(Code::Refreshed)
            }),
            Property::sometimes("a doubled transfer is told it holds its seat", |_, state: &ModelState| {
                state.answers_a_copy(Code::AlreadyBound)
            }),
            Property::sometimes("a doubled deactivation is told it holds none", |_, state: &ModelState| {
                state.answers_a_copy(Code::DeviceNotBound)
            }),
        ]
    }
}

/// Every choice of so many requests, regardless of their order.
fn every_choice(of: usize, machines: usize, wishes: &[ModelOperation]) -> Vec<Vec<ModelRequest>> {
    let request =
        |machine| move |wish: &ModelOperation| ModelRequest { machine, wish: *wish, is_copy: false };
    let kinds = (0..machines).flat_map(|machine| wishes.iter().map(request(machine)));
    // There is one operator.
    let mut kinds: Vec<_> =
        kinds.filter(|kind| kind.wish != ModelOperation::Reset || kind.machine == 0).collect();
    kinds.sort_unstable();
    let mut choices = vec![Vec::new()];
    for _ in 0..of {
        choices = choices
            .iter()
            .flat_map(|chosen: &Vec<ModelRequest>| {
                let from = chosen.last().copied();
                let further = kinds.iter().filter(move |kind| from.is_none_or(|from| **kind >= from));
                further.map(move |kind| [chosen.as_slice(), &[*kind]].concat())
            })
            .collect();
    }
    choices
}

#[test]
fn one_seat_holds_in_every_order() {
    let checker = World::new(Condition::Version, 3).checker().spawn_bfs().join();
    checker.assert_properties();
}

/// Every machine may be reinstalled, and the operator resets at any moment: nobody pays, and two seats stay two.
#[test]
fn reinstalls_within_seats_are_free() {
    World::of(2, 2, OF_ALL).checker().spawn_bfs().join().assert_properties();
}

#[test]
fn two_seats_hold_with_three_machines() {
    World { requests: 3, ..World::of(2, 3, OF_CLIENTS) }.checker().spawn_bfs().join().assert_properties();
}

/// The checker can fail: what the version guards breaks without it.
#[test]
fn unconditional_commit_breaks_seats() {
    let enough = HasDiscoveries::AllOf([SEAT, PROMISES, AUDIT, COUNTS].into());
    let checker = World::new(Condition::None, 2).checker().finish_when(enough).spawn_bfs().join();
    for broken in [SEAT, PROMISES, AUDIT, COUNTS] {
        checker.assert_any_discovery(broken);
    }
}
