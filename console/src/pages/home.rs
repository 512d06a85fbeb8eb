//! Home: the counts, the licenses that end soon, and the ring and the catalog in one line.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use tokio::task::spawn_local;

use crate::calendar::{self, Day};
use crate::counts::{Counts, DAYS};
use crate::moments::Moment;
use crate::shell::{Frame, Section, Shell, html};
use crate::trouble::Trouble;

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    frame: Frame,
    days: u32,
    ending: usize,
    weeks: Vec<Vec<Day>>,
    signs: u8,
    product: String,
    catalog: String,
    counts: Option<Counted>,
    counting: bool,
    failed: String,
}

/// Counts for the page.
struct Counted {
    at: Moment,
    active: u64,
    new: u64,
    tiers: Vec<(String, Vec<u64>)>,
    refusals: Vec<(&'static str, u64)>,
}

/// States of the table of counts, in its order.
const STATES: [&str; 5] = ["active", "pending", "suspended", "revoked", "expired"];

pub(crate) async fn show(State(shell): State<Arc<Shell>>) -> Response {
    let make = |shell: Arc<Shell>| async move {
        let now = shell.clock.now();
        let ends = shell.reads.ends_between(now, now.plus_days(DAYS)).await?;
        let mut of_day = BTreeMap::new();
        for (_, end) in &ends {
            if let Some(date) = shell.clock.date(*end) {
                *of_day.entry(date).or_insert(0) += 1;
            }
        }
        let today = shell
            .clock
            .date(now)
            .ok_or_else(|| Trouble::Damaged("the clock is outside the calendar".to_owned()))?;
        let product = shell.reads.product();
        let catalog = match &product {
            Some(product) => match shell.reads.catalog(product).await? {
                in_use if in_use.catalog.is_none() => "has no catalog".to_owned(),
                in_use if in_use.version == 0 => "has the built-in catalog".to_owned(),
                in_use => format!("has version {} of its catalog", in_use.version),
            },
            None => "is not a code of a product".to_owned(),
        };
        let (counting, last) = shell.counting.last();
        let (counts, failed) = match last {
            Some(Ok(counts)) => (Some(Counted::of(&counts, &shell)), String::new()),
            Some(Err(why)) => (None, why),
            None => (None, String::new()),
        };
        Ok(html(&HomePage {
            frame: shell.frame("Home", Section::Home),
            days: DAYS,
            ending: ends.len(),
            weeks: calendar::weeks(today, DAYS + 1, &of_day),
            signs: shell.reads.ring().await?.current().number().get(),
            product: product.map(|product| product.to_string()).unwrap_or_default(),
            catalog,
            counts,
            counting,
            failed,
        }))
    };
    shell.answer(make).await
}

/// Begins to count: both tables are read whole.
pub(crate) async fn count(State(shell): State<Arc<Shell>>) -> Response {
    let make = |shell: Arc<Shell>| async move {
        let counter = Arc::clone(&shell);
        spawn_local(async move { counter.counting.run(&counter).await });
        Ok(shell.go(""))
    };
    shell.answer(make).await
}

/// The chart of `stats --chart`.
pub(crate) async fn chart(State(shell): State<Arc<Shell>>) -> Response {
    match shell.counting.last().1 {
        Some(Ok(counts)) => ([(CONTENT_TYPE, "image/svg+xml")], counts.chart.clone()).into_response(),
        _ => shell.trouble(&Trouble::NotFound("nothing is counted yet".to_owned())),
    }
}

impl Counted {
    fn of(counts: &Counts, shell: &Shell) -> Self {
        let Counts { at, statistics, active, new, .. } = counts;
        let tier = |(tier, states): (&String, &BTreeMap<&'static str, u64>)| {
            (tier.clone(), STATES.map(|state| states.get(state).copied().unwrap_or_default()).to_vec())
        };
        let mut refusals: Vec<_> = statistics.refusals.iter().map(|(code, count)| (*code, *count)).collect();
        refusals.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let tiers = statistics.licenses.iter().map(tier).collect();
        Self { at: shell.clock.moment(*at), active: *active, new: *new, tiers, refusals }
    }
}
