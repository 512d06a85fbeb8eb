//! Output whose reader has gone, as in `cargo xtask tidy | head`.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};

/// Runs a task. `None` means that standard output was closed meanwhile. The task is unwound then, so that it stops the
/// programs that it has started.
pub(crate) fn run<T>(task: impl FnOnce() -> T) -> Option<T> {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !is_closed_pipe(panic.payload()) {
            usual(panic);
        }
    }));
    match panic::catch_unwind(AssertUnwindSafe(task)) {
        Ok(outcome) => Some(outcome),
        Err(payload) if is_closed_pipe(&*payload) => None,
        Err(payload) => panic::resume_unwind(payload),
    }
}

/// `println!` offers no other way to tell: it panics with this text.
fn is_closed_pipe(payload: &(dyn Any + Send)) -> bool {
    payload
        .downcast_ref::<String>()
        .is_some_and(|text| text.starts_with("failed printing to std") && text.contains("Broken pipe"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print_to_a_closed_pipe() {
        let error = std::io::Error::from_raw_os_error(rustix::io::Errno::PIPE.raw_os_error());
        panic!("failed printing to stdout: {error}");
    }

    #[test]
    fn a_closed_pipe_ends_the_task_alone() {
        assert_eq!(run(|| 1), Some(1));
        assert_eq!(run(print_to_a_closed_pipe), None);
        assert!(panic::catch_unwind(|| run(|| panic!("anything else"))).is_err());
    }
}
