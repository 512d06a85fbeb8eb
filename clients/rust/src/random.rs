//! Random bytes, as the library is handed them. The one file that asks the operating system.

/// The operating system gave no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no random bytes")]
pub struct NoRandomness;

/// Where random bytes come from: [`SystemRandom`], or a test's own.
pub trait Random: Send + Sync {
    /// Fills a buffer with bytes that nobody can foretell.
    ///
    /// # Errors
    /// [`NoRandomness`]; then nothing is sent, since a nonce that can be foretold proves nothing.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness>;
}

/// The operating system's.
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
