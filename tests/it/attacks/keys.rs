//! Key guessing and tampering.

use falconer_tests::{Fixture, TestStack};
use serde_json::{Value, json};

/// Every character a current key is written with, and those of the hex of a legacy one.
const DIGITS: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The key with another character at each place in turn: all that `digits` has.
fn changed(key: &str, digits: &str) -> Vec<String> {
    let places = key.char_indices().filter(|(_, c)| c.is_ascii_alphanumeric());
    let others = |(place, was): (usize, char)| {
        let digits: Vec<char> = digits.chars().collect();
        digits.into_iter().filter(move |digit| !digit.eq_ignore_ascii_case(&was)).map(move |digit| {
            let mut other = key.to_owned();
            other.replace_range(place..=place, &digit.to_string());
            other
        })
    };
    places.flat_map(others).collect()
}

/// The answer to a guess, without the members that differ from call to call.
fn told(stack: &TestStack, path: &str, typed: &str) -> (u16, Value) {
    let mut reply = stack.post(path, &json!({ "license": typed }));
    reply.body["requestId"].take();
    (reply.status, reply.body)
}

#[test]
fn guessed_keys_are_refused_alike() {
    let stack = TestStack::start();
    let (ring, keys) = (stack.ring(), [stack.put(Fixture::pro()), stack.put(Fixture::pro())]);
    let legacy = [stack.put(Fixture::pro().with_legacy_key()), stack.put(Fixture::pro().with_legacy_key())];
    let mut guesses = changed(&keys[0], DIGITS);
    // A legacy key says its tier, its second and a tag of those.
    guesses.extend(changed(&legacy[0], "0123456789abcdef"));
    let (half, whole) = (keys[0].len() - 15, keys[0].len());
    guesses.push(format!("{}{}", &keys[0][..half], &keys[1][half..whole]));
    for (tier, other) in [("PRO", "ELITE"), ("PRO", "FREE"), ("QF", "QX")] {
        guesses.extend([&keys[0], &legacy[0]].map(|key| key.replacen(tier, other, 1)));
    }
    let seconds = |key: &str| key.rsplit('-').next().unwrap().to_owned();
    guesses.push(legacy[0].replace(&seconds(&legacy[0]), &seconds(&legacy[1])));
    assert!(guesses.len() > 1_000, "{}", guesses.len());
    for guess in &guesses {
        assert!(ring.authenticate(guess).is_err(), "{guess}");
    }
    // Over the wire: no call, and no difference that would tell a guesser how near it came.
    let no_key = told(&stack, "/api/verify", "ABC-123-XYZ");
    assert_eq!((no_key.0, &no_key.1["code"]), (401, &json!("INVALID_SIGNATURE")));
    stack.settle();
    stack.forget();
    for guess in guesses.iter().step_by(23) {
        stack.speak(guess);
        assert_eq!(told(&stack, "/api/verify", guess), no_key, "{guess}");
    }
    stack.settle();
    let asked: Vec<_> = stack.dynamodb.records().into_iter().map(|record| record.operation).collect();
    assert_eq!(asked, Vec::<String>::new());
    for key in keys.iter().chain(&legacy) {
        assert_eq!(stack.verify(key).code(), "VALID");
    }
}
