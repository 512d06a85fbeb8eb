//! Random sequences of clock changes, outages, answers, repairs and restarts, compared with [`Truth`].

use std::path::PathBuf;

use falconer_client::{Label, Licensing, LockCode, State};
use falconer_domain::Code;
use proptest::prelude::*;

use crate::harness::{DAY, FEATURE, LEASE_SECONDS, Machine, Moment, NetworkFault, TestSetup, key, unlocked};
use crate::truth::{LastDecision, Truth};

#[derive(Clone, Debug)]
enum Step {
    /// Time passes while the program runs.
    Pass(i64),
    /// The machine is off for some seconds, then the program starts.
    Off(i64),
    /// The machine sleeps for some seconds while the program stays open.
    Sleep(i64),
    /// The clock is turned by some seconds.
    Turn(i64),
    TurnRight,
    /// The program ends and starts again.
    Restart,
    /// A refresh with this network fault.
    Refresh(NetworkFault),
    Activate(NetworkFault),
    /// The operator changes the license.
    License(Code),
    /// A network card is replaced.
    Repair,
}

fn fault() -> impl Strategy<Value = NetworkFault> {
    prop_oneof![
        4 => Just(NetworkFault::None),
        2 => Just(NetworkFault::Down),
        1 => proptest::sample::select(vec![
            NetworkFault::LostReply,
            NetworkFault::Status(503),
            NetworkFault::Status(429),
            NetworkFault::Portal,
            NetworkFault::Truncated,
            NetworkFault::BadSignature,
            NetworkFault::Forged,
            NetworkFault::Replay,
            NetworkFault::OtherNonce,
        ]),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let codes = vec![
        Code::Valid,
        Code::Valid,
        Code::Valid,
        Code::Revoked,
        Code::Suspended,
        Code::Expired,
        Code::NotFound,
    ];
    prop_oneof![
        4 => (0..4 * DAY).prop_map(Step::Pass),
        1 => (0..10 * DAY).prop_map(Step::Off),
        1 => (0..10 * DAY).prop_map(Step::Sleep),
        2 => (-20 * DAY..20 * DAY).prop_map(Step::Turn),
        1 => (-7_200..7_200_i64).prop_map(Step::Turn),
        1 => Just(Step::TurnRight),
        2 => Just(Step::Restart),
        4 => fault().prop_map(Step::Refresh),
        1 => fault().prop_map(Step::Activate),
        2 => proptest::sample::select(codes).prop_map(Step::License),
        1 => Just(Step::Repair),
    ]
}

struct Run {
    setup: TestSetup,
    folder: tempfile::TempDir,
    machine: Machine,
    client: Option<Licensing>,
    restarts: i64,
    truth: Truth,
}

impl Run {
    /// Activates a license by a clock with this lead.
    fn new(clock_ahead: i64) -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let (setup, machine) = (TestSetup::new(), Machine::named("home"));
        setup.clock.turn(clock_ahead);
        let client = setup.of(&folder.path().join("license.db"), &machine);
        client.activate(&key(1), "", "").unwrap();
        let truth = Truth::after(&setup.server.state().delivered[0], clock_ahead);
        Self { setup, folder, machine, client: Some(client), restarts: 0, truth }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("license.db")
    }

    fn restart(&mut self) {
        self.client = None;
        self.client = Some(self.setup.of(&self.path(), &self.machine));
        self.restarts += 1;
    }

    fn client(&self) -> &Licensing {
        self.client.as_ref().unwrap()
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Pass(seconds) => self.setup.clock.pass(*seconds),
            Step::Off(seconds) => {
                self.client = None;
                self.setup.clock.pass_unseen(*seconds);
                self.restart();
            }
            Step::Sleep(seconds) => self.setup.clock.pass_unseen(*seconds),
            Step::Turn(seconds) => self.set_clock(|run| run.setup.clock.turn(*seconds)),
            Step::TurnRight => self.set_clock(|run| run.setup.clock.turn_right()),
            Step::Restart => self.restart(),
            Step::Refresh(fault) => self.through(*fault, |client| drop(client.refresh())),
            Step::Activate(fault) => {
                self.through(*fault, |client| drop(client.activate(&key(1), "", "")));
            }
            Step::License(code) => self.setup.server.state().license = *code,
            Step::Repair => {
                let spare = Machine::named(&format!("spare-{}", self.restarts));
                self.machine = self.machine.clone().with_part_of(Label::Mac, &spare);
                self.restart();
            }
        }
    }

    fn set_clock(&mut self, set: impl FnOnce(&Self)) {
        let from = self.setup.clock.ahead_seconds();
        set(self);
        self.truth.set(from, self.setup.clock.ahead_seconds());
    }

    fn through(&mut self, fault: NetworkFault, ask: impl FnOnce(&Licensing)) {
        let before = self.setup.server.state().delivered.len();
        self.setup.set_fault(fault);
        ask(self.client());
        for answer in &self.setup.server.state().delivered[before..] {
            self.truth.record_answer(answer, self.setup.clock.ahead_seconds());
        }
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let (client, now) = (self.client(), self.setup.clock.truly());
        let (state, on) = (client.status(), unlocked(client));
        let signed = match self.truth.decision {
            LastDecision::Locked(code) => {
                prop_assert_eq!((state, on), (State::Locked { code }, false), "a refusal stands");
                return Ok(());
            }
            LastDecision::Valid(signed) => signed,
        };
        self.keeps_its_budget(signed, now, on)?;
        self.is_no_better_than_signed(signed, state, on)?;
        let left = Truth::end(signed) - now.real.seconds();
        prop_assert!(
            on || left <= 0 || self.truth.was_set_ahead,
            "{state:?}: off, {left} seconds before its end, and nobody set the clock ahead: {:?}",
            self.truth
        );
        Ok(())
    }

    /// No change of the clock makes a lease outlast its budget of running time. Without a change it ends at its end,
    /// late by at most the lag of the clock at its signature.
    fn keeps_its_budget(&self, signed: Moment, now: Moment, on: bool) -> Result<(), TestCaseError> {
        let spent = self.truth.spent(signed, now);
        // Each end of the program may lose less than one second.
        prop_assert!(
            !on || spent < LEASE_SECONDS + self.restarts,
            "{spent} of {LEASE_SECONDS} seconds, and still on"
        );
        let late = now.real.seconds() - Truth::end(signed);
        prop_assert!(
            !on || self.truth.was_set || late <= self.truth.lag(),
            "still on {late} seconds after its end: {:?}",
            self.truth
        );
        Ok(())
    }

    fn is_no_better_than_signed(&self, signed: Moment, state: State, on: bool) -> Result<(), TestCaseError> {
        match state {
            State::Active | State::RefreshDue => prop_assert!(on),
            State::Grace { until } => prop_assert_eq!((until.0, on), (Truth::end(signed), true)),
            State::Locked { code } => prop_assert_eq!((code, on), (LockCode::LeaseExpired, false)),
            State::ClockSuspect => {}
            state => prop_assert!(false, "a lease of this machine counts as nothing: {state:?}"),
        }
        let known = self.client().license().unwrap();
        let until = on.then(|| Truth::end(signed));
        prop_assert_eq!(known.offline_until.map(|until| until.0), until);
        prop_assert_eq!(known.features, [FEATURE]);
        Ok(())
    }
}

proptest! {
    // The same sequences in every run, so that a failure stays reproducible.
    #![proptest_config(ProptestConfig {
        cases: 200,
        rng_seed: proptest::test_runner::RngSeed::Fixed(1_800_000_000),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]
    #[test]
    fn grace_lasts_exactly_its_budget(
        clock_ahead in prop_oneof![Just(0), -20 * DAY..20 * DAY],
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let mut run = Run::new(clock_ahead);
        run.check()?;
        for step in &steps {
            run.take(step);
            run.check()?;
        }
    }
}
