//! The command that gives new keys to all licenses of a generation.

use std::path::PathBuf;

use anyhow::{Result, bail};
use falconer_domain::keyring::GenerationNumber;
use falconer_operator::keyring::EditRefusal;
use falconer_operator::rotation::{Done, Plan, Rotation, RotationError};
use serde_json::json;

use crate::args::RotateKey;
use crate::commands::{CommandContext, reason};
use crate::output::progress::Progress;
use crate::output::{self, Voice};

pub(crate) async fn run(context: &CommandContext<'_>, generation: u8, rotate: &RotateKey) -> Result<()> {
    let number = rotatable(context, generation)?;
    let mapping = rotate.mapping.clone();
    let mapping = mapping.unwrap_or_else(|| PathBuf::from(format!("generation-{number}.mapping.csv")));
    context.check_output_is_free([mapping.as_path()])?;
    let voice = Voice::beside([mapping.as_path()]);
    let reason = reason(rotate.reason.as_deref())?;
    let rotation = Rotation {
        store: context.store,
        ring: context.ring,
        service: &context.service,
        reason: reason.as_deref(),
        generation: number,
        now: context.now,
    };
    context.progress("Looking through the whole table …");
    let plan = rotation.plan().await.map_err(unwrapped)?;
    if plan.unreadable > 0 {
        context.progress(&format!(
            "{} rows of the table do not read as licenses; they stay as they are.",
            plan.unreadable
        ));
    }
    let (open, replaced) = (plan.open.len(), plan.replaced.len());
    if open + replaced == 0 || context.options.dry_run {
        return print_plan(context, number, &plan);
    }
    let lines = [
        format!(
            "{open} licenses get new keys of generation {}, with the same terms",
            context.ring.current().number()
        ),
        "their old keys are revoked at once: nobody goes on without the new key, so mail the new keys soon"
            .to_owned(),
        format!("{replaced} have new keys already, and are listed again"),
        format!("old and new keys go to {}, which nobody else may read", mapping.display()),
    ];
    context.confirm(&format!("rotate-key of all licenses of generation {number}"), &lines)?;
    let mut progress = Progress::of((open + replaced) as u64, context.options);
    let done = rotation.run(plan, &mapping, |licenses| progress.at(licenses)).await;
    progress.finish();
    print_done(context, number, &done.map_err(unwrapped)?, voice)
}

fn rotatable(context: &CommandContext<'_>, generation: u8) -> Result<GenerationNumber> {
    let held = GenerationNumber::new(generation).filter(|number| context.ring.generation(*number).is_some());
    let number = held.ok_or(EditRefusal::NoSuchGeneration(generation))?;
    if number == context.ring.current().number() {
        bail!(
            "generation {number} makes the new keys, so they would be of it again; `falconer keyring add` and \
             `falconer keyring promote` put another one in its place first"
        );
    }
    Ok(number)
}

fn print_plan(context: &CommandContext<'_>, number: GenerationNumber, plan: &Plan) -> Result<()> {
    let (open, replaced) = (plan.open.len(), plan.replaced.len());
    if context.options.json {
        let outcome = if context.options.dry_run { "dry_run" } else { "unchanged" };
        output::document(&json!({
            "action": "rotate-key", "outcome": outcome, "generation": number.get(),
            "rotated": open, "there": replaced, "mappingFile": null,
        }))?;
    } else if open + replaced == 0 {
        output::line(format!("No license of generation {number} lives: nothing to change."))?;
    } else {
        output::line(format!(
            "{open} licenses of generation {number} would get new keys, {replaced} have them already."
        ))?;
        output::line("Nothing was changed: this was a dry run.")?;
    }
    Ok(())
}

fn print_done(
    context: &CommandContext<'_>,
    number: GenerationNumber,
    done: &Done,
    voice: Voice,
) -> Result<()> {
    let mapping = done.mapping.as_ref().map(|mapping| mapping.display().to_string());
    if context.options.json {
        let outcome = if done.rotated == 0 { "unchanged" } else { "changed" };
        return Ok(output::document(&json!({
            "action": "rotate-key", "outcome": outcome, "generation": number.get(),
            "rotated": done.rotated, "there": done.there, "mappingFile": mapping,
        }))?);
    }
    voice.line(format!("{} licenses have new keys, {} had them already.", done.rotated, done.there))?;
    if let Some(mapping) = mapping {
        voice.line(format!("Old and new keys, for mailing: {mapping}"))?;
    }
    Ok(voice.line(format!(
        "When they are mailed, `falconer keyring retire {number}` takes the generation out of the ring."
    ))?)
}

/// A failure of the store as itself, so that the exit code tells what is down from what is refused.
fn unwrapped(error: RotationError) -> anyhow::Error {
    let goes_on = "what was rotated stays, and the same command goes on from there";
    match error {
        RotationError::Store(error) => anyhow::Error::from(error).context(goes_on),
        other => other.into(),
    }
}
