//! Search text that support pastes: a key, old or new, in a line of a mail; the last group of one; a part of a name or an
//! address. It is looked up, or compared with every license.

use std::collections::BTreeSet;

use falconer_aws::operator::IssuanceRecord;
use falconer_domain::issue::OrderId;
use falconer_domain::keyring::Generation;
use falconer_domain::license_key::{self, Origin};
use falconer_domain::person::{self, DeviceName, Email, Note, PersonName};
use falconer_domain::{Catalog, KeyRing, License, LicenseId, LicenseKey};

use crate::import_export::row_resolver;
use crate::words;

/// Words of a text that are looked at: a mail has less.
const MAX_WORDS: usize = 400;
/// Words that a key is spread over at most: product, tier and six groups.
const MAX_KEY_WORDS: usize = 8;
/// Minimum length of a group that identifies a key. Words of a sentence rarely have so many characters of one.
const MIN_GROUP_CHARS: usize = 4;
/// Characters of a key's group, and groups with a digit that make a text look like a key: it has six, and a digit is missing
/// in one of five. An order with a UUID has none.
const GROUP_CHARS: usize = 5;
const MIN_GROUPS: usize = 3;
/// Minimum of letters and digits in a text without a tag that may be a mistyped key.
const MIN_MISTYPED_KEY_CHARS: usize = 30;
/// Characters around a key in a link or a mail's source, and never in a key.
const AROUND: [char; 14] = ['&', '?', '=', '#', '<', '>', '"', '\'', '(', ')', '[', ']', ',', ';'];
/// Free texts of which it is computed which license an import made of them.
const MAX_FREE_TEXTS: usize = 8;
/// Longest text that a page repeats.
const MAX_SHOWN_CHARS: usize = 200;
/// Words of a text whose spans are all looked at for keys to mask.
const MAX_WORDS_OF_SPANS: usize = 16;
/// Characters of a key that its hint shows.
const HINT_CHARS: usize = 5;
/// The place of what is left out.
const ELLIPSIS: char = '…';
/// Ids that are looked up at most, each by one read.
pub const MAX_LOOKED_UP: usize = 200;

/// A search text. No `Debug`: it may hold a license key.
pub struct SearchQuery {
    text: String,
    words: Vec<String>,
}

impl SearchQuery {
    /// Reads a text; `None` where nothing of it can be seen.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let words: Vec<_> = text.split_whitespace().take(MAX_WORDS).map(str::to_owned).collect();
        let text = words.join(" ");
        PersonName::clean(&text).kept.is_some().then_some(Self { text, words })
    }

    /// The licenses that it names outright: ids, and keys that the ring vouches for.
    #[must_use]
    pub fn named(&self, ring: &KeyRing) -> Vec<LicenseId> {
        let trimmed = |word: &String| word.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_lowercase();
        let ids = self.words.iter().filter_map(|word| LicenseId::parse(&trimmed(word)));
        let keys = self.spans().filter_map(|span| {
            let authentic = ring.authenticate(&span).ok()?;
            (!matches!(authentic.key, LicenseKey::Imported(_))).then_some(authentic.license_id)
        });
        unique(ids.chain(keys))
    }

    /// The licenses of free texts: a kept one is its own key, and an import gave the others a key that follows from
    /// them. At most [`MAX_LOOKED_UP`].
    #[must_use]
    pub fn of_free_texts(&self, ring: &KeyRing, catalogs: &[Catalog]) -> Vec<LicenseId> {
        let texts: Vec<_> =
            self.free_texts().filter(|text| text.contains(|c: char| c.is_ascii_digit())).collect();
        let kept = texts.iter().filter_map(|text| Some(ring.authenticate(text).ok()?.license_id));
        let replaced = texts.iter().flat_map(|text| {
            ring.vouching().flat_map(move |generation| {
                catalogs.iter().flat_map(move |catalog| {
                    let of_tier = move |tier: &falconer_domain::TierName| {
                        row_resolver::id_in_place_of(text, generation, catalog.product(), &tier.printed())
                    };
                    catalog.tiers().map(of_tier)
                })
            })
        });
        let mut ids = unique(kept.chain(replaced));
        ids.truncate(MAX_LOOKED_UP);
        ids
    }

    /// The addresses in it.
    pub fn addresses(&self) -> impl Iterator<Item = Email> {
        let with_at = self.words.iter().filter(|word| word.contains(['@', '\u{FF20}']));
        with_at.filter_map(|word| Email::clean(word).kept).filter(Email::looks_right)
    }

    /// The vendor's own id of a customer, if the text is one.
    #[must_use]
    pub fn user_id(&self) -> Option<PersonName> {
        PersonName::read(&self.text).ok().flatten()
    }

    /// The vendor's own id of an order, if the text is one.
    #[must_use]
    pub fn order(&self) -> Option<OrderId> {
        OrderId::read(&self.text).ok()
    }

    /// Returns true if a key in it has a typing error: it has Falconer's form, and no master of the ring made it.
    #[must_use]
    pub fn has_mistyped_key(&self, ring: &KeyRing) -> bool {
        self.words.iter().any(|word| is_mistyped_key(word, ring))
    }

    /// The text as a page repeats it: on one line, cut, and with the hint of each key in the place of the key. `found`
    /// are licenses that it has led to: a free text among it may be the key of one of them.
    #[must_use]
    pub fn shown(&self, ring: &KeyRing, found: &[&License]) -> String {
        let hint = |span: &str| key_hint(span, ring, found);
        let mut shown: Vec<_> = self.words.iter().map(|word| Some(word_shown(word, hint))).collect();
        let mut is_masked: Vec<_> =
            self.words.iter().zip(&shown).map(|(word, shown)| shown.as_ref() != Some(word)).collect();
        // Short spans first: a key is read in spite of words around it, which are to be seen. In a long text a key is looked
        // for in single words and in the whole: each span takes a while.
        let longest = if self.words.len() > MAX_WORDS_OF_SPANS { 1 } else { MAX_KEY_WORDS };
        let lengths = (1..=longest.min(self.words.len())).chain(std::iter::once(self.words.len()));
        for length in lengths {
            for span in (0..=self.words.len() - length).map(|from| from..from + length) {
                if is_masked[span.clone()].contains(&true) {
                    continue;
                }
                if let Some(hint) = hint(&self.words[span.clone()].join(" ")) {
                    is_masked[span.clone()].fill(true);
                    shown[span.clone()].fill(None);
                    shown[span.start] = Some(hint);
                }
            }
        }
        let line = words::line(&shown.into_iter().flatten().collect::<Vec<_>>().join(" ")).into_owned();
        let mut chars = line.chars();
        let cut: String = chars.by_ref().take(MAX_SHOWN_CHARS).collect();
        if chars.next().is_some() { format!("{cut}{ELLIPSIS}") } else { cut }
    }

    /// Returns true if a license is one of those that it can mean.
    #[must_use]
    pub fn fits(&self, license: &License, issuance: &IssuanceRecord, ring: &KeyRing) -> bool {
        let entered = license.user_id.as_deref();
        let name = license.licensee_name.as_ref().map(PersonName::as_str);
        let addresses = || [&license.email, &license.licensee_email].into_iter().flatten();
        let holds = |stored: &str| person::holds(stored, &self.text);
        entered.into_iter().chain(name).any(holds)
            || addresses().any(|stored| holds(stored.as_str()))
            || self.addresses().any(|address| addresses().any(|stored| stored.is_same_as(&address)))
            || entered.is_some_and(|entered| self.words.iter().any(|word| is_that_id(word, entered)))
            || self.groups().any(|group| is_last_group(&group, &issuance.key_hint))
            || ring.generation(license.generation).is_some_and(|home| self.was_replaced_by(license, home))
    }

    /// Returns true if the note of a license holds the text, or the name or the id of one of its devices does.
    #[must_use]
    pub fn is_noted(&self, license: &License) -> bool {
        let note = license.notes.as_ref().map(Note::as_str);
        let devices = license.devices.iter().flat_map(|(id, device)| {
            [Some(id.as_str()), device.name.as_ref().map(DeviceName::as_str)].into_iter().flatten()
        });
        note.into_iter().chain(devices).any(|stored| person::holds(stored, &self.text))
    }

    /// Returns true if the license has the key that an import gave to one of the free texts.
    fn was_replaced_by(&self, license: &License, home: &Generation) -> bool {
        let (product, tier) = (&license.product, license.tier.printed());
        self.free_texts().any(|text| row_resolver::id_in_place_of(&text, home, product, &tier) == license.id)
    }

    /// Returns candidates for imported keys: the whole text, and each word that is not plain language.
    fn free_texts(&self) -> impl Iterator<Item = String> {
        let words = self.words.iter().filter(|word| word.contains(|c: char| c.is_ascii_digit() || c == '-'));
        std::iter::once(self.text.clone()).chain(words.cloned()).take(MAX_FREE_TEXTS)
    }

    /// Runs of words that a key can be spread over, and the whole text, which may be one key read out letter by letter.
    fn spans(&self) -> impl Iterator<Item = String> {
        let runs = (0..self.words.len()).flat_map(move |from| {
            let longest = MAX_KEY_WORDS.min(self.words.len() - from);
            (1..=longest).map(move |length| self.words[from..from + length].join(" "))
        });
        let parts = self.words.iter().flat_map(|word| word.split(AROUND)).map(str::to_owned);
        runs.chain(parts).chain(std::iter::once(self.text.clone()))
    }

    /// Returns candidates for the last group of a key: of each word, and of a masked key of any length.
    fn groups(&self) -> impl Iterator<Item = String> {
        self.words.iter().filter_map(|word| {
            let folded = license_key::fold(word)?;
            let last = folded.rsplit('-').next().unwrap_or_default();
            let is_masked = word.contains('…') || word.contains("...");
            (last.chars().count() >= MIN_GROUP_CHARS || (is_masked && !last.is_empty()))
                .then(|| look_alikes(last))
        })
    }
}

/// Returns true if a text is a key with a typing error: it has the length and the form of one, and no master of the ring
/// made it.
fn is_mistyped_key(text: &str, ring: &KeyRing) -> bool {
    let is_long = license_key::name(text).is_some_and(|name| name.len() >= MIN_MISTYPED_KEY_CHARS);
    is_long && !text.contains('@') && matches!(ring.origin(text), Origin::Mistyped)
}

/// Returns true if a text has groups like those of a key, whatever signed it and however often it was mistyped.
fn has_key_form(text: &str) -> bool {
    let groups = text.split(|c: char| !c.is_ascii_alphanumeric());
    groups.filter(|group| group.len() == GROUP_CHARS && group.contains(|c: char| c.is_ascii_digit())).count()
        >= MIN_GROUPS
}

/// A word, with the hint of each key that lies in it, as in a link.
fn word_shown(word: &str, hint: impl Fn(&str) -> Option<String>) -> String {
    let part = |part: &str| {
        let text = part.trim_end_matches(AROUND);
        let hint = hint(text).or_else(|| has_key_form(text).then(|| end_of(text)));
        hint.map_or_else(|| part.to_owned(), |hint| format!("{hint}{}", &part[text.len()..]))
    };
    word.split_inclusive(AROUND).map(part).collect()
}

/// The masked form of a text that is a key, with a slip in it or without, or that one of the licenses had as its key.
fn key_hint(text: &str, ring: &KeyRing, found: &[&License]) -> Option<String> {
    if let Ok(authentic) = ring.authenticate(text) {
        let is_signed = !matches!(authentic.key, LicenseKey::Imported(_));
        if is_signed || found.iter().any(|license| license.id == authentic.license_id) {
            return Some(authentic.key.masked());
        }
    }
    let was_key = |license: &&License| {
        let home = ring.generation(license.generation)?;
        let (product, tier) = (&license.product, license.tier.printed());
        Some(row_resolver::id_in_place_of(text, home, product, &tier) == license.id)
    };
    let is_old_key = found.iter().any(|license| was_key(license) == Some(true));
    (is_old_key || is_mistyped_key(text, ring)).then(|| end_of(text))
}

/// The last characters of a text that is no key, in the form of a hint.
fn end_of(text: &str) -> String {
    let last: Vec<_> = text.chars().filter(|c| c.is_alphanumeric()).rev().take(HINT_CHARS).collect();
    format!("{ELLIPSIS}{}", last.into_iter().rev().collect::<String>())
}

fn unique(ids: impl Iterator<Item = LicenseId>) -> Vec<LicenseId> {
    let mut seen = BTreeSet::new();
    ids.filter(|id| seen.insert(id.clone())).collect()
}

/// Returns true if a word, without what is around it in a sentence, is a customer's id. A word without a digit is one
/// too rarely.
fn is_that_id(word: &str, id: &str) -> bool {
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
    bare.contains(|c: char| c.is_ascii_digit()) && (person::is_same(bare, id) || person::is_same(word, id))
}

/// Returns true if a group is the one that a masked key shows.
fn is_last_group(group: &str, hint: &str) -> bool {
    let shown = hint.rsplit(['-', '…']).next().unwrap_or_default();
    !shown.is_empty() && look_alikes(&shown.to_uppercase()) == *group
}

/// Characters that are one in a key.
fn look_alikes(group: &str) -> String {
    group.replace('O', "0").replace(['I', 'L'], "1")
}

#[cfg(test)]
mod tests {
    use falconer_domain::license_key::CurrentKey;
    use falconer_domain::{Product, TierName};
    use proptest::prelude::*;

    use super::*;

    fn ring() -> KeyRing {
        KeyRing::parse(r#"{"current":"1","1":"a-master-of-a-test-0123456789abcdef"}"#).unwrap()
    }

    fn key(ring: &KeyRing) -> LicenseKey {
        let tier = TierName::parse("pro").unwrap().printed();
        LicenseKey::Current(CurrentKey::issue(ring.current(), Product::parse("ACME").unwrap(), tier, [7; 10]))
    }

    fn named(text: &str) -> usize {
        SearchQuery::read(text).map_or(0, |sought| sought.named(&ring()).len())
    }

    #[test]
    fn a_key_is_found_in_what_surrounds_it() {
        let key = key(&ring()).to_string();
        for text in [
            key.clone(),
            format!("<{key}>"),
            format!("Your key:{key}."),
            format!("key={key}&product=ACME"),
            format!("https://example.com/?a=1&key={}#top", key.to_lowercase()),
            format!("> > {}", key.replace('-', "- ")),
            format!("{key} {key}"),
            key.chars().flat_map(|c| [c, ' ']).collect(),
        ] {
            assert_eq!(named(&text), 1, "{text}");
        }
        for text in ["", "\u{200B}", "lic_", "hello", &key[1..], &key[..key.len() - 1]] {
            assert_eq!(named(text), 0, "{text}");
        }
        assert_eq!(named("see LIC_000000000000000000000000, please"), 1);
    }

    #[test]
    fn the_last_group_is_compared_as_keys_are_read() {
        for (group, hint, expected) in [
            ("RKPPT", "QF-PRO-…-RKPPT", true),
            ("RKPP0", "QF-PRO-…-RKPPO", true),
            ("1700000000", "QF-PRO-…-1700000000", true),
            ("YZ", "…YZ", true),
            ("PRO", "QF-PRO-…-RKPPT", false),
            ("", "…", false),
        ] {
            assert_eq!(is_last_group(group, hint), expected, "{group} {hint}");
        }
        let groups = |text: &str| SearchQuery::read(text).unwrap().groups().collect::<Vec<_>>();
        assert_eq!(groups("ends with rkppo."), ["ENDS", "W1TH", "RKPP0"]);
        assert_eq!((groups("a …yz"), groups("a yz")), (vec!["YZ".to_owned()], vec![]));
    }

    #[test]
    fn repeated_text_has_hints_for_keys() {
        let (ring, key) = (ring(), key(&ring()));
        let (typed, hint) = (key.to_string(), key.masked());
        let (begun, end) = typed.split_at(typed.len() - 2);
        let swapped: String = begun.chars().chain(end.chars().rev()).collect();
        let last = typed.rsplit('-').next().unwrap();
        let shown = |text: &str| SearchQuery::read(text).unwrap().shown(&ring, &[]);
        for (text, expected) in [
            (typed.clone(), hint.clone()),
            (format!("key: {} please", typed.to_lowercase()), format!("key: {hint} please")),
            (format!("a  {} b", typed.replace('-', "- ")), format!("a {hint} b")),
            (format!("https://example.com/?key={typed}&a=1"), format!("https://example.com/?key={hint}&a=1")),
            (typed.chars().flat_map(|c| [c, ' ']).collect(), hint),
            ("person.1@example.com".to_owned(), "person.1@example.com".to_owned()),
            ("turned \u{202e}around".to_owned(), "turned around".to_owned()),
            ("x".repeat(300), format!("{}…", "x".repeat(200))),
            (
                "order 3F2504E0-4F89-41D3-9A0C-0305E82C3301".to_owned(),
                "order 3F2504E0-4F89-41D3-9A0C-0305E82C3301".to_owned(),
            ),
            ("QF-QRO-1Q2C6-VCZ7V-7N3DV-W3BKX-54CQH-G3N3Q".to_owned(), "…G3N3Q".to_owned()),
        ] {
            assert_eq!(shown(&text), expected, "{text}");
        }
        if swapped != typed {
            assert!(!shown(&swapped).contains(&swapped[..swapped.len() - last.len()]), "{swapped}");
        }
    }

    proptest! {
        /// Whatever is pasted, nothing panics, and what is looked up is bounded.
        #[test]
        fn any_text_is_looked_for(text in "([\\PC\\pC]|[ -~]|[A-Z0-9-]{5} ){0,60}") {
            let ring = ring();
            let catalogs: Vec<_> = Catalog::built_in(&Product::parse("QF").unwrap()).into_iter().collect();
            if let Some(sought) = SearchQuery::read(&text) {
                prop_assert!(sought.named(&ring).is_empty());
                prop_assert!(sought.of_free_texts(&ring, &catalogs).len() <= MAX_LOOKED_UP);
                prop_assert!(sought.addresses().all(|address| address.looks_right()));
                let _ = (sought.user_id(), sought.order(), sought.has_mistyped_key(&ring));
                prop_assert!(sought.shown(&ring, &[]).chars().count() <= MAX_SHOWN_CHARS + 1);
            }
        }
    }
}
