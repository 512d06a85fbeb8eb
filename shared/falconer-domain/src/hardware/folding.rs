//! One form for the spellings of one opaque component. The same machine is read by different libraries, in different
//! versions of an application, and each writes an address in its own way.

use crate::unicode;

/// Lengths of the groups that addresses and ids of hexadecimal digits are written in: EUI-48 and EUI-64 by twos and by
/// fours, InfiniBand by twos, UUID.
const GROUPS: [&[usize]; 6] = [&[2; 6], &[2; 8], &[4; 3], &[4; 4], &[2; 20], &[8, 4, 4, 4, 12]];

/// Brings an opaque component into the one form that is hashed: canonical composition, lower case, single spaces, and
/// no separators in an address. Components that the client library keyed are 64 hexadecimal digits in lower case, which
/// this leaves alone.
pub(super) fn folded(received: &str) -> String {
    let spaced = received.split_whitespace().collect::<Vec<_>>().join(" ");
    // Lower case may take a letter apart again, so composition comes last.
    let lower = unicode::composed(&spaced).to_lowercase();
    let composed = unicode::composed(&lower).into_owned();
    address(&composed).unwrap_or(composed)
}

/// Returns the digits of an address or an id.
pub(crate) fn address(text: &str) -> Option<String> {
    let bare = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
    let separator = bare.chars().find(|c| matches!(c, ':' | '-' | '.' | ' '))?;
    let groups: Vec<&str> = bare.split(separator).collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    let is_hex = groups.iter().all(|group| group.bytes().all(|digit| digit.is_ascii_hexdigit()));
    if is_hex && GROUPS.contains(&lengths.as_slice()) {
        return Some(groups.concat());
    }
    // Some systems write 8:0:20 for 08:00:20.
    let short = lengths.len() == 6 && lengths.iter().all(|length| (1..=2).contains(length));
    (is_hex && short && separator == ':')
        .then(|| groups.iter().map(|group| format!("{group:0>2}")).collect::<Vec<_>>().concat())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hardware::{Label, keyed_component};

    #[test]
    fn folds_spellings_of_a_component() {
        for (spellings, expected) in [
            (
                &[
                    "AA:BB:CC:0D:EE:0F",
                    "aa-bb-cc-0d-ee-0f",
                    "aabb.cc0d.ee0f",
                    "aabbcc0dee0f",
                    "AA:bb:cc:d:ee:f",
                ][..],
                "aabbcc0dee0f",
            ),
            (
                &["{4C4C4544-0042-3510-8054-B7C04F4E4E32}", "4c4c4544-0042-3510-8054-b7c04f4e4e32"],
                "4c4c4544004235108054b7c04f4e4e32",
            ),
            (&["Bu\u{308}ro\u{A0} PC 1", " b\u{FC}ro pc\t1 "], "b\u{FC}ro pc 1"),
            (&["Intel(R)  Core(TM)"], "intel(r) core(tm)"),
            // Not an address: a serial number keeps its hyphens.
            (&["WD-WX41-A1234567"], "wd-wx41-a1234567"),
            (&["12-34567-890"], "12-34567-890"),
            (&["1-2-3-4-5-6"], "1-2-3-4-5-6"),
            (&["1:2:3"], "1:2:3"),
            (&["aaa:b:c:d:e:f"], "aaa:b:c:d:e:f"),
        ] {
            for spelling in spellings {
                assert_eq!(folded(spelling), expected, "{spelling}");
            }
        }
    }

    proptest! {
        #[test]
        fn folding_is_idempotent(text in "\\PC{0,130}|[0-9a-fA-F:\\-. {}]{8,40}") {
            let once = folded(&text);
            prop_assert_eq!(folded(&once), once);
        }

        #[test]
        fn leaves_keyed_components_alone(key in "[A-Z0-9-]{6,64}", value in "\\PC{0,40}") {
            let keyed = keyed_component(&key, Label::Mac, &value);
            prop_assert_eq!(folded(&keyed), keyed);
        }
    }
}
