//! Random bytes, injected. No other file asks the operating system for them.

/// The operating system supplied no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no random bytes")]
pub struct NoRandomness;

/// Source of random bytes: [`SystemRandom`], or a test's own.
pub trait Random: Send + Sync {
    /// Fills a buffer with bytes that nobody can predict.
    ///
    /// # Errors
    /// [`NoRandomness`]. The request is then not sent, because an answer to a predictable nonce could be a recorded
    /// one.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness>;
}

/// Random generator of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the edge of the library; everything else is handed a Random"
        )]
        getrandom::fill(bytes).map_err(|_| NoRandomness)
    }
}
