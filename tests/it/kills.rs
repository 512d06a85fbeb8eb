//! Functions killed at any moment: there are no half states, and a repeat converges.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use falconer_tests::{Machine, World, WorldOptions};

use crate::history::History;
use crate::races::{CHANGES, acknowledged_is_stored, busy, rounds};

const CALLERS: usize = 8;
const ROUNDS: usize = 25;
const INSTANCES: usize = 2;
const SEATS: u32 = 2;
/// Fewest kills for a run to mean something: about one in ten mutations.
const FEWEST_KILLS: usize = 20;

#[test]
fn a_function_killed_at_any_moment_leaves_every_invariant_true() {
    let world = World::with(&WorldOptions { instances: INSTANCES, ..WorldOptions::default() });
    let key = world.put(busy(SEATS));
    let id = world.license_id(&key);
    let (url, gateway) = (world.gateway().url(), world.gateway());
    let done = AtomicBool::new(false);

    let (told, kills) = std::thread::scope(|scope| {
        let killer = scope.spawn(|| {
            let mut kills = 0;
            for moment in 0_u64.. {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                // From 1 to 60 ms: at any point of a request, which takes about as long here.
                std::thread::sleep(Duration::from_millis(1 + moment * 37 % 60));
                let pick = usize::try_from(moment).unwrap_or_default();
                let function = CHANGES[pick % CHANGES.len()];
                // It may be starting at this moment, and then there is nothing to kill.
                kills += usize::from(gateway.kill(function, pick / CHANGES.len() % INSTANCES).is_ok());
            }
            kills
        });
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| {
                let (url, key) = (&url, &key);
                scope.spawn(move || rounds(url, key, caller, ROUNDS))
            })
            .collect();
        let told: Vec<_> = callers.into_iter().flat_map(|caller| caller.join().expect("a caller")).collect();
        done.store(true, Ordering::Relaxed);
        (told, killer.join().expect("the killer"))
    });
    assert!(told.len() >= CALLERS * ROUNDS);
    assert!(kills >= FEWEST_KILLS, "{kills} kills");
    let asked = told.len();
    let answered: Vec<_> = told.into_iter().filter(|told| told.reply.body.get("success").is_some()).collect();
    assert!(answered.len() < asked, "no kill met a request");

    world.gateway().wait_until_ready(Duration::from_secs(60)).expect("functions that start again");
    let history = History::of(&world, &id, SEATS as usize);
    acknowledged_is_stored(&history, &answered);

    // And a repeat converges: whoever asks is told what is so.
    let machine = Machine::named("caller0");
    let from = world.stored(&id).devices.keys().next().map(ToString::to_string);
    let mut body = machine.request(&key);
    body["from_device"] = from.into();
    let moved = world.post("/api/transfer", &body);
    assert_eq!(moved.status, 200, "{}", moved.body);
    assert_eq!(world.activate(&key, &machine).code(), "REFRESHED");
    History::of(&world, &id, SEATS as usize);
}
