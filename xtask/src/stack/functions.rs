//! The functions under `cargo lambda watch`, and waiting for them.

use std::fs;
use std::io::IsTerminal as _;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use super::{Stack, stand_ins};
use crate::http::{self, Answer};
use crate::process::{Output, Process};
use crate::{interrupt, ports};

/// The functions are built by then, but cargo looks at each once more, and a code change meanwhile builds them again.
const START_TIMEOUT: Duration = Duration::from_mins(5);
/// The watcher's message when a function ends, instead of ending itself or starting it again.
const FUNCTION_ENDED: &str = "command exited";
/// No function is made of these, so a change there need not restart one. In the syntax of .gitignore.
const NOT_WATCHED: &str = "/bench\n/cli\n/docs\n/emulators\n/events\n/tests\n/xtask\n*.md\n";

impl Stack<'_> {
    /// Starts the functions and waits until each has answered once: the watcher starts one on its first request.
    pub(crate) fn start_functions(&mut self) -> Result<()> {
        println!("Starting the functions at {}", self.url);
        self.front = None;
        self.functions = None;
        ports::ensure_free(self.options.port)?;
        // The watcher would let any page do anything; in AWS the gateway does what the template says, and so does this.
        let behind = ports::free_port()?;
        self.front = Some(stand_ins::cors(self.workspace, &self.folder, self.options, behind)?);
        let mut watch = self.watch_command(behind)?;
        let log = self.folder.join("functions.log");
        self.functions = Some(Process::start("cargo lambda watch", &mut watch, &log, self.options.output)?);

        for path in ["/api/health", "/api/keys"] {
            let url = format!("{}{path}", self.url);
            self.await_answer(|| http::get(&url), |answer| answer.status == 200)?;
        }
        // Without a key: this shows that they run, and changes no license. What they need beside that, verify shows.
        for path in ["/api/activate-sync", "/api/transfer", "/api/deactivate"] {
            let url = format!("{}{path}", self.url);
            self.await_answer(|| http::post(&url, &json!({})), |answer| answer.status == 400)?;
        }
        let url = format!("{}/api/verify", self.url);
        if self.options.rate_limit == 0 {
            for name in ["legacy", "pro"] {
                let body = json!({ "license": self.keys.of(name) });
                let answer = self.await_answer(|| http::post(&url, &body), |answer| answer.status != 503)?;
                self.must_be_valid(name, &answer)?;
            }
        } else {
            // A demo key would count against the limit that somebody is about to try.
            self.await_answer(|| http::post(&url, &json!({})), |answer| answer.status == 400)?;
        }
        Ok(())
    }

    fn watch_command(&self, port: u16) -> Result<Command> {
        let ignored = self.folder.join("watch-ignore");
        fs::write(&ignored, self.not_watched())
            .with_context(|| format!("{} cannot be written", ignored.display()))?;
        let mut watch = self.workspace.command(&self.tools.cargo_lambda);
        watch.args(["lambda", "watch", "--invoke-address", "127.0.0.1"]);
        watch.arg("--invoke-port").arg(port.to_string()).arg("--disable-cors");
        watch.arg("--concurrency").arg(self.options.concurrency.to_string());
        if self.options.release {
            watch.arg("--release");
        }
        if self.options.output == Output::LogAndTerminal && std::io::stderr().is_terminal() {
            // The watcher's output passes through this program, so the watcher cannot see the terminal.
            watch.args(["--color", "always"]);
        }
        watch.env("CARGO_LAMBDA_IGNORE_FILE", ignored);
        self.environment.apply(&mut watch);
        Ok(watch)
    }

    fn not_watched(&self) -> String {
        let data = self.options.data.as_ref();
        match data.and_then(|data| data.strip_prefix(&self.workspace.root).ok()) {
            Some(inside) => format!("{NOT_WATCHED}/{}\n", inside.display()),
            None => NOT_WATCHED.to_owned(),
        }
    }

    /// Asks until the answer is good enough.
    fn await_answer(
        &mut self,
        ask: impl Fn() -> Result<Answer>,
        enough: impl Fn(&Answer) -> bool,
    ) -> Result<Answer> {
        let begun = Instant::now();
        loop {
            let answer = ask();
            if let Ok(answer) = answer
                && enough(&answer)
            {
                return Ok(answer);
            }
            self.must_run()?;
            self.functions_must_run()?;
            if begun.elapsed() > START_TIMEOUT {
                let last = ask().map_or_else(|error| format!("{error:#}"), |answer| answer.text);
                bail!("the functions did not start in time: {last}. {}", self.functions_tail());
            }
            interrupt::tick()?;
        }
    }

    /// Fails when a function has ended, which the watcher only notes.
    fn functions_must_run(&self) -> Result<()> {
        match &self.functions {
            Some(functions) if functions.log().contains(FUNCTION_ENDED) => {
                bail!("a function ended while starting. {}", functions.tail())
            }
            _ => Ok(()),
        }
    }

    fn must_be_valid(&self, name: &str, answer: &Answer) -> Result<()> {
        if answer.json()["valid"] == true {
            return Ok(());
        }
        let said = format!("the {name} demo key is answered {} {}", answer.status, answer.text);
        match &self.options.data {
            Some(data) => {
                bail!("{said}; if {} is from another time, remove it and start again", data.display())
            }
            None => bail!("{said}. {}", self.functions_tail()),
        }
    }

    fn functions_tail(&self) -> String {
        self.functions.as_ref().map(Process::tail).unwrap_or_default()
    }
}
