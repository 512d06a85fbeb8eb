//! The command that serves the console.

use anyhow::{Context, Result};
use falconer_console::{Access, Console, Setup};
use serde_json::json;

use crate::args;
use crate::args::OutputOptions;
use crate::output;

/// Serves the console until Ctrl-C, or until nobody has used it for an hour.
pub(crate) async fn run(setup: Setup, arguments: &args::Console, options: OutputOptions) -> Result<()> {
    let does = match &setup.access {
        Access::Full(..) => "shows and changes licenses",
        Access::ReadOnly(..) => "shows licenses and changes nothing",
    };
    let end = interruption();
    let console = Console::open(setup, arguments.port).await?;
    let file = console.file().context("the console was opened before it began")?;
    let shown = file.display();
    if options.json {
        let (address, file) = (console.address().to_string(), shown.to_string());
        output::document_to_be_read(&json!({ "address": address, "file": file }))?;
    } else {
        output::line(format!("The console on {} {does}. Ctrl-C ends it.", console.address()))?;
        output::line(format!("This file opens it, once, and only for you: {shown}"))?;
    }
    if !arguments.no_browser && open::that_detached(&file).is_err() {
        output::note("No browser could be started; open the file in one.");
    }
    console.run(end).await.context("the console has ended early")
}

/// Ctrl-C, or the signal of a system that shuts down. They are heard from now on, before anybody waits: a signal that
/// comes first would end the program, and its file would stay.
#[cfg(unix)]
fn interruption() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    async move {
        match signals {
            (Ok(mut interrupted), Ok(mut terminated)) => tokio::select! {
                _ = interrupted.recv() => {}
                _ = terminated.recv() => {}
            },
            // Without a handler the signal ends the program itself.
            _ => std::future::pending().await,
        }
    }
}

/// Ctrl-C.
#[cfg(not(unix))]
async fn interruption() {
    // Without a handler the signal ends the program itself.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
