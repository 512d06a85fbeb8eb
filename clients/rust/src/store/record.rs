//! The row of one license, and its form as named texts.

use std::collections::BTreeMap;
use std::iter;

use falconer_domain::UnixMillis;
use falconer_domain::air_gap::AirGapPurpose;
use falconer_domain::person::{Email, PersonName};

use crate::clock::UnixSeconds;
use crate::hardware::InstallId;
use crate::timeline::TimeCheckpoint;

/// Licensee, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Licensee {
    pub(crate) name: Option<PersonName>,
    pub(crate) email: Option<Email>,
}

/// A license key for storage and requests. `Debug` hides it.
#[derive(Clone, derive_more::Debug, PartialEq, Eq)]
#[debug("StoredKey(…)")]
pub(crate) struct StoredKey(pub(crate) String);

/// The keys that a typed text may still mean, the likeliest first. The application asks about the next one only after the
/// server has answered that it never issued the one before, so the first alone may hold a seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredReadings {
    pub(crate) first: StoredKey,
    pub(crate) others: Vec<StoredKey>,
}

impl StoredReadings {
    /// Writes one key a line: keys contain no line break. Version 0.1.0 wrote the first key alone.
    fn to_text(&self) -> String {
        let keys: Vec<_> = iter::once(&self.first).chain(&self.others).map(|key| key.0.as_str()).collect();
        keys.join("\n")
    }

    fn from_text(text: &str) -> Self {
        let mut keys = text.lines().map(|key| StoredKey(key.to_owned()));
        Self { first: keys.next().unwrap_or_else(|| StoredKey(String::new())), others: keys.collect() }
    }

    /// All keys, in their order.
    pub(crate) fn into_keys(self) -> impl Iterator<Item = StoredKey> {
        iter::once(self.first).chain(self.others)
    }
}

/// The one request that waits for the server. A later request replaces it: [`Record::replace_pending`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PendingRequest {
    /// Activation with a key.
    Activate(StoredReadings),
    /// Freeing this device's seat.
    Deactivate,
    /// A request as a file, which waits for the vendor's answer.
    File(FileRequest),
    /// A receipt as a file: its content in hexadecimal, until the next activation.
    Receipt(String),
}

/// A request that a person carries. The answer has to repeat its nonce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileRequest {
    pub(crate) key: StoredKey,
    pub(crate) purpose: AirGapPurpose,
    pub(crate) nonce: String,
}

impl FileRequest {
    /// Writes purpose, nonce and key, one a line.
    fn to_text(&self) -> String {
        format!("{}\n{}\n{}", self.purpose.as_str(), self.nonce, self.key.0)
    }

    fn from_text(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let (purpose, nonce, key) = (lines.next()?, lines.next()?, lines.next()?);
        let purpose = AirGapPurpose::parse(purpose)?;
        Some(Self { key: StoredKey(key.to_owned()), purpose, nonce: nonce.to_owned() })
    }
}

/// Components that the server saw last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SentComponents {
    /// Hash of the components.
    pub(crate) digest: String,
    /// Moment by the server's time.
    pub(crate) at: UnixSeconds,
}

impl SentComponents {
    /// Writes hash and second as `hash@second`. Version 0.1.0 wrote the hash alone; its row then differs, and the
    /// components are sent once more.
    fn to_text(&self) -> String {
        format!("{}@{}", self.digest, self.at.0)
    }

    /// Reads any text. A text without a second counts as sent in 1970.
    fn from_text(text: &str) -> Self {
        let (digest, at) = text.split_once('@').unwrap_or((text, ""));
        Self { digest: digest.to_owned(), at: UnixSeconds(at.parse().unwrap_or_default()) }
    }
}

/// The stored row. [`VerifiedRecord`](crate::licensing) is the part of it that is proved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    /// Key of the stored license.
    pub(crate) key: Option<StoredKey>,
    /// Licensee of the last activation.
    pub(crate) licensee: Licensee,
    /// Last signed answer that counted, verbatim: a lease or a locking refusal. One field holds both, so that nobody
    /// can cut a refusal out from beside a lease.
    pub(crate) answer: Option<String>,
    /// JWKS of the keys that were fetched and endorsed.
    pub(crate) trusted_keys: Option<String>,
    /// Components that `activate-sync` saw last.
    pub(crate) sent_components: Option<SentComponents>,
    /// Random id, made where hardware was too little.
    pub(crate) install_id: Option<InstallId>,
    /// Moment of the last failed check, if none has succeeded since.
    pub(crate) failed_at: Option<UnixSeconds>,
    /// Time at the last write.
    pub(crate) checkpoint: TimeCheckpoint,
    /// Seal over the checkpoint.
    pub(crate) seal: Option<String>,
    /// Request that waits for the server.
    pub(crate) pending: Option<PendingRequest>,
    /// Abandoned keys that may still hold a seat, which has to be released.
    pub(crate) abandoned_keys: Vec<StoredKey>,
}

/// Names of the texts, which are columns in SQLite. Most are those of the spreadsheet's desktop client.
#[cfg(feature = "sqlite")]
pub(super) const FIELDS: [&str; 14] = [
    "license_key",
    "licensee_name",
    "licensee_email",
    "lease",
    "trusted_keys",
    "sent_components",
    "install_id",
    "failed_at_seconds",
    "floor_millis",
    "skew_millis",
    "seal",
    "pending",
    "pending_key",
    "given_up_keys",
];

impl Record {
    /// Replaces the pending request by one about `key`. The key of the replaced request is abandoned; `stored` is the
    /// key that a replaced deactivation was about.
    pub(crate) fn replace_pending(
        &mut self,
        key: &StoredKey,
        stored: Option<&StoredKey>,
        pending: Option<PendingRequest>,
    ) {
        let before = match self.pending.take() {
            Some(PendingRequest::Activate(before)) => Some(before.first),
            Some(PendingRequest::Deactivate) => stored.cloned(),
            // The network has not seen them, so no seat is left to be freed.
            Some(PendingRequest::File(_) | PendingRequest::Receipt(_)) | None => None,
        };
        self.abandoned_keys.extend(before);
        self.abandoned_keys.retain(|abandoned| abandoned != key);
        self.pending = pending;
    }

    /// True if a request to the server waits.
    pub(crate) const fn waits_for_network(&self) -> bool {
        matches!(self.pending, Some(PendingRequest::Activate(_) | PendingRequest::Deactivate))
    }

    /// True if a request as a file waits for an answer about this key.
    pub(crate) fn asks_by_file(&self, key: &StoredKey) -> bool {
        matches!(&self.pending, Some(PendingRequest::File(request)) if request.key == *key)
    }

    /// Abandons a pending activation. Its seat may have been taken although the answer was lost.
    pub(crate) fn abandon_activation(&mut self) {
        if let Some(PendingRequest::Activate(readings)) = self.pending.take() {
            self.abandoned_keys.push(readings.first);
        }
    }

    /// Ends a pending activation with `key`, which has its final answer.
    pub(crate) fn end_activation(&mut self, key: &StoredKey) {
        let is_answered = |pending: &mut PendingRequest| matches!(pending, PendingRequest::Activate(readings) if readings.first == *key);
        self.pending.take_if(is_answered);
    }

    /// Goes on to the next reading of a pending activation whose first one, `key`, the server never issued.
    pub(crate) fn pass_over_reading(&mut self, key: &StoredKey) {
        let Some(PendingRequest::Activate(readings)) = &self.pending else { return };
        if readings.first == *key {
            let mut others = readings.others.clone().into_iter();
            let rest = others.next().map(|first| StoredReadings { first, others: others.collect() });
            self.pending = rest.map(PendingRequest::Activate);
        }
    }

    /// The license without what one machine alone waits for: another machine must not send it again.
    pub(super) fn for_another_machine(self) -> Self {
        Self { pending: None, abandoned_keys: Vec::new(), failed_at: None, ..self }
    }

    /// Names its texts. An absent text has no name.
    pub(super) fn to_fields(&self) -> BTreeMap<String, String> {
        let (pending, pending_key) = match &self.pending {
            None => (None, None),
            Some(PendingRequest::Activate(readings)) => (Some("activate"), Some(readings.to_text())),
            Some(PendingRequest::Deactivate) => (Some("deactivate"), None),
            Some(PendingRequest::File(request)) => (Some("file"), Some(request.to_text())),
            Some(PendingRequest::Receipt(receipt)) => (Some("receipt"), Some(receipt.clone())),
        };
        // Keys contain no line break.
        let abandoned: Vec<_> = self.abandoned_keys.iter().map(|key| key.0.as_str()).collect();
        let fields = [
            ("license_key", self.key.as_ref().map(|key| key.0.clone())),
            ("licensee_name", self.licensee.name.as_ref().map(|name| name.as_str().to_owned())),
            ("licensee_email", self.licensee.email.as_ref().map(|email| email.as_str().to_owned())),
            ("lease", self.answer.clone()),
            ("trusted_keys", self.trusted_keys.clone()),
            ("sent_components", self.sent_components.as_ref().map(SentComponents::to_text)),
            ("install_id", self.install_id.as_ref().map(|id| id.as_str().to_owned())),
            ("failed_at_seconds", self.failed_at.map(|at| at.0.to_string())),
            ("floor_millis", Some(self.checkpoint.floor.0.to_string())),
            ("skew_millis", Some(self.checkpoint.skew_millis.to_string())),
            ("seal", self.seal.clone()),
            ("pending", pending.map(str::to_owned)),
            ("pending_key", pending_key),
            ("given_up_keys", Some(abandoned.join("\n")).filter(|keys| !keys.is_empty())),
        ];
        fields.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?))).collect()
    }

    /// Reads any texts. A number that cannot be read is 0, which no seal covers.
    pub(super) fn from_fields(fields: &BTreeMap<String, String>) -> Self {
        let text = |name: &str| fields.get(name).cloned();
        let number = |name: &str| fields.get(name).and_then(|text| text.parse().ok());
        Self {
            key: text("license_key").map(StoredKey),
            licensee: Licensee {
                name: text("licensee_name").and_then(|name| PersonName::read(&name).ok().flatten()),
                email: text("licensee_email").and_then(|email| Email::read(&email).ok().flatten()),
            },
            answer: text("lease"),
            trusted_keys: text("trusted_keys"),
            sent_components: text("sent_components").map(|text| SentComponents::from_text(&text)),
            install_id: text("install_id").map(InstallId::kept),
            failed_at: number("failed_at_seconds").map(UnixSeconds),
            checkpoint: TimeCheckpoint {
                floor: UnixMillis(number("floor_millis").unwrap_or_default()),
                skew_millis: number("skew_millis").unwrap_or_default(),
            },
            seal: text("seal"),
            pending: match (text("pending").as_deref(), text("pending_key")) {
                (Some("activate"), Some(keys)) => {
                    Some(PendingRequest::Activate(StoredReadings::from_text(&keys)))
                }
                (Some("deactivate"), _) => Some(PendingRequest::Deactivate),
                (Some("file"), Some(text)) => FileRequest::from_text(&text).map(PendingRequest::File),
                (Some("receipt"), Some(receipt)) => Some(PendingRequest::Receipt(receipt)),
                _ => None,
            },
            abandoned_keys: text("given_up_keys")
                .iter()
                .flat_map(|keys| keys.lines())
                .map(|key| StoredKey(key.to_owned()))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
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
    fn record_round_trips_and_hides_its_secrets() {
        let file = FileRequest {
            key: StoredKey("QF-PRO-FILE".to_owned()),
            purpose: AirGapPurpose::Renew,
            nonce: "0badcafe".to_owned(),
        };
        for pending in [
            record().pending,
            Some(PendingRequest::Deactivate),
            Some(PendingRequest::File(file)),
            Some(PendingRequest::Receipt("00ff".to_owned())),
            None,
        ] {
            let abandoned_keys = record().abandoned_keys.into_iter().filter(|_| pending.is_some()).collect();
            let expected = Record { pending, abandoned_keys, ..record() };
            assert_eq!(Record::from_fields(&expected.to_fields()), expected);
        }
        assert_eq!(Record::from_fields(&BTreeMap::new()), Record::default());
        let license = super::super::StoredLicense { fields: record().to_fields(), ..Default::default() };
        for shown in [format!("{:?}", record()), format!("{license:?}")] {
            for secret in ["PRO", "Anna", "example.com", "0303"] {
                assert!(!shown.contains(secret), "{shown}");
            }
        }
    }

    #[cfg(feature = "sqlite")]
    #[test]
    fn every_field_has_a_column() {
        let mut columns = FIELDS.to_vec();
        columns.sort_unstable();
        assert_eq!(record().to_fields().into_keys().collect::<Vec<_>>(), columns);
    }

    /// Version 0.1.0 wrote the hash alone, and a store may hold any text.
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
                SentComponents::from_text(text),
                SentComponents { digest: digest.to_owned(), at: UnixSeconds(at) },
                "{text}"
            );
        }
        assert_eq!(SentComponents::from_text(&sent("a").to_text()), sent("a"));
    }
}
