//! How often an address may ask about a license, how often a license may be asked about, and how often an address may
//! ask at all.
//!
//! One counter in DynamoDB serves all instances. It counts a license at an address, and an address with imported keys
//! whose license may not exist. The first request of a minute to verify is noted in memory and counted with the second,
//! so a customer who asks once costs no write. The other limits are those of this instance's memory.

mod memory;

use std::sync::{Mutex, MutexGuard, PoisonError};

use falconer_domain::{LicenseId, UnixMillis};

use crate::address::Address;
use crate::counter::Counter;
use crate::error::StoreError;
use crate::fixed_window::{WINDOW_SECONDS, seconds_left, window};
use memory::{Bucket, Memory, Step};

/// Name of the limit for keys that nothing has proved: invalid ones, and imported ones that were not found yet.
const UNKNOWN_KEY: &str = "unknown-key";

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

/// Requests that are admitted in a minute; 0 turns a limit off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// About one license from one address, over all instances. Also those of an address with unknown keys.
    pub per_minute: u32,
    /// From one address, on each instance.
    pub per_address: u32,
    /// About one license, on each instance.
    pub per_license: u32,
}

/// The moment at which the shared counter hears of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// The first request of a minute is counted together with the second. Without the counter, memory counts.
    FromTheSecond,
    /// Every request is counted before its answer.
    AtOnce,
}

/// The limits of one endpoint on one instance.
#[derive(Debug)]
pub struct Limiter {
    endpoint: &'static str,
    counter: Counter,
    counting: Counting,
    limits: Limits,
    memory: Mutex<Memory>,
}

/// The answer of the shared counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// There was room, or the request is the first of its minute here.
    Admitted,
    /// It could not be reached, so nobody knows. [`Counting::FromTheSecond`] has counted the request in memory.
    OutOfReach,
}

impl Limiter {
    /// The limits of `endpoint`.
    #[must_use]
    pub fn new(endpoint: &'static str, counter: Counter, counting: Counting, limits: Limits) -> Self {
        Self { endpoint, counter, counting, limits, memory: Mutex::new(Memory::new()) }
    }

    /// Counts a request with an invalid key, apart from authentic requests.
    ///
    /// # Errors
    /// [`OverLimit`].
    pub fn junk(&self, address: &Address, now: UnixMillis) -> Result<(), OverLimit> {
        let quota = self.limits.per_minute;
        let is_over = quota > 0 && self.memory().junk.count(address.clone(), now) > quota;
        if is_over { Err(OverLimit::new(UNKNOWN_KEY, quota, now)) } else { Ok(()) }
    }

    /// Refuses from memory what is known to be over a limit, before any I/O. A refused request counts for none of the
    /// limits: one customer who asks too often uses up nobody else's share of an address.
    ///
    /// # Errors
    /// [`OverLimit`].
    pub fn admit(&self, address: &Address, license: &LicenseId, now: UnixMillis) -> Result<(), OverLimit> {
        let Limits { per_minute, per_address, per_license } = self.limits;
        let mut memory = self.memory();
        if per_minute > 0 && memory.is_full(&Bucket::License(license.clone(), address.clone()), now) {
            return Err(OverLimit::new(self.endpoint, per_minute, now));
        }
        if per_license > 0 && memory.licenses.so_far(license, now) >= per_license {
            return Err(OverLimit::new("license", per_license, now));
        }
        if per_address > 0 && memory.addresses.so_far(address, now) >= per_address {
            return Err(OverLimit::new("address", per_address, now));
        }
        memory.licenses.count(license.clone(), now);
        memory.addresses.count(address.clone(), now);
        Ok(())
    }

    /// Counts an admitted request about a license, at the counter that all instances share.
    ///
    /// # Errors
    /// [`OverLimit`].
    pub async fn count(
        &self,
        address: &Address,
        license: &LicenseId,
        now: UnixMillis,
    ) -> Result<Counted, OverLimit> {
        let bucket = Bucket::License(license.clone(), address.clone());
        let counted = self.count_in(bucket, self.counting, self.endpoint, now).await;
        if counted.is_err() {
            let mut memory = self.memory();
            memory.licenses.take_back(license, now);
            memory.addresses.take_back(address, now);
        }
        counted
    }

    /// Counts a request with an imported key whose license may not exist, at once and by its address alone.
    ///
    /// # Errors
    /// [`OverLimit`].
    pub async fn count_unknown_key(&self, address: &Address, now: UnixMillis) -> Result<Counted, OverLimit> {
        self.count_in(Bucket::UnknownKey(address.clone()), Counting::AtOnce, UNKNOWN_KEY, now).await
    }

    /// Counts a request for its license together with the next one. It was counted as one with an unknown key, and its
    /// license was found.
    pub fn count_with_next(&self, address: &Address, license: &LicenseId, now: UnixMillis) {
        self.memory().note_uncounted(Bucket::License(license.clone(), address.clone()), now);
    }

    /// Notes that the license of an imported key was found.
    pub fn note_found(&self, license: &LicenseId, now: UnixMillis) {
        self.memory().found.note(license.clone(), now);
    }

    /// Returns true if this instance has found the license of an imported key within the hour.
    #[must_use]
    pub fn has_found(&self, license: &LicenseId, now: UnixMillis) -> bool {
        self.memory().found.contains(license, now)
    }

    async fn count_in(
        &self,
        bucket: Bucket,
        counting: Counting,
        policy: &'static str,
        now: UnixMillis,
    ) -> Result<Counted, OverLimit> {
        let quota = self.limits.per_minute;
        if quota == 0 {
            return Ok(Counted::Admitted);
        }
        let over = || OverLimit::new(policy, quota, now);
        let calls = match self.memory().step(&bucket, counting, quota, now) {
            Step::Admit => return Ok(Counted::Admitted),
            Step::Refuse => return Err(over()),
            Step::Count(calls) => calls,
        };
        let row = format!("{}#{}#{}", self.endpoint, bucket.name(), window(now));
        match self.counter.count(&row, calls, quota, now).await {
            Ok(()) => {
                self.memory().note_counted(bucket, calls, now);
                Ok(Counted::Admitted)
            }
            Err(StoreError::Conflict) => {
                self.memory().note_full(bucket, now);
                Err(over())
            }
            Err(error) => {
                tracing::warn!(error = %error, "rate limit counter unavailable");
                if self.counting == Counting::FromTheSecond {
                    self.memory().note_uncounted(bucket, now);
                }
                Ok(Counted::OutOfReach)
            }
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // A panic elsewhere leaves counts that are still counts.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
