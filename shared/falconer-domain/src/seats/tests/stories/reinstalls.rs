//! Customers who have no more machines than seats and only reinstall them, and an operator who resets, gives new keys
//! and changes the number of seats: nobody pays for that, and nobody gets more by it.

use super::*;
use crate::operate::{self, Reset};

/// Something that happens to a license.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Asks(StoryMachine, StoryRequest),
    ResetsAll,
    /// One of the bound devices.
    ResetsNth(u8),
    GivesANewKey,
    /// Takes seats away until so many are left, naming the devices that lose theirs.
    SetsSeats(u8),
    /// A tier of the catalog has so many seats from now on; nobody is named, and nobody loses one.
    CatalogHasSeats(u8),
}

impl Story {
    /// Sets seats; where that leaves too few, the devices bound first lose theirs.
    fn resize(&mut self, seats: u32) {
        let surplus = self.license.devices.len().saturating_sub(usize::try_from(seats).unwrap());
        let release = self.license.devices.keys().take(surplus).cloned().collect();
        self.license = operate::set_seats(self.license.clone(), seats, &release, self.now).unwrap();
        self.policy.seats = seats;
    }

    /// Has another number of seats, however many devices are bound.
    fn is_resized(&mut self, seats: u32) {
        self.license.policy.seats = Some(seats);
        self.policy.seats = seats;
    }

    fn suffer_deed(&mut self, deed: Deed) -> Option<Result<Code, Code>> {
        match deed {
            Deed::Asks(machine, wish) => return Some(self.ask(machine, wish)),
            Deed::ResetsAll => self.reset(&Reset::All),
            Deed::ResetsNth(nth) => {
                let mut bound = self.license.devices.keys().cycle();
                if let Some(id) = bound.nth(usize::from(nth)).cloned() {
                    self.reset(&Reset::One(id));
                }
            }
            Deed::GivesANewKey => {
                let (id, generation) = (LicenseId::from_hash(&[2; 32]), self.license.generation);
                self.license = operate::rotate(self.license.clone(), id, generation).unwrap().new;
            }
            Deed::SetsSeats(seats) => self.resize(u32::from(seats)),
            Deed::CatalogHasSeats(seats) => self.is_resized(u32::from(seats)),
        }
        None
    }

    fn reset(&mut self, reset: &Reset) {
        self.license = operate::reset_hardware(self.license.clone(), reset).unwrap();
    }
}

fn deeds(machines: impl Strategy<Value = StoryMachine>) -> impl Strategy<Value = Deed> {
    prop_oneof![
        8 => (machines, wishes()).prop_map(|(machine, wish)| Deed::Asks(machine, wish)),
        1 => Just(Deed::ResetsAll),
        1 => (0_u8..4).prop_map(Deed::ResetsNth),
        1 => Just(Deed::GivesANewKey),
        1 => (1_u8..=4).prop_map(Deed::SetsSeats),
        1 => (1_u8..=4).prop_map(Deed::CatalogHasSeats),
    ]
}

/// Each deed an hour or two after the one before: all of it within the year that a return lasts.
fn hours() -> impl Strategy<Value = i64> {
    (0_i64..60).prop_map(|hours| hours * HOUR + SECOND)
}

fn keyed(number: u8) -> StoryMachine {
    StoryMachine { number, has_old_client: false }
}

/// Reimages every machine of a license at once, so often, and says what was counted.
fn reimaged(seats: u8, times: u32, days_between: i64) -> (License, Vec<Result<Code, Code>>) {
    let mut story = Story::begin(Policy { seats: seats.into(), ..Policy::DEFAULT });
    let mut answers = Vec::new();
    for time in 0..=times {
        for number in 0..seats {
            answers.push(story.ask(keyed(number), StoryRequest::Activate));
            story.wait(SECOND);
        }
        if time < times {
            story.wait(days_between * DAY);
            for number in 0..seats {
                story.suffer(keyed(number), StoryRequest::Deactivate);
                story.wait(SECOND);
            }
        }
    }
    (story.license, answers)
}

#[test]
fn reimaging_four_times_a_year_is_free() {
    for (seats, times, days_between) in
        [(1, 4, 90), (2, 1, 1), (2, 4, 90), (10, 1, 1), (10, 4, 90), (100, 2, 180)]
    {
        let (license, answers) = reimaged(seats, times, days_between);
        assert!(answers.iter().all(|answer| *answer == Ok(Code::Activated)), "{seats} seats: {answers:?}");
        let kept =
            (license.transfers_total, license.free_used, license.devices.len(), license.released.len());
        assert_eq!(kept, (0, u32::from(seats), usize::from(seats), 0), "{seats} seats, {times} times");
    }
}

/// A third machine on two seats pays as ever, and no two machines take turns on one seat.
#[test]
fn machines_beyond_seats_are_counted() {
    let mut story = Story::begin(Policy { seats: 2, max_transfers: 0, ..Policy::DEFAULT });
    let [a, b, c] = [1, 2, 3].map(keyed);
    for machine in [a, b] {
        assert_eq!(story.ask(machine, StoryRequest::Activate), Ok(Code::Activated));
        story.wait(SECOND);
    }
    for machine in [a, b] {
        assert_eq!(story.ask(machine, StoryRequest::Deactivate), Ok(Code::Deactivated));
        story.wait(SECOND);
        assert_eq!(story.ask(c, StoryRequest::Activate), Err(Code::TransferLimitReached));
    }
    let mut story = Story::begin(Policy { seats: 2, max_transfers: 1, ..Policy::DEFAULT });
    for machine in [a, b] {
        story.suffer(machine, StoryRequest::Activate);
        story.wait(SECOND);
    }
    story.suffer(a, StoryRequest::Deactivate);
    assert_eq!(story.ask(c, StoryRequest::Activate), Ok(Code::Activated));
    assert_eq!((story.license.transfers_total, story.license.devices.len()), (1, 2));
    story.wait(SECOND);
    story.suffer(b, StoryRequest::Deactivate);
    // B left last, and A's seat is C's: one seat is vacant, and B's alone.
    let may_return: Vec<_> = story.license.released.values().filter(|one| one.may_return).collect();
    assert_eq!(may_return.len(), 1);
}

/// A first machine that comes back finds its seat although another was bound for the first time meanwhile.
#[test]
fn first_binding_keeps_other_returns() {
    let mut story = Story::begin(Policy { seats: 3, max_transfers: 0, ..Policy::DEFAULT });
    let [a, b, c] = [1, 2, 3].map(keyed);
    for (machine, wish) in [
        (a, StoryRequest::Activate),
        (a, StoryRequest::Deactivate),
        (b, StoryRequest::Activate),
        (a, StoryRequest::Activate),
    ] {
        assert!(story.ask(machine, wish).is_ok(), "{machine:?} {wish:?}");
        story.wait(SECOND);
    }
    assert_eq!(story.ask(c, StoryRequest::Activate), Ok(Code::Activated), "three machines, three seats");
    assert_eq!((story.license.free_used, story.license.transfers_total), (3, 0));
}

/// Seats that are taken away for a while, by an operator or a catalog, cost nobody who had one a transfer afterwards.
#[test]
fn seats_given_back_are_free_again() {
    for by_catalog in [true, false] {
        let mut story = Story::begin(Policy { seats: 2, max_transfers: 0, ..Policy::DEFAULT });
        let [a, b] = [1, 2].map(keyed);
        for wish in [StoryRequest::Activate, StoryRequest::Deactivate] {
            for machine in [a, b] {
                assert!(story.ask(machine, wish).is_ok());
                story.wait(SECOND);
            }
        }
        let set =
            |story: &mut Story, seats| if by_catalog { story.is_resized(seats) } else { story.resize(seats) };
        set(&mut story, 1);
        assert_eq!(story.ask(a, StoryRequest::Activate), Ok(Code::Activated));
        story.wait(SECOND);
        set(&mut story, 2);
        assert_eq!(story.ask(b, StoryRequest::Activate), Ok(Code::Activated));
        assert_eq!((story.license.transfers_total, story.license.bound()), (0, 2));
    }
}

proptest! {
    #![proptest_config(cases(600))]

    /// A customer with no more machines than seats is never refused and never counted, whatever the operator does.
    #[test]
    fn reinstalls_are_never_counted(
        machines in 1_u8..=4,
        more_seats in 0_u8..=2,
        deeds in proptest::collection::vec((hours(), deeds(pool(0..=3, false))), 1..=60),
    ) {
        let seats = u32::from(machines + more_seats);
        let mut story = Story::begin(Policy { seats, max_transfers: 0, ..Policy::DEFAULT });
        for (wait, deed) in deeds {
            story.wait(wait);
            let answer = match deed {
                Deed::Asks(machine, wish) => {
                    let machine = keyed(machine.number % machines);
                    // From another machine of theirs it would be a move.
                    let wish = if matches!(wish, StoryRequest::Deactivate) { wish } else { StoryRequest::Activate };
                    story.suffer_deed(Deed::Asks(machine, wish)).map(|answer| (answer, wish))
                }
                // Taken away, and given back before anybody notices or only after the next request.
                Deed::SetsSeats(fewer) => {
                    story.resize(u32::from(fewer).min(seats));
                    if wait / HOUR % 2 == 0 {
                        story.suffer(keyed(fewer % machines), StoryRequest::Activate);
                        story.wait(SECOND);
                    }
                    story.resize(seats);
                    None
                }
                // The same by a catalog, which names nobody.
                Deed::CatalogHasSeats(fewer) => {
                    story.is_resized(u32::from(fewer).min(seats));
                    if wait / HOUR % 2 == 0 {
                        story.suffer(keyed(fewer % machines), StoryRequest::Activate);
                        story.wait(SECOND);
                    }
                    story.is_resized(seats);
                    None
                }
                deed => story.suffer_deed(deed).map(|answer| (answer, StoryRequest::Activate)),
            };
            if let Some((answer, StoryRequest::Activate)) = answer {
                prop_assert!(answer.is_ok(), "{deed:?}: {answer:?} of {:?}", story.license);
            }
            prop_assert_eq!(story.license.transfers_total, 0);
            prop_assert!(story.license.bound() <= seats);
        }
    }

    /// Nobody gets more devices than seats, or more counted transfers than the windows have room for, by any deed.
    #[test]
    fn no_action_exceeds_the_seats(
        policy in policies(ANY_COOLDOWN),
        deeds in proptest::collection::vec(
            (waits(), any::<bool>().prop_flat_map(|old| deeds(pool(0..=6, old)))), 1..=60,
        ),
    ) {
        let mut story = Story::begin(policy);
        let mut counted_at: Vec<UnixMillis> = Vec::new();
        for (wait, deed) in deeds {
            story.wait(wait);
            let (before, now) = (story.license.clone(), story.now);
            story.suffer_deed(deed);
            let after = &story.license;
            // A catalog that shrinks leaves those who are bound, and then nobody is added to them.
            prop_assert!(after.bound() <= story.policy.seats.max(before.bound()), "{deed:?}: {after:?}");
            let is_shrunk = |deed| matches!(deed, Deed::CatalogHasSeats(_));
            let fits = before.bound() <= story.policy.seats;
            prop_assert!(is_shrunk(deed) || !fits || after.bound() <= story.policy.seats, "{deed:?}: {after:?}");
            let counted = after.transfers_total - before.transfers_total;
            if counted > 0 {
                let year = counted_at.iter().filter(|at| at.0 > now.0 - YEAR_DAYS * DAY).count();
                let room = story.policy.max_transfers * story.policy.seats;
                prop_assert!(u32::try_from(year).unwrap() < room, "{deed:?}");
                prop_assert_eq!(counted, 1);
                counted_at.push(now);
            }
            let returns = after.released.values().filter(|one| one.has_return(now)).count();
            let most = usize::try_from(story.policy.seats.max(after.bound())).unwrap() + 1;
            // Each binding leaves no more returns than fit. A refresh binds nobody, and finds what fewer seats have
            // left.
            let binds = after.devices.keys().any(|id| !before.devices.contains_key(id));
            prop_assert!(
                !matches!(deed, Deed::Asks(..)) || !binds || after.devices.len() + returns <= most,
                "{deed:?}: {} bound, {returns} may return", after.devices.len()
            );
        }
    }
}
