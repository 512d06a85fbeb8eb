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

mod history;
mod service;

use falconer_domain::hardware::{DeviceId, HashedComponents, best_match};
use falconer_domain::{Catalog, Code, License, UnixMillis};
use stateright::{Checker, HasDiscoveries, Model, Property};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

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
