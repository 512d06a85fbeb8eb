//! Somebody who has merely seen the key, against owners who check in.

use super::*;

/// Owners hold seats, somebody else has the key too.
#[derive(Clone, Debug)]
struct Siege {
    policy: Policy,
    owners: Vec<StoryMachine>,
    moves: Vec<Move>,
}

#[derive(Clone, Copy, Debug)]
struct Move {
    /// Thousandths of a cool-down: what matters is which side of its end a move is on.
    wait_permille: i64,
    /// How far the clock of the instance that decides is behind, if it is not an owner's check-in.
    behind_millis: i64,
    by: By,
}

#[derive(Clone, Copy, Debug)]
enum By {
    /// An owner checks in before having to.
    Owner(u8),
    Thief(StoryMachine, StoryRequest),
}

/// Clocks of instances differ by no more.
const MAX_CLOCK_LAG_MILLIS: i64 = 5 * SECOND;

fn sieges() -> impl Strategy<Value = Siege> {
    let thieves = pool(11..=15, true);
    let by = prop_oneof![
        1 => (0_u8..3).prop_map(By::Owner),
        4 => (thieves, wishes()).prop_map(|(machine, wish)| By::Thief(machine, wish)),
    ];
    let moves = (prop_oneof![2 => 0_i64..100, 1 => 0_i64..1_500], 0..=MAX_CLOCK_LAG_MILLIS, by)
        .prop_map(|(wait_permille, behind_millis, by)| Move { wait_permille, behind_millis, by });
    let owners = proptest::collection::vec(any::<bool>(), 1..=3);
    (policies(&[1, 24, 48]), owners, proptest::collection::vec(moves, 1..=30)).prop_map(
        |(policy, owners, moves)| {
            let mut owners = owners[..owners.len().min(usize::try_from(policy.seats).unwrap())].to_vec();
            // An opaque device is replaced by the first keyed binding, its owner's own too: those come last.
            owners.sort_unstable();
            let owners =
                (1..).zip(owners).map(|(number, has_old_client)| StoryMachine { number, has_old_client });
            Siege { policy, owners: owners.collect(), moves }
        },
    )
}

/// The check of a client at every start: it refreshes, and asks for its seat back if another device has it.
fn check_in(story: &mut Story, owner: StoryMachine) -> Result<(), TestCaseError> {
    let mut answer = story.ask(owner, StoryRequest::Activate);
    if answer == Err(Code::SeatsExhausted) {
        answer = story.ask(owner, StoryRequest::Transfer);
    }
    prop_assert!(answer.is_ok(), "{owner:?} is kept out: {answer:?}");
    prop_assert_eq!(story.seats_of(owner), 1, "{:?}", owner);
    Ok(())
}

#[derive(Clone, Copy, Debug)]
enum Deed {
    Asks(StoryMachine, StoryRequest),
    TakesTheSeatOf(StoryMachine, StoryMachine),
    ChecksIn(StoryMachine),
}

/// The ways that have been found to keep an owner out, each told in as few steps as it takes.
#[test]
fn known_attacks_lock_no_owner_out() {
    use Deed::{Asks, ChecksIn, TakesTheSeatOf};
    let keyed = |number| StoryMachine { number, has_old_client: false };
    let (anna, ben, old_ben) = (keyed(1), keyed(2), StoryMachine { number: 2, has_old_client: true });
    let (thief, friend, old_thief) =
        (keyed(11), keyed(12), StoryMachine { number: 11, has_old_client: true });
    let attacks: &[(&str, &[StoryMachine], &[Deed])] = &[
        ("one transfer", &[anna], &[TakesTheSeatOf(thief, anna)]),
        ("two of them", &[anna, ben], &[TakesTheSeatOf(thief, anna), TakesTheSeatOf(friend, ben)]),
        (
            "put out by a reclaim, back by a return, and once more to be the latest binding",
            &[anna],
            &[
                TakesTheSeatOf(thief, anna),
                ChecksIn(anna),
                TakesTheSeatOf(thief, anna),
                Asks(thief, StoryRequest::Deactivate),
                Asks(thief, StoryRequest::Activate),
            ],
        ),
        (
            "put out by a reclaim, back by a return to the other owner's seat",
            &[anna, ben],
            &[TakesTheSeatOf(thief, anna), ChecksIn(anna), TakesTheSeatOf(thief, ben)],
        ),
        (
            "the second one gone, and its seat taken by the first owner",
            &[anna, ben],
            &[
                TakesTheSeatOf(thief, anna),
                TakesTheSeatOf(friend, ben),
                Asks(friend, StoryRequest::Deactivate),
                ChecksIn(anna),
            ],
        ),
        (
            "the seat taken while its owner had given it up",
            &[anna],
            &[Asks(anna, StoryRequest::Deactivate), Asks(thief, StoryRequest::Activate), ChecksIn(anna)],
        ),
        (
            "both seats taken while their owners had given them up",
            &[anna, ben],
            &[
                Asks(anna, StoryRequest::Deactivate),
                Asks(ben, StoryRequest::Deactivate),
                Asks(thief, StoryRequest::Activate),
                Asks(friend, StoryRequest::Activate),
            ],
        ),
        (
            "the owner with a new client put in the place of the one with an old",
            &[anna, old_ben],
            &[TakesTheSeatOf(old_thief, anna), ChecksIn(anna)],
        ),
    ];
    let mut kept_out = Vec::new();
    for (attack, owners, deeds) in attacks {
        let seats = u32::try_from(owners.len()).unwrap();
        let mut story = Story::begin(Policy { seats, max_transfers: 1, ..Policy::DEFAULT });
        for owner in *owners {
            assert_eq!(story.ask(*owner, StoryRequest::Activate), Ok(Code::Activated), "{attack}");
            story.wait(SECOND);
        }
        for deed in *deeds {
            match *deed {
                Asks(machine, wish) => story.suffer(machine, wish),
                ChecksIn(owner) => {
                    kept_out.extend(check_in(&mut story, owner).err().map(|why| format!("{attack}: {why}")));
                }
                TakesTheSeatOf(machine, of) => {
                    let place = story.place_of(of).unwrap();
                    story.suffer(machine, StoryRequest::TransferFromNth(place));
                }
            }
            story.wait(SECOND);
        }
        for owner in *owners {
            kept_out.extend(check_in(&mut story, *owner).err().map(|why| format!("{attack}: {why}")));
        }
    }
    assert_eq!(kept_out, [""; 0]);
}

proptest! {
    #![proptest_config(cases(1_000))]

    /// Owners who check in at least once per cool-down have their seats after each check-in, whatever somebody else
    /// does who has seen the key and any device id, but is at none of the owners' machines.
    #[test]
    fn owners_who_check_in_keep_seats(siege in sieges()) {
        let cooldown = i64::from(siege.policy.transfer_cooldown_hours) * HOUR;
        // Once per cool-down, by whichever clock.
        let interval = cooldown - MAX_CLOCK_LAG_MILLIS;
        let mut story = Story::begin(siege.policy);
        let mut due = Vec::new();
        for owner in &siege.owners {
            story.wait(SECOND);
            prop_assert_eq!(story.ask(*owner, StoryRequest::Activate), Ok(Code::Activated));
            due.push((story.now.0 + interval, *owner));
        }
        for step in &siege.moves {
            let until = story.now.0 + SECOND + cooldown / 1_000 * step.wait_permille;
            while let Some(next) = due.iter_mut().filter(|(at, _)| *at <= until).min() {
                story.now = UnixMillis(next.0);
                check_in(&mut story, next.1)?;
                next.0 += interval;
            }
            story.now = UnixMillis(until);
            match step.by {
                By::Owner(nth) => {
                    let nth = usize::from(nth) % due.len();
                    check_in(&mut story, due[nth].1)?;
                    due[nth].0 = until + interval;
                }
                By::Thief(machine, wish) => {
                    story.wait(-step.behind_millis);
                    story.suffer(machine, wish);
                    story.wait(step.behind_millis);
                }
            }
        }
        for (_, owner) in due {
            check_in(&mut story, owner)?;
        }
    }
}
