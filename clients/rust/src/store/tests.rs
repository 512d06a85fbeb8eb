use super::*;

fn sent(digest: &str) -> SentComponents {
    SentComponents { digest: digest.to_owned(), at: UnixSeconds(9) }
}

fn record() -> Record {
    Record {
        key: Some(StoredKey("QF-PRO-KEY".to_owned())),
        licensee: Licensee {
            name: PersonName::read("Anna Example").unwrap(),
            email: Email::read("anna@example.com").unwrap(),
        },
        answer: Some("header.claims.signature".to_owned()),
        trusted_keys: Some("{}".to_owned()),
        sent_components: Some(sent("digest")),
        install_id: Some(InstallId::from_random([3; InstallId::BYTES])),
        failed_at: Some(UnixSeconds(7)),
        checkpoint: TimeCheckpoint { floor: UnixMillis(-5), skew_millis: i64::MAX },
        seal: Some("seal".to_owned()),
        pending: Some(PendingRequest::Activate(StoredReadings {
            first: StoredKey("QF-PRO-OTHER".to_owned()),
            others: vec![StoredKey("QF-P_RO-OTHER".to_owned())],
        })),
        abandoned_keys: ["QF-PRO-THIRD", "QF-PRO-FOURTH"].map(|key| StoredKey(key.to_owned())).to_vec(),
    }
}

#[test]
fn row_round_trips() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("license.db");
    let mut store = open(&path).unwrap().store;
    assert_eq!(store.read().unwrap(), Record::default());
    for pending in [record().pending, Some(PendingRequest::Deactivate), None] {
        let abandoned_keys = record().abandoned_keys.into_iter().filter(|_| pending.is_some()).collect();
        let expected = Record { pending, abandoned_keys, ..record() };
        assert_eq!(store.update(|row| *row = expected.clone()).unwrap(), expected);
        assert_eq!(open(&path).unwrap().store.read().unwrap(), expected);
    }
    let shown = format!("{:?}", record());
    for secret in ["PRO", "Anna", "example.com", "0303"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn keeps_updates_of_two_programs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("license.db");
    let (mut first, mut second) = (open(&path).unwrap().store, open(&path).unwrap().store);
    first.update(|row| row.sent_components = Some(sent("first"))).unwrap();
    second.update(|row| row.failed_at = Some(UnixSeconds(1))).unwrap();
    let row = first.read().unwrap();
    assert_eq!((row.sent_components, row.failed_at), (Some(sent("first")), Some(UnixSeconds(1))));
}

/// Version 0.1.0 wrote the hash alone, and a column may hold any text.
#[test]
fn reads_sent_components_from_any_text() {
    for (text, digest, at) in [
        ("digest@1800000000", "digest", 1_800_000_000),
        ("digest", "digest", 0),
        ("digest@", "digest", 0),
        ("digest@soon", "digest", 0),
        ("", "", 0),
    ] {
        assert_eq!(
            SentComponents::from_column(text),
            SentComponents { digest: digest.to_owned(), at: UnixSeconds(at) },
            "{text}"
        );
    }
    assert_eq!(SentComponents::from_column(&sent("a").to_column()), sent("a"));
}

/// Uses SQLite's own page limit, so that the test runs where no small disk can be mounted.
#[test]
fn full_database_keeps_old_row() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("license.db")).unwrap().store;
    store.update(|row| *row = record()).unwrap();
    let pages: i64 = store.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    let limit = |store: &Store, pages: i64| {
        store.connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).unwrap();
    };
    limit(&store, pages);
    let longer = |row: &mut Record| row.answer = Some("x".repeat(20_000));
    assert_eq!(store.update(longer), Err(StoreError::Full));
    assert_eq!(store.read().unwrap(), record());
    limit(&store, 1_000);
    store.update(longer).unwrap();
}

#[test]
fn every_error_has_a_next_step() {
    for error in [StoreError::Full, StoreError::ReadOnly, StoreError::Damaged, StoreError::Unavailable] {
        for message in [error.user_message(), error.user_message_while_running()] {
            assert!(message.sentence.ends_with('.') && message.next_step.ends_with('.'), "{message}");
        }
    }
}
