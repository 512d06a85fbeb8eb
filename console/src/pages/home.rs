//! Home: the counts, refused requests, the licenses that end soon, and the ring and the catalog in one line.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use falconer_operator::chart::{self, PageWidth};
use falconer_operator::license_state::LicenseState;
use falconer_operator::refusals;
use tokio::task::spawn_local;

use crate::calendar::{self, Day};
use crate::counts::{self, CountProgress, Counts, DAYS};
use crate::filters;
use crate::moments::Moment;
use crate::refused::{self, Refused};
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
    counting: Option<Counting>,
    was_stopped: bool,
    zone: String,
    failed: String,
    refusals: RefusalsPart,
}

/// The section of refused requests.
enum RefusalsPart {
    /// The reason why no metrics can be asked for.
    Missing(&'static str),
    /// CloudWatch can be asked, or was.
    Metrics {
        shown: Option<RefusedShown>,
        asking: bool,
        failed: String,
        stack: String,
        /// Metrics that one request asks for.
        asked_for: usize,
    },
}

/// Refused requests for the page.
struct RefusedShown {
    at: Moment,
    requests: u64,
    refused: u64,
    /// Code, then how many of today, of a week, and of all days.
    codes: Vec<(&'static str, [u64; 3])>,
}

/// Counts for the page.
struct Counted {
    at: Moment,
    /// The text of the chart, for people who do not see it.
    chart: String,
    active: u64,
    new: u64,
    tiers: Vec<(String, Vec<u64>)>,
    refusals: Vec<(&'static str, u64)>,
}

/// How far a count is, for the page.
struct Counting {
    licenses: u64,
    history: u64,
    stops: bool,
}

pub(crate) async fn show(State(shell): State<Arc<Shell>>) -> Response {
    let make = |shell: Arc<Shell>| async move {
        let now = shell.clock.now();
        let outside = || Trouble::Damaged("the clock is outside the calendar".to_owned());
        let (from, until) = shell.clock.days_ahead(DAYS).ok_or_else(outside)?;
        let ends = shell.reads.ends_between(from, until).await?;
        let mut of_day = BTreeMap::new();
        for (_, end) in &ends {
            if let Some(date) = shell.clock.date(*end) {
                *of_day.entry(date).or_insert(0) += 1;
            }
        }
        let today = shell.clock.date(now).ok_or_else(outside)?;
        let product = shell.reads.product();
        let catalog = match &product {
            Some(product) => match shell.reads.catalog(product).await? {
                in_use if in_use.catalog.is_none() => "has no catalog".to_owned(),
                in_use if in_use.version == 0 => "has the built-in catalog".to_owned(),
                in_use => format!("has version {} of its catalog", in_use.version),
            },
            None => "is not a code of a product".to_owned(),
        };
        let counts = shell.counts.shown();
        Ok(html(&HomePage {
            frame: shell.frame("Home", Section::Home),
            days: DAYS,
            ending: ends.len(),
            weeks: calendar::weeks(today, DAYS + 1, &of_day),
            signs: shell.reads.ring().await?.current().number().get(),
            product: product.map(|product| product.to_string()).unwrap_or_default(),
            catalog,
            counts: counts.figures.map(|figures| Counted::of(&figures, &shell)),
            counting: counts.goes_on.then(|| Counting::of(&shell.counting)),
            was_stopped: counts.was_stopped,
            zone: shell.clock.zone_name().to_owned(),
            failed: counts.failed,
            refusals: RefusalsPart::of(&shell),
        }))
    };
    shell.answer(make).await
}

/// Begins to count: both tables are read whole.
pub(crate) async fn count(State(shell): State<Arc<Shell>>) -> Response {
    let make = |shell: Arc<Shell>| async move {
        let counter = Arc::clone(&shell);
        spawn_local(async move { counter.counts.run(counts::count(&counter)).await });
        Ok(shell.go(""))
    };
    shell.answer(make).await
}

/// Ends a count with the rows that are under way.
pub(crate) async fn stop_counting(State(shell): State<Arc<Shell>>) -> Response {
    shell.counting.stop();
    shell.go("")
}

/// Begins to ask CloudWatch for refused requests.
pub(crate) async fn ask_for_refusals(State(shell): State<Arc<Shell>>) -> Response {
    let make = |shell: Arc<Shell>| async move {
        let asker = Arc::clone(&shell);
        spawn_local(async move { asker.refused.run(refused::ask(&asker)).await });
        Ok(shell.go(""))
    };
    shell.answer(make).await
}

/// The chart of `stats --chart`.
pub(crate) async fn chart(State(shell): State<Arc<Shell>>, RawQuery(page): RawQuery) -> Response {
    let draw = |counts: Arc<Counts>| chart::svg(&counts.statistics, width(page.as_deref()));
    drawn(&shell, shell.counts.shown().figures.map(draw), "nothing is counted yet")
}

/// The chart of refused requests.
pub(crate) async fn refusals_chart(State(shell): State<Arc<Shell>>, RawQuery(page): RawQuery) -> Response {
    let draw = |refused: Arc<Refused>| chart::refusals_svg(&refused.refusals, width(page.as_deref()));
    drawn(&shell, shell.refused.shown().figures.map(draw), "CloudWatch was not asked yet")
}

/// The page that a chart is for, by the query of its address.
fn width(query: Option<&str>) -> PageWidth {
    if query == Some("narrow") { PageWidth::Narrow } else { PageWidth::Wide }
}

fn drawn(shell: &Shell, svg: Option<Result<String, String>>, missing: &str) -> Response {
    match svg {
        Some(Ok(svg)) => ([(CONTENT_TYPE, "image/svg+xml")], svg).into_response(),
        Some(Err(why)) => shell.trouble(&Trouble::Damaged(why)),
        None => shell.trouble(&Trouble::NotFound(missing.to_owned())),
    }
}

impl HomePage {
    /// True while figures of the page are being made: without script the page has to load itself again.
    const fn goes_on(&self) -> bool {
        self.counting.is_some() || matches!(self.refusals, RefusalsPart::Metrics { asking: true, .. })
    }
}

impl Counting {
    fn of(progress: &CountProgress) -> Self {
        Self { licenses: progress.licenses(), history: progress.history(), stops: progress.stops() }
    }
}

impl RefusalsPart {
    fn of(shell: &Shell) -> Self {
        let stack = match shell.metrics.metrics() {
            Ok(metrics) => metrics.stack().to_owned(),
            Err(why) => return Self::Missing(why),
        };
        let refused = shell.refused.shown();
        Self::Metrics {
            shown: refused.figures.map(|figures| RefusedShown::of(&figures, shell)),
            asking: refused.goes_on,
            failed: refused.failed,
            stack,
            asked_for: refusals::metrics_asked_for(),
        }
    }
}

impl RefusedShown {
    fn of(Refused { at, refusals, .. }: &Refused, shell: &Shell) -> Self {
        let all = refusals.days.len();
        let codes: Vec<_> = refusals
            .codes
            .iter()
            .map(|code| (code.code, [1, 7, all].map(|days| code.of_last(days))))
            .collect();
        let refused = codes.iter().fold(0, |sum: u64, (_, counts)| sum.saturating_add(counts[2]));
        Self { at: shell.clock.moment(*at), requests: refusals.requests, refused, codes }
    }
}

impl Counted {
    fn of(counts: &Counts, shell: &Shell) -> Self {
        let Counts { at, statistics, active, new, .. } = counts;
        let tier = |(tier, states): (&String, &BTreeMap<LicenseState, u64>)| {
            (
                tier.clone(),
                LicenseState::ALL.map(|state| states.get(&state).copied().unwrap_or_default()).to_vec(),
            )
        };
        let mut refusals: Vec<_> = statistics.refusals.iter().map(|(code, count)| (*code, *count)).collect();
        refusals.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let tiers = statistics.licenses.iter().map(tier).collect();
        let [first, second, third] = chart::line_names().map(str::to_lowercase);
        let chart = format!("A day's {first}, {second} and {third}, of the last {DAYS} days");
        Self { at: shell.clock.moment(*at), chart, active: *active, new: *new, tiers, refusals }
    }
}
