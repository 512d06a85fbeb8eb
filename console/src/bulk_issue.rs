//! Orders of a file on their way: a look that issues nothing, then the run. Both are those of `falconer issue
//! --from-csv`, and the keys are in a file before any license is stored.

use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;

use csv::ByteRecord;
use falconer_domain::issue::{Order, Term};
use falconer_domain::{KeyRing, Product};
use falconer_operator::import_export::bulk_issue::{
    self, BulkIssueError, BulkIssued, CheckedOrders, KeysError,
};
use falconer_operator::import_export::cells::{CsvRow, Sheet};
use falconer_operator::import_export::issue_csv::{self, Keyed};
use falconer_operator::import_export::{bulk::BulkError, encoding::BYTE_ORDER_MARK};

use crate::inputs::{Handout, Input, InputKind, unread};
use crate::kept::Keepable;
use crate::move_in::bad;
use crate::runs::BackgroundRun;
use crate::shell::Desk;
use crate::trouble::Trouble;
use crate::typed_orders::TypedOrders;
use crate::views;

/// Orders that are shown as they are understood.
const ORDERS_SHOWN: usize = 10;
/// Orders that are listed with what is wrong.
const MAX_BAD_SHOWN: usize = 100;
/// The kind of a file of keys, as the command line names it too.
const ISSUED: &str = "issued";

/// The orders of a file. No `Debug`: they are about people.
pub(crate) struct BulkIssue {
    pub(crate) input: Input,
    pub(crate) typed: TypedOrders,
    pub(crate) look: BackgroundRun<Result<OrdersLook, String>>,
    pub(crate) run: BackgroundRun<Result<BulkIssued, String>>,
}

/// The outcome of a look. No `Debug`: it is about people.
pub(crate) struct OrdersLook {
    pub(crate) count: usize,
    /// Lines that are not in order; nothing is issued until each is.
    pub(crate) bad: Vec<(u64, String)>,
    pub(crate) bad_count: usize,
    pub(crate) sample: Vec<OrderLine>,
    /// Orders whose keys an earlier run has made.
    pub(crate) keyed: usize,
    pub(crate) keys: Handout,
}

/// An order, as it is understood.
pub(crate) struct OrderLine {
    pub(crate) line: u64,
    pub(crate) tier: String,
    pub(crate) term: String,
    pub(crate) customer: Vec<String>,
    pub(crate) more: Vec<String>,
}

/// A key with its customer. No `Debug`.
pub(crate) struct KeyLine {
    pub(crate) customer: String,
    pub(crate) key: String,
}

impl Keepable for BulkIssue {
    fn goes_on(&self) -> bool {
        self.look.goes_on() || self.run.goes_on()
    }
}

impl BulkIssue {
    pub(crate) const fn new(input: Input, typed: TypedOrders) -> Self {
        Self { input, typed, look: BackgroundRun::new(), run: BackgroundRun::new() }
    }

    /// Orders whose licenses are stored, once a run has ended; they are the first of the file.
    pub(crate) fn issued_orders(&self) -> Option<u64> {
        let looked = self.look.outcome()?;
        let look = looked.as_ref().as_ref().ok()?;
        match self.run.outcome().as_deref() {
            Some(Ok(issued)) => Some(look.count as u64 - issued.left),
            _ => None,
        }
    }

    /// Takes the keys of the orders that are issued, once.
    pub(crate) fn take_keys(&self) -> Result<Vec<u8>, Trouble> {
        let looked = self.look.outcome();
        let (Some(Ok(look)), Some(issued)) = (looked.as_deref(), self.issued_orders()) else {
            let sentence = "the keys are handed out when the run has ended; they are in their file";
            return Err(Trouble::Refused(sentence.to_owned()));
        };
        let separator = self.opened()?.separator();
        Ok(first_rows(look.keys.take()?, issued, separator))
    }

    /// Takes the keys to be shown on a page.
    pub(crate) fn take_key_lines(&self) -> Result<Vec<KeyLine>, Trouble> {
        let (bytes, orders) = (self.take_keys()?, self.opened()?);
        let keyed = issue_csv::read_keys(&bytes, &orders, &self.typed.product()?).map_err(bad)?;
        let line = |Keyed { order, key, .. }: &Keyed| KeyLine {
            customer: customer(order).join(", "),
            key: key.to_string(),
        };
        Ok(keyed.iter().map(line).collect())
    }

    fn opened(&self) -> Result<Sheet<'_>, Trouble> {
        let encoding = self.typed.encoding()?.filter(|_| self.input.kind == InputKind::File);
        let orders = Sheet::open_in(encoding, &self.input.bytes, &issue_csv::REQUIRED).map_err(bad)?;
        let unknown = orders.unknown(&issue_csv::COLUMNS);
        if !unknown.is_empty() {
            let (unknown, known) = (unknown.join(", "), issue_csv::COLUMNS.join(", "));
            return Err(bad(format!("an order has no column {unknown}; its columns are {known}")));
        }
        Ok(orders)
    }

    /// Looks at the orders.
    pub(crate) async fn looked(&self, desk: &Desk) -> Result<OrdersLook, Trouble> {
        let ring = desk.shell.reads.ring_of_now().await?;
        let (product, reason) = (self.typed.product()?, self.typed.reason()?);
        let orders = self.opened()?;
        let count = issue_csv::rows(&orders).count();
        self.look.of(count as u64);
        let checking = bulk(desk, &ring, reason.as_deref());
        let CheckedOrders { checked, bad } =
            checking.check(&orders, &product, |seen| self.look.at(seen)).await?;
        if checked.len() + bad.len() < count {
            return Err(Trouble::Refused("the look was stopped; nothing was issued".to_owned()));
        }
        let (path, keyed) = self.keys_of(desk, &orders, &product)?;
        let sample = issue_csv::rows(&orders).filter_map(|row| order_line(&row, &product));
        Ok(OrdersLook {
            count,
            bad_count: bad.len(),
            bad: bad.into_iter().take(MAX_BAD_SHOWN).map(|(line, why)| (line, views::line(&why))).collect(),
            sample: sample.take(ORDERS_SHOWN).collect(),
            keyed,
            keys: Handout::of(path),
        })
    }

    /// The file of keys that an earlier run of these orders, or of the first of them, has left; else a new one.
    fn keys_of(
        &self,
        desk: &Desk,
        orders: &Sheet<'_>,
        product: &Product,
    ) -> Result<(PathBuf, usize), Trouble> {
        let fitting = |path: PathBuf| {
            let made = fs::read(&path).ok()?;
            let keyed = issue_csv::read_keys(&made, orders, product).ok()?;
            (!keyed.is_empty()).then_some((path, keyed.len()))
        };
        let most = desk.files.of_kind(ISSUED).into_iter().filter_map(fitting).max_by_key(|(_, keyed)| *keyed);
        let new = desk.files.file(&self.input.stem(), ISSUED);
        match most {
            Some(found) => Ok(found),
            None if fs::metadata(&new).is_ok_and(|there| there.len() > 0) => Err(Trouble::Refused(format!(
                "{} has the keys of these orders and was changed since; move it away, or mend it",
                new.display()
            ))),
            None => Ok((new, 0)),
        }
    }

    /// Issues the licenses. Where something does not answer, which of them are stored is not known.
    pub(crate) async fn issue(&self, desk: &Desk) -> Result<BulkIssued, Trouble> {
        let looked = self.look.outcome();
        let Some(Ok(look)) = looked.as_deref() else {
            return Err(Trouble::Refused("the orders are not looked at yet".to_owned()));
        };
        look.keys.renew();
        let ring = desk.shell.reads.ring_of_now().await?;
        let (product, reason) = (self.typed.product()?, self.typed.reason()?);
        let (bulk, orders) = (bulk(desk, &ring, reason.as_deref()), self.opened()?);
        self.run.of(look.count as u64);
        // The catalog may be another one by now.
        let found = bulk.check(&orders, &product, |_| ControlFlow::Continue(())).await?;
        if let Some((line, why)) = found.bad.first() {
            return Err(Trouble::Refused(format!("line {line}: {why}; nothing was issued")));
        }
        desk.files.ready()?;
        let path = &look.keys.path;
        let read = || fs::read(path).map_err(|why| unread(path, &why));
        let keys = |made: &[u8]| issue_csv::read_keys(made, &orders, &product).map_err(bad);
        let made = if path.exists() { read()? } else { Vec::new() };
        let there = if made.is_empty() { 0 } else { keys(&made)?.len() };
        if there < look.count {
            let written = bulk.make_keys(&orders, &made, &found.checked[there..], path);
            written.map_err(|error| match error {
                KeysError::Issue(error) => Trouble::from(error),
                KeysError::File(why) => Trouble::Damaged(format!(
                    "{} cannot be written, or somebody was faster ({why}); nothing was issued",
                    path.display()
                )),
            })?;
        }
        bulk.store(keys(&read()?)?, |done| self.run.at(done)).await.map_err(trouble_of_run)
    }
}

fn bulk<'a>(desk: &'a Desk, ring: &'a KeyRing, reason: Option<&'a str>) -> bulk_issue::BulkIssue<'a> {
    bulk_issue::BulkIssue {
        store: desk.writes.store(),
        ring,
        actor: desk.writes.actor(),
        reason,
        now: desk.shell.clock.now(),
    }
}

impl OrdersLook {
    /// Orders, in words.
    pub(crate) fn orders(&self) -> String {
        views::counted(self.count, "order")
    }

    /// The words of the button that issues them.
    pub(crate) fn button(&self) -> String {
        match self.count - self.keyed {
            0 => format!("Look for {}, and issue what is missing", views::counted(self.count, "license")),
            new => format!("Issue {}", views::counted(new, "license")),
        }
    }
}

fn trouble_of_run(error: BulkIssueError) -> Trouble {
    let trouble = match error {
        BulkIssueError::Store(error) | BulkIssueError::Bulk(BulkError::Store(error)) => Trouble::from(error),
        BulkIssueError::Random(error) | BulkIssueError::Bulk(BulkError::Random(error)) => error.into(),
        BulkIssueError::Issue(error) => error.into(),
        BulkIssueError::ForeignKey => return Trouble::Damaged(error.to_string()),
    };
    let sentence = format!("{} What was issued stays, and the run goes on from there.", trouble.sentence());
    Trouble::Unreachable(sentence)
}

/// The header and the first rows of a file of keys.
fn first_rows(mut bytes: Vec<u8>, rows: u64, separator: u8) -> Vec<u8> {
    let mark = if bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    let mut builder = csv::ReaderBuilder::new();
    let mut reader =
        builder.has_headers(false).flexible(true).delimiter(separator).from_reader(&bytes[mark..]);
    let mut record = ByteRecord::new();
    for _ in 0..=rows {
        if !reader.read_byte_record(&mut record).unwrap_or(false) {
            break;
        }
    }
    let end = usize::try_from(reader.position().byte()).map_or(bytes.len(), |end| mark + end);
    bytes.truncate(end);
    bytes
}

fn order_line(row: &CsvRow<'_>, product: &Product) -> Option<OrderLine> {
    let order = issue_csv::order(row, product).ok()?;
    let mut more = Vec::new();
    more.extend((order.product != *product).then(|| format!("of {}", order.product)));
    more.extend(order.seats.map(|seats| views::counted(seats, "seat")));
    more.extend((!order.features.is_empty()).then(|| views::line(&order.features.join(" "))));
    more.extend(row.cell("limits").map(|limits| views::line(&limits)));
    more.extend(order.updates_until.map(|end| format!("updates until {end}")));
    Some(OrderLine {
        line: row.line,
        tier: order.tier.to_string(),
        term: match order.term {
            Term::Days(days) => views::counted(days, "day"),
            Term::DaysFromActivation(days) => {
                format!("{} from the first activation on", views::counted(days, "day"))
            }
            Term::Perpetual => "for good".to_owned(),
        },
        customer: customer(&order),
        more,
    })
}

fn customer(order: &Order) -> Vec<String> {
    let texts = [&order.licensee_name, &order.email, &order.user_id];
    texts.into_iter().flatten().map(|text| views::line(text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_rows_end_with_a_row() {
        let file = "\u{FEFF}tier;name\r\npro;\"two\r\nlines\"\r\npro;last\r\n";
        for (rows, expected) in [
            (0, "\u{FEFF}tier;name\r\n"),
            (1, "\u{FEFF}tier;name\r\npro;\"two\r\nlines\"\r\n"),
            (2, file),
            (9, file),
        ] {
            let cut = first_rows(file.as_bytes().to_vec(), rows, b';');
            assert_eq!(String::from_utf8(cut).unwrap().trim_end(), expected.trim_end(), "{rows}");
        }
    }
}
