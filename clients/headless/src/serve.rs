//! `--serve`: requests on standard input, answers and events on standard output, one JSON object a line.
//! `docs/sidecar.md` is the protocol.
//!
//! ```text
//!  reader ──looks──────────────► output       answers at once, without network
//!    └──calls──► Calls ──► worker ──► output  one call after another, each may take minutes
//!  events ──────────────────────► output      when the license has changed
//!  main                                       waits for an end: of the input, of the output, or `quit`
//! ```

mod calls;
mod lines;
mod output;
mod request;

use std::io::{self, BufReader};
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use falconer_client::{Builder, Failure, Licensing, Refresher};
use serde_json::{Value, json};

use crate::report::{self, CallResult};
use calls::{Cancelled, RunningCalls};
use output::Output;
use request::{BadLine, BadRequest, Id, Look, Method, Request, RequestedCall};

/// Version of the protocol. It grows when an application has to change; new members and events do not count.
const PROTOCOL: u32 = 1;
/// Interval at which a change by time alone is noticed. Short enough for a person, and rare enough for a battery.
const EVENT_INTERVAL: Duration = Duration::from_secs(15);
/// Time that waiting calls have after the end of the input: one attempt of the library.
const INPUT_ENDED_GRACE: Duration = Duration::from_secs(5);
/// Time in which a cancelled call has to end before the program ends without it.
const CANCEL_GRACE: Duration = Duration::from_secs(2);

/// Time after which the end waits for nothing more, such as an application that has stopped to read.
const LONGEST_END: Duration = Duration::from_secs(10);

/// Reasons to end the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    InputEnded,
    Quit,
    /// The application has closed its end of the pipe, so nobody is left to answer.
    OutputClosed,
}

/// What all threads share.
struct Serving {
    /// Taken away at the end, so that the license is closed before the process is.
    licensing: Mutex<Option<Licensing>>,
    refresher: Mutex<Option<Refresher>>,
    calls: RunningCalls,
    output: Output,
    wake_events: SyncSender<()>,
}

/// Serves one application until it ends.
///
/// # Errors
/// A sentence, if the settings are not valid.
pub(crate) fn run(builder: Builder) -> Result<ExitCode, String> {
    // One wake-up is enough for any number of changes.
    let (wake_events, changes) = mpsc::sync_channel(1);
    let wake = wake_events.clone();
    let licensing = builder.on_change(move |_| wake_up(&wake)).open();
    let licensing = licensing.map_err(|error| format!("the license cannot be opened: {error}"))?;
    let (ends, ended) = mpsc::channel();
    let serving = Arc::new(Serving {
        licensing: Mutex::new(Some(licensing)),
        refresher: Mutex::default(),
        calls: RunningCalls::default(),
        output: Output::new(io::stdout(), ends.clone()),
        wake_events,
    });
    serving.announce("ready");
    let (reader, worker, events) = (Arc::clone(&serving), Arc::clone(&serving), Arc::clone(&serving));
    thread::spawn(move || worker.work());
    thread::spawn(move || events.report_changes(&changes));
    thread::spawn(move || {
        // Nobody waits for the end any more once it has begun.
        let _ = ends.send(reader.read_requests());
    });
    // The senders live as long as the threads, so an error means that all of them have died.
    let end = ended.recv().unwrap_or(End::OutputClosed);
    thread::spawn(|| {
        thread::sleep(LONGEST_END);
        std::process::exit(0);
    });
    serving.end(end);
    Ok(ExitCode::SUCCESS)
}

impl Serving {
    /// Answers looks at once and hands calls over, until the input or the application ends.
    fn read_requests(&self) -> End {
        let mut input = BufReader::new(io::stdin());
        while let Some(line) = lines::next(&mut input) {
            match request::read(line) {
                None => {}
                Some(Err(bad)) => self.answer_bad_line(&bad),
                Some(Ok(Request { id, method: Method::Quit })) => {
                    self.answer(&id, &json!({}));
                    return End::Quit;
                }
                Some(Ok(request)) => self.take(request),
            }
        }
        End::InputEnded
    }

    fn take(&self, Request { id, method }: Request) {
        let Some(licensing) = self.licensing() else { return };
        match method {
            Method::Look(look) => self.answer(&id, &look_at(&licensing, &look)),
            Method::RequestedCall(call) => {
                if let Err(reason) = self.calls.add(id.clone(), call) {
                    // An answer with this id would be taken for that of the call that waits.
                    let id = (reason != BadRequest::IdInUse).then_some(id);
                    self.answer_bad_line(&BadLine { id, reason });
                }
            }
            Method::Cancel(call) => self.cancel(&id, &call),
            Method::StartRefresher => {
                self.refresher().get_or_insert_with(|| licensing.start_refresher());
                self.answer(&id, &json!({ "running": true }));
            }
            Method::StopRefresher => {
                *self.refresher() = None;
                self.answer(&id, &json!({ "running": false }));
            }
            Method::Quit => {}
        }
    }

    fn cancel(&self, id: &Id, call: &Id) {
        let cancelled = self.calls.cancel(call);
        if let Cancelled::Waiting(call) = &cancelled {
            self.answer_failure(call, &report::cancelled());
        }
        self.answer(id, &json!({ "cancelled": !matches!(cancelled, Cancelled::Unknown) }));
    }

    /// Makes one call after another, for ever.
    fn work(&self) {
        loop {
            let job = self.calls.next();
            if let Some(licensing) = self.licensing() {
                let licensing = licensing.cancelled_by(&job.cancel);
                let result = call(&licensing, &job.call);
                // Before the answer: an application may use the id again as soon as it has read it.
                self.calls.release_id();
                match result {
                    Ok(result) => self.answer(&job.id, &result.to_json(&licensing)),
                    Err(failure) => self.answer_failure(&job.id, &failure),
                }
            }
            self.calls.finish();
            wake_up(&self.wake_events);
        }
    }

    /// Writes an event for each change of the license.
    fn report_changes(&self, changes: &Receiver<()>) {
        let mut seen = self.licensing().map(|licensing| report::situation(&licensing));
        while changes.recv_timeout(EVENT_INTERVAL) != Err(RecvTimeoutError::Disconnected) {
            let Some(licensing) = self.licensing() else { return };
            let situation = Some(report::situation(&licensing));
            if situation != seen {
                seen = situation;
                self.announce("changed");
            }
        }
    }

    /// Ends calls, refresher and license, each within its time.
    fn end(&self, end: End) {
        if end == End::InputEnded {
            self.calls.wait_until_idle(INPUT_ENDED_GRACE);
        }
        for id in self.calls.cancel_all() {
            self.answer_failure(&id, &report::cancelled());
        }
        self.calls.wait_until_idle(CANCEL_GRACE);
        *self.refresher() = None;
        *self.licensing.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// A handle; none once the end has begun.
    fn licensing(&self) -> Option<Licensing> {
        self.licensing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn refresher(&self) -> MutexGuard<'_, Option<Refresher>> {
        self.refresher.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes an event with the whole license.
    fn announce(&self, event: &str) {
        let Some(licensing) = self.licensing() else { return };
        let snapshot = licensing.snapshot();
        self.output.line(&match event {
            "ready" => json!({
                "event": event,
                "protocol": PROTOCOL,
                "version": env!("CARGO_PKG_VERSION"),
                "snapshot": snapshot,
            }),
            _ => json!({ "event": event, "snapshot": snapshot }),
        });
    }

    fn answer(&self, id: &Id, result: &Value) {
        self.output.line(&json!({ "id": id.as_json(), "result": result }));
    }

    fn answer_error(&self, id: Option<&Id>, error: &Value) {
        self.output.line(&json!({ "id": id.map(Id::as_json), "error": error }));
    }

    fn answer_bad_line(&self, BadLine { id, reason }: &BadLine) {
        self.answer_error(id.as_ref(), &reason.to_json());
    }

    fn answer_failure(&self, id: &Id, failure: &Failure) {
        self.answer_error(Some(id), &json!(failure));
    }
}

fn wake_up(events: &SyncSender<()>) {
    // A full channel holds a wake-up already.
    let _ = events.try_send(());
}

fn look_at(licensing: &Licensing, look: &Look) -> Value {
    match look {
        Look::Snapshot => json!(licensing.snapshot()),
        Look::Status => report::status(licensing),
        Look::HasFeature(name) => json!({ "on": licensing.has_feature(name) }),
        Look::Limit(name, default) => json!({ "limit": licensing.limit(name, *default) }),
        Look::License => json!({ "license": licensing.license() }),
        Look::Notice => json!({ "notice": licensing.notice() }),
        Look::Pending => json!({ "pending": licensing.pending() }),
        Look::Device => json!({ "device": licensing.device() }),
    }
}

/// Asks the server.
fn call(licensing: &Licensing, call: &RequestedCall) -> Result<CallResult, Failure> {
    match call {
        RequestedCall::Activate { key, name, email } => Ok(licensing.activate(key, name, email)?.into()),
        RequestedCall::Transfer { key, name, email, from_device } => {
            Ok(licensing.transfer(key.as_deref(), name, email, from_device.as_deref())?.into())
        }
        RequestedCall::Refresh => Ok(licensing.refresh()?.into()),
        RequestedCall::Deactivate => Ok(licensing.deactivate()?.into()),
        RequestedCall::ActivationRequest { key, name, email } => {
            Ok(CallResult::Text(licensing.activation_request(key, name, email)?))
        }
        RequestedCall::RenewalRequest => Ok(CallResult::Text(licensing.renewal_request()?)),
        RequestedCall::ImportResponse { text } => Ok(licensing.import_response(text)?.into()),
        RequestedCall::DeactivateByReceipt => Ok(CallResult::Text(licensing.deactivate_by_receipt()?)),
    }
}
