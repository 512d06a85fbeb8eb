//! P5 side by side: verifications over HTTP, by the gateway and our function, and by the Flask server of the first
//! document under gunicorn on PostgreSQL, as it is written and with a pool of connections.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use falconer_emulators::gateway::Gateway;
use serde::Serialize;
use serde_json::Value;

use crate::figures::{Spread, real, rounded};
use crate::road;
use crate::stage::{self, Stage, checkout, verification};
use crate::subject::NEAR;

/// Licenses in the tables of both.
const LICENSES: usize = 100;
const LICENSES_OF_FLASK: usize = 10_000;
/// gunicorn's workers, and instances of the function: twice the cores of the smallest machine this runs on.
const WORKERS: usize = 4;
const CALLERS: [usize; 2] = [1, 8];
/// Before anything counts.
const WARM_UP: Duration = Duration::from_secs(1);
/// A call that takes longer is not measured.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// One server under one number of callers.
#[derive(Debug, Serialize)]
pub(crate) struct ServersRow {
    pub(crate) name: &'static str,
    pub(crate) callers: usize,
    /// Time that a round trip to the store takes longer than on loopback.
    pub(crate) store_delay_ms: f64,
    pub(crate) latency: Spread,
    pub(crate) per_second: f64,
    #[serde(skip)]
    pub(crate) samples: Vec<Duration>,
}

/// Settings besides the stage.
pub(crate) struct ServerOptions<'a> {
    pub(crate) programs: &'a Path,
    pub(crate) python: &'a Path,
    /// The first document; without it only our own side is measured.
    pub(crate) seed: Option<&'a Path>,
    pub(crate) folder: &'a Path,
    pub(crate) span: Duration,
}

/// Measures both sides, in turns.
pub(crate) fn compare(stage: &Stage, options: &ServerOptions<'_>) -> Result<Vec<ServersRow>> {
    let database = options.seed.map(|seed| Flask::database(options, seed)).transpose()?;
    let mut rows = Vec::new();
    for delay in [Duration::ZERO, NEAR] {
        let ours = Ours::start(stage, options.programs, delay)?;
        let mut theirs = Vec::new();
        if let (Some(database), Some(seed)) = (&database, options.seed) {
            for mode in ["as-written", "pooled"] {
                theirs.push(Flask::serve(options, seed, database, mode, delay)?);
            }
        }
        for callers in CALLERS {
            let row = |name, url: &str, keys: &[String]| {
                println!("  {name}, {callers} callers, store {} ms away", delay.as_millis());
                let mut row = measure(url, keys, callers, options.span)?;
                (row.name, row.store_delay_ms) = (name, crate::figures::milliseconds(delay));
                anyhow::Ok(row)
            };
            rows.push(row("falconer", &ours.gateway.url(), &ours.keys)?);
            for flask in &theirs {
                rows.push(row(flask.name, &flask.url, &flask.keys)?);
            }
        }
    }
    Ok(rows)
}

fn measure(url: &str, keys: &[String], callers: usize, span: Duration) -> Result<ServersRow> {
    call(url, keys, callers, WARM_UP)?;
    let begun = Instant::now();
    let samples = call(url, keys, callers, span)?;
    let took = begun.elapsed();
    let count = real(samples.len() as u64);
    Ok(ServersRow {
        name: "",
        callers,
        store_delay_ms: 0.0,
        latency: Spread::of(&samples),
        per_second: rounded(count / took.as_secs_f64()),
        samples,
    })
}

/// Calls as fast as answers come, each caller on one connection; every answer is a yes.
fn call(url: &str, keys: &[String], callers: usize, span: Duration) -> Result<Vec<Duration>> {
    let url = format!("{url}/api/verify");
    let samples = Mutex::new(Vec::new());
    let end = Instant::now() + span;
    thread::scope(|scope| {
        let callers: Vec<_> = (0..callers)
            .map(|caller| {
                let (url, samples) = (&url, &samples);
                scope.spawn(move || -> Result<()> {
                    let agent: ureq::Agent =
                        ureq::Agent::config_builder().timeout_global(Some(CALL_TIMEOUT)).build().into();
                    let mut own = Vec::new();
                    for key in keys.iter().cycle().skip(caller * keys.len() / 8) {
                        if Instant::now() >= end {
                            break;
                        }
                        let body = verification(key).to_string();
                        let begun = Instant::now();
                        let mut answer = agent.post(url).content_type("application/json").send(&body)?;
                        let text = answer.body_mut().read_to_string()?;
                        own.push(begun.elapsed());
                        ensure!(
                            text.contains("\"valid\":true") || text.contains("\"valid\": true"),
                            "no yes: {text}"
                        );
                    }
                    samples.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(own);
                    Ok(())
                })
            })
            .collect();
        callers.into_iter().try_for_each(|caller| match caller.join() {
            Ok(outcome) => outcome,
            Err(_) => bail!("a caller panicked"),
        })
    })?;
    Ok(samples.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
}

struct Ours {
    gateway: Gateway,
    keys: Vec<String>,
}

impl Ours {
    fn start(stage: &Stage, programs: &Path, delay: Duration) -> Result<Self> {
        let mut dynamodb = stage.database.endpoint().to_owned();
        if !delay.is_zero() {
            dynamodb = format!("http://{}", road::delayed(road::address(&dynamodb)?, delay)?);
        }
        let mut config = stage.functions(programs, WORKERS, &dynamodb, &stage.secrets.endpoint())?;
        config.functions.retain(|function| function.name == "verify");
        let gateway = Gateway::start(config)?;
        gateway.wait_until_ready(CALL_TIMEOUT)?;
        let keys = (0..LICENSES).map(|_| Ok(stage.issue(1)?.key)).collect::<Result<_>>()?;
        Ok(Self { gateway, keys })
    }
}

/// The database of the Flask server, or the server itself: a program that says in one line that it is there, and ends
/// when its input does.
struct Flask {
    name: &'static str,
    url: String,
    master: String,
    keys: Vec<String>,
    child: Child,
    input: Option<ChildStdin>,
}

impl Flask {
    fn database(options: &ServerOptions<'_>, seed: &Path) -> Result<Self> {
        let licenses = LICENSES_OF_FLASK.to_string();
        let port = free_port()?;
        Self::start(options, "postgresql", &["database", "--licenses", &licenses], seed, port)
    }

    fn serve(
        options: &ServerOptions<'_>,
        seed: &Path,
        database: &Self,
        mode: &'static str,
        delay: Duration,
    ) -> Result<Self> {
        let mut url = database.url.clone();
        if !delay.is_zero() {
            let (before, place) = url.rsplit_once('@').context("a database's URL")?;
            let (host, name) = place.split_once('/').context("a database's URL")?;
            let address = road::address(&host.replace("localhost", "127.0.0.1"))?;
            url = format!("{before}@{}/{name}", road::delayed(address, delay)?);
        }
        let name = if mode == "pooled" { "flask, pooled" } else { "flask, as written" };
        let workers = WORKERS.to_string();
        let arguments = [
            "serve",
            "--mode",
            mode,
            "--workers",
            &workers,
            "--database-url",
            &url,
            "--master",
            &database.master,
        ];
        let mut server = Self::start(options, name, &arguments, seed, free_port()?)?;
        server.keys.clone_from(&database.keys);
        Ok(server)
    }

    fn start(
        options: &ServerOptions<'_>,
        name: &'static str,
        arguments: &[&str],
        seed: &Path,
        port: u16,
    ) -> Result<Self> {
        let (what, rest) = arguments.split_first().context("a subcommand")?;
        let folder: PathBuf = options.folder.join(format!("flask-{port}"));
        std::fs::create_dir_all(&folder)?;
        let mut command = Command::new(options.python);
        command.arg(checkout().join("bench/python/flask_server.py")).arg(what);
        command.arg("--seed").arg(seed).arg("--folder").arg(&folder);
        command.args(["--port", &port.to_string()]).args(rest);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        let input = child.stdin.take();
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("its output")?).read_line(&mut line)?;
        let told: Value =
            serde_json::from_str(&line).with_context(|| format!("{name} did not start: {line:?}"))?;
        let text = |member: &str| told[member].as_str().unwrap_or_default().to_owned();
        let keys = told["keys"].as_array().into_iter().flatten();
        Ok(Self {
            name,
            url: text("url"),
            master: text("master"),
            keys: keys.filter_map(|key| key.as_str().map(str::to_owned)).collect(),
            child,
            input,
        })
    }
}

impl Drop for Flask {
    fn drop(&mut self) {
        // The end of its input is what it waits for.
        self.input.take();
        let _ = self.child.wait();
    }
}

fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Bytes that a verification sends and writes, for the bill.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Bytes {
    /// Headers and body as a caller receives them, the gateway's own included.
    pub(crate) response: u64,
    /// The one line in the log, with its end.
    pub(crate) log: u64,
}

/// Measures them on one verification.
pub(crate) fn bytes(stage: &Stage, programs: &Path) -> Result<Bytes> {
    let ours = Ours::start(stage, programs, Duration::ZERO)?;
    let body = stage::verification(&ours.keys[0]).to_string();
    let mut answer = ureq::post(format!("{}/api/verify", ours.gateway.url()))
        .content_type("application/json")
        .send(&body)?;
    let headers: usize =
        answer.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum();
    let body = answer.body_mut().read_to_string()?.len();
    let begun = Instant::now();
    let line = loop {
        let logs = ours.gateway.logs();
        if let Some(line) = logs.iter().find(|line| line.text.contains("\"_aws\"")) {
            break line.text.len() + 1;
        }
        ensure!(begun.elapsed() < CALL_TIMEOUT, "a verification wrote no line");
        thread::sleep(Duration::from_millis(5));
    };
    Ok(Bytes { response: (headers + body) as u64, log: line as u64 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::debug_programs;

    /// The lengths that `docs/costs.md` counts with, at most.
    #[test]
    fn a_verification_sends_and_logs_bytes() {
        let bytes = bytes(&Stage::set().unwrap(), &debug_programs()).unwrap();
        assert!((1_000..=1_500).contains(&bytes.response), "{bytes:?}");
        assert!((300..=512).contains(&bytes.log), "{bytes:?}");
    }
}
