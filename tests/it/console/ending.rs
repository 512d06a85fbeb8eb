//! The end of a console: by itself, and by Ctrl-C.

use std::fmt::Write as _;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use falconer_aws::{Budgets, Clients, Store};
use falconer_console::{Access, Console, MetricsSource, Setup};
use falconer_emulators::tap::{Fault, Matcher};
use falconer_tests::{Fixture, TestStack, now};
use jiff::tz::TimeZone;

use super::{Browser, ConsoleAnswer};
use crate::manners::Folder;

/// Time without a request after which a console of these tests ends.
pub(super) const SHORT_IDLE: Duration = Duration::from_millis(1_500);
/// Time for which each call of a run is held back: a run of a few takes longer than the console would wait.
pub(super) const HELD: Duration = Duration::from_millis(500);
/// Rows of a run: 25 in a transaction, and eight transactions at a time.
const ROWS: usize = 1_200;

fn setup(stack: &TestStack, idle: Duration) -> Setup {
    Setup {
        access: Access::Full(stack.store.clone(), stack.ring_writer()),
        metrics: MetricsSource::Unnamed,
        actor: "fixture".to_owned(),
        product: None,
        place: "test".to_owned(),
        command: vec!["falconer".to_owned()],
        zone: TimeZone::UTC,
        now,
        idle,
        files: std::path::PathBuf::from("falconer-console"),
    }
}

#[test]
fn ends_after_its_time_without_a_request() {
    let stack = TestStack::start();
    let console = stack.wait(Console::open(setup(&stack, Duration::from_millis(200)), 0)).unwrap();
    let file = console.file().expect("a file that opens it");
    assert!(file.is_file());
    // Nobody interrupts it: it comes back by itself, or this test never ends.
    stack.wait(console.run(std::future::pending())).unwrap();
    assert!(!file.exists(), "the file goes with it");
}

#[cfg(unix)]
#[test]
fn interrupted_console_leaves_no_file() {
    let stack = TestStack::start();
    let mut browser = Browser::start(&stack, &[]);
    assert!(std::fs::exists(&browser.file).unwrap());
    let program = browser.program.as_mut().unwrap();
    let pid = program.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let status = program.wait().unwrap();
    assert!(status.success(), "{status}");
    assert!(!std::fs::exists(&browser.file).unwrap(), "nothing opens an ended console");
}

#[test]
fn taken_port_is_a_sentence() {
    let stack = TestStack::start();
    let first = Browser::start(&stack, &[]);
    let port = first.address.rsplit(':').next().unwrap();
    let output = crate::operator::run(&stack, &["console", "--no-browser", "--port", port]);
    let said = crate::operator::said(&output);
    assert!(!output.status.success() && said.contains("--port"), "{said}");
}

/// A console over the tap, which waits for nobody.
pub(super) fn impatient(stack: &TestStack, folder: &Folder) -> Setup {
    let (dynamodb, secrets) = (stack.dynamodb.endpoint(), stack.secrets_tap.endpoint());
    let clients = Clients::of_stand_ins(&dynamodb, &secrets, Budgets::OPERATOR);
    let settings = &stack.settings;
    let store = Store::new(&clients, &settings.licenses_table, &settings.verifications_table);
    Setup {
        access: Access::Full(store, stack.ring_writer()),
        files: folder.path("kept").into(),
        ..setup(stack, SHORT_IDLE)
    }
}

/// A console in a thread of its own, which ends with it.
pub(super) fn served(setup: Setup) -> (Browser, JoinHandle<()>) {
    let (tell, hear) = mpsc::channel();
    let serving = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let console = Console::open(setup, 0).await.unwrap();
            tell.send((console.address().to_string(), console.file().unwrap())).unwrap();
            console.run(std::future::pending()).await.unwrap();
        });
    });
    let (address, file) = hear.recv().unwrap();
    (Browser::at(&address, file.to_str().unwrap(), None).opened(), serving)
}

fn page_of(browser: &Browser, answer: &ConsoleAnswer) -> String {
    assert_eq!(answer.status, 303, "{}", answer.text());
    answer.header("location").strip_prefix(&browser.base).expect("a page of the console").to_owned()
}

/// A piece of work that a console can be asked for.
enum LongRun {
    Upload(&'static str, String),
    Change(Vec<String>),
}

impl LongRun {
    /// Looks, and returns the page with the button.
    fn looked_at(&self, browser: &Browser) -> String {
        match self {
            Self::Upload(page, rows) => {
                let sent = browser.upload(page, &[("product", "QF")], ("rows.csv", rows.as_bytes()));
                let page = page_of(browser, &sent);
                browser.ended(&page);
                page
            }
            Self::Change(ids) => {
                let ticked = ids.iter().map(|id| ("license", id.as_str()));
                let fields: Vec<_> = ticked.chain([("action", "suspend")]).collect();
                page_of(browser, &browser.post("bulk/preview", &fields))
            }
        }
    }
}

/// Nobody asks for a page while a run goes on: the console ends after the run, and not in the middle of it.
#[test]
fn runs_keep_an_idle_console_open() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let licenses = (0..12).map(|_| stack.put(Fixture::pro().ending(now().plus_days(100))));
    let ids = licenses.map(|key| stack.license_id(&key).to_string()).collect();
    let (mut orders, mut sheet) =
        ("tier,user,days\n".to_owned(), "license_key,status,license_tier\n".to_owned());
    for row in 0..ROWS {
        writeln!(orders, "pro,user_{row},30").unwrap();
        writeln!(sheet, "CUST-{row:06},active,pro").unwrap();
    }
    stack.dynamodb.break_all(Matcher::operation("TransactWriteItems"), Fault::Delay(HELD));
    let works =
        [LongRun::Change(ids), LongRun::Upload("issue/many", orders), LongRun::Upload("move-in", sheet)];
    thread::scope(|scope| {
        for work in works {
            let setup = impatient(&stack, &folder);
            scope.spawn(move || {
                let (browser, serving) = served(setup);
                let page = work.looked_at(&browser);
                page_of(&browser, &browser.post(&format!("{page}/run"), &[]));
                thread::sleep(SHORT_IDLE + HELD * 2);
                let later = browser.get(&page);
                assert!(later.body.contains("data-live"), "{page} goes on: {}", later.text());
                assert_eq!(browser.post(&format!("{page}/stop"), &[]).status, 303);
                serving.join().unwrap();
            });
        }
    });
}
