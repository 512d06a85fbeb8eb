//! Notices about imported rows: a license differs from its row, or the row has a surprising value.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Lines that a summary names; `--json` has all of them.
const LINES_SHOWN: usize = 5;

/// One such thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Noticed {
    /// `active` is NULL: the Flask server took that for a no.
    ActiveIsNull,
    /// The license is not revoked, and its end has passed.
    Ended,
    /// The license has features beyond its tier's, which the Flask server did not look at.
    MoreFeatures,
    /// A cell that does not fit its attribute is kept as metadata.
    SetAside(&'static str),
    /// The metadata is too large for the license's row.
    MetadataLeftOut,
    /// The term of an active license begins anew with its next activation.
    NewTerm,
    /// The end was counted from another column.
    Counted,
    /// A placeholder that the operator named means that the license never ends.
    Never,
    /// The row has parts of a device, and they prove nothing.
    WithoutDevice,
    /// A cell has lost what hides or what is around an address.
    Cleaned(&'static str),
    /// A cell was too long, and has lost its end.
    Cut(&'static str),
    /// A cell that only informs does not read.
    LeftOut(&'static str),
    /// The client's e-mail is malformed.
    NotAnAddress,
}

impl Noticed {
    /// A word for programs.
    const fn code(self) -> &'static str {
        match self {
            Self::ActiveIsNull => "active_is_null",
            Self::Ended => "ended",
            Self::MoreFeatures => "more_features",
            Self::SetAside(_) => "set_aside",
            Self::MetadataLeftOut => "metadata_left_out",
            Self::NewTerm => "new_term",
            Self::Counted => "counted",
            Self::Never => "never",
            Self::WithoutDevice => "without_device",
            Self::Cleaned(_) => "cleaned",
            Self::Cut(_) => "cut",
            Self::LeftOut(_) => "left_out",
            Self::NotAnAddress => "not_an_address",
        }
    }

    /// The column it is about, where it is about one.
    const fn column(self) -> Option<&'static str> {
        match self {
            Self::SetAside(column) | Self::Cleaned(column) | Self::Cut(column) | Self::LeftOut(column) => {
                Some(column)
            }
            Self::ActiveIsNull
            | Self::Ended
            | Self::MoreFeatures
            | Self::MetadataLeftOut
            | Self::NewTerm
            | Self::Counted
            | Self::Never
            | Self::WithoutDevice
            | Self::NotAnAddress => None,
        }
    }

    /// Formats a notice with its count.
    fn sentence(self, licenses: usize) -> String {
        let (them, are, have, get, end) = if licenses == 1 {
            ("1 license".to_owned(), "is", "has", "gets", "ends")
        } else {
            (format!("{licenses} licenses"), "are", "have", "get", "end")
        };
        match self {
            Self::ActiveIsNull => format!("{them} {are} revoked, since `active` is empty"),
            Self::Ended => format!("{them} {have} ended"),
            Self::MoreFeatures => format!("{them} {get} features that the Flask server never granted"),
            Self::SetAside(column) => format!("{them}: {column} does not fit and is kept as metadata"),
            Self::MetadataLeftOut => format!("{them}: the metadata is too large and is left out"),
            Self::NewTerm => {
                format!("{them} {have} a duration and no end: a new term begins at the next activation")
            }
            Self::Counted => format!("{them} {have} no end: it is counted from the column of --undated"),
            Self::Never => format!("{them} never {end}, by --never"),
            Self::WithoutDevice => {
                format!("{them} {are} imported without a device, and bound at the next activation")
            }
            Self::Cleaned(column) => format!("{them}: {column} is cleaned"),
            Self::Cut(column) => format!("{them}: {column} is too long and is cut"),
            Self::LeftOut(column) => format!("{them}: {column} does not read and is left out"),
            Self::NotAnAddress => {
                format!(
                    "{them}: licensee_email does not look like an address, so that `list --email` does not find it"
                )
            }
        }
    }
}

/// Lines and details of each notice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notices(BTreeMap<Noticed, Vec<(u64, Option<String>)>>);

impl Notices {
    /// Notes one thing about the row that begins on a line.
    pub fn note(&mut self, noticed: Noticed, line: u64, detail: Option<String>) {
        self.0.entry(noticed).or_default().push((line, detail));
    }

    /// A sentence for each thing, with the first lines where it was noticed.
    pub fn sentences(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(noticed, places)| {
            let shown = places.iter().take(LINES_SHOWN).map(|(line, detail)| match detail {
                Some(detail) => format!("{line}: {detail}"),
                None => line.to_string(),
            });
            let shown: Vec<_> = shown.collect();
            let (detailed, more) =
                (places.iter().any(|(_, detail)| detail.is_some()), places.len() - shown.len());
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            let word = if places.len() == 1 { "line" } else { "lines" };
            let shown = shown.join(if detailed { "; " } else { ", " });
            format!("{} ({word} {shown}{more}).", noticed.sentence(places.len()))
        })
    }

    /// All of it, for programs.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let notice = |(noticed, places): (&Noticed, &Vec<(u64, Option<String>)>)| {
            let lines: Vec<_> = places.iter().map(|(line, _)| line).collect();
            let details: Vec<_> = places.iter().filter_map(|(_, detail)| detail.as_ref()).collect();
            let mut notice = json!({ "what": noticed.code(), "licenses": places.len(), "lines": lines });
            if let Some(column) = noticed.column() {
                notice["column"] = json!(column);
            }
            if !details.is_empty() {
                notice["details"] = json!(details);
            }
            notice
        };
        self.0.iter().map(notice).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_count_and_name_lines() {
        let mut notices = Notices::default();
        notices.note(Noticed::ActiveIsNull, 7, None);
        for line in 2..9 {
            notices.note(Noticed::MoreFeatures, line, None);
        }
        for line in [3, 4] {
            notices.note(Noticed::SetAside("features"), line, Some("\"A\" is not a name".to_owned()));
        }
        assert_eq!(
            notices.sentences().collect::<Vec<_>>(),
            [
                "1 license is revoked, since `active` is empty (line 7).",
                "7 licenses get features that the Flask server never granted (lines 2, 3, 4, 5, 6 and 2 more).",
                "2 licenses: features does not fit and is kept as metadata (lines 3: \"A\" is not a name; \
                 4: \"A\" is not a name).",
            ]
        );
        assert_eq!(
            notices.to_json()[2],
            json!({
                "what": "set_aside", "column": "features", "licenses": 2, "lines": [3, 4],
                "details": ["\"A\" is not a name", "\"A\" is not a name"],
            })
        );
    }
}
