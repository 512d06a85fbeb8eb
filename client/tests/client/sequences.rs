//! Any sequence of clock moves, outages, answers, repairs and restarts.

use std::path::PathBuf;

use falconer_client::{Clock, Label, Licensing, LockCode, State};
use falconer_domain::Code;
use falconer_domain::lease::Claims;
use proptest::prelude::*;

use crate::harness::{DAY, FEATURE, Lab, Machine, Weather, key, unlocked};

#[derive(Clone, Debug)]
enum Step {
    /// The program runs.
    Pass(i64),
    /// The machine is off, and the program starts again.
    Off(i64),
    /// Somebody turns the clock.
    Turn(i64),
    TurnRight,
    /// The program ends and starts again.
    Restart,
    /// The server is asked, through this weather.
    Refresh(Weather),
    Activate(Weather),
    /// The operator changes the license.
    License(Code),
    /// A network card is replaced.
    Repair,
}

fn weather() -> impl Strategy<Value = Weather> {
    prop_oneof![
        4 => Just(Weather::Fair),
        2 => Just(Weather::Down),
        1 => proptest::sample::select(vec![
            Weather::LostReply,
            Weather::Status(503),
            Weather::Status(429),
            Weather::Portal,
            Weather::Truncated,
            Weather::BadSignature,
            Weather::Forged,
            Weather::Replay,
            Weather::OtherNonce,
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
        2 => (-20 * DAY..20 * DAY).prop_map(Step::Turn),
        1 => Just(Step::TurnRight),
        2 => Just(Step::Restart),
        4 => weather().prop_map(Step::Refresh),
        1 => weather().prop_map(Step::Activate),
        2 => proptest::sample::select(codes).prop_map(Step::License),
        1 => Just(Step::Repair),
    ]
}

struct Run {
    lab: Lab,
    folder: tempfile::TempDir,
    machine: Machine,
    client: Option<Licensing>,
    restarts: u64,
    /// Whether the clock has only shown what was true, or less, since the last good answer.
    never_ahead: bool,
}

impl Run {
    fn new() -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let mut run = Self {
            lab: Lab::new(),
            folder,
            machine: Machine::named("home"),
            client: None,
            restarts: 0,
            never_ahead: true,
        };
        run.restart();
        run
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("license.db")
    }

    fn restart(&mut self) {
        self.client = None;
        self.client = Some(self.lab.of(&self.path(), &self.machine));
        self.restarts += 1;
    }

    fn client(&self) -> &Licensing {
        self.client.as_ref().unwrap()
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Pass(seconds) => self.lab.clock.pass(*seconds),
            Step::Off(seconds) => {
                self.client = None;
                self.lab.clock.pass_unseen(*seconds);
                self.never_ahead = false;
                self.restart();
            }
            Step::Turn(seconds) => {
                self.lab.clock.turn(*seconds);
                // Turned back on a clock that was ahead at the answer, it still shows more than is true: nobody can tell
                // that from a clock that was set right.
                let is_ahead = self.lab.clock.now().wall > self.lab.clock.real();
                self.never_ahead &= *seconds <= 0 && !is_ahead;
            }
            Step::TurnRight => {
                self.lab.clock.turn_right();
                self.never_ahead = false;
            }
            Step::Restart => self.restart(),
            Step::Refresh(weather) => self.through(*weather, |client| drop(client.refresh())),
            Step::Activate(weather) => {
                self.through(*weather, |client| drop(client.activate(&key(1), "", "")));
            }
            Step::License(code) => self.lab.server.state().license = *code,
            Step::Repair => {
                let spare = Machine::named(&format!("spare-{}", self.restarts));
                self.machine = self.machine.clone().with_part_of(Label::Mac, &spare);
                self.restart();
            }
        }
    }

    fn through(&mut self, weather: Weather, ask: impl FnOnce(&Licensing)) {
        let before = self.lab.server.state().delivered.len();
        self.lab.weather(weather);
        ask(self.client());
        let state = self.lab.server.state();
        self.never_ahead |= state.delivered[before..].iter().any(|(claims, _)| claims.valid);
    }

    /// The last answer that decided anything, and how long the program has run since, in seconds.
    fn last_word(&self) -> Option<(Claims, u64)> {
        let now = self.lab.clock.now().monotonic;
        let state = self.lab.server.state();
        let decisive = |claims: &Claims| claims.valid || LockCode::of_refusal(&claims.code).is_some();
        // Nobody is locked by a refusal who has never had a license.
        let first_yes = state.delivered.iter().position(|(claims, _)| claims.valid)?;
        let (claims, at) = state.delivered[first_yes..].iter().rfind(|(claims, _)| decisive(claims))?;
        Some((claims.clone(), now.saturating_sub(*at).as_secs()))
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let (client, state) = (self.client(), self.client().status());
        let Some((said, ran)) = self.last_word() else {
            prop_assert_eq!((state, unlocked(client)), (State::NotActivated, false));
            return Ok(());
        };
        if let (false, Some(code)) = (said.valid, LockCode::of_refusal(&said.code)) {
            prop_assert_eq!((state, unlocked(client)), (State::Locked { code }, false), "a refusal stands");
            return Ok(());
        }
        let budget = u64::try_from(said.exp - said.iat).unwrap();
        // Each end of the program may lose less than a second of what has passed.
        prop_assert!(
            !unlocked(client) || ran < budget + self.restarts,
            "{ran} of {budget} seconds, and still on"
        );
        match state {
            State::Grace { until } => prop_assert_eq!(until.0, said.exp, "never later than signed"),
            State::Locked { code } => {
                let overdue = matches!(code, LockCode::LeaseExpired | LockCode::Expired);
                prop_assert!(
                    overdue && client.now().0 >= said.exp,
                    "{code:?} without a refusal, before its time"
                );
                prop_assert!(
                    !self.never_ahead || ran + 1 >= budget,
                    "locked after {ran} of {budget} seconds"
                );
            }
            State::NotActivated => {
                prop_assert!(false, "a lease of this machine counts as nothing");
            }
            State::Active | State::RefreshDue => prop_assert!(unlocked(client)),
            State::ClockSuspect => prop_assert_eq!(unlocked(client), client.now().0 < said.exp),
        }
        let known = client.license().unwrap();
        prop_assert!(known.offline_until.is_none_or(|until| until.0 == said.exp));
        prop_assert_eq!(known.features, [FEATURE]);
        Ok(())
    }
}

proptest! {
    // The same sequences in every run, so that what is red once stays red until it is understood.
    #![proptest_config(ProptestConfig {
        cases: 200,
        rng_seed: proptest::test_runner::RngSeed::Fixed(1_800_000_000),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]
    #[test]
    fn grace_keeps_its_budget_and_nothing_but_a_signed_no_locks_before_it(
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let mut run = Run::new();
        run.take(&Step::Activate(Weather::Fair));
        for step in &steps {
            run.take(step);
            run.check()?;
        }
    }
}
