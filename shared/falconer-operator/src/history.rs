//! The last events of a license, without reading the whole history.

use falconer_aws::operator::AuditRecord;
use falconer_aws::{StoreError, StoreReader};
use falconer_domain::{Code, LicenseId};

/// Rows of all kinds that `show` prints.
const LAST_ROWS: usize = 10;
/// Number of refusals, and of other answers, to show.
const LAST_ANSWERS: usize = 5;
/// Rows in one read: some 30 KB.
const PAGE_ROWS: i32 = 100;
/// How far back refusals are looked for. A leaked key leaves up to ten rows a minute and instance, and somebody waits.
const MAX_HISTORY_ROWS: usize = 2_000;
/// Actions of clients.
const ENDPOINTS: [&str; 4] = ["verify", "activate-sync", "transfer", "deactivate"];

/// Last events.
#[derive(Debug, Default)]
pub struct Recent {
    /// The last rows of all kinds, oldest first.
    pub rows: Vec<AuditRecord>,
    /// The last requests that were refused, newest first.
    pub refusals: Vec<AuditRecord>,
    /// The last requests that were granted, newest first.
    pub granted: Vec<AuditRecord>,
}

impl Recent {
    /// For `show`: the last rows, and the last refusals apart from them, which verifications would push out.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn to_show(store: &StoreReader, id: &LicenseId) -> Result<Self, StoreError> {
        let last = store.audit_backwards(id, to_page(LAST_ROWS), None).await?;
        let answers = Self::answers(store, id).await?;
        Ok(Self { rows: last.rows.into_iter().rev().collect(), ..answers })
    }

    /// For `explain`: what the last requests were answered.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn answers(store: &StoreReader, id: &LicenseId) -> Result<Self, StoreError> {
        let (mut recent, mut looked_at, mut place) = (Self::default(), 0, None);
        loop {
            let page = store.audit_backwards(id, PAGE_ROWS, place).await?;
            looked_at += page.rows.len();
            for row in page.rows {
                let kept = match outcome(&row) {
                    Some(AnswerKind::Refused) => &mut recent.refusals,
                    Some(AnswerKind::Granted) => &mut recent.granted,
                    None => continue,
                };
                if kept.len() < LAST_ANSWERS {
                    kept.push(row);
                }
            }
            place = page.next;
            if place.is_none() || looked_at >= MAX_HISTORY_ROWS || recent.refusals.len() == LAST_ANSWERS {
                return Ok(recent);
            }
        }
    }
}

enum AnswerKind {
    Granted,
    Refused,
}

/// How a request of a client ended; `None` for what an operator did. An operator's `suspend` is recorded as SUSPENDED
/// too, and is not a refusal.
fn outcome(row: &AuditRecord) -> Option<AnswerKind> {
    let code = Code::named(&row.code).filter(|_| ENDPOINTS.contains(&row.action.as_str()))?;
    Some(if code.status() < 400 { AnswerKind::Granted } else { AnswerKind::Refused })
}

fn to_page(rows: usize) -> i32 {
    i32::try_from(rows).unwrap_or(PAGE_ROWS)
}
