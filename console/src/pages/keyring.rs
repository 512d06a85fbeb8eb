//! The key ring: its generations, and its changes.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::response::Response;
use falconer_operator::keyring::Draft;

use crate::field_names::in_page_words;
use crate::filters;
use crate::forms::Form;
use crate::pages::confirm::{Plan, Preview, previewed};
use crate::shell::{Desk, Frame, Section, Shell, html};
use crate::trouble::Trouble;
use crate::views;

/// The reminder after every change of the ring.
const RENEW_COPY: &str = "The offline copy of the ring has to be renewed afterwards.";

#[derive(Template)]
#[template(path = "keyring.html")]
struct RingPage {
    frame: Frame,
    /// The change that led here, as long as the ring is as it left it.
    done: Option<String>,
    doubts: Vec<String>,
    generations: Vec<GenerationLine>,
    waiting: bool,
}

struct GenerationLine {
    number: u8,
    role: &'static str,
    added: Option<crate::moments::Moment>,
}

/// A change of the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RingPlan {
    /// Publishes a new generation.
    Add,
    /// Lets the waiting one sign, once it has waited.
    Promote,
    /// Lets it sign at once.
    PromoteNow,
    /// Takes a generation's signatures for nothing.
    Distrust(u8),
    /// Takes a distrust back.
    Trust(u8),
}

pub(crate) async fn show(
    State(shell): State<Arc<Shell>>,
    Query(fields): Query<Vec<(String, String)>>,
) -> Response {
    let make = |shell: Arc<Shell>| async move {
        let draft = shell.reads.draft().await?;
        let line = |listed: falconer_operator::keyring::ListedGeneration| GenerationLine {
            number: listed.number.get(),
            role: listed.role,
            added: listed.added_at.map(|at| shell.clock.moment(at)),
        };
        let generations: Vec<_> = draft.list().into_iter().map(line).collect();
        let waiting = generations.iter().any(|generation| generation.role == "waiting");
        let done = done(&fields, &generations);
        let frame = shell.frame("Key ring", Section::KeyRing);
        let doubts = draft.doubts().iter().map(|doubt| in_page_words(doubt)).collect();
        Ok(html(&RingPage { frame, done, doubts, generations, waiting }))
    };
    shell.answer(make).await
}

pub(crate) async fn preview(State(desk): State<Arc<Desk>>, body: Bytes) -> Response {
    let shell = Arc::clone(&desk.shell);
    let make = |shell: Arc<Shell>| async move {
        let plan = RingPlan::read(&Form::read(&body))?;
        let notes = plan.notes(&desk, shell.reads.draft().await?).await?;
        let preview = Preview {
            heading: plan.heading(),
            about: "Key ring".to_owned(),
            back: "keyring".to_owned(),
            differences: Vec::new(),
            notes,
            reason: None,
            command: shell.command.with(&plan.words()),
        };
        previewed(&desk, Section::KeyRing, preview, Plan::Ring(plan))
    };
    shell.answer(make).await
}

impl RingPlan {
    fn read(form: &Form) -> Result<Self, Trouble> {
        let generation = || {
            let number = form.filled("generation").and_then(|text| text.parse().ok());
            number.ok_or_else(|| Trouble::BadInput("a generation is a number from 1 to 31".to_owned()))
        };
        match form.get("action").unwrap_or_default() {
            "add" => Ok(Self::Add),
            "promote" => Ok(Self::Promote),
            "promote-now" => Ok(Self::PromoteNow),
            "distrust" => Ok(Self::Distrust(generation()?)),
            "trust" => Ok(Self::Trust(generation()?)),
            _ => Err(Trouble::BadInput("the key ring has no such change".to_owned())),
        }
    }

    const fn heading(self) -> &'static str {
        match self {
            Self::Add => "Add a generation",
            Self::Promote | Self::PromoteNow => "Promote the waiting generation",
            Self::Distrust(_) => "Distrust a generation",
            Self::Trust(_) => "Trust a generation again",
        }
    }

    fn words(self) -> Vec<String> {
        let words = match self {
            Self::Add => vec!["keyring", "add"],
            Self::Promote => vec!["keyring", "promote"],
            Self::PromoteNow => vec!["keyring", "promote", "--now"],
            Self::Distrust(_) => vec!["keyring", "distrust"],
            Self::Trust(_) => vec!["keyring", "trust"],
        };
        let number = match self {
            Self::Distrust(number) | Self::Trust(number) => Some(number.to_string()),
            _ => None,
        };
        words.into_iter().map(str::to_owned).chain(number).collect()
    }

    /// Makes the edit on a copy of the ring, and says what it means and for whom.
    async fn notes(self, desk: &Desk, draft: Draft) -> Result<Vec<String>, Trouble> {
        let refused = |why: falconer_operator::keyring::EditRefusal| Trouble::Refused(why.to_string());
        let now = desk.shell.clock.now();
        let signs = |number| {
            format!(
                "Generation {number} signs new licenses and leases; instances follow within five minutes."
            )
        };
        let mut notes = match self {
            Self::Add => vec![format!(
                "Generation {} is published, endorsed by the older ones, and signs when it is promoted, in 15 minutes at the \
                 earliest.",
                draft.next().map_err(refused)?
            )],
            Self::Promote => vec![signs(draft.promote(now).map_err(refused)?.0)],
            Self::PromoteNow => vec![
                signs(draft.promote_now().map_err(refused)?.0),
                "Nobody waits for the 15 minutes: an instance may refuse its keys for a minute, and a client that has not \
                 fetched the public keys since it was added ignores its leases until it does."
                    .to_owned(),
            ],
            Self::Distrust(generation) => {
                let number = draft.distrust(generation).map_err(refused)?.0;
                let (living, revoked) = desk.writes.dependents(number).await?;
                vec![
                    format!("Generation {number} is no longer published, endorses nothing and signs nothing."),
                    needed(living, revoked),
                    format!("`falconer rotate-key --generation {number}` gives them new keys."),
                ]
            }
            Self::Trust(generation) => {
                let number = draft.trust(generation).map_err(refused)?.0;
                vec![
                    format!("Generation {number} is published again, and whatever it has signed is believed again."),
                    "Do this only where its master was never in other hands.".to_owned(),
                ]
            }
        };
        notes.push(RENEW_COPY.to_owned());
        Ok(notes)
    }

    pub(crate) async fn make(self, desk: &Desk) -> Result<Response, Trouble> {
        let number = desk.writes.edit_ring(self, desk.shell.clock.now()).await?;
        let done = match self {
            Self::Add => "add",
            Self::Promote | Self::PromoteNow => "promote",
            Self::Distrust(_) => "distrust",
            Self::Trust(_) => "trust",
        };
        Ok(desk.shell.go(&format!("keyring?done={done}&generation={number}")))
    }
}

/// The sentence after a change. The address may be opened again when the ring has changed since.
fn done(fields: &[(String, String)], generations: &[GenerationLine]) -> Option<String> {
    let field = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
    let number: u8 = field("generation")?.parse().ok()?;
    let role = generations.iter().find(|generation| generation.number == number)?.role;
    let sentence = match (field("done")?, role) {
        ("add", "waiting") => "is published, and waits to be promoted",
        ("promote", "current") => "signs",
        ("distrust", "distrusted") => "is distrusted",
        ("trust", "verifies" | "waiting" | "current") => "is trusted",
        _ => return None,
    };
    Some(format!("Generation {number} {sentence}."))
}

/// The licenses whose keys a distrusted generation goes on to check.
fn needed(living: u64, revoked: u64) -> String {
    let licenses = |count, noun| match count {
        0 => format!("no {noun}"),
        count => views::counted(count, noun),
    };
    match (living, revoked) {
        (0, 0) => "No license needs it.".to_owned(),
        _ => format!(
            "The keys of {} and of {} go on working.",
            licenses(living, "license"),
            licenses(revoked, "revoked one")
        ),
    }
}
