//! The server: on the loopback, until Ctrl-C or an hour without a request.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use falconer_aws::keyring::{RingReader, RingWriter};
use falconer_aws::{Store, StoreReader};
use falconer_domain::UnixMillis;
use jiff::tz::TimeZone;
use tokio::net::TcpListener;

use crate::command_line::CommandLine;
use crate::counts::CountProgress;
use crate::guard::{Guard, GuardError};
use crate::inputs::KeyFolder;
use crate::kept::Kept;
use crate::moments::Clock;
use crate::on_demand::OnDemand;
use crate::reading::ReadService;
use crate::refused::MetricsSource;
use crate::routes;
use crate::shell::{Desk, Shell};
use crate::worker::{Inbox, Worker};
use crate::writing::WriteService;

/// Time without a request after which a console ends: somebody has gone home.
pub const IDLE: Duration = Duration::from_secs(3_600);
/// Files that are kept of each kind at a time, 32 MiB each at most.
const MAX_INPUTS: usize = 8;
/// Forms that are kept at a time to be changed once more. A catalog has some 100 KB, the others some 1 KB.
const MAX_DRAFTS: usize = 50;
/// Longest wait for answers that are under way when the console ends.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// Everything that a console works with.
pub struct Setup {
    /// The tables and the secret, and so the rights of the console.
    pub access: Access,
    /// The metrics of the functions.
    pub metrics: MetricsSource,
    /// The name in the audit.
    pub actor: String,
    /// The code of the configured product.
    pub product: Option<String>,
    /// The stack or tables, for the top of each page.
    pub place: String,
    /// The program with its connection, for commands to copy.
    pub command: Vec<String>,
    /// The reader's time zone.
    pub zone: TimeZone,
    /// The clock.
    pub now: fn() -> UnixMillis,
    /// The folder for files of keys and of refused rows that runs leave. It is made with the first of them.
    pub files: PathBuf,
    /// Time without a request after which it ends.
    pub idle: Duration,
}

/// The tables and the secret of a console, with or without the means to write.
pub enum Access {
    /// Read and change.
    Full(Store, RingWriter),
    /// Read. Neither of the two types has a method that writes, and no way leads from them to one that has.
    ReadOnly(StoreReader, RingReader),
}

/// The rights of a console, for its pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rights {
    /// Forms of changes are shown.
    Full,
    /// They are left out.
    ReadOnly,
}

impl Access {
    fn reads(&self, product: Option<String>) -> ReadService {
        let (store, secret): (&StoreReader, &RingReader) = match self {
            Self::Full(store, keyring) => (store, keyring),
            Self::ReadOnly(store, keyring) => (store, keyring),
        };
        ReadService::new(store.clone(), secret.clone(), product)
    }

    const fn rights(&self) -> Rights {
        match self {
            Self::Full(..) => Rights::Full,
            Self::ReadOnly(..) => Rights::ReadOnly,
        }
    }
}

/// Why a console did not start.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// Another program has the port.
    #[error("port {0} cannot be used ({1}); give another one with --port, or none for any free one")]
    Port(u16, std::io::Error),
    /// No secrets, or no file for them.
    #[error("the console cannot be opened: {0}")]
    Guard(String),
}

/// A console that listens.
pub struct Console {
    listener: TcpListener,
    address: SocketAddr,
    guard: Arc<Guard>,
    inbox: Inbox,
    app: axum::Router,
    idle: Duration,
}

impl Console {
    /// Listens on a port of the loopback, 0 for any free one, and writes the file that opens the console.
    ///
    /// # Errors
    /// [`ConsoleError`].
    pub async fn open(setup: Setup, port: u16) -> Result<Self, ConsoleError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let listener = listener.map_err(|why| ConsoleError::Port(port, why))?;
        let address = listener.local_addr().map_err(|why| ConsoleError::Port(port, why))?;
        let guard = Guard::at(address).map_err(|why: GuardError| ConsoleError::Guard(why.to_string()))?;
        let guard = Arc::new(guard);
        let (worker, inbox) = Worker::new();
        let idle = setup.idle;
        let app = application(setup, Arc::clone(&guard), worker);
        Ok(Self { listener, address, guard, inbox, app, idle })
    }

    /// Returns the address, for a person: it opens nothing by itself.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the file that opens the console once.
    #[must_use]
    pub fn file(&self) -> Option<PathBuf> {
        self.guard.file()
    }

    /// Serves until `end`, or until nobody has asked for anything for the time of the setup.
    ///
    /// # Errors
    /// The operating system takes the listener away.
    pub async fn run(self, end: impl Future<Output = ()>) -> std::io::Result<()> {
        let Self { listener, guard, inbox, app, idle, .. } = self;
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let graceful = async {
            // A sender that is gone means the end too.
            let _ = stopped.await;
        };
        let server = axum::serve(listener, app).with_graceful_shutdown(graceful).into_future();
        let ending = async {
            tokio::select! {
                () = end => {}
                () = guard.idle_for(idle) => {}
            }
            drop(stop);
            tokio::time::sleep(LAST_ANSWERS).await;
        };
        tokio::select! {
            outcome = server => outcome,
            () = ending => Ok(()),
            () = inbox.serve() => Ok(()),
        }
    }
}

fn application(setup: Setup, guard: Arc<Guard>, worker: Worker) -> axum::Router {
    let Setup { access, metrics, actor, product, place, command, zone, now, files, .. } = setup;
    let reads = Arc::new(access.reads(product));
    let shell = Arc::new(Shell {
        guard,
        clock: Clock::new(zone, now),
        worker,
        reads: Arc::clone(&reads),
        command: CommandLine::new(command),
        place,
        actor: actor.clone(),
        rights: access.rights(),
        answers: Kept::new(),
        drafts: Kept::at_most(MAX_DRAFTS),
        searches: Kept::new(),
        looks: Kept::new(),
        counts: OnDemand::new(),
        counting: CountProgress::default(),
        metrics,
        refused: OnDemand::new(),
    });
    let pages = routes::pages(&shell);
    let app = match access {
        Access::ReadOnly(..) => pages,
        Access::Full(store, keyring) => {
            let writes = WriteService::new(store, keyring, reads, actor);
            let desk = Desk {
                shell: Arc::clone(&shell),
                writes,
                plans: Kept::new(),
                files: KeyFolder::at(files),
                move_ins: Kept::at_most(MAX_INPUTS),
                bulk_issues: Kept::at_most(MAX_INPUTS),
                bulk_changes: Kept::new(),
            };
            pages.merge(routes::changes(&Arc::new(desk)))
        }
    };
    routes::guarded(app, &shell)
}
