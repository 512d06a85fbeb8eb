//! What to make of a row that could not be written, once the disk can be written again. Another process may have written
//! something else meanwhile. Pure.

use crate::store::Record;

/// The row on disk, with what `own` changed since `base` was read from there, as far as the disk has nothing newer.
/// `issued_at` tells when the answer of a row was signed, if it has one that counts.
pub(super) fn merge(
    disk: &Record,
    base: &Record,
    own: &Record,
    issued_at: impl Fn(&Record) -> Option<i64>,
) -> Record {
    let license = if own.answer == base.answer {
        Record {
            failed_at: disk.failed_at.max(own.failed_at),
            sent: later(&disk.sent, &base.sent, &own.sent),
            ..disk.clone()
        }
    } else if disk.answer == base.answer || newer(issued_at(own), issued_at(disk)) {
        own.clone()
    } else {
        disk.clone()
    };
    Record {
        person: later(&disk.person, &base.person, &own.person),
        keys: later(&disk.keys, &base.keys, &own.keys),
        install: later(&disk.install, &base.install, &own.install),
        pending: later(&disk.pending, &base.pending, &own.pending),
        abandoned_keys: later(&disk.abandoned_keys, &base.abandoned_keys, &own.abandoned_keys),
        ..license
    }
}

/// What the disk says, unless it says what it said before.
fn later<T: Clone + PartialEq>(disk: &T, base: &T, own: &T) -> T {
    if disk == base { own.clone() } else { disk.clone() }
}

/// A license that was given up on disk stays so: without an answer there nobody knows which came later.
fn newer(own: Option<i64>, disk: Option<i64>) -> bool {
    own.zip(disk).is_some_and(|(own, disk)| own > disk)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixSeconds;
    use crate::store::{PendingRequest, SentComponents};

    fn sent(digest: &str) -> SentComponents {
        SentComponents { digest: digest.to_owned(), at: UnixSeconds(9) }
    }

    fn row(answer: &str) -> Record {
        Record { answer: Some(answer.to_owned()), ..Record::default() }
    }

    /// Answers of these tests are the moment they were signed.
    fn signed(row: &Record) -> Option<i64> {
        row.answer.as_ref()?.parse().ok()
    }

    #[test]
    fn the_newer_answer_stays() {
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
        let abandoned_keys = Record::default();
        assert_eq!(merge(&abandoned_keys, &row("1"), &row("2"), signed), abandoned_keys);
        assert_eq!(merge(&row("1"), &row("1"), &abandoned_keys, signed), abandoned_keys);
        let kept_time = Record { seal: Some("newer".to_owned()), ..row("1") };
        assert_eq!(
            merge(&kept_time, &row("1"), &abandoned_keys, signed),
            abandoned_keys,
            "time is no answer"
        );
    }

    #[test]
    fn each_other_field_is_the_disks_where_it_changed_there() {
        let own = Record {
            pending: Some(PendingRequest::Deactivate),
            failed_at: Some(UnixSeconds(5)),
            sent: Some(sent("own")),
            ..row("1")
        };
        let disk = Record { sent: Some(sent("disk")), failed_at: Some(UnixSeconds(3)), ..row("1") };
        let kept = merge(&disk, &row("1"), &own, signed);
        assert_eq!(kept, Record { sent: disk.sent.clone(), ..own.clone() });
        assert_eq!(merge(&row("1"), &row("1"), &own, signed), own);
    }
}
