//! Things to break on purpose, each of which one act must notice.

use anyhow::{Result, ensure};
use clap::ValueEnum;

/// A thing to break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Breakage {
    /// The functions get the name of a table as that of the secret
    Environment,
    /// The generated ring names a generation that it does not have
    Ring,
    /// A route leads to no function
    Route,
    /// Activate-sync may not write a license
    Permission,
    /// Functions may put catalogs and no licenses
    Keys,
    /// Verify may not write an audit row
    Audit,
    /// The new code of a function does not start
    Code,
    /// Verify's versions do not name the parameter that changes
    Version,
    /// The failed deployment is not rolled back
    Rollback,
    /// The stack takes the table of licenses with it
    Retention,
    /// The new stack has tables and a ring of its own
    Adoption,
}

/// A text of the template and the one in its place.
type Edit = (&'static str, &'static str);

impl Breakage {
    pub(super) fn all() -> Vec<Self> {
        Self::value_variants().to_vec()
    }

    /// The numbers of the acts to play. The last one must notice, and needs those before it.
    pub(super) const fn acts(self) -> &'static [usize] {
        match self {
            Self::Environment | Self::Ring | Self::Route | Self::Permission | Self::Keys => &[1],
            Self::Audit => &[1, 2],
            Self::Code | Self::Version => &[1, 2, 3],
            Self::Rollback => &[1, 2, 4],
            Self::Retention => &[1, 2, 5],
            Self::Adoption => &[1, 2, 5, 6],
        }
    }

    /// A part of the message by which the last act notices. Another failure has another cause: a port that is taken, a busy
    /// machine, an act that is broken itself.
    pub(super) const fn message(self) -> &'static str {
        match self {
            Self::Environment => "readiness is answered 503",
            Self::Ring => "\"current\" names a generation it does not hold",
            Self::Route => "FAILED  the seat moves: answered 404",
            Self::Permission | Self::Keys => "FAILED  a device is bound: answered 503",
            Self::Audit => "has no audit row VALID",
            Self::Code => "bootstrap exited during init",
            Self::Version => "the version drill-2 answers, not drill-2-changed",
            Self::Rollback => "the stack is \"UPDATE_FAILED\"",
            Self::Retention => "Requested resource not found: Table",
            Self::Adoption => "\"code\":\"INVALID_SIGNATURE\"",
        }
    }

    /// The help of the command line, as a clause.
    pub(super) fn sentence(self) -> String {
        let help = self.to_possible_value().and_then(|value| value.get_help().map(ToString::to_string));
        let help = help.unwrap_or_default();
        help[..1].to_lowercase() + &help[1..]
    }

    /// The template with the thing broken. Code, rollback and adoption break in their acts.
    pub(super) fn edit(self, template: &str) -> Result<String> {
        let (begins_at, edits) = self.edits();
        let start = template.find(begins_at);
        ensure!(start.is_some(), "template.yaml has no {begins_at:?}: {self:?} breaks nothing");
        let (before, rest) = template.split_at(start.unwrap_or_default());
        let mut rest = rest.to_owned();
        for (old, new) in edits {
            ensure!(rest.contains(old), "template.yaml has no {old:?}: {self:?} breaks nothing");
            rest = rest.replacen(old, new, 1);
        }
        Ok(before.to_owned() + &rest)
    }

    /// A text of the template, and what is edited once from there on.
    const fn edits(self) -> (&'static str, &'static [Edit]) {
        match self {
            Self::Environment => (
                "Globals:",
                &[("MASTER_KEY_SECRET_ID: !Ref MasterKeySecret", "MASTER_KEY_SECRET_ID: !Ref LicensesTable")],
            ),
            Self::Ring => ("  MasterKeySecret:", &[(r#"'{"current":"1"}'"#, r#"'{"current":"2"}'"#)]),
            Self::Route => ("  TransferFunction:", &[("Path: /api/transfer,", "Path: /api/transfers,")]),
            Self::Permission => {
                ("PolicyName: activate-sync", &[("dynamodb:PutItem", "dynamodb:DescribeTable")])
            }
            Self::Keys => ("PolicyName: activate-sync", &[("[lic_*]", r#"["catalog#*"]"#)]),
            Self::Audit => ("PolicyName: verify", &[("dynamodb:PutItem", "dynamodb:DescribeTable")]),
            Self::Version => ("  VerifyFunction:", &[(" ${LeaseIssuer}", "")]),
            Self::Retention => ("  LicensesTable:", &[("DeletionPolicy: Retain", "DeletionPolicy: Delete")]),
            Self::Code | Self::Rollback | Self::Adoption => ("Resources:", &[]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Workspace;

    #[test]
    fn each_breakage_changes_the_template() {
        let template =
            std::fs::read_to_string(Workspace::find().unwrap().root.join("template.yaml")).unwrap();
        for breakage in Breakage::all() {
            let edited = breakage.edit(&template).unwrap();
            let in_its_act = matches!(breakage, Breakage::Code | Breakage::Rollback | Breakage::Adoption);
            assert_eq!(edited == template, in_its_act, "{breakage:?}");
        }
    }

    #[test]
    fn each_act_has_a_breakage() {
        let last: Vec<_> = Breakage::all().into_iter().filter_map(|broken| broken.acts().last()).collect();
        for number in 1..=super::super::acts::ALL.len() {
            assert!(last.contains(&&number), "nothing breaks act {number}");
        }
    }
}
