//! How often one address, and one license, may ask.
//!
//! One counter in DynamoDB serves all instances. What an instance remembers on top of it only ever spares work: an
//! address that is over its limit is refused from memory, and callers with keys that are no keys cost no I/O at all.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use falconer_domain::{LicenseId, UnixMillis};

use crate::counter::Counter;
use crate::error::StoreError;
use crate::fixed_window::{FixedWindowCounter, WINDOW_SECONDS, seconds_left, window};

/// A caller's network address as it is counted: IPv4 whole, IPv6 by its /64, which is what one customer is given.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address(String);

impl Address {
    /// Folds the gateway's `sourceIp`. Whatever does not parse shares one bucket.
    #[must_use]
    pub fn fold(source_ip: &str) -> Self {
        Self(match source_ip.trim().parse::<IpAddr>().map(|address| address.to_canonical()) {
            Ok(IpAddr::V4(address)) => address.to_string(),
            Ok(IpAddr::V6(address)) => {
                let [a, b, c, d, ..] = address.segments();
                format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
            Err(_) => "unknown".to_owned(),
        })
    }

    /// As counters and audit rows write it. Never for a log.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Addresses of persons stay out of logs.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(…)")
    }
}

/// A limit was reached: which one, and when its window ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverLimit {
    /// The policy's name in `RateLimit-Policy`.
    pub policy: &'static str,
    /// Requests it admits in a window.
    pub quota: u32,
    /// Length of the window.
    pub window_seconds: i64,
    /// Until the window ends.
    pub retry_after_seconds: i64,
}

impl OverLimit {
    const fn new(policy: &'static str, quota: u32, now: UnixMillis) -> Self {
        Self { policy, quota, window_seconds: WINDOW_SECONDS, retry_after_seconds: seconds_left(now) }
    }
}

/// The limits of one endpoint on one instance.
#[derive(Debug)]
pub struct Limiter {
    endpoint: &'static str,
    counter: Counter,
    per_address: u32,
    per_license: u32,
    memory: Mutex<Memory>,
}

#[derive(Debug)]
struct Memory {
    junk: FixedWindowCounter<Address>,
    denied: FixedWindowCounter<Address>,
    without_counter: FixedWindowCounter<Address>,
    licenses: FixedWindowCounter<LicenseId>,
}

/// The answer of the shared counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// There was room.
    Admitted,
    /// It could not be reached, so nobody knows.
    OutOfReach,
}

impl Limiter {
    /// The limits of `endpoint`; 0 turns a limit off.
    #[must_use]
    pub fn new(endpoint: &'static str, counter: Counter, per_address: u32, per_license: u32) -> Self {
        let memory = Memory {
            junk: FixedWindowCounter::new(),
            denied: FixedWindowCounter::new(),
            without_counter: FixedWindowCounter::new(),
            licenses: FixedWindowCounter::new(),
        };
        Self { endpoint, counter, per_address, per_license, memory: Mutex::new(memory) }
    }

    /// Counts a request with an invalid key, apart from authentic requests.
    ///
    /// # Errors
    /// [`OverLimit`].
    pub fn junk(&self, address: &Address, now: UnixMillis) -> Result<(), OverLimit> {
        let over = self.per_address > 0 && self.memory().junk.count(address.clone(), now) > self.per_address;
        if over { Err(self.over_address(now)) } else { Ok(()) }
    }

    /// Refuses from memory what is known to be over a limit, before any I/O.
    ///
    /// # Errors
    /// [`OverLimit`].
    pub fn admit(&self, address: &Address, license: &LicenseId, now: UnixMillis) -> Result<(), OverLimit> {
        let mut memory = self.memory();
        if self.per_address > 0 && memory.denied.contains(address, now) {
            return Err(self.over_address(now));
        }
        if self.per_license > 0 && memory.licenses.count(license.clone(), now) > self.per_license {
            return Err(OverLimit::new("license", self.per_license, now));
        }
        Ok(())
    }

    /// Counts an authentic request at the counter all instances share.
    ///
    /// # Errors
    /// [`OverLimit`].
    pub async fn count(&self, address: &Address, now: UnixMillis) -> Result<Counted, OverLimit> {
        if self.per_address == 0 {
            return Ok(Counted::Admitted);
        }
        let bucket = format!("{}#{}#{}", self.endpoint, address.as_str(), window(now));
        match self.counter.count(&bucket, self.per_address, now).await {
            Ok(()) => Ok(Counted::Admitted),
            Err(StoreError::Conflict) => {
                self.memory().denied.count(address.clone(), now);
                Err(self.over_address(now))
            }
            Err(error) => {
                tracing::warn!(error = %error, "rate limit counter unavailable");
                Ok(Counted::OutOfReach)
            }
        }
    }

    /// Counts a request in this instance's memory, instead of a shared counter that cannot be reached.
    ///
    /// # Errors
    /// [`OverLimit`].
    pub fn count_in_memory(&self, address: &Address, now: UnixMillis) -> Result<(), OverLimit> {
        let mut memory = self.memory();
        if memory.without_counter.count(address.clone(), now) <= self.per_address {
            return Ok(());
        }
        memory.denied.count(address.clone(), now);
        Err(self.over_address(now))
    }

    fn over_address(&self, now: UnixMillis) -> OverLimit {
        OverLimit::new(self.endpoint, self.per_address, now)
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // A panic elsewhere leaves counts that are still counts.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::{Budgets, Clients, TrustRoots};

    #[test]
    fn folds_addresses_to_one_customer() {
        for (source_ip, expected) in [
            ("203.0.113.7", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:DB8:1:2::9", "2001:db8:1:2::/64"),
            ("2001:db8:1:3::9", "2001:db8:1:3::/64"),
            ("", "unknown"),
            ("203.0.113.7, 10.0.0.1", "unknown"),
        ] {
            assert_eq!(Address::fold(source_ip).as_str(), expected, "{source_ip}");
        }
        assert_eq!(format!("{:?}", Address::fold("203.0.113.7")), "Address(…)");
    }

    #[tokio::test]
    async fn counts_junk_and_authentic_apart() {
        let limiter = limiter(2, 3).await;
        let (address, license) = (Address::fold("203.0.113.7"), LicenseId::parse(ID).unwrap());
        let now = UnixMillis(30_000);
        let said: Vec<_> = (0..4).map(|_| limiter.junk(&address, now).is_ok()).collect();
        assert_eq!(said, [true, true, false, false]);
        let said: Vec<_> = (0..4).map(|_| limiter.admit(&address, &license, now).is_ok()).collect();
        assert_eq!(said, [true, true, true, false]);
        let over = limiter.admit(&address, &license, now).unwrap_err();
        assert_eq!((over.policy, over.quota, over.retry_after_seconds), ("license", 3, 30));
        assert!(limiter.junk(&address, UnixMillis(60_000)).is_ok());
    }

    #[tokio::test]
    async fn zero_turns_limits_off() {
        let limiter = limiter(0, 0).await;
        let (address, license) = (Address::fold("203.0.113.7"), LicenseId::parse(ID).unwrap());
        for _ in 0..1_000 {
            assert!(limiter.junk(&address, UnixMillis(0)).is_ok());
            assert!(limiter.admit(&address, &license, UnixMillis(0)).is_ok());
        }
    }

    /// A limiter whose counter leads nowhere: these limits ask it nothing.
    async fn limiter(per_address: u32, per_license: u32) -> Limiter {
        let clients = Clients::connect(TrustRoots::Amazon, Budgets::LAMBDA).await;
        Limiter::new("verify", Counter::new(&clients, "none"), per_address, per_license)
    }

    const ID: &str = "lic_ndgc5x34jby0cedfg16y9sz0";

    proptest::proptest! {
        /// Every address has one bucket in one spelling; texts that are not addresses share one. No bucket is longer
        /// than an address: it becomes part of a key.
        #[test]
        fn any_source_is_one_bucket(text in "\\PC{0,60}", v4 in proptest::prelude::any::<[u8; 4]>(), v6 in proptest::prelude::any::<[u16; 8]>()) {
            let folded = Address::fold(&text);
            proptest::prop_assert!(folded.as_str().len() <= 43, "{}", folded.as_str());
            let v4 = IpAddr::from(v4);
            let folded = Address::fold(&v4.to_string());
            proptest::prop_assert_eq!(folded.as_str(), v4.to_string());
            let mapped = format!("::ffff:{v4}");
            proptest::prop_assert_eq!(Address::fold(&mapped), folded);
            let mut neighbour = v6;
            neighbour[7] ^= 1;
            let [one, other] = [v6, neighbour].map(|segments| Address::fold(&IpAddr::from(segments).to_string()));
            let is_mapped = v6[..6] == [0, 0, 0, 0, 0, 0xFFFF];
            proptest::prop_assert!(one == other || is_mapped);
        }
    }
}
