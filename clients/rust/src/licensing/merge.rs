//! Three-way merge of a row that could not be written with the row on disk, which another process may have changed. Pure.

use crate::store::Record;
use crate::trust::newer_text;

/// Applies the changes from `base` (the row as last read) to `own` onto `disk`, as far as the disk has nothing newer.
/// `issued_at` returns the second in which the answer of a row was signed, if that answer verifies.
pub(super) fn merge(
    disk: &Record,
    base: &Record,
    own: &Record,
    issued_at: impl Fn(&Record) -> Option<i64>,
) -> Record {
    let license = if own.answer == base.answer {
        Record {
            failed_at: disk.failed_at.max(own.failed_at),
            sent_components: merge_field(&disk.sent_components, &base.sent_components, &own.sent_components),
            ..disk.clone()
        }
    } else if disk.answer == base.answer || is_newer(issued_at(own), issued_at(disk)) {
        own.clone()
    } else {
        disk.clone()
    };
    // A pending activation and its person stay together, so that no person is sent with another's key.
    let person = |record: &Record| (record.licensee.clone(), record.pending.clone());
    let (licensee, pending) = merge_field(&person(disk), &person(base), &person(own));
    Record {
        licensee,
        trusted_keys: merge_keys(disk, base, own),
        install_id: merge_field(&disk.install_id, &base.install_id, &own.install_id),
        pending,
        abandoned_keys: merge_field(&disk.abandoned_keys, &base.abandoned_keys, &own.abandoned_keys),
        ..license
    }
}

/// Takes the value on disk where the disk has changed since `base`, else the process's own.
fn merge_field<T: Clone + PartialEq>(disk: &T, base: &T, own: &T) -> T {
    if disk == base { own.clone() } else { disk.clone() }
}

/// Takes the keys with the newer statement, where both have changed: a statement that was seen is never unseen.
fn merge_keys(disk: &Record, base: &Record, own: &Record) -> Option<String> {
    if disk.trusted_keys == base.trusted_keys {
        return own.trusted_keys.clone();
    }
    newer_text(disk.trusted_keys.as_deref(), own.trusted_keys.as_deref()).map(str::to_owned)
}

/// A deactivation on disk counts as newer: without an answer there, nothing proves which came later.
fn is_newer(own: Option<i64>, disk: Option<i64>) -> bool {
    own.zip(disk).is_some_and(|(own, disk)| own > disk)
}

#[cfg(test)]
mod tests {
    use falconer_domain::person::PersonName;

    use super::*;
    use crate::clock::UnixSeconds;
    use crate::store::{Licensee, PendingRequest, SentComponents, StoredKey, StoredReadings};

    fn sent(digest: &str) -> SentComponents {
        SentComponents { digest: digest.to_owned(), at: UnixSeconds(9) }
    }

    fn row(answer: &str) -> Record {
        Record { answer: Some(answer.to_owned()), ..Record::default() }
    }

    /// In these tests an answer is the second in which it was signed.
    fn signed(row: &Record) -> Option<i64> {
        row.answer.as_ref()?.parse().ok()
    }

    #[test]
    fn newer_answer_wins() {
        for (disk, base, own, expected) in [
            ("1", "1", "2", "2"),
            ("2", "1", "3", "3"),
            ("3", "1", "2", "3"),
            ("2", "1", "1", "2"),
            ("no answer", "1", "2", "no answer"),
        ] {
            let kept = merge(&row(disk), &row(base), &row(own), signed);
            assert_eq!(kept.answer.as_deref(), Some(expected), "{disk} {base} {own}");
        }
        let deactivated = Record::default();
        assert_eq!(merge(&deactivated, &row("1"), &row("2"), signed), deactivated);
        assert_eq!(merge(&row("1"), &row("1"), &deactivated, signed), deactivated);
        let kept_time = Record { seal: Some("newer".to_owned()), ..row("1") };
        assert_eq!(merge(&kept_time, &row("1"), &deactivated, signed), deactivated, "time is no answer");
    }

    #[test]
    fn person_stays_with_its_pending_key() {
        let waits = |key: &str, name: &str| Record {
            pending: Some(PendingRequest::Activate(StoredReadings {
                first: StoredKey(key.to_owned()),
                others: Vec::new(),
            })),
            licensee: Licensee { name: PersonName::read(name).unwrap(), email: None },
            ..Record::default()
        };
        // Another program replaced the key by one of the same person, while this one typed a third of another's.
        let (base, disk, own) = (waits("first", "Anna"), waits("second", "Anna"), waits("third", "Bob"));
        assert_eq!(merge(&disk, &base, &own, signed), disk);
    }

    #[test]
    fn changed_fields_of_disk_win() {
        let own = Record {
            pending: Some(PendingRequest::Deactivate),
            failed_at: Some(UnixSeconds(5)),
            sent_components: Some(sent("own")),
            ..row("1")
        };
        let disk =
            Record { sent_components: Some(sent("disk")), failed_at: Some(UnixSeconds(3)), ..row("1") };
        let kept = merge(&disk, &row("1"), &own, signed);
        assert_eq!(kept, Record { sent_components: disk.sent_components.clone(), ..own.clone() });
        assert_eq!(merge(&row("1"), &row("1"), &own, signed), own);
    }
}
