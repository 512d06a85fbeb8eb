//! The extension module `falconer_licensing._native`: the client library behind a few classes that speak JSON. The package
//! in `falconer_licensing` gives them their names, types and exceptions; it decides nothing about a license.
//!
//! Three rules keep threads, forks and the end of an interpreter apart:
//!
//! - A lock of this module is taken only by a thread that holds the interpreter's lock (GIL), and released before it lets
//!   go of that. The thread that forks holds the GIL, so no such lock is locked in the child. The one exception is the
//!   queue of changes, which a child never touches.
//! - A call that may wait lets go of the GIL. No thread of the library ever asks for it: changes go through a queue, and
//!   a thread of Python fetches them.
//! - Each call that waits is counted and can be cancelled, so that the interpreter ends after the calls have left.

mod call;
mod changes;
mod form;
mod handle;
mod report;
mod settings;
#[cfg(feature = "testing")]
mod testing;

/// Everything that `falconer_licensing` uses.
#[pyo3::pymodule(gil_used = true)]
mod _native {
    #[pymodule_export]
    use super::call::{calls_in_progress, forget_calls};
    #[pymodule_export]
    use super::changes::Changes;
    #[pymodule_export]
    use super::form::{Form, FormRequest, Outcome};
    #[pymodule_export]
    use super::handle::Handle;
    #[pymodule_export]
    use super::settings::open;
    #[cfg(feature = "testing")]
    #[pymodule_export]
    use super::testing::_testing;

    /// Version of the library.
    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");
}
