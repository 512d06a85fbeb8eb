//! API Gateway and Lambda on this machine: HTTP in front, the real function binaries behind the Lambda Runtime API.
//!
//! A request becomes an API Gateway event (payload format 2.0) and waits for a free instance of its function, as it
//! would in AWS with a concurrency limit. An instance takes one event at a time, has a true deadline, is killed when
//! it misses it, and is started again whenever it dies.
//!
//! Not emulated: throttles, authorizers, stages other than `$default`, response streaming.

mod answer;
mod config;
mod event;
mod front;
mod journal;
mod pool;
mod process;
mod runtime_api;

use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use hyper::body::Bytes;
use serde_json::Value;
use tokio::sync::watch;

use crate::runtime;
use crate::server::Server;
use pool::Pool;

pub use config::{Config, FunctionConfig, Launch};
pub use journal::{End, Invocation, LogLine, Start, Stream, peak_overlap};
pub use pool::InvocationOutcome;

/// A caller may choose its address with this header; the function never sees it.
pub const SOURCE_IP_HEADER: &str = "x-local-source-ip";

/// SIGKILL takes effect at once; what is left after this is stuck in the kernel.
const KILL_TIMEOUT: Duration = Duration::from_secs(2);

/// How often [`Gateway::wait_until_ready`] looks.
const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// A running gateway. Dropping it closes both ports and kills every instance.
pub struct Gateway {
    front: Server,
    runtime_api: Server,
    pool: Arc<Pool>,
    /// Dropped first: it tells the instances' supervisors to end.
    stop: Option<watch::Sender<()>>,
    /// Closed when the last supervisor has ended.
    ended: Mutex<mpsc::Receiver<()>>,
}

impl Gateway {
    /// Listens, and starts the instances if it is to. It does not wait for them: requests do.
    ///
    /// # Errors
    /// The port is in use, or a binary is missing.
    pub fn start(config: Config) -> Result<Self> {
        let runtime = runtime::handle()?;
        let Config { port, launch, functions, cors } = config;
        let pool = Arc::new(Pool::new(functions)?);
        let programs = pool.programs(&launch)?;

        let for_front = Arc::clone(&pool);
        let cors = Arc::new(cors);
        let front =
            Server::start(port, move |call| front::handle(Arc::clone(&for_front), Arc::clone(&cors), call))?;
        let for_instances = Arc::clone(&pool);
        let runtime_api =
            Server::start(0, move |call| runtime_api::handle(Arc::clone(&for_instances), call))?;

        let (stop, stopped) = watch::channel(());
        let (alive, ended) = mpsc::channel();
        for program in programs {
            let supervisor = process::supervise(
                Arc::clone(&pool),
                program.at(&runtime_api.url()),
                stopped.clone(),
                alive.clone(),
            );
            runtime.spawn(supervisor);
        }
        Ok(Self { front, runtime_api, pool, stop: Some(stop), ended: Mutex::new(ended) })
    }

    /// The address for HTTP requests, as `http://127.0.0.1:9000`.
    #[must_use]
    pub fn url(&self) -> String {
        self.front.url()
    }

    /// The value of `AWS_LAMBDA_RUNTIME_API` for one instance, for those that the gateway does not start itself.
    #[must_use]
    pub fn runtime_api(&self, function: &str, instance: usize) -> String {
        format!("{}/{function}/{instance}", self.runtime_api.url())
    }

    /// Blocks until every instance has asked for its first event.
    ///
    /// # Errors
    /// Some have not within `limit`; the message ends with the last lines they wrote.
    pub fn wait_until_ready(&self, limit: Duration) -> Result<()> {
        let start = Instant::now();
        while !self.pool.all_ready() {
            if start.elapsed() > limit {
                let lines = self.logs();
                let last: Vec<_> = lines.iter().rev().take(10).rev().map(LogLine::to_string).collect();
                bail!("not every instance was ready after {} s:\n{}", limit.as_secs_f32(), last.join("\n"));
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }

    /// Sends a raw event to a function and blocks for what becomes of it.
    ///
    /// # Errors
    /// The gateway has no such function.
    pub fn invoke(&self, function: &str, event: &Value) -> Result<InvocationOutcome> {
        runtime::wait_for(self.invocation(function, event))?
    }

    /// [`Gateway::invoke`] for asynchronous callers, on whatever runtime.
    ///
    /// # Errors
    /// The gateway has no such function.
    pub async fn invoke_async(&self, function: &str, event: &Value) -> Result<InvocationOutcome> {
        // A task of the stand-ins' own runtime, because the caller's may have no timers, or paused ones.
        let task = runtime::handle()?.spawn(self.invocation(function, event));
        task.await?
    }

    /// Kills an instance with SIGKILL and blocks until it is dead. It is started again at once.
    ///
    /// # Errors
    /// The instance does not exist, or is not running at this moment.
    pub fn kill(&self, function: &str, instance: usize) -> Result<()> {
        let pool = Arc::clone(&self.pool);
        let function = function.to_owned();
        runtime::wait_for(async move { pool.kill(&function, instance).await })?
    }

    /// Every invocation so far, in the order in which they were asked for.
    #[must_use]
    pub fn invocations(&self) -> Vec<Invocation> {
        self.pool.journal().invocations()
    }

    /// Every start of an instance so far, in order.
    #[must_use]
    pub fn starts(&self) -> Vec<Start> {
        self.pool.journal().starts()
    }

    /// Every line the instances have written so far, in the order in which the gateway read them.
    #[must_use]
    pub fn logs(&self) -> Vec<LogLine> {
        self.pool.journal().logs()
    }

    fn invocation(
        &self,
        function: &str,
        event: &Value,
    ) -> impl Future<Output = Result<InvocationOutcome>> + Send + use<> {
        let pool = Arc::clone(&self.pool);
        let function = function.to_owned();
        let event = Bytes::from(event.to_string());
        async move { pool.invoke(&function, event).await }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop.take();
        // Nothing is ever sent: it returns when the last supervisor is gone, or at the limit.
        let _ = journal::lock(&self.ended).recv_timeout(KILL_TIMEOUT);
    }
}

#[cfg(test)]
mod tests;
