//! The activation dialog in a terminal: a form for key, name and e-mail, then the dashboard.
//!
//! ```sh
//! export FALCONER_URL=http://127.0.0.1:9000 FALCONER_STORE=/tmp/license
//! cargo run -q -p falconer-client --example dialog -- QF-PRO-…
//! ```
//!
//! The argument fills the field of the key, as a link in a mail would; it may be absent.
//!
//! The library's [`ActivationForm`] makes every decision; this file draws it and forwards keys. Ctrl-O goes on without a
//! network: the request is saved as a file, or shown as a QR code where the window has the room. The vendor's answer is
//! pasted, or read from `falconer-answer.txt`.

#[path = "setup/qr_code.rs"]
mod qr_code;
#[path = "setup/environment.rs"]
mod setup;

use std::process::ExitCode;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::Duration;

use falconer_client::{
    ActivationForm, Dashboard, Failure, Field, Licensing, NextAction, Pending, Phase, SeatHolder, State,
    SubmitOutcome, UnixSeconds,
};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Style, Stylize};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Block, Padding, Paragraph, Wrap};
use ratatui::{DefaultTerminal, Frame};

/// Interval between two frames, short enough to animate the dots.
const FRAME: Duration = Duration::from_millis(200);
/// File that the vendor's answer is read from where nothing was pasted: the name that the answer comes with.
const ANSWER_FILE: &str = "falconer-answer.txt";

fn main() -> ExitCode {
    let licensing = match setup::open() {
        Ok(licensing) => licensing,
        Err(sentence) => {
            eprintln!("{sentence}");
            return ExitCode::FAILURE;
        }
    };
    let _refresher = licensing.start_refresher();
    let mut dialog = Dialog::new(licensing, std::env::args().nth(1).as_deref());
    let ended = ratatui::run(|terminal| dialog.run(terminal));
    if ended.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Dialog {
    licensing: Licensing,
    form: ActivationForm,
    screen: Screen,
    work: Option<Receiver<SubmitOutcome>>,
    /// Text of the vendor's answer, as far as it was pasted.
    pasted: String,
    /// Last sentence about a saved file.
    saved: String,
    frames: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Screen {
    Form,
    Dashboard,
}

impl Dialog {
    fn new(licensing: Licensing, key: Option<&str>) -> Self {
        let mut form = ActivationForm::for_state(licensing.status());
        if let Some(key) = key {
            form.set(Field::Key, key);
        }
        let (pasted, saved) = (String::new(), String::new());
        let mut dialog = Self { licensing, form, screen: Screen::Form, work: None, pasted, saved, frames: 0 };
        if dialog.has_license() {
            dialog.screen = Screen::Dashboard;
        } else if dialog.licensing.pending() == Some(Pending::Activate) {
            let work = dialog.form.send_pending();
            dialog.start(work);
        } else if dialog.licensing.pending() == Some(Pending::Answer) {
            dialog.form.await_answer();
        }
        dialog
    }

    fn run(&mut self, terminal: &mut DefaultTerminal) -> std::io::Result<()> {
        loop {
            self.take_result();
            terminal.draw(|frame| self.draw(frame))?;
            self.frames += 1;
            if !event::poll(FRAME)? {
                continue;
            }
            match event::read()? {
                Event::Key(key) if key.kind != KeyEventKind::Release && !self.press(key) => return Ok(()),
                Event::Paste(text) if self.is_by_file() => self.pasted.push_str(&text),
                Event::Paste(text) => self.form.enter(&text),
                _ => {}
            }
        }
    }

    /// Handles a key; false ends the dialog.
    fn press(&mut self, key: KeyEvent) -> bool {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match (self.screen, key.code) {
            (_, KeyCode::Char('c' | 'q')) if control => return false,
            (Screen::Form, KeyCode::Esc) if self.work.is_some() => self.form.cancel(),
            (Screen::Form, KeyCode::Esc) if self.has_license() => self.screen = Screen::Dashboard,
            (_, KeyCode::Esc) => return false,
            (Screen::Form, KeyCode::Char('o')) if control => self.form.ask_by_file(&self.licensing),
            (Screen::Form, code) if self.is_by_file() => self.press_by_file(code, control),
            (Screen::Form, KeyCode::Char('t')) if control => self.move_here(),
            (Screen::Form, KeyCode::Char('n')) if control => self.form.choose_next_holder(),
            (Screen::Form, KeyCode::Char(c)) => self.form.enter(&c.to_string()),
            (Screen::Form, KeyCode::Backspace) => self.form.erase(),
            (Screen::Form, KeyCode::Tab | KeyCode::Down) => self.form.focus_next(),
            (Screen::Form, KeyCode::Enter) => self.activate(),
            (Screen::Dashboard, KeyCode::Char('f')) => {
                self.show_form(ActivationForm::new());
                self.form.renew_by_file(&self.licensing);
            }
            (Screen::Dashboard, KeyCode::Char('a')) => self.show_form(ActivationForm::new()),
            (Screen::Dashboard, KeyCode::Char('m')) if can_move_here(self.licensing.status()) => {
                self.show_form(ActivationForm::for_state(self.licensing.status()));
                self.move_here();
            }
            (Screen::Dashboard, KeyCode::Char('r')) => {
                let licensing = self.licensing.clone();
                std::thread::spawn(move || licensing.refresh());
            }
            _ => {}
        }
        true
    }

    fn is_by_file(&self) -> bool {
        matches!(self.form.phase(), Phase::ByFile { .. })
    }

    /// Handles a key while people carry files. The answer has several lines, so Enter does not end it.
    fn press_by_file(&mut self, code: KeyCode, control: bool) {
        match code {
            KeyCode::Char('s') if control => self.save_request(),
            KeyCode::Char('d') if control => self.take_answer(),
            KeyCode::Char(c) if !control => self.pasted.push(c),
            KeyCode::Enter => self.pasted.push('\n'),
            KeyCode::Backspace => drop(self.pasted.pop()),
            _ => {}
        }
    }

    fn save_request(&mut self) {
        let Phase::ByFile { request: Some(request), .. } = self.form.phase() else { return };
        self.saved = match std::fs::write(request.file_name, &request.file) {
            Ok(()) => format!("Saved as {} in this folder.", request.file_name),
            Err(error) => format!("{} cannot be saved: {error}.", request.file_name),
        };
    }

    /// Takes the text that was pasted, or the file of the usual name.
    fn take_answer(&mut self) {
        let mut text = std::mem::take(&mut self.pasted);
        if text.trim().is_empty() {
            match std::fs::read_to_string(ANSWER_FILE) {
                Ok(file) => text = file,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    self.saved = format!("Nothing was pasted, and no {ANSWER_FILE} is in this folder.");
                    return;
                }
                Err(error) => {
                    self.saved = format!("{ANSWER_FILE} cannot be read: {error}.");
                    return;
                }
            }
        }
        self.saved.clear();
        self.form.import(&self.licensing, &text);
        if self.form.phase() == &Phase::Done {
            self.screen = Screen::Dashboard;
        }
    }

    fn has_license(&self) -> bool {
        self.licensing.license().is_some()
    }

    /// Shows a form, unless another one still waits for its answer.
    fn show_form(&mut self, form: ActivationForm) {
        self.screen = Screen::Form;
        if self.work.is_none() {
            self.form = form;
        }
    }

    fn activate(&mut self) {
        if let Some(work) = self.form.submit() {
            self.start(work);
        }
    }

    fn move_here(&mut self) {
        if let Some(work) = self.form.move_here() {
            self.start(work);
        }
    }

    /// Runs blocking work on a thread of its own, so that the screen stays alive.
    fn start(&mut self, work: impl FnOnce(&Licensing) -> SubmitOutcome + Send + 'static) {
        let ((done, result), licensing) = (channel(), self.licensing.clone());
        self.work = Some(result);
        std::thread::spawn(move || done.send(work(&licensing)));
    }

    fn take_result(&mut self) {
        match self.work.as_ref().map(Receiver::try_recv) {
            Some(Ok(outcome)) => self.form.finish(outcome),
            None | Some(Err(TryRecvError::Empty)) => return,
            Some(Err(TryRecvError::Disconnected)) => {}
        }
        self.work = None;
        if self.form.phase() == &Phase::Done {
            self.screen = Screen::Dashboard;
        }
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        let dashboard = Dashboard::of(&self.licensing);
        match (self.screen, &dashboard) {
            (Screen::Dashboard, Some(dashboard)) => draw_dashboard(frame, dashboard),
            _ if self.is_by_file() => self.draw_by_file(frame),
            _ => self.draw_form(frame),
        }
    }

    fn draw_form(&self, frame: &mut Frame<'_>) {
        let [fields, message, keys] =
            Layout::vertical([Constraint::Length(11), Constraint::Min(6), Constraint::Length(1)])
                .areas(frame.area());
        let block = Block::bordered().title(" Activate your license ").padding(Padding::horizontal(1));
        let boxes = Layout::vertical([Constraint::Length(3); 3]).split(block.inner(fields));
        frame.render_widget(block, fields);
        for (field, place) in Field::ALL.into_iter().zip(boxes.iter()) {
            let focused = self.form.focus() == field && self.form.phase() != &Phase::Working;
            let cursor = if focused { "▏" } else { "" };
            let style = if focused { Style::new().cyan() } else { Style::new() };
            let text = format!("{}{cursor}", self.form.display_text(field));
            let block = Block::bordered().title(format!(" {} ", field.caption())).border_style(style);
            frame.render_widget(Paragraph::new(text).block(block), *place);
        }
        let block = Block::new().padding(Padding::new(2, 2, 1, 0));
        frame.render_widget(Paragraph::new(self.message()).wrap(Wrap { trim: false }).block(block), message);
        frame.render_widget(self.keys().dim(), keys);
    }

    /// Draws the request as a QR code where the terminal has the room for it, else as text.
    fn draw_by_file(&self, frame: &mut Frame<'_>) {
        let [body, keys] = Layout::vertical([Constraint::Min(10), Constraint::Length(1)]).areas(frame.area());
        let message = self.form.message();
        let mut lines = vec![Line::from(message.sentence), Line::from(message.next_step)];
        let pasted = self.pasted.chars().filter(|c| !c.is_whitespace()).count();
        if pasted > 0 {
            lines.push(Line::from(format!("{pasted} characters of the answer were pasted.")).cyan());
        }
        lines.extend((!self.saved.is_empty()).then(|| Line::from(self.saved.clone()).cyan()));
        lines.push(Line::default());
        lines.push(Line::from(format!(
            "Paste the answer, or put {ANSWER_FILE} into this folder; then Ctrl-D."
        )));
        if let Phase::ByFile { request: Some(request), .. } = self.form.phase() {
            lines.push(Line::default());
            lines.extend(qr_code::drawn(request, body, &lines));
        }
        let block = Block::bordered().title(" Without a network ").padding(Padding::horizontal(1));
        frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).block(block), body);
        let offered = " Ctrl-S save the request   Ctrl-D take the answer   Esc leave";
        frame.render_widget(Line::from(offered).dim(), keys);
    }

    fn message(&self) -> Text<'static> {
        let message = self.form.message();
        let mut lines = vec![Line::from(message.sentence), Line::from(message.next_step)];
        match self.form.phase() {
            Phase::Working => lines[1] = Line::from(".".repeat(self.frames % 4)),
            Phase::Waiting(_) => lines.push(Line::from(Pending::Activate.user_message().to_string())),
            Phase::Failed { next: NextAction::MoveHere(holders), .. } => {
                lines.extend(holders.iter().map(|holder| self.holder(holder)));
            }
            Phase::Failed { failure, next } => {
                if let NextAction::WaitUntil(moment) = next {
                    let wait = span(moment.0 - self.licensing.now().0);
                    lines.push(Line::from(format!("It may move again in {wait}.")).yellow());
                }
                lines.extend(self.form.detail().map(|detail| Line::from(detail.to_owned())));
                lines.extend(code(failure));
            }
            _ => {}
        }
        Text::from(lines)
    }

    fn holder(&self, holder: &SeatHolder) -> Line<'static> {
        let mark = if self.form.chosen_holder() == Some(holder) { "›" } else { " " };
        let name = holder.name.as_deref().unwrap_or(&holder.id);
        let seen = holder.last_seen_at.map(|moment| last_seen(moment, self.licensing.now()));
        Line::from(format!(" {mark} {name}{}", seen.unwrap_or_default()))
    }

    fn keys(&self) -> Line<'static> {
        let keys = match self.form.phase() {
            Phase::Working | Phase::ByFile { .. } => "",
            Phase::Failed { next: NextAction::MoveHere(_), .. } => {
                " Ctrl-T move to this device   Ctrl-N next device   Enter activate  "
            }
            _ => " Tab next field   Enter activate   Ctrl-O I have no network here  ",
        };
        let escape = match self.form.phase() {
            Phase::Working => "cancel",
            _ if self.has_license() => "back",
            _ => "leave",
        };
        Line::from(format!("{keys} Esc {escape}"))
    }
}

fn draw_dashboard(frame: &mut Frame<'_>, dashboard: &Dashboard) {
    let [body, keys] = Layout::vertical([Constraint::Min(10), Constraint::Length(1)]).areas(frame.area());
    let state = dashboard.message;
    let on = if dashboard.unlocked { "on" } else { "off" };
    let row = |name: &str, text: String| Line::from(vec![format!("{name:<14}").dim(), text.into()]);
    let mut lines = vec![
        row("State", format!("{}: {}", dashboard.state.name(), state.sentence)),
        row("Next", state.next_step.to_owned()),
        Line::default(),
        row("License", dashboard.masked_key.clone()),
        row("Tier", dashboard.tier.clone()),
        row("Ends in", dashboard.days_left.map_or_else(|| "never".to_owned(), in_days)),
        row("Offline for", dashboard.offline_days_left.map_or_else(|| "—".to_owned(), in_days)),
        row("Device", dashboard.device.clone()),
        row("Features", format!("{} ({on})", dashboard.features.join(", "))),
    ];
    lines.extend(dashboard.updates_until.map(|until| row("Updates", format!("until {until}"))));
    lines.extend(dashboard.detail.clone().map(|detail| row("Note", detail)));
    lines.extend(dashboard.pending.map(|pending| row("Waiting", pending.name().to_owned())));
    lines.extend(dashboard.notice.map(|notice| row("Note", notice.to_string())));
    let block = Block::bordered().title(" License ").padding(Padding::uniform(1));
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).block(block), body);
    let move_here = if can_move_here(dashboard.state) { "m move to this device   " } else { "" };
    let offered = format!(" r check now   f renew by file   {move_here}a activate a key   Esc leave");
    frame.render_widget(Line::from(offered).dim(), keys);
}

/// True if a seat on another device could be moved here.
fn can_move_here(state: State) -> bool {
    matches!(ActivationForm::for_state(state).phase(), Phase::Failed { next: NextAction::MoveHere(_), .. })
}

/// The code of a refusal, for the vendor.
fn code(failure: &Failure) -> Option<Line<'static>> {
    failure.code.as_ref().map(|code| Line::from(format!("Code: {code}")).dim())
}

fn last_seen(moment: UnixSeconds, now: UnixSeconds) -> String {
    format!(", last seen {} ago", span(now.0 - moment.0))
}

/// A time span in its largest unit, rounded up: somebody who comes back after it never comes too early.
fn span(seconds: i64) -> String {
    let (count, unit) = match seconds.max(0) {
        seconds @ ..3_600 => (seconds.div_euclid(60) + 1, "minute"),
        seconds @ 3_600..172_800 => (seconds.div_euclid(3_600) + 1, "hour"),
        seconds => (seconds.div_euclid(86_400) + 1, "day"),
    };
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

fn in_days(days: i64) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}
