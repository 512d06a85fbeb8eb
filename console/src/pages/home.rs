//! Home: what needs somebody's eyes soon.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use crate::pages::licenses::lines;
use crate::shell::{Frame, Section, Shell, html};
use crate::views::LicenseLine;

/// Days ahead that home looks at.
const DAYS_AHEAD: u32 = 30;

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    frame: Frame,
    ending: Vec<LicenseLine>,
    more: bool,
    signs: u8,
}

pub(crate) async fn show(State(shell): State<Arc<Shell>>) -> Response {
    let make = |shell: Arc<Shell>| async move {
        let now = shell.clock.now();
        let list = shell.reads.ending(now, now.plus_days(DAYS_AHEAD), None).await?;
        let signs = shell.reads.ring().await?.current().number().get();
        let (more, ending) = (list.next.is_some(), lines(&shell, &list.found).await?);
        Ok(html(&HomePage { frame: shell.frame("Home", Section::Home), ending, more, signs }))
    };
    shell.answer(make).await
}
