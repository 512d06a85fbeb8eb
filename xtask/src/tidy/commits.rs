//! The subjects of new commits.

use anyhow::Result;

use crate::step;
use crate::workspace::Workspace;

/// The last commit whose subject nobody checks: history before it has other forms.
const BASE: &str = "7b1d8c258633bda4ef401cd051402587192154f0";
/// Enough for `git log --oneline` in a terminal of 80 columns.
const MAX_SUBJECT_CHARACTERS: usize = 72;
/// Verbs of these endings that are imperatives all the same.
const IMPERATIVES: [&str; 10] =
    ["Bring", "Embed", "Feed", "Need", "Ping", "Proceed", "Ring", "Seed", "Speed", "Succeed"];

/// A sentence for each subject that has another form than "Verb and its object".
pub(super) fn bad_subjects(workspace: &Workspace) -> Result<Vec<String>> {
    let git = |arguments: &[&str]| step::ask(workspace.command("git").args(arguments));
    // A shallow clone lacks the base: there the newest commit is checked alone.
    let is_known = git(&["merge-base", "--is-ancestor", BASE, "HEAD"]).is_ok();
    let since = format!("{BASE}..HEAD");
    let newest = ["log", "--no-merges", "--format=%h %s", if is_known { &since } else { "-1" }];
    let subjects = git(&newest)?;
    println!("{} subjects of commits", subjects.lines().count());
    let complaint = |line: &str| {
        let (commit, subject) = line.split_once(' ').unwrap_or((line, ""));
        fault(subject).map(|fault| format!("the subject of {commit} {fault}: {subject}"))
    };
    Ok(subjects.lines().filter_map(complaint).collect())
}

fn fault(subject: &str) -> Option<&'static str> {
    let first = subject.split_whitespace().next().unwrap_or_default();
    if subject.chars().count() > MAX_SUBJECT_CHARACTERS {
        Some("has more than 72 characters")
    } else if subject.ends_with('.') {
        Some("ends with a full stop")
    } else if !first.starts_with(char::is_uppercase) || ["WIP", "What", "Which"].contains(&first) {
        Some("does not begin with a verb in upper case")
    } else if (first.ends_with("ed") || first.ends_with("ing")) && !IMPERATIVES.contains(&first) {
        Some("is not imperative")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_short_imperatives() {
        for subject in [
            "Keep guarded cells as they are",
            "Bring it up",
            "Ring when it fails",
            "Answer `HEAD` on /api/health",
        ] {
            assert_eq!(fault(subject), None, "{subject}");
        }
        let long = "Keep ".repeat(15);
        for subject in
            ["", "wip", "WIP", "fixup! Keep", "What clippy found", "Added it", "Fixing it", "Keep it.", &long]
        {
            assert!(fault(subject).is_some(), "{subject}");
        }
    }
}
