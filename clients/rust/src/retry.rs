//! Retries: three attempts with full jitter, which respect the server's `Retry-After`.

use std::time::Duration;

use crate::cancel::CancelToken;
use crate::clock::Clock;
use crate::random::Random;
use crate::transport::{NetworkFailure, Reply};

/// Attempts of one request, the first included.
pub const MAX_ATTEMPTS: u32 = 3;
/// Longest pause before the second attempt; it doubles after that. Jitter spreads clients that failed together.
pub const BASE_BACKOFF: Duration = Duration::from_millis(500);
/// Longest `Retry-After` that is waited for: a person sits in front of the screen.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(10);

/// Sends until an answer is final or the attempts are used up. Returns the last answer, or
/// [`NetworkFailure::Cancelled`] where another attempt would follow.
pub(crate) fn send_with_retry(
    clock: &dyn Clock,
    random: &dyn Random,
    cancel: &CancelToken,
    mut send: impl FnMut() -> Result<Reply, NetworkFailure>,
) -> Result<Reply, NetworkFailure> {
    let mut tries = 1;
    loop {
        if cancel.is_cancelled() {
            return Err(NetworkFailure::Cancelled);
        }
        let answer = send();
        let Some(asked) = retry_delay(answer.as_ref()) else { return answer };
        if tries >= MAX_ATTEMPTS || asked > MAX_RETRY_AFTER {
            return answer;
        }
        clock.sleep(asked.max(jitter(random, BASE_BACKOFF * 2_u32.pow(tries - 1))), cancel);
        tries += 1;
    }
}

/// Pause that an answer asks for before the next attempt; `None` if another attempt would get the same answer. A 409 is
/// retried only with `Retry-After`: then the request lost a race. A taken seat is a 409 without it.
fn retry_delay(answer: Result<&Reply, &NetworkFailure>) -> Option<Duration> {
    let reply = match answer {
        Ok(reply) => reply,
        Err(NetworkFailure::Cancelled) => return None,
        Err(_) => return Some(Duration::ZERO),
    };
    let asked = reply.retry_after_seconds.map(Duration::from_secs);
    match reply.status {
        408 | 425 | 429 | 500.. => Some(asked.unwrap_or_default()),
        409 => asked,
        _ => None,
    }
}

/// Random duration between zero and `longest`.
pub(crate) fn jitter(random: &dyn Random, longest: Duration) -> Duration {
    let mut bytes = [0; 4];
    // Without random bytes, take the longest pause.
    if random.fill(&mut bytes).is_err() {
        return longest;
    }
    longest.mul_f64(f64::from(u32::from_be_bytes(bytes)) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use falconer_domain::UnixMillis;

    use super::*;
    use crate::clock::ClockReading;
    use crate::random::NoRandomness;

    #[derive(Default)]
    struct Slept(Mutex<Vec<Duration>>);

    impl Clock for Slept {
        fn now(&self) -> ClockReading {
            ClockReading { wall: UnixMillis(0), monotonic: Duration::ZERO }
        }

        fn sleep(&self, time: Duration, _: &CancelToken) {
            self.0.lock().unwrap().push(time);
        }
    }

    struct Always(u8);

    impl Random for Always {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
            bytes.fill(self.0);
            Ok(())
        }
    }

    const fn reply(status: u16, retry_after_seconds: Option<u64>) -> Reply {
        Reply { status, retry_after_seconds, body: Vec::new() }
    }

    #[test]
    fn attempts_and_pauses() {
        let millis =
            |millis: &[u64]| millis.iter().map(|millis| Duration::from_millis(*millis)).collect::<Vec<_>>();
        for (answer, pauses) in [
            (Ok(reply(200, None)), millis(&[])),
            (Ok(reply(401, None)), millis(&[])),
            (Ok(reply(404, Some(1))), millis(&[])),
            (Ok(reply(409, None)), millis(&[])),
            (Ok(reply(409, Some(1))), millis(&[1_000, 1_000])),
            (Err(NetworkFailure::Other), millis(&[500, 1_000])),
            (Err(NetworkFailure::Cancelled), millis(&[])),
            (Ok(reply(408, None)), millis(&[500, 1_000])),
            (Ok(reply(500, None)), millis(&[500, 1_000])),
            (Ok(reply(503, Some(2))), millis(&[2_000, 2_000])),
            (Ok(reply(429, Some(10))), millis(&[10_000, 10_000])),
            (Ok(reply(429, Some(11))), millis(&[])),
            (Ok(reply(503, Some(u64::MAX))), millis(&[])),
        ] {
            let (clock, mut sent) = (Slept::default(), 0);
            let last = send_with_retry(&clock, &Always(0xFF), &CancelToken::new(), || {
                sent += 1;
                answer.clone()
            });
            assert_eq!(last, answer);
            assert_eq!((sent, clock.0.into_inner().unwrap()), (pauses.len() + 1, pauses), "{answer:?}");
        }
    }

    #[test]
    fn cancelled_request_is_not_sent_again() {
        for attempts in 0..MAX_ATTEMPTS {
            let (clock, cancel, mut sent) = (Slept::default(), CancelToken::new(), 0);
            if attempts == 0 {
                cancel.cancel();
            }
            let last = send_with_retry(&clock, &Always(0xFF), &cancel, || {
                sent += 1;
                if sent == attempts {
                    cancel.cancel();
                }
                Ok(reply(503, None))
            });
            assert_eq!((last, sent), (Err(NetworkFailure::Cancelled), attempts));
        }
    }

    #[test]
    fn final_answer_counts_although_cancelled() {
        let cancel = CancelToken::new();
        let last = send_with_retry(&Slept::default(), &Always(0), &cancel, || {
            cancel.cancel();
            Ok(reply(200, None))
        });
        assert_eq!(last, Ok(reply(200, None)));
    }

    #[test]
    fn jitter_covers_whole_range() {
        let longest = Duration::from_secs(4);
        assert_eq!(jitter(&Always(0), longest), Duration::ZERO);
        assert_eq!(jitter(&Always(0xFF), longest), longest);
        let middle = jitter(&Always(0x80), longest);
        assert!(middle > Duration::from_secs(1) && middle < Duration::from_secs(3), "{middle:?}");
    }
}
