//! How far bulk work is: a bar at a terminal, a line now and then in a log, nothing for a program that reads JSON.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use crate::args::OutputOptions;
use crate::output;

/// How often a log gets a line.
const LOG_INTERVAL: Duration = Duration::from_secs(5);
/// How often a bar is drawn, and what it and a line are computed from.
const DRAW_INTERVAL: Duration = Duration::from_millis(200);

/// Rows done, of all.
pub(crate) enum Progress {
    /// At a terminal.
    Bar(ProgressBar),
    /// In a log.
    Lines { total: u64, began: Instant, said: Instant },
    /// Nobody looks.
    Silent,
}

impl Progress {
    pub(crate) fn of(total: u64, options: OutputOptions) -> Self {
        if std::io::stderr().is_terminal() {
            let style = ProgressStyle::with_template("  {bar:30} {pos} of {len} rows, {rate}, {eta} left");
            // Unwrap safety: the template is a constant; every bulk command at a terminal passes through here.
            let style = style.unwrap().progress_chars("=> ");
            let bar = ProgressBar::new(total).with_style(style.with_key("rate", rate));
            bar.enable_steady_tick(DRAW_INTERVAL);
            Self::Bar(bar)
        } else if options.json {
            Self::Silent
        } else {
            Self::Lines { total, began: Instant::now(), said: Instant::now() }
        }
    }

    pub(crate) fn at(&mut self, rows: u64) {
        match self {
            Self::Bar(bar) => bar.set_position(rows),
            Self::Lines { total, began, said } if said.elapsed() >= LOG_INTERVAL => {
                *said = Instant::now();
                let elapsed = began.elapsed().as_secs().max(1);
                let a_second = (rows / elapsed).max(1);
                let left = total.saturating_sub(rows) / a_second;
                output::note(format!("{rows} of {total} rows, {a_second} a second, {left} s left"));
            }
            Self::Lines { .. } | Self::Silent => {}
        }
    }

    pub(crate) fn finish(self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn rate(state: &ProgressState, text: &mut dyn std::fmt::Write) {
    // A bar that cannot be drawn is not worth a word.
    let _ = write!(text, "{:.0} a second", state.per_sec());
}
