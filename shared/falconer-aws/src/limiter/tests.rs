use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::clients::{Budgets, Clients, TrustRoots};
use crate::fixed_window::CAPACITY;

const ID: &str = "lic_ndgc5x34jby0cedfg16y9sz0";
const OTHER_ID: &str = "lic_ndgc5x34jby0cedfg16y9sz1";
const OFF: Limits = Limits { per_minute: 0, per_address: 0, per_license: 0 };

fn license(id: &str) -> LicenseId {
    LicenseId::parse(id).unwrap()
}

/// A limiter whose counter leads nowhere: these limits ask it nothing.
async fn limiter(limits: Limits) -> Limiter {
    let clients = Clients::connect(TrustRoots::Amazon, Budgets::LAMBDA).await;
    Limiter::new("verify", Counter::new(&clients, "none"), Counting::FromTheSecond, limits)
}

#[tokio::test]
async fn counts_junk_and_authentic_apart() {
    let limiter = limiter(Limits { per_minute: 2, per_license: 3, ..OFF }).await;
    let (address, license) = (Address::fold("203.0.113.7"), license(ID));
    let now = UnixMillis(30_000);
    let said: Vec<_> = (0..4).map(|_| limiter.junk(&address, now).is_ok()).collect();
    assert_eq!(said, [true, true, false, false]);
    let said: Vec<_> = (0..4).map(|_| limiter.admit(&address, &license, now).is_ok()).collect();
    assert_eq!(said, [true, true, true, false]);
    let over = limiter.admit(&address, &license, now).unwrap_err();
    assert_eq!((over.policy, over.quota, over.retry_after_seconds), ("license", 3, 30));
    assert!(limiter.junk(&address, UnixMillis(60_000)).is_ok());
}

/// One customer who asks too often uses up nothing of the address that others share.
#[tokio::test]
async fn refusals_use_up_no_address() {
    let limiter = limiter(Limits { per_address: 4, per_license: 3, ..OFF }).await;
    let (address, now) = (Address::fold("203.0.113.7"), UnixMillis(0));
    let admits = |id: &str| limiter.admit(&address, &license(id), now).map_err(|over| over.policy);
    let said: Vec<_> = (0..50).map(|_| admits(ID)).collect();
    assert_eq!((said[2], said[3], said[49]), (Ok(()), Err("license"), Err("license")));
    assert_eq!([admits(OTHER_ID), admits(OTHER_ID)], [Ok(()), Err("address")]);
    assert!(limiter.admit(&Address::fold("203.0.113.8"), &license(OTHER_ID), now).is_ok());
    assert!(limiter.admit(&address, &license(OTHER_ID), UnixMillis(60_000)).is_ok(), "a minute later");
}

#[tokio::test]
async fn zero_turns_limits_off() {
    let limiter = limiter(OFF).await;
    let (address, license) = (Address::fold("203.0.113.7"), license(ID));
    for _ in 0..1_000 {
        assert!(limiter.junk(&address, UnixMillis(0)).is_ok());
        assert!(limiter.admit(&address, &license, UnixMillis(0)).is_ok());
        assert_eq!(limiter.count(&address, &license, UnixMillis(0)).await, Ok(Counted::Admitted));
    }
}

#[test]
fn found_licenses_are_known_for_an_hour() {
    let mut memory = Memory::new();
    let last = UnixMillis(3_599_999);
    memory.found.note(license(ID), UnixMillis(0));
    assert!(memory.found.contains(&license(ID), last) && !memory.found.contains(&license(OTHER_ID), last));
    assert!(!memory.found.contains(&license(ID), UnixMillis(3_600_000)));
}

#[test]
fn full_memory_counts_at_once() {
    let mut memory = Memory::new();
    let now = UnixMillis(0);
    let bucket = |number: usize| {
        let address =
            format!("{}.{}.{}.{}", number >> 24, number >> 16 & 255, number >> 8 & 255, number & 255);
        Bucket::License(license(ID), Address::fold(&address))
    };
    let mut step = |number: usize| memory.step(&bucket(number), Counting::FromTheSecond, 10, now);
    assert!((0..CAPACITY).all(|number| step(number) == Step::Admit));
    assert_eq!([step(CAPACITY), step(CAPACITY)], [Step::Count(1), Step::Count(1)]);
    assert_eq!(step(0), Step::Count(2), "the ones that it knows owe one each");
}

/// Instances with a shared counter that is sometimes out of reach.
struct Service {
    instances: Vec<Memory>,
    counted: HashMap<Bucket, u32>,
    counting: Counting,
    quota: u32,
}

impl Service {
    fn new(instances: usize, counting: Counting, quota: u32) -> Self {
        let instances = (0..instances).map(|_| Memory::new()).collect();
        Self { instances, counted: HashMap::new(), counting, quota }
    }

    /// As `Limiter::count_in` does it. `true` if the request is admitted.
    fn asks(&mut self, instance: usize) -> bool {
        let now = UnixMillis(0);
        let bucket = Bucket::License(license(ID), Address::fold("203.0.113.7"));
        let memory = &mut self.instances[instance];
        let calls = match memory.step(&bucket, self.counting, self.quota, now) {
            Step::Admit => return true,
            Step::Refuse => return false,
            Step::Count(calls) => calls,
        };
        let counted = self.counted.entry(bucket.clone()).or_default();
        if *counted + calls > self.quota {
            memory.note_full(bucket, now);
            return false;
        }
        *counted += calls;
        memory.note_counted(bucket, calls, now);
        true
    }
}

/// The bound is exact: one instance uses the limit up, and each other one admits a request of its own.
#[test]
fn each_further_instance_admits_one() {
    let mut service = Service::new(4, Counting::FromTheSecond, 10);
    let mut admitted = |instance: usize| (0..20).filter(|_| service.asks(instance)).count();
    assert_eq!([0, 1, 2, 3].map(&mut admitted), [10, 1, 1, 1]);
}

proptest! {
    /// In any order of requests to any instances, at most `limit + instances − 1` are admitted; nobody is refused before
    /// the limit is reached; and each change is counted, so of them exactly the limit is admitted.
    #[test]
    fn admits_at_most_its_bound(
        quota in 1_u32..12,
        requests in proptest::collection::vec(0_usize..5, 0..120),
    ) {
        let instances = requests.iter().collect::<std::collections::BTreeSet<_>>().len();
        for counting in [Counting::FromTheSecond, Counting::AtOnce] {
            let mut service = Service::new(5, counting, quota);
            let mut admitted = 0;
            for instance in &requests {
                let was_admitted = service.asks(*instance);
                prop_assert!(was_admitted || admitted >= quota, "refused after {admitted} of {quota}");
                admitted += u32::from(was_admitted);
            }
            let bound = match counting {
                Counting::FromTheSecond => quota + u32::try_from(instances).unwrap().saturating_sub(1),
                Counting::AtOnce => quota,
            };
            prop_assert!(admitted <= bound, "{admitted} of {quota} on {instances} instances");
        }
    }
}
