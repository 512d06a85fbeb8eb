//! The fields of a change, read: the change itself, and the same as arguments of the command line.

use std::collections::BTreeSet;

use falconer_domain::air_gap::OperatorWord;
use falconer_domain::hardware::DeviceId;
use falconer_domain::limits::LimitsChange;
use falconer_domain::operate::{Correction, Extension, PolicyChange, Reset};
use falconer_domain::person::{Email, Note, PersonName};
use falconer_domain::{License, TierName};
use falconer_operator::license_change::LicenseChange;
use falconer_operator::{maintenance, time, words};

use crate::forms::Form;
use crate::trouble::Trouble;

/// A change that a person asked for. No `Debug`: it may be about a person.
pub(crate) enum Asked {
    /// A change by the rules of one license.
    Change(LicenseChange),
    /// A new key.
    Rotate,
    /// A look at the key.
    Reveal,
    /// An erasure of the person.
    Erase,
}

/// Words of the same command.
pub(crate) struct CommandWords {
    action: &'static str,
    options: Vec<String>,
    positional: Vec<String>,
}

impl CommandWords {
    pub(crate) fn of(action: &'static str) -> Self {
        Self { action, options: Vec::new(), positional: Vec::new() }
    }

    pub(crate) fn option(mut self, name: &str, value: &str) -> Self {
        // A value that begins with a dash, or has nothing in it, is part of its option.
        if value.is_empty() || value.starts_with('-') {
            self.options.push(format!("{name}={value}"));
        } else {
            self.options.extend([name.to_owned(), value.to_owned()]);
        }
        self
    }

    pub(crate) fn flag(mut self, name: &str) -> Self {
        self.options.push(name.to_owned());
        self
    }

    pub(crate) fn then(mut self, value: &str) -> Self {
        self.positional.push(value.to_owned());
        self
    }

    fn releasing(self, devices: &BTreeSet<DeviceId>) -> Self {
        devices.iter().fold(self, |arguments, device| arguments.option("--release", device.as_str()))
    }

    /// The words of a command line, options first.
    pub(crate) fn words(self, reason: Option<&str>) -> Vec<String> {
        let with_reason = match reason {
            Some(reason) => self.option("--reason", reason),
            None => self,
        };
        let Self { action, options, positional } = with_reason;
        let dashes = positional.iter().any(|value| value.starts_with('-')).then(|| "--".to_owned());
        action.split(' ').map(str::to_owned).chain(options).chain(dashes).chain(positional).collect()
    }
}

/// Reads what a form asks of a license.
pub(crate) fn read(form: &Form, license: &License) -> Result<(Asked, CommandWords), Trouble> {
    let id = license.id.as_str();
    let plain = |change, action| Ok((Asked::Change(change), CommandWords::of(action).then(id)));
    match form.get("action").unwrap_or_default() {
        "suspend" => plain(LicenseChange::Suspend, "suspend"),
        "reinstate" => plain(LicenseChange::Reinstate, "reinstate"),
        "revoke" => plain(LicenseChange::Revoke, "revoke"),
        "extend" => extend(form, id),
        "set-tier" => {
            let text = form.filled("tier").unwrap_or_default();
            let tier = TierName::parse(text).ok_or_else(|| bad("a tier has 1 to 16 of a-z, 0-9 and _"))?;
            let release = released(form)?;
            let arguments = CommandWords::of("set-tier").releasing(&release).then(id).then(text);
            Ok((Asked::Change(LicenseChange::SetTier(tier, release)), arguments))
        }
        "set-seats" => {
            let seats = number(form, "seats", "the number of seats")?;
            let release = released(form)?;
            let arguments =
                CommandWords::of("set-seats").releasing(&release).then(id).then(&seats.to_string());
            Ok((Asked::Change(LicenseChange::SetSeats(seats, release)), arguments))
        }
        "add-feature" => {
            let feature = form.filled("feature").unwrap_or_default();
            let arguments = CommandWords::of("add-feature").then(id).then(feature);
            Ok((Asked::Change(LicenseChange::AddFeature(feature.to_owned())), arguments))
        }
        "remove-feature" => {
            let feature = form.filled("feature").unwrap_or_default();
            let arguments = CommandWords::of("remove-feature").then(id).then(feature);
            Ok((Asked::Change(LicenseChange::RemoveFeature(feature.to_owned())), arguments))
        }
        "set-limit" => set_limit(form, id),
        "set-updates-until" => set_updates_until(form, id),
        "set-policy" => set_policy(form, id),
        "set-customer" => set_customer(form, license),
        "note" => {
            let text = words::lines(&form.get("note").unwrap_or_default().replace('\r', "")).into_owned();
            let note =
                Note::read(&text).map_err(|why| Trouble::BadField("note", format!("a note: {why}")))?;
            let arguments = CommandWords::of("note").then(id).then(&text);
            Ok((Asked::Change(LicenseChange::Note(note)), arguments))
        }
        "reset-hardware" => {
            let (reset, arguments) = match form.filled("device") {
                Some(device) => (
                    Reset::One(device_id(device)?),
                    CommandWords::of("reset-hardware").option("--device", device),
                ),
                None => (Reset::All, CommandWords::of("reset-hardware").flag("--all")),
            };
            let (word, arguments) = match form.get("despite") {
                Some(_) => (OperatorWord::Free, arguments.flag("--despite-offline-lease")),
                None => (OperatorWord::Keep, arguments),
            };
            Ok((Asked::Change(LicenseChange::ResetHardware(reset, word)), arguments.then(id)))
        }
        "rotate-key" => Ok((Asked::Rotate, CommandWords::of("rotate-key").then(id))),
        "reveal" => Ok((Asked::Reveal, CommandWords::of("reveal").then(id))),
        "erase-subject" => Ok((Asked::Erase, CommandWords::of("erase-subject").option("--license", id))),
        _ => Err(bad("this form asks for no change that the console has")),
    }
}

/// Reads the reason of a change.
pub(crate) fn reason(form: &Form) -> Result<Option<String>, Trouble> {
    words::reason(form.get("reason").unwrap_or_default())
        .map_err(|why| Trouble::BadField("reason", why.to_string()))
}

fn extend(form: &Form, id: &str) -> Result<(Asked, CommandWords), Trouble> {
    let arguments = CommandWords::of("extend");
    let (extension, arguments) = match form.get("term").unwrap_or_default() {
        "days" => {
            let days = number(form, "days", "the number of days")?;
            (Extension::Days(days), arguments.option("--days", &days.to_string()))
        }
        "until" => {
            let text = form.filled("until").ok_or_else(no_last_day)?;
            let until = time::until(text).map_err(|why| Trouble::BadField("until", why.to_string()))?;
            (Extension::Until(until), arguments.option("--until", text))
        }
        "perpetual" => (Extension::Perpetual, arguments.flag("--perpetual")),
        _ => return Err(bad("say how long: days, a last day, or never")),
    };
    Ok((Asked::Change(LicenseChange::Extend(extension)), arguments.then(id)))
}

fn set_limit(form: &Form, id: &str) -> Result<(Asked, CommandWords), Trouble> {
    let settings: Vec<_> = form.get("limits").unwrap_or_default().split_whitespace().collect();
    let removed: Vec<_> = form.all("remove").map(str::trim).collect();
    if settings.is_empty() && removed.is_empty() {
        return Err(bad(
            "no limit was given; write one as agents=10, or tick one to give it back to the tier",
        ));
    }
    let change = LimitsChange::read(settings.iter().copied(), removed.iter().copied());
    let change = change.map_err(|why| Trouble::BadInput(why.to_string()))?;
    let arguments = CommandWords::of("set-limit");
    let arguments = removed.iter().fold(arguments, |arguments, name| arguments.option("--remove", name));
    let arguments = settings.iter().fold(arguments.then(id), |arguments, setting| arguments.then(setting));
    Ok((Asked::Change(LicenseChange::SetLimits(change)), arguments))
}

fn set_updates_until(form: &Form, id: &str) -> Result<(Asked, CommandWords), Trouble> {
    let text = match form.get("covers").unwrap_or_default() {
        "day" => form.filled("until").ok_or_else(no_last_day)?,
        "never" => "never",
        _ => return Err(bad("say which builds are covered: up to a day, or every build")),
    };
    let end = maintenance::updates_end(text).map_err(|why| Trouble::BadField("until", why.to_string()))?;
    let arguments = CommandWords::of("set-updates-until").then(id).then(text);
    Ok((Asked::Change(LicenseChange::SetUpdatesUntil(end)), arguments))
}

fn set_policy(form: &Form, id: &str) -> Result<(Asked, CommandWords), Trouble> {
    let settings: Vec<_> = form.get("settings").unwrap_or_default().split_whitespace().collect();
    let release = released(form)?;
    let is_reset = form.get("reset").is_some();
    if settings.is_empty() && !is_reset {
        return Err(bad("there is no rule here; write one as offline_grace_days=30"));
    }
    let begin = if is_reset { PolicyChange::reset() } else { PolicyChange::default() };
    let change = begin.and(settings.iter().copied()).map_err(|why| Trouble::BadInput(why.to_string()))?;
    let arguments = CommandWords::of("set-policy").releasing(&release);
    let arguments = if is_reset { arguments.flag("--reset") } else { arguments };
    let arguments = settings.iter().fold(arguments.then(id), |arguments, setting| arguments.then(setting));
    Ok((Asked::Change(LicenseChange::SetPolicy(change, release)), arguments))
}

/// The entries that differ from the license's own; the others stay as they are.
fn set_customer(form: &Form, license: &License) -> Result<(Asked, CommandWords), Trouble> {
    let stored = [
        ("user", license.user_id.as_deref()),
        ("email", license.email.as_ref().map(Email::as_str)),
        ("name", license.licensee_name.as_ref().map(PersonName::as_str)),
    ];
    let entries = stored.map(|(field, stored)| {
        let typed = form.get(field).map(str::trim)?;
        let shown = stored.map(words::line).unwrap_or_default();
        (typed != shown).then_some(typed)
    });
    if entries.iter().all(Option::is_none) {
        return Err(Trouble::Refused("nothing of the customer was changed in the form".to_owned()));
    }
    let [user, email, name] = entries;
    let correction = Correction::read(user, email, name).map_err(|why| Trouble::BadInput(why.to_string()))?;
    let options = [("--user", user), ("--email", email), ("--name", name)];
    let entered = options.into_iter().filter_map(|(option, entry)| Some((option, entry?)));
    let arguments = entered
        .fold(CommandWords::of("set-customer"), |arguments, (option, entry)| arguments.option(option, entry));
    Ok((Asked::Change(LicenseChange::SetCustomer(correction)), arguments.then(license.id.as_str())))
}

fn released(form: &Form) -> Result<BTreeSet<DeviceId>, Trouble> {
    form.all("release").map(device_id).collect()
}

fn device_id(text: &str) -> Result<DeviceId, Trouble> {
    DeviceId::parse(text.trim()).ok_or_else(|| bad("a device is named by its id (dev_…)"))
}

fn number(form: &Form, field: &'static str, what: &str) -> Result<u32, Trouble> {
    let text = form.filled(field).unwrap_or_default();
    text.parse().map_err(|_| Trouble::BadField(field, format!("{what} must be a whole number")))
}

fn no_last_day() -> Trouble {
    Trouble::BadField("until", "the last day is empty (2027-03-01)".to_owned())
}

fn bad(sentence: &str) -> Trouble {
    Trouble::BadInput(sentence.to_owned())
}
