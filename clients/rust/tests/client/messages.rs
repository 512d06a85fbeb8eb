//! The messages for users: one table in the code, one in the documents, and translations by id.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use falconer_client::{ActivationForm, Failure, FailureKind, MessageId, NetworkFailure, UserMessage};
use falconer_domain::Code;
use serde::Deserialize;

use crate::harness::{NetworkFault, TestSetup, key};

/// A vendor's table for German.
const GERMAN: &str = include_str!("messages.de.json");

#[derive(Deserialize)]
struct Translation {
    sentence: String,
    next_step: String,
}

fn german() -> BTreeMap<String, Translation> {
    serde_json::from_str(GERMAN).unwrap()
}

fn file(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn document_lists_every_message() {
    let document = file("../../docs/messages.md");
    let rows: Vec<_> = document.lines().filter(|line| line.starts_with("| `")).collect();
    let expected: Vec<_> = MessageId::ALL
        .iter()
        .map(|id| {
            let UserMessage { sentence, next_step, .. } = id.message();
            format!("| `{id}` | {sentence} | {next_step} |")
        })
        .collect();
    assert_eq!(rows, expected);
}

#[test]
fn ids_are_unique_and_their_own() {
    let ids: BTreeSet<_> = MessageId::ALL.iter().map(|id| id.as_str()).collect();
    assert_eq!(ids.len(), MessageId::ALL.len());
    for id in MessageId::ALL {
        assert_eq!(id.message().id, *id);
        assert!(id.as_str().chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{id}");
        let UserMessage { sentence, next_step, .. } = id.message();
        assert!(sentence.ends_with('.') && next_step.ends_with('.'), "{id}");
    }
}

/// A message that nothing shows would make translators work in vain.
#[test]
fn every_message_is_shown_somewhere() {
    let mut sources = String::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else {
                sources += &fs::read_to_string(entry).unwrap();
            }
        }
    }
    for id in MessageId::ALL {
        let name = format!("MessageId::{id:?}");
        let is_named = sources
            .match_indices(&name)
            .any(|(place, _)| !sources[place + name.len()..].starts_with(|c: char| c.is_alphanumeric()));
        assert!(is_named, "{name}");
    }
}

#[test]
fn refusals_have_the_id_of_their_code() {
    for code in Code::ALL.iter().filter(|code| matches!(code.status(), 401 | 403 | 409 | 422)) {
        let id = Failure::refused(code.name()).user_message().id.as_str().to_owned();
        let has_none = matches!(code, Code::DeviceNotBound);
        assert_eq!(id, if has_none { "refused".to_owned() } else { code.name().to_lowercase() });
    }
    let unknown = Failure::refused("TOMORROWS_NO");
    assert_eq!(unknown.user_message().id, MessageId::Refused);
    assert!(unknown.to_string().contains("TOMORROWS_NO"), "the sentence asks for the code: {unknown}");
}

#[test]
fn network_reasons_have_their_own_ids() {
    let reasons = [
        (NetworkFailure::Dns, "dns"),
        (NetworkFailure::Connect, "connect"),
        (NetworkFailure::Proxy, "proxy"),
        (NetworkFailure::ProxyPassword, "proxy_password"),
        (NetworkFailure::Certificate, "certificate"),
        (NetworkFailure::Clock, "clock"),
        (NetworkFailure::Timeout, "timeout"),
        (NetworkFailure::Cancelled, "cancelled"),
        (NetworkFailure::Other, "unreachable"),
    ];
    for (reason, id) in reasons {
        let failure = Failure::new(FailureKind::Offline(reason));
        assert_eq!(failure.user_message().id.as_str(), id);
        assert_eq!((failure.kind.name(), failure.kind.cause()), ("offline", Some(id)));
    }
}

#[test]
fn german_table_has_every_message() {
    let german = german();
    let ids: BTreeSet<_> = MessageId::ALL.iter().map(|id| id.as_str()).collect();
    assert_eq!(german.keys().map(String::as_str).collect::<BTreeSet<_>>(), ids);
    for (id, translation) in &german {
        assert!(translation.sentence.ends_with('.') && translation.next_step.ends_with('.'), "{id}");
    }
}

/// A dialog in German looks ids up and compares no English sentence, in every step and for a notice.
#[test]
fn dialog_is_translated_by_ids() {
    let german = german();
    let shown = |message: UserMessage| german[message.id.as_str()].sentence.clone();
    let setup = TestSetup::new();
    let mut form = ActivationForm::new();
    assert_eq!(shown(form.message()), "Fügen Sie den Lizenzschlüssel aus der E-Mail ein.");
    form.enter("no key");
    assert!(form.submit().is_none());
    assert_eq!(shown(form.message()), "Das ist kein Lizenzschlüssel.");
    form = ActivationForm::new();
    form.enter(&key(1));
    setup.set_fault(NetworkFault::Portal);
    let work = form.submit().unwrap();
    assert_eq!(shown(form.message()), "Der Lizenzserver wird gefragt.");
    form.finish(work(&setup.client));
    assert_eq!(
        shown(form.message()),
        "Etwas zwischen diesem Gerät und dem Lizenzserver hat an seiner Stelle geantwortet."
    );
    assert_eq!(
        shown(setup.client.pending().unwrap().user_message()),
        "Die Aktivierung ist gespeichert und wartet auf den Lizenzserver."
    );
    assert_eq!(shown(setup.client.status().user_message()), "Dieses Gerät ist nicht aktiviert.");
}

#[test]
fn failures_are_written_as_json() {
    let setup = TestSetup::activated();
    let other = crate::harness::Machine::named("office");
    let office = crate::harness::builder(&setup.server, &setup.clock, &other).open().unwrap();
    let refused = office.activate(&key(1), "", "").unwrap_err();
    let holder = &refused.holders[0];
    assert_eq!(
        serde_json::to_value(&refused).unwrap(),
        serde_json::json!({
            "kind": "refused", "cause": null, "code": "SEATS_EXHAUSTED", "retry_after_seconds": null,
            "next_transfer_at": null,
            "holders": [{ "id": holder.id, "name": "Laptop", "last_seen_at": null }],
            "message": {
                "id": "seats_exhausted",
                "sentence": "The license is in use on another device.",
                "next_step": "Move it to this device, or deactivate it there first.",
            },
        })
    );
    let offline = Failure::new(FailureKind::Offline(NetworkFailure::ProxyPassword));
    let written = serde_json::to_value(offline).unwrap();
    assert_eq!((&written["kind"], &written["cause"]), (&"offline".into(), &"proxy_password".into()));
}
