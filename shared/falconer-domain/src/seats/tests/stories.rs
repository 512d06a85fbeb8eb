//! Stories: what many machines do to one license, one after the other, and what holds after every step.

mod reinstalls;
mod siege;

use super::*;

/// A machine of a story. With an old client it is another one than with a new one: nothing it shows is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct StoryMachine {
    /// Less than 64.
    number: u8,
    has_old_client: bool,
}

impl StoryMachine {
    /// Every third machine has the same processor.
    fn hardware(self) -> HashedComponents {
        let serial = self.number + if self.has_old_client { 64 } else { 0 };
        parts(&[(Label::Mac, serial), (Label::Board, serial), (Label::Cpu, 128 + self.number % 3)])
    }

    fn form(self) -> ComponentForm {
        if self.has_old_client { ComponentForm::Opaque } else { ComponentForm::Keyed }
    }
}

/// A request from a machine.
#[derive(Clone, Copy, Debug)]
enum StoryRequest {
    Activate,
    Deactivate,
    /// Without naming a device.
    Transfer,
    /// From one of the bound devices, whoever's it is.
    TransferFromNth(u8),
    TransferFromUnknown,
}

impl StoryRequest {
    /// Returns the answer to a repetition right after a yes.
    fn again(self) -> Result<Code, Code> {
        match self {
            Self::Activate => Ok(Code::Refreshed),
            Self::Deactivate => Err(Code::DeviceNotBound),
            Self::Transfer | Self::TransferFromNth(_) | Self::TransferFromUnknown => Ok(Code::AlreadyBound),
        }
    }
}

/// A license and what has happened to it.
#[derive(Clone, Debug)]
struct Story {
    license: License,
    policy: Policy,
    now: UnixMillis,
    ids_made: u64,
}

impl Story {
    fn begin(policy: Policy) -> Self {
        let overrides = PolicyOverrides {
            seats: Some(policy.seats),
            max_transfers: Some(policy.max_transfers),
            transfer_cooldown_hours: Some(policy.transfer_cooldown_hours),
            ..PolicyOverrides::default()
        };
        Self { license: License { policy: overrides, ..license() }, policy, now: NOW, ids_made: 0 }
    }

    fn wait(&mut self, millis: i64) {
        self.now = UnixMillis(self.now.0 + millis);
    }

    /// Decides, stores what comes of it, and says what is answered.
    fn ask(&mut self, machine: StoryMachine, wish: StoryRequest) -> Result<Code, Code> {
        let outcome = self.decide(machine, wish)?;
        self.license = outcome.license;
        Ok(outcome.code)
    }

    /// As [`Self::ask`], whatever is answered.
    fn suffer(&mut self, machine: StoryMachine, wish: StoryRequest) {
        let _answer = self.ask(machine, wish);
    }

    fn decide(&mut self, machine: StoryMachine, wish: StoryRequest) -> Result<Outcome, Code> {
        let standing = standing(&self.license);
        let (hardware, fresh_id) = (machine.hardware(), self.fresh_id());
        let seat_request = SeatRequest {
            hardware: &hardware,
            form: machine.form(),
            device_name: None,
            licensee_name: None,
            licensee_email: None,
            fresh_id: &fresh_id,
        };
        let transfer = |from: FromDevice<'_>| {
            transfer::decide(Some(&standing), &seat_request, from, self.now).map_err(TransferRefusal::code)
        };
        match wish {
            StoryRequest::Activate => {
                activate::decide(Some(&standing), &seat_request, self.now).map_err(ActivateRefusal::code)
            }
            StoryRequest::Deactivate => {
                deactivate::decide(Some(&standing), &hardware, self.now).map_err(DeactivateRefusal::code)
            }
            StoryRequest::Transfer => transfer(FromDevice::Only),
            StoryRequest::TransferFromNth(n) => {
                let mut bound = self.license.devices.keys().cycle();
                bound.nth(usize::from(n)).map_or_else(
                    || transfer(FromDevice::Named("dev_none_is_bound")),
                    |id| transfer(FromDevice::Named(id.as_str())),
                )
            }
            StoryRequest::TransferFromUnknown => transfer(FromDevice::Named("dev_nobody_has_this")),
        }
    }

    /// Ids in no order that has to do with time, and the same in every run.
    fn fresh_id(&mut self) -> DeviceId {
        const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
        self.ids_made += 1;
        let mut random = [0; 10];
        random[..8].copy_from_slice(&self.ids_made.wrapping_mul(ODD).to_be_bytes());
        DeviceId::from_random(random)
    }

    /// Returns the position of a machine among the bound devices.
    fn place_of(&self, machine: StoryMachine) -> Option<u8> {
        let (hardware, threshold) = (machine.hardware(), self.policy.hardware_match_threshold);
        let id = best_match(&self.license.devices, &hardware, threshold, self.now)?.id;
        (0..).zip(self.license.devices.keys()).find(|(_, bound)| *bound == id).map(|(place, _)| place)
    }

    /// How many bound devices a machine is taken for.
    fn seats_of(&self, machine: StoryMachine) -> usize {
        let (hardware, threshold) = (machine.hardware(), self.policy.hardware_match_threshold);
        let is_this =
            |entry: &(&DeviceId, &Device)| best_match([*entry], &hardware, threshold, self.now).is_some();
        self.license.devices.iter().filter(is_this).count()
    }
}

/// One thing that happens in a story.
#[derive(Clone, Copy, Debug)]
struct StoryStep {
    wait_millis: i64,
    machine: StoryMachine,
    wish: StoryRequest,
}

fn policies(cooldown_hours: &'static [u32]) -> impl Strategy<Value = Policy> {
    (1_u32..=3, 0_u32..=3, select(cooldown_hours)).prop_map(
        |(seats, max_transfers, transfer_cooldown_hours)| Policy {
            seats,
            max_transfers,
            transfer_cooldown_hours,
            ..Policy::DEFAULT
        },
    )
}

/// Failures are shrunk and printed, to be added as cases and not as seeds.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

const ANY_COOLDOWN: &[u32] = &[0, 1, 24, 48];

/// Seconds, hours, or months, so that each window is met inside, at its end, and long after.
fn waits() -> impl Strategy<Value = i64> {
    prop_oneof![
        (1_i64..90).prop_map(|seconds| seconds * SECOND),
        (1_i64..50).prop_map(|hours| hours * HOUR),
        (1_i64..130).prop_map(|days| days * DAY),
    ]
}

fn wishes() -> impl Strategy<Value = StoryRequest> {
    prop_oneof![
        3 => Just(StoryRequest::Activate),
        2 => Just(StoryRequest::Deactivate),
        3 => Just(StoryRequest::Transfer),
        3 => (0_u8..3).prop_map(StoryRequest::TransferFromNth),
        1 => Just(StoryRequest::TransferFromUnknown),
    ]
}

/// Machines whose clients are all of today, or of both kinds.
fn pool(numbers: RangeInclusive<u8>, old_clients: bool) -> impl Strategy<Value = StoryMachine> {
    (numbers, any::<bool>())
        .prop_map(move |(number, old)| StoryMachine { number, has_old_client: old_clients && old })
}

fn steps(
    machines: impl Strategy<Value = StoryMachine>,
    waits: impl Strategy<Value = i64>,
    most: usize,
) -> impl Strategy<Value = Vec<StoryStep>> {
    let step = (waits, machines, wishes()).prop_map(|(wait_millis, machine, wish)| StoryStep {
        wait_millis,
        machine,
        wish,
    });
    proptest::collection::vec(step, 1..=most)
}

// ---- What holds after every step

/// The expected totals of a story, kept without the rules' own code.
#[derive(Default)]
struct Books {
    counted_at: Vec<UnixMillis>,
    first_bound_at: BTreeMap<StoryMachine, UnixMillis>,
}

impl Books {
    /// Writes down one step, and holds what it did against the rules of counting.
    fn enter(
        &mut self,
        step: &StoryStep,
        before: &License,
        story: &Story,
        answer: Result<Code, Code>,
    ) -> Result<(), TestCaseError> {
        let after = &story.license;
        let newcomers: Vec<_> = after.devices.keys().filter(|id| !before.devices.contains_key(*id)).collect();
        let free = after.free_used - before.free_used;
        let counted = after.transfers_total - before.transfers_total;
        prop_assert!(newcomers.len() <= 1, "one request binds one device: {newcomers:?}");
        let Some(id) = newcomers.first() else {
            prop_assert_eq!((free, counted), (0, 0), "nothing is counted where nothing is bound");
            return Ok(());
        };
        let displaced = before.devices.iter().find(|(id, _)| !after.devices.contains_key(*id));
        let comes_back = before.released.contains_key(*id);
        let replaces_opaque = !step.machine.has_old_client
            && displaced.is_some_and(|(_, device)| device.form == ComponentForm::Opaque);
        let has_free = before.free_used < story.policy.seats;
        let expected = match comes_back || replaces_opaque {
            true => (0, 0),
            false if has_free => (1, 0),
            false => (0, 1),
        };
        prop_assert_eq!((free, counted), expected, "{:?} bound as {}", step, id);
        prop_assert!(answer != Ok(Code::Transferred) || free + counted == 1, "a move is never for nothing");
        prop_assert!(answer != Ok(Code::Reclaimed) || free + counted == 0, "a reclaim always is");
        if counted == 1 {
            self.counted_at.push(story.now);
        }
        self.first_bound_at.entry(step.machine).or_insert(story.now);
        Ok(())
    }

    fn counted_in(&self, millis: i64, now: UnixMillis) -> u32 {
        let counted = self.counted_at.iter().filter(|at| at.0 > now.0 - millis).count();
        u32::try_from(counted).unwrap()
    }

    /// Machines that had never been bound before, in the 365 days up to `now`.
    fn machines_bound_in_the_year_to(&self, now: UnixMillis) -> u32 {
        let bound =
            self.first_bound_at.values().filter(|at| at.0 > now.0 - YEAR_DAYS * DAY && **at <= now).count();
        u32::try_from(bound).unwrap()
    }
}

/// The most devices that a license remembers.
///
/// Each remembered device has a right. *To return:* the one displaced by the latest binding, and those that gave up a
/// seat since, of whom there are no more than seats. *To reclaim:* those that the latest transfer displaced (one, or
/// all that could have returned to the vacant seat it took), and those displaced less than a cool-down ago, or exactly
/// one. Transfers fill a cool-down with `seats` of them, and as many more have happened exactly one ago. Returns
/// and reclaims put one device in for each that they put out. *And* opaque devices replaced within a cool-down: those
/// that held a seat when it began, or took one free or by a transfer since.
fn most_remembered(seats: u32) -> usize {
    let (returns, latest, transferred, replaced) = (seats + 1, seats + 1, 2 * seats, 4 * seats);
    usize::try_from(returns + latest + transferred + replaced).unwrap()
}

fn check_license(story: &Story, books: &Books) -> Result<(), TestCaseError> {
    let Story { license, policy, now, .. } = story;
    prop_assert!(license.devices.len() <= usize::try_from(policy.seats).unwrap(), "{license:?}");
    prop_assert!(license.free_used <= policy.seats);
    let both: Vec<_> = license.devices.keys().filter(|id| license.released.contains_key(*id)).collect();
    prop_assert!(both.is_empty(), "in a seat and out of it: {both:?}");
    prop_assert!(books.counted_in(YEAR_DAYS * DAY, *now) <= policy.max_transfers * policy.seats);
    prop_assert!(books.counted_in(i64::from(policy.transfer_cooldown_hours) * HOUR, *now) <= policy.seats);
    prop_assert_eq!(usize::try_from(license.transfers_total).unwrap(), books.counted_at.len());
    let remembered = license.released.len();
    prop_assert!(remembered <= most_remembered(policy.seats), "{remembered} remembered");
    Ok(())
}

proptest! {
    #![proptest_config(cases(400))]

    /// Seats, counts and what is remembered, after every step of any story.
    #[test]
    fn every_story_stays_within_limits(
        policy in policies(ANY_COOLDOWN),
        steps in any::<bool>().prop_flat_map(|old_clients| steps(pool(1..=7, old_clients), waits(), 60)),
    ) {
        let (mut story, mut books) = (Story::begin(policy), Books::default());
        let machines: BTreeSet<_> = steps.iter().map(|step| step.machine).collect();
        for step in &steps {
            story.wait(step.wait_millis);
            let before = story.license.clone();
            let answer = story.ask(step.machine, step.wish);
            books.enter(step, &before, &story, answer)?;
            check_license(&story, &books)?;
            for machine in &machines {
                prop_assert!(story.seats_of(*machine) <= 1, "{machine:?} holds two seats");
            }
            let holds = story.seats_of(step.machine) == 1;
            prop_assert!(answer.is_err() || holds != matches!(step.wish, StoryRequest::Deactivate), "{answer:?}");
        }
    }

    /// Same device, same seat: whatever was answered with a yes may be asked again, as after a lost reply.
    #[test]
    fn repeat_changes_nothing(
        policy in policies(ANY_COOLDOWN),
        steps in any::<bool>().prop_flat_map(|old_clients| steps(pool(1..=5, old_clients), waits(), 40)),
    ) {
        let mut story = Story::begin(policy);
        for step in &steps {
            story.wait(step.wait_millis);
            if story.ask(step.machine, step.wish).is_ok() {
                let once = story.license.clone();
                let again = story.ask(step.machine, step.wish);
                prop_assert_eq!(again, step.wish.again(), "{:?}", step);
                prop_assert_eq!(&story.license, &once, "{:?}", step);
            }
        }
    }

    /// A shared key binds a bounded number of machines in 365 days, from the first binding on and in any
    /// 365 days after that.
    #[test]
    fn machines_per_year_are_bounded(
        policy in policies(ANY_COOLDOWN),
        steps in steps(
            pool(1..=30, false),
            prop_oneof![1_i64..20, 24_i64..28, 24_i64..600].prop_map(|hours| hours * HOUR),
            120,
        ),
    ) {
        let (mut story, mut books) = (Story::begin(policy), Books::default());
        let most = policy.seats + policy.max_transfers * policy.seats;
        for step in &steps {
            story.wait(step.wait_millis);
            let before = story.license.clone();
            let answer = story.ask(step.machine, step.wish);
            books.enter(step, &before, &story, answer)?;
            let machines = books.machines_bound_in_the_year_to(story.now);
            prop_assert!(machines <= most, "{machines} machines, {most} allowed");
        }
    }

    /// A client that keeps to the old form doubles that and no more: each opaque device is replaced once, uncounted.
    #[test]
    fn old_clients_double_machines_at_most(
        policy in policies(ANY_COOLDOWN),
        // Few machines come back, many are new.
        steps in steps(
            prop_oneof![pool(1..=4, true), pool(5..=60, true)],
            (1_i64..60).prop_map(|hours| hours * HOUR),
            120,
        ),
    ) {
        let (mut story, mut books) = (Story::begin(policy), Books::default());
        let most = 2 * (policy.seats + policy.max_transfers * policy.seats);
        for step in &steps {
            story.wait(step.wait_millis);
            let before = story.license.clone();
            let answer = story.ask(step.machine, step.wish);
            books.enter(step, &before, &story, answer)?;
            let year_ends = books.first_bound_at.values().min().map(|first| first.0 + YEAR_DAYS * DAY);
            if year_ends.is_some_and(|end| story.now.0 >= end) {
                break;
            }
            let machines = books.machines_bound_in_the_year_to(story.now);
            prop_assert!(machines <= most, "{machines} machines, {most} allowed");
        }
    }
}
