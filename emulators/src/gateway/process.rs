//! Processes of instances: started, listened to, started again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::config::FunctionConfig;
use super::journal::{LogLine, Stream};
use super::pool::Pool;
use crate::ambient;

/// Before a process that never asked for work is started again: a binary that cannot run must not eat the machine.
const PAUSE_AFTER_FAILED_START: Duration = Duration::from_millis(200);

/// A dead process's pipes close with it, unless it left a child of its own behind.
const LAST_LINES_WAIT: Duration = Duration::from_millis(500);

/// How an instance is started.
#[derive(Clone)]
pub(super) struct Program {
    function: String,
    instance: usize,
    binary: PathBuf,
    environment: BTreeMap<String, String>,
}

impl Program {
    pub(super) fn find(folder: &Path, config: &FunctionConfig, instance: usize) -> Result<Self> {
        let name = format!("{}{}", config.name, std::env::consts::EXE_SUFFIX);
        let binary = folder.join(name);
        ensure!(binary.is_file(), "there is no {}; build the functions first", binary.display());
        let environment = config.instance_environment();
        Ok(Self { function: config.name.clone(), instance, binary, environment })
    }

    /// The same, pointed at the gateway's Runtime API. The scheme is needed: a path after a bare host and port is not
    /// a URI.
    pub(super) fn at(mut self, runtime_api: &str) -> Self {
        let address = format!("{runtime_api}/{}/{}", self.function, self.instance);
        self.environment.insert("AWS_LAMBDA_RUNTIME_API".to_owned(), address);
        self
    }

    fn spawn(&self) -> std::io::Result<Child> {
        let mut command = Command::new(&self.binary);
        command.env_clear();
        if let Some(path) = ambient::search_path() {
            command.env("PATH", path);
        }
        command
            .envs(&self.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
    }
}

/// Keeps one instance alive until the gateway stops. `_alive` is dropped when the last process is dead.
pub(super) async fn supervise(
    pool: Arc<Pool>,
    program: Program,
    mut stopped: watch::Receiver<()>,
    _alive: mpsc::Sender<()>,
) {
    let (function, instance) = (program.function.as_str(), program.instance);
    loop {
        let was_ready = match program.spawn() {
            Ok(child) => {
                let Some(was_ready) = live(&pool, &program, child, &mut stopped).await else {
                    return;
                };
                was_ready
            }
            Err(error) => {
                pool.remark(function, instance, format!("cannot be started: {error}"));
                false
            }
        };
        if !was_ready {
            tokio::select! {
                () = tokio::time::sleep(PAUSE_AFTER_FAILED_START) => {}
                _ = stopped.changed() => return,
            }
        }
    }
}

/// From start to death: whether it had asked for work, or `None` when the gateway stops.
async fn live(
    pool: &Arc<Pool>,
    program: &Program,
    mut child: Child,
    stopped: &mut watch::Receiver<()>,
) -> Option<bool> {
    let (function, instance) = (program.function.as_str(), program.instance);
    let kill = Arc::new(Notify::new());
    pool.started(function, instance, child.id().unwrap_or(0), Arc::clone(&kill));
    let readers = [
        read_lines(pool, program, Stream::Stdout, child.stdout.take()),
        read_lines(pool, program, Stream::Stderr, child.stderr.take()),
    ];
    let stopping = tokio::select! {
        ended = child.wait() => {
            let how = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
            pool.remark(function, instance, format!("ended by itself: {how}"));
            false
        }
        () = kill.notified() => false,
        _ = stopped.changed() => true,
    };
    // Nothing to kill if it ended by itself; nothing more to be done if it cannot be killed.
    let _ = child.kill().await;
    for reader in readers.into_iter().flatten() {
        let _ = tokio::time::timeout(LAST_LINES_WAIT, reader).await;
    }
    let was_ready = pool.died(function, instance);
    (!stopping).then_some(was_ready)
}

fn read_lines(
    pool: &Arc<Pool>,
    program: &Program,
    stream: Stream,
    pipe: Option<impl AsyncRead + Unpin + Send + 'static>,
) -> Option<JoinHandle<()>> {
    let mut pipe = BufReader::new(pipe?);
    let pool = Arc::clone(pool);
    let (function, instance) = (program.function.clone(), program.instance);
    Some(tokio::spawn(async move {
        let mut bytes = Vec::new();
        while pipe.read_until(b'\n', &mut bytes).await.is_ok_and(|count| count > 0) {
            let text = String::from_utf8_lossy(&bytes);
            pool.journal().log(LogLine {
                function: function.clone(),
                instance,
                stream,
                text: text.trim_end_matches(['\r', '\n']).to_owned(),
            });
            bytes.clear();
        }
    }))
}
