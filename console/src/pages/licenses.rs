//! Licenses: one search box, and a table as the spreadsheet had it.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use falconer_aws::operator::IssuanceRecord;
use falconer_domain::{License, LicenseId, UnixMillis};
use falconer_operator::license_state::LicenseState;
use falconer_operator::search::SearchQuery;
use jiff::civil::Date;

use crate::filters;
use crate::forms::Form;
use crate::reading::{EndPlace, LicenseList};
use crate::shell::{Frame, Section, Shell, html};
use crate::trouble::Trouble;
use crate::typed_form::FormPage;
use crate::views::{self, LicenseLine, LineEnd};

/// Spans of the filter by end, in days.
const ENDING_DAYS: [u32; 4] = [7, 30, 90, 365];

#[derive(Template)]
#[template(path = "licenses.html")]
struct LicensesPage {
    frame: Frame,
    /// The source of the rows.
    heading: String,
    lines: Vec<LicenseLine>,
    /// The link to the next page.
    next: Option<String>,
    unreadable: usize,
    /// Licenses that the index has, although nothing ends for their customers.
    left_out: usize,
    /// Spans of the filter by end, and whether the rows are of one.
    ending: [(u32, bool); 4],
    shown: Shown,
    /// The change of those that are ticked.
    form: FormPage,
    states: [&'static str; 5],
}

/// The licenses that a page shows.
enum Shown {
    /// All of them.
    All,
    /// Those that end within so many days.
    Ending(u32),
    /// Those that end on a day.
    OfDay,
    /// Those that a search has found, by its id.
    Found(String),
}

/// Fields of the list's address: no text of a person.
#[derive(Default)]
struct Filter {
    ending: Option<u32>,
    /// The day on which licenses end.
    day: Option<Date>,
    after: Option<LicenseId>,
    /// The end of that license in a list by ends.
    end: Option<UnixMillis>,
}

pub(crate) async fn list(
    State(shell): State<Arc<Shell>>,
    Query(fields): Query<Vec<(String, String)>>,
) -> Response {
    let make = |shell: Arc<Shell>| async move {
        let filter = Filter::read(&fields)?;
        let zone = shell.clock.zone_name();
        let outside = || Trouble::BadInput("this day is outside the calendar".to_owned());
        let place = filter.after.clone().map(|id| EndPlace { id, end: filter.end });
        let (heading, kept, list, shown) = match (filter.day, filter.ending) {
            (Some(day), _) => {
                let (from, until) = shell.clock.span(day).ok_or_else(outside)?;
                let list = shell.reads.ending(from, until, place.as_ref()).await?;
                (format!("Ending on {day}, a day of {zone}"), format!("day={day}&"), list, Shown::OfDay)
            }
            (None, Some(days)) => {
                let (from, until) = shell.clock.days_ahead(days).ok_or_else(outside)?;
                let list = shell.reads.ending(from, until, place.as_ref()).await?;
                let heading = format!(
                    "Ending within {}, by whole days of {zone} from today, the soonest first",
                    views::counted(days, "day")
                );
                (heading, format!("ending={days}&"), list, Shown::Ending(days))
            }
            (None, None) => (
                "All, in no order".to_owned(),
                String::new(),
                shell.reads.page(filter.after.as_ref()).await?,
                Shown::All,
            ),
        };
        let end = list.found.last().and_then(|last| last.0.expires_at).filter(|_| !kept.is_empty());
        let end = end.map(|end| format!("&end={}", end.0)).unwrap_or_default();
        let next = list.next.as_ref().map(|next| format!("licenses?{kept}after={next}{end}"));
        let form = FormPage::asked(&shell, &filter.page(), &fields)?;
        page(&shell, String::new(), heading, &list, next, shown, form).await
    };
    shell.answer(make).await
}

/// Keeps the text, which may be a key or a person, and sends the browser to an address without it.
pub(crate) async fn search(State(shell): State<Arc<Shell>>, body: Bytes) -> Response {
    let form = Form::read(&body);
    let text = form.get("text").unwrap_or_default().trim().to_owned();
    if text.is_empty() {
        return shell.go("licenses");
    }
    match shell.searches.keep(text) {
        Ok(id) => shell.go(&format!("search/{id}")),
        Err(error) => shell.trouble(&error.into()),
    }
}

pub(crate) async fn found(
    State(shell): State<Arc<Shell>>,
    Path(id): Path<String>,
    Query(fields): Query<Vec<(String, String)>>,
) -> Response {
    let make = |shell: Arc<Shell>| async move {
        let forgotten = || Trouble::NotFound("this search is forgotten; search again".to_owned());
        let text = shell.searches.get(&id).ok_or_else(forgotten)?;
        let unseen = || Trouble::BadInput("there is no text to look for".to_owned());
        let query = SearchQuery::read(&text).ok_or_else(unseen)?;
        let list = shell.reads.look_up(&query).await?;
        let named = query.named(&*shell.reads.ring().await?);
        // A key or an id means one license, or the one that has taken its place.
        if let [only] = list.found.as_slice()
            && named.contains(&only.0.id)
        {
            return Ok(shell.go(&format!("license/{}", only.0.id)));
        }
        let heading = match list.found.len() {
            0 => "No key, id, order, customer\u{2019}s id or entered e-mail is this text".to_owned(),
            _ => "Found by keys, ids and indexes".to_owned(),
        };
        let form = FormPage::asked(&shell, &format!("search/{id}"), &fields)?;
        let found: Vec<_> = list.found.iter().map(|one| &one.0).collect();
        let searched = query.shown(&*shell.reads.ring().await?, &found);
        page(&shell, searched, heading, &list, None, Shown::Found(id), form).await
    };
    shell.answer(make).await
}

async fn page(
    shell: &Shell,
    searched: String,
    heading: String,
    list: &LicenseList,
    next: Option<String>,
    shown: Shown,
    form: FormPage,
) -> Result<Response, Trouble> {
    Ok(html(&LicensesPage {
        frame: Frame { searched, ..shell.frame("Licenses", Section::Licenses) },
        heading,
        lines: lines(shell, &list.found).await?,
        next,
        unreadable: list.unreadable,
        left_out: list.left_out,
        ending: ENDING_DAYS.map(|days| (days, shown.is_ending(days))),
        shown,
        form,
        states: LicenseState::words(),
    }))
}

/// Rows of a table; each product's catalog is read once for all of them.
pub(crate) async fn lines(
    shell: &Shell,
    found: &[Arc<(License, IssuanceRecord)>],
) -> Result<Vec<LicenseLine>, Trouble> {
    let policies = shell.reads.policies(found).await?;
    let of = |(one, policy): (&Arc<(License, IssuanceRecord)>, &Option<_>)| {
        LicenseLine::of(&one.0, &one.1, policy.as_ref(), &shell.clock)
    };
    Ok(found.iter().zip(&policies).map(of).collect())
}

impl Shown {
    const fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }

    const fn is_ending(&self, within: u32) -> bool {
        matches!(self, Self::Ending(days) if *days == within)
    }

    /// The id of a search, which found nothing, or was by an index alone.
    fn search(&self) -> Option<&str> {
        match self {
            Self::Found(id) => Some(id),
            Self::All | Self::Ending(_) | Self::OfDay => None,
        }
    }
}

impl Filter {
    fn read(fields: &[(String, String)]) -> Result<Self, Trouble> {
        let mut filter = Self::default();
        for (name, value) in fields {
            match name.as_str() {
                "ending" => {
                    let days = value.parse().ok().filter(|days| *days <= 36_525);
                    let sentence = || Trouble::BadInput("days must be 0 to 36525".to_owned());
                    filter.ending = Some(days.ok_or_else(sentence)?);
                }
                "day" => {
                    let sentence = |_| Trouble::BadInput("a day is written as 2027-03-01".to_owned());
                    filter.day = Some(value.parse().map_err(sentence)?);
                }
                "end" => filter.end = value.parse().ok().map(UnixMillis),
                "after" => {
                    let sentence = || {
                        Trouble::BadInput("a page of the list goes on after a license id (lic_…)".to_owned())
                    };
                    filter.after = Some(LicenseId::parse(value).ok_or_else(sentence)?);
                }
                _ => {}
            }
        }
        Ok(filter)
    }

    /// The address of the list.
    fn page(&self) -> String {
        let of = match (self.day, self.ending) {
            (Some(day), _) => vec![format!("day={day}")],
            (None, Some(days)) => vec![format!("ending={days}")],
            (None, None) => Vec::new(),
        };
        let after = self.after.iter().map(|after| format!("after={after}"));
        let fields: Vec<_> = of.into_iter().chain(after).collect();
        if fields.is_empty() { "licenses".to_owned() } else { format!("licenses?{}", fields.join("&")) }
    }
}
