//! Limits and maintenance, from the operator's commands to the application.

use super::*;

/// The end of the maintenance, long ago.
const UNTIL: &str = "2024-06-30";
const CATALOG: &str = r#"product = "QF"
[tiers.pro]
features = ["copy_trading"]
limits = { agents = 3, projects = 9 }
[releases]
"4.1" = "2024-06-30"
"4.0" = "2024-01-15"
"5.0" = "2025-02-01"
"#;

impl Vendor {
    fn with_catalog() -> Self {
        let vendor = Self::new();
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("catalog.toml");
        std::fs::write(&file, CATALOG).expect("a catalog");
        vendor.operate(&["catalog", "apply", &file.display().to_string()]);
        vendor
    }

    fn built_on(&self, date: &str, machine: &'static str, clock: &TestClock, store: &Path) -> Licensing {
        self.builder(machine, clock).store(store).build_date(date).open().expect("an open license")
    }
}

/// One license on one machine, by turns under an older and a younger build of the application.
#[test]
fn an_older_build_runs_and_a_younger_is_refused() {
    let vendor = Vendor::with_catalog();
    let id = vendor.stack.license_id(&vendor.key).to_string();
    vendor.operate(&["set-updates-until", &id, UNTIL]);
    let (folder, clock) = (tempfile::tempdir().unwrap(), TestClock::right());
    let store = folder.path().join("license.db");
    let older = vendor.built_on(UNTIL, "first", &clock, &store);
    assert_eq!(older.activate(&vendor.key, "", ""), Ok(Activation::Done(State::Active)));
    assert!(older.is_unlocked() && older.has_feature("copy_trading"));
    drop(older);

    let younger = vendor.built_on("2024-07-01", "first", &clock, &store);
    assert_eq!(younger.status(), locked(LockCode::UpdatesEnded), "offline, at the start");
    assert_eq!(younger.refresh(), Ok(locked(LockCode::UpdatesEnded)), "the server says VALID all the same");
    assert!(!younger.is_unlocked() && !younger.has_feature("copy_trading"));
    assert_eq!(younger.limit("agents", 0), 0);
    let snapshot = younger.snapshot();
    assert_eq!(snapshot.lock_code.map(LockCode::name), Some("UPDATES_ENDED"));
    assert_eq!(snapshot.message.id.as_str(), "updates_ended");
    assert_eq!(
        snapshot.detail.as_deref(),
        Some("The license covers versions up to 2024-06-30. The newest of them is 4.1.")
    );
    clock.pass(-400 * DAY);
    assert_eq!(younger.status(), locked(LockCode::UpdatesEnded), "no clock helps");
    drop(younger);
    clock.pass(400 * DAY);

    let again = vendor.built_on("2024-01-15", "first", &clock, &store);
    assert_eq!(again.refresh(), Ok(State::Active), "the older build is the fallback");
    drop(again);

    vendor.operate(&["set-updates-until", &id, "never"]);
    let renewed = vendor.built_on("2024-07-01", "first", &clock, &store);
    assert_eq!(renewed.status(), locked(LockCode::UpdatesEnded), "until the next lease");
    assert_eq!(renewed.refresh(), Ok(State::Active));
    assert_eq!((renewed.snapshot().updates_until, renewed.detail()), (None, None));
}

#[test]
fn limits_are_read_offline_and_change_with_a_lease() {
    let vendor = Vendor::with_catalog();
    let id = vendor.stack.license_id(&vendor.key).to_string();
    vendor.operate(&["set-limit", &id, "agents=5", "users=2"]);
    let (client, clock) = vendor.application("first");
    assert_eq!(client.limit("agents", 7), 7, "nothing is licensed yet");
    client.activate(&vendor.key, "", "").unwrap();
    vendor.stop_server();
    let read = || ["agents", "projects", "users", "others"].map(|name| client.limit(name, 1));
    assert_eq!(read(), [5, 9, 2, 1], "the license's own, its tier's, and the default");
    vendor.operate(&["set-limit", &id, "agents=10", "--remove", "users"]);
    clock.pass(DAY);
    assert!(client.refresh().is_err());
    assert_eq!(read(), [5, 9, 2, 1], "offline, as the lease has them");
    vendor.start_server();
    assert_eq!(client.refresh(), Ok(State::Active));
    assert_eq!(read(), [10, 9, 1, 1]);
    assert_eq!(client.snapshot().limits.len(), 2);
    vendor.operate(&["revoke", &id, "--reason", "test"]);
    client.refresh().unwrap();
    assert_eq!((client.limit("agents", 1), client.snapshot().limits.len()), (1, 0));
}
