//! Programs killed while they write.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use falconer_client::{State, StoreFormat};
use falconer_domain::Code;

use crate::harness::{DAY, TestSetup, key, unlocked};
use crate::stored::{FORMATS, file_name};

/// Environment variables that give the child, this test program again, its folder and its day.
const FOLDER: &str = "FALCONER_TEST_FOLDER";
const DAY_OF_CHILD: &str = "FALCONER_TEST_DAY";
const FORMAT_OF_CHILD: &str = "FALCONER_TEST_FORMAT";
const ROUNDS: u64 = 40;

fn told(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "how the parent tells its child where and when to write")]
    std::env::var(name).ok()
}

/// Starts one test of this program as its own process.
fn start(test: &str, folder: &Path, format: StoreFormat, day: u64) -> Child {
    let program = std::env::current_exe().unwrap();
    Command::new(program)
        .args(["--exact", test, "--nocapture"])
        .env(FOLDER, folder)
        .env(FORMAT_OF_CHILD, file_name(format))
        .env(DAY_OF_CHILD, day.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The child: activates, is revoked and reinstated in turn until it is killed. Without a parent it returns at once.
#[test]
fn child_that_writes() {
    let (Some(folder), Some(day)) = (told(FOLDER), told(DAY_OF_CHILD)) else { return };
    let folder = Path::new(&folder);
    let name = told(FORMAT_OF_CHILD).unwrap();
    let format = FORMATS.into_iter().find(|format| file_name(*format) == name).unwrap();
    let setup = TestSetup::with_format(format);
    // Later than the child before, because a server's time never runs backwards.
    setup.clock.pass(day.parse::<i64>().unwrap() * DAY);
    let client = setup.on(&folder.join(name));
    client.activate(&key(1), "Anna", "").unwrap();
    for round in 0_u64.. {
        setup.clock.pass(1);
        setup.server.state().license = if round % 2 == 0 { Code::Revoked } else { Code::Valid };
        client.refresh().unwrap();
        fs::write(folder.join("alive"), round.to_string()).unwrap();
    }
}

#[test]
fn store_opens_after_kill_at_any_moment() {
    for format in FORMATS {
        let folder = tempfile::tempdir().unwrap();
        let (path, alive) = (folder.path().join(file_name(format)), folder.path().join("alive"));
        let mut seen = (0, 0);
        for round in 0..ROUNDS {
            let _ = fs::remove_file(&alive);
            let mut child = start("kills::child_that_writes", folder.path(), format, round);
            // After a refusal and after a lease in turn. On a slow disk one round takes longer than the wait below.
            let is_far_enough = |done: u64| done >= round % 2;
            while !fs::read_to_string(&alive).is_ok_and(|done| done.parse().is_ok_and(is_far_enough)) {
                assert_eq!(child.try_wait().unwrap(), None, "the child ended by itself");
                std::thread::sleep(Duration::from_millis(1));
            }
            // At any point of a round of a few milliseconds.
            std::thread::sleep(Duration::from_micros(round * 397 % 20_000));
            child.kill().unwrap();
            child.wait().unwrap();
            let client = TestSetup::with_format(format).on(&path);
            assert_eq!(client.notice(), None, "round {round}");
            match client.status() {
                State::Locked { .. } => seen.0 += 1,
                _ if unlocked(&client) => seen.1 += 1,
                state => panic!("round {round}: {state:?}, and neither lease nor refusal"),
            }
        }
        assert!(
            seen.0 > 0 && seen.1 > 0,
            "locked and unlocked: {seen:?}; the kills all fell on one half of a round"
        );
        let files: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(files.iter().all(|file| !file.to_string_lossy().contains("damaged")), "{files:?}");
    }
}
