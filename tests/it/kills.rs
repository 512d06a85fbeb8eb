//! Functions killed at any moment: there are no half states, and a repeat converges.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use falconer_tests::{RaisedOnLeaving, TestStack, TestStackOptions};

use crate::history::History;
use crate::races::{CHANGES, RoundTrip, acknowledged_is_stored, busy, rounds};

const CALLERS: usize = 6;
const INSTANCES: usize = 2;
const SEATS: u32 = 4;
/// Mutations that have to be stored while functions are killed.
const MUTATIONS: usize = 200;
/// Rounds of one caller between two looks at how many there are.
const ROUNDS: usize = 5;
/// Fewest kills for a run to mean something: one in ten mutations.
const FEWEST_KILLS: usize = 20;

#[test]
fn killed_function_keeps_invariants() {
    let stack = TestStack::with(&TestStackOptions { instances: INSTANCES, ..TestStackOptions::default() });
    let key = stack.put(busy(SEATS));
    let id = stack.license_id(&key);
    let (url, gateway) = (stack.gateway().url(), stack.gateway());
    let (stored, kills, done) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    // One that is starting is left alone: a slow machine would never have another.
    let is_up = |function: &str, instance: usize| {
        let starts = gateway.starts();
        let mut of_it =
            starts.iter().filter(|start| start.function == function && start.instance == instance);
        of_it.next_back().is_some_and(|last| last.ready.is_some() && last.ended.is_none())
    };

    let told = std::thread::scope(|scope| {
        scope.spawn(|| {
            for moment in 0_u64.. {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                // From 20 to 90 ms: at any point of a request, and not so often that none is ever answered.
                std::thread::sleep(Duration::from_millis(20 + moment * 37 % 70));
                let pick = usize::try_from(moment).unwrap_or_default();
                let (function, instance) = (CHANGES[pick % CHANGES.len()], pick / CHANGES.len() % INSTANCES);
                if is_up(function, instance) && gateway.kill(function, instance).is_ok() {
                    kills.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        let leaving = RaisedOnLeaving(&done);
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| {
                let (url, key, stored, kills) = (&url, &key, &stored, &kills);
                scope.spawn(move || {
                    let mut all = Vec::new();
                    while stored.load(Ordering::Relaxed) < MUTATIONS
                        || kills.load(Ordering::Relaxed) < FEWEST_KILLS
                    {
                        let told = rounds(url, key, caller, ROUNDS);
                        let changes = told.iter().filter(|told| told.changed_something()).count();
                        stored.fetch_add(changes, Ordering::Relaxed);
                        all.extend(told);
                    }
                    all
                })
            })
            .collect();
        let told: Vec<_> = callers.into_iter().flat_map(|caller| caller.join().expect("a caller")).collect();
        drop(leaving);
        told
    });
    let (answered, killed): (Vec<_>, Vec<_>) =
        told.into_iter().partition(|told| told.reply.body.get("success").is_some());
    assert!(!killed.is_empty(), "no kill met a request");

    stack.gateway().wait_until_ready(Duration::from_secs(60)).expect("functions that start again");
    let history = History::of(&stack, &id, SEATS as usize);
    acknowledged_is_stored(&history, &answered);

    assert!(history.len() >= MUTATIONS, "{} mutations", history.len());

    // And a repeat converges: each request without an answer gets one now.
    for RoundTrip { endpoint, body, .. } in &killed {
        let reply = stack.post(&format!("/api/{endpoint}"), body);
        assert!(reply.body.get("success").is_some(), "{endpoint}: {} {}", reply.status, reply.body);
    }
    History::of(&stack, &id, SEATS as usize);
}
