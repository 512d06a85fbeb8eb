//! Functions, their instances, and who works on what.

mod instance;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use hyper::body::Bytes;
use serde_json::Value;
use tokio::sync::{Mutex as AsyncMutex, Notify, mpsc, oneshot};

use super::config::{FunctionConfig, Launch};
use super::journal::{End, InvocationIndex, Journal, LogLine, Stream};
use super::process::Program;
use crate::ambient;
use crate::template::{Matched, match_route};
use instance::{Busy, InstanceSlot};

/// The longest an HTTP API waits for an integration, from the request to the answer.
const INTEGRATION_LIMIT: Duration = Duration::from_secs(30);

/// The end of an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvocationOutcome {
    /// The function's answer.
    Answered(Bytes),
    /// The error that the function's runtime reported, as JSON.
    Failed(Bytes),
    /// The instance missed the deadline and was killed.
    TimedOut,
    /// The instance died.
    Died,
    /// No instance was free in time.
    GaveUp,
}

impl InvocationOutcome {
    /// The function's answer.
    ///
    /// # Errors
    /// The body is missing or not JSON.
    pub fn into_json(self) -> Result<Value> {
        match self {
            Self::Answered(body) => {
                serde_json::from_slice(&body).context("the function's answer is not JSON")
            }
            Self::Failed(error) => bail!("the function failed: {}", String::from_utf8_lossy(&error)),
            Self::TimedOut => bail!("the function missed its deadline"),
            Self::Died => bail!("the function's instance died"),
            Self::GaveUp => bail!("no instance of the function was free in time"),
        }
    }

    fn end(&self) -> End {
        match self {
            Self::Answered(_) => End::Answered,
            Self::Failed(_) => End::Failed,
            Self::TimedOut => End::TimedOut,
            Self::Died => End::Died,
            Self::GaveUp => End::GaveUp,
        }
    }
}

/// An event that waits for an instance.
pub(super) struct Job {
    pub(super) request_id: String,
    pub(super) event: Bytes,
    entry: InvocationIndex,
    reply: oneshot::Sender<InvocationOutcome>,
}

/// An event with the moment by which it must be answered.
pub(super) struct Dispatched {
    pub(super) request_id: String,
    pub(super) event: Bytes,
    pub(super) deadline_milliseconds: u64,
}

struct Function {
    config: FunctionConfig,
    queue: mpsc::UnboundedSender<Job>,
    /// Free instances stand in line for this lock, which is fair: the first one waits for the next job.
    jobs: AsyncMutex<mpsc::UnboundedReceiver<Job>>,
    instances: Vec<InstanceSlot>,
}

/// All functions.
pub(super) struct Pool {
    functions: BTreeMap<String, Function>,
    journal: Journal,
}

impl Pool {
    pub(super) fn new(configs: Vec<FunctionConfig>) -> Result<Self> {
        let mut functions = BTreeMap::new();
        for config in configs {
            ensure!(config.instances > 0, "{} would have no instance", config.name);
            let (queue, jobs) = mpsc::unbounded_channel();
            let instances = (0..config.instances).map(|_| InstanceSlot::default()).collect();
            let function = Function { queue, jobs: AsyncMutex::new(jobs), instances, config };
            functions.insert(function.config.name.clone(), function);
        }
        Ok(Self { functions, journal: Journal::default() })
    }

    pub(super) fn journal(&self) -> &Journal {
        &self.journal
    }

    pub(super) fn programs(&self, launch: &Launch) -> Result<Vec<Program>> {
        let Launch::Binaries(folder) = launch else {
            return Ok(Vec::new());
        };
        let mut programs = Vec::new();
        for function in self.functions.values() {
            for instance in 0..function.config.instances {
                programs.push(Program::find(folder, &function.config, instance)?);
            }
        }
        Ok(programs)
    }

    /// The function that takes a request, and by which route.
    pub(super) fn route(&self, method: &str, path: &str) -> Option<(&str, Matched<'_>)> {
        let routes = self.functions.values().flat_map(|one| &one.config.routes);
        let matched = match_route(routes, method, path)?;
        let function = self
            .functions
            .values()
            .find(|one| one.config.routes.iter().any(|route| std::ptr::eq(route, matched.route)))?;
        Some((&function.config.name, matched))
    }

    pub(super) fn all_ready(&self) -> bool {
        self.functions.values().flat_map(|function| &function.instances).all(InstanceSlot::is_ready)
    }

    pub(super) async fn invoke(&self, function: &str, event: Bytes) -> Result<InvocationOutcome> {
        let id = ambient::new_id();
        self.invoke_as(function, id, event).await
    }

    pub(super) async fn invoke_as(&self, name: &str, id: String, event: Bytes) -> Result<InvocationOutcome> {
        let function = self.functions.get(name).with_context(|| format!("there is no function {name}"))?;
        let entry = self.journal.queued(name, &id);
        let (reply, outcome) = oneshot::channel();
        let job = Job { request_id: id, event, entry, reply };
        function.queue.send(job).ok().context("the gateway is stopping")?;
        let Ok(outcome) = tokio::time::timeout(INTEGRATION_LIMIT, outcome).await else {
            self.journal.ended(entry, End::GaveUp);
            return Ok(InvocationOutcome::GaveUp);
        };
        Ok(outcome.unwrap_or(InvocationOutcome::Died))
    }

    /// An instance asks for work: it is free from this moment on. `None`: it is to go away.
    pub(super) async fn next(self: &Arc<Self>, name: &str, index: usize) -> Option<Dispatched> {
        let function = self.functions.get(name)?;
        let instance = function.instances.get(index)?;
        let mut replaced = instance.asks_for_work();
        self.journal.ready(name, index);
        if let Some(before) = instance.take_busy() {
            before.watchdog.abort();
            self.journal.free(before.entry);
            // A runtime that asks for more without having answered has lost the event.
            self.end(before, InvocationOutcome::Died);
        }
        let job = tokio::select! {
            job = function.wanted_job() => job?,
            () = replaced.changed() => return None,
        };
        self.journal.dispatched(job.entry, index);
        let timeout = function.config.timeout;
        let watchdog = tokio::spawn({
            let (pool, name, id) = (Arc::clone(self), name.to_owned(), job.request_id.clone());
            async move {
                tokio::time::sleep(timeout).await;
                pool.expired(&name, index, &id);
            }
        });
        instance.set_busy(Busy {
            request_id: job.request_id.clone(),
            entry: job.entry,
            reply: Some(job.reply),
            watchdog: watchdog.abort_handle(),
        });
        if replaced.has_happened() {
            // It died between asking and being given; nobody else would notice before the deadline.
            if let Some(busy) = instance.take_busy_with(&job.request_id) {
                busy.watchdog.abort();
                self.end(busy, InvocationOutcome::Died);
            }
            return None;
        }
        let timeout_milliseconds = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        Some(Dispatched {
            request_id: job.request_id,
            event: job.event,
            deadline_milliseconds: ambient::now_milliseconds().saturating_add(timeout_milliseconds),
        })
    }

    /// An instance gives the outcome of its event. False: it is not, or no longer, at work on that.
    pub(super) fn respond(&self, name: &str, index: usize, id: &str, outcome: InvocationOutcome) -> bool {
        let Some(instance) = self.instance(name, index) else {
            return false;
        };
        let Some((entry, reply)) = instance.take_reply(id) else {
            return false;
        };
        self.journal.ended(entry, outcome.end());
        // The caller may have given up.
        let _ = reply.send(outcome);
        true
    }

    pub(super) fn started(&self, name: &str, index: usize, pid: u32, kill: Arc<Notify>) {
        self.journal.spawned(name, index, pid);
        if let Some(instance) = self.instance(name, index) {
            instance.started(kill);
        }
    }

    /// The process is dead: what it was at work on ends here. Whether it had ever asked for work.
    pub(super) fn died(&self, name: &str, index: usize) -> bool {
        self.journal.died(name, index);
        let Some(instance) = self.instance(name, index) else {
            return false;
        };
        let was_ready = instance.is_ready();
        if let Some(busy) = instance.take_busy() {
            busy.watchdog.abort();
            self.end(busy, InvocationOutcome::Died);
        }
        instance.died();
        was_ready
    }

    pub(super) async fn kill(&self, name: &str, index: usize) -> Result<()> {
        let instance =
            self.instance(name, index).with_context(|| format!("there is no instance {index} of {name}"))?;
        instance.kill_and_wait().await.with_context(|| format!("instance {index} of {name} is not running"))
    }

    pub(super) fn remark(&self, function: &str, instance: usize, text: String) {
        self.journal.log(LogLine { function: function.to_owned(), instance, stream: Stream::Gateway, text });
    }

    /// Lambda kills what is not done in time, also when the answer is out and only the work after it is late.
    fn expired(&self, name: &str, index: usize, id: &str) {
        let Some(instance) = self.instance(name, index) else {
            return;
        };
        let Some(busy) = instance.take_busy_with(id) else {
            return;
        };
        self.remark(name, index, format!("missed the deadline of {id} and is killed"));
        self.end(busy, InvocationOutcome::TimedOut);
        instance.kill();
    }

    fn end(&self, busy: Busy, outcome: InvocationOutcome) {
        if let Some(reply) = busy.reply {
            self.journal.ended(busy.entry, outcome.end());
            let _ = reply.send(outcome);
        }
    }

    fn instance(&self, name: &str, index: usize) -> Option<&InstanceSlot> {
        self.functions.get(name)?.instances.get(index)
    }
}

impl Function {
    /// The next job that somebody still waits for.
    async fn wanted_job(&self) -> Option<Job> {
        let mut jobs = self.jobs.lock().await;
        loop {
            let job = jobs.recv().await?;
            if !job.reply.is_closed() {
                return Some(job);
            }
        }
    }
}
