//! The command that serves the console.

use anyhow::{Context, Result};
use falconer_console::{Access, Console, Setup};
use serde_json::json;

use crate::args;
use crate::args::OutputOptions;
use crate::output;

/// Serves the console until Ctrl-C, or until nobody has used it for an hour.
pub(crate) async fn run(setup: Setup, arguments: &args::Console, options: OutputOptions) -> Result<()> {
    let access = setup.access;
    let console = Console::open(setup, arguments.port).await?;
    let file = console.file().context("the console was opened before it began")?;
    let shown = file.display();
    if options.json {
        let (address, file) = (console.address().to_string(), shown.to_string());
        output::document_to_be_read(&json!({ "address": address, "file": file }))?;
    } else {
        let does = match access {
            Access::Full => "shows and changes licenses",
            Access::ReadOnly => "shows licenses and changes nothing",
        };
        output::line(format!("The console on {} {does}. Ctrl-C ends it.", console.address()))?;
        output::line(format!("This file opens it, once, and only for you: {shown}"))?;
    }
    if !arguments.no_browser && open::that_detached(&file).is_err() {
        output::note("No browser could be started; open the file in one.");
    }
    console.run(interrupted()).await.context("the console has ended early")
}

/// Waits for Ctrl-C, or for the signal of a system that shuts down.
async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminated.recv() => {}
            }
            return;
        }
    }
    // Without a handler the signal ends the program itself.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
