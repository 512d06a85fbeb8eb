//! An instance's copy of the key ring, and when it is read again.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use falconer_domain::KeyRing;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::clients::Clients;
use crate::error::kind;

/// How long a ring is used before it is read again.
const FRESH: Duration = Duration::from_secs(300);
/// From this age on it is read again after an answer, so that a busy instance never waits for it.
const REREAD_AFTER: Duration = Duration::from_secs(240);
/// Only a ring this young may refuse a key of a generation it does not know.
const MAX_AGE_TO_REFUSE: Duration = Duration::from_secs(60);
/// Shortest pause between two attempts of an instance that has no ring.
const MISSING_PAUSE: Duration = Duration::from_secs(5);
/// Shortest pause between two attempts in a request's way of an instance that has one.
const HELD_PAUSE: Duration = Duration::from_secs(60);
/// Longest a request waits for the re-read of a ring that is still good.
const REREAD_BUDGET: Duration = Duration::from_millis(400);

/// No usable key ring. The operator's fault and never the customer's: 503.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key ring is not available")]
pub struct RingUnavailable;

/// The ring this instance holds. A bad or unreachable one never replaces a good one.
#[derive(Debug)]
pub struct KeyRingCache {
    secrets: Client,
    secret_id: String,
    state: Mutex<CellState>,
}

#[derive(Debug, Default)]
struct CellState {
    held: Option<Held>,
    /// The last attempt of any kind.
    tried_at: Option<Instant>,
    /// The last one that a request waited for. Kept apart: attempts behind answers are cut off after 300 ms, and if a
    /// slow secret store lets none of them finish, requests must still get theirs.
    waited_at: Option<Instant>,
}

#[derive(Clone, Debug)]
struct Held {
    ring: Arc<KeyRing>,
    read_at: Instant,
}

impl CellState {
    fn age(&self) -> Option<Duration> {
        self.held.as_ref().map(|held| held.read_at.elapsed())
    }

    fn ring(&self) -> Result<Arc<KeyRing>, RingUnavailable> {
        self.held.as_ref().map(|held| Arc::clone(&held.ring)).ok_or(RingUnavailable)
    }

    fn may_try(&self, pause: Duration) -> bool {
        self.tried_at.is_none_or(|tried_at| tried_at.elapsed() >= pause)
    }

    /// Returns true if a request may wait for an attempt; if so, it counts as made.
    fn may_wait(&mut self, pause: Duration) -> bool {
        let may = self.waited_at.is_none_or(|waited_at| waited_at.elapsed() >= pause);
        if may {
            self.waited_at = Some(Instant::now());
        }
        may
    }
}

impl KeyRingCache {
    /// A cell that has read nothing yet.
    #[must_use]
    pub fn new(clients: &Clients, secret_id: &str) -> Self {
        let (secrets, state) = (clients.secrets.clone(), Mutex::new(CellState::default()));
        Self { secrets, secret_id: secret_id.to_owned(), state }
    }

    /// The ring to judge with now. Reads it if none is held, or if the one held is past its age; in that case an
    /// unreachable secret changes nothing.
    ///
    /// # Errors
    /// [`RingUnavailable`] when none is held and none can be read.
    pub async fn ring(&self) -> Result<Arc<KeyRing>, RingUnavailable> {
        let mut state = self.state.lock().await;
        match state.age() {
            None if state.may_try(MISSING_PAUSE) => self.read(&mut state).await,
            Some(age) if age >= FRESH && state.may_wait(HELD_PAUSE) => self.reread(&mut state).await,
            _ => {}
        }
        state.ring()
    }

    /// The ring to refuse an unknown generation with: at most a minute old, so that a key issued a minute ago by a new
    /// generation is never refused. Read at most once a minute, whatever callers send.
    ///
    /// # Errors
    /// [`RingUnavailable`] when so young a ring cannot be had.
    pub async fn fresh_ring(&self) -> Result<Arc<KeyRing>, RingUnavailable> {
        let mut state = self.state.lock().await;
        if state.age().is_none_or(|age| age > MAX_AGE_TO_REFUSE) && state.may_wait(MAX_AGE_TO_REFUSE) {
            self.read(&mut state).await;
        }
        if state.age().is_some_and(|age| age <= MAX_AGE_TO_REFUSE) {
            state.ring()
        } else {
            Err(RingUnavailable)
        }
    }

    /// Reads again what will soon be too old. A missing ring is left to the requests that need one: behind an answer an
    /// attempt is cut short, and would only cost them theirs.
    pub async fn refresh_ageing(&self) {
        let mut state = self.state.lock().await;
        if state.age().is_some_and(|age| age >= REREAD_AFTER) && state.may_try(MISSING_PAUSE) {
            self.read(&mut state).await;
        }
    }

    /// Returns the age of the ring; `None` without a ring.
    pub async fn age(&self) -> Option<Duration> {
        self.state.lock().await.age()
    }

    /// Reads while a request waits that could be served with what is held.
    async fn reread(&self, state: &mut CellState) {
        if tokio::time::timeout(REREAD_BUDGET, self.read(state)).await.is_err() {
            tracing::warn!(error = "timed out", "key ring not reloaded; the previous one stays in use");
        }
    }

    async fn read(&self, state: &mut CellState) {
        state.tried_at = Some(Instant::now());
        match self.fetch().await {
            Ok(ring) => state.held = Some(Held { ring: Arc::new(ring), read_at: Instant::now() }),
            Err(why) if state.held.is_some() => {
                tracing::warn!(error = why, "key ring not reloaded; the previous one stays in use");
            }
            Err(why) => {
                tracing::error!(
                    error = why,
                    "key ring missing; every request gets 503 until the secret can be read"
                );
            }
        }
    }

    async fn fetch(&self) -> Result<KeyRing, String> {
        let output = self
            .secrets
            .get_secret_value()
            .secret_id(&self.secret_id)
            .send()
            .await
            .map_err(|error| format!("Secrets Manager: {}", kind(&error)))?;
        let text = output.secret_string().ok_or("the secret is not text")?;
        let ring = KeyRing::parse(text).map_err(|why| why.to_string())?;
        if ring.has_unreadable_distrust() {
            tracing::warn!("unreadable member of the key ring's x-distrusted ignored");
        }
        if ring.has_unreadable_statement() {
            tracing::warn!("unreadable x-statement of the key ring not published");
        }
        Ok(ring)
    }
}
