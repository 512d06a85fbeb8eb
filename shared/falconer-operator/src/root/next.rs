//! The next statement of a root. It continues the stored one only if this root has signed that one: whoever can write the
//! key ring can put any text there, and the root exists for the day on which somebody can.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use falconer_domain::UnixMillis;
use falconer_domain::keyring::{GenerationNumber, KeyRing};
use falconer_domain::statement::{KeyStatement, RootPublicKey};
use falconer_domain::time::{LATEST_END, MILLIS_PER_DAY};

use super::{Author, DEFAULT_ISSUER, author, good_keys};
use crate::time;

/// A serial is the moment of signing, so the next one is about now. A clock that is wrong for a while is not wrong by more
/// than this. A serial near the end of the numbers would leave the root without a next statement.
const MAX_SERIAL_AHEAD_DAYS: i64 = 30;

/// The order for a statement.
#[derive(Clone, Copy, Debug)]
pub struct StatementOrder<'a> {
    /// The root that will sign.
    pub root: RootPublicKey,
    /// The highest serial that the root's file notes. Anybody who can write the file can change the note.
    pub noted: Option<i64>,
    /// Generations to distrust beside those of the ring and of the statement before.
    pub distrust: &'a [u8],
    /// The leases' issuer, if it is not that of the statement before.
    pub issuer: Option<&'a str>,
    /// The treatment of a stored statement of another author.
    pub other_author: OtherAuthor,
    /// The treatment of a serial that is far ahead.
    pub late_serial: LateSerial,
}

/// The treatment of a stored statement that this root has not signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherAuthor {
    /// No statement is made.
    Refuse,
    /// The statement is made as if there were none: nothing is taken from it.
    Ignore,
}

/// The treatment of a serial that is far ahead of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LateSerial {
    /// No statement is made.
    Refuse,
    /// The statement gets a serial above it.
    Continue,
}

/// The next statement, and the verified one that it continues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextStatement {
    /// The statement to sign.
    pub statement: KeyStatement,
    /// The stored one, if this root has signed it.
    pub before: Option<KeyStatement>,
    /// The author of the stored one.
    pub author: Author,
    /// The serial that the root's file notes, if it is above that of the stored statement.
    pub lost_serial: Option<i64>,
}

/// The reason why no statement can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignRefusal {
    /// The generation that signs leases.
    #[error(
        "generation {0} signs leases; `falconer keyring add` and `falconer keyring promote --now` put another one in its \
         place, then a statement can distrust it"
    )]
    Current(GenerationNumber),
    /// The generation that signs leases was distrusted by an earlier statement.
    #[error(
        "generation {0} signs leases, and a statement has distrusted it: clients that know the statement never trust it \
         again. `falconer keyring add` and `falconer keyring promote --now` put another one in its place"
    )]
    DistrustedSigns(GenerationNumber),
    /// Not a number of a generation.
    #[error("there is no generation {0}; `falconer keyring list` shows those of the key ring")]
    NoSuchGeneration(u8),
    /// The stored statement is not of this root.
    #[error(
        "this root has not signed the statement in the key ring: another root has, or somebody has changed the key ring. \
         `falconer root show` shows it. With --ignore-stored this root signs a statement that takes nothing from it"
    )]
    OtherAuthor,
    /// A serial that is far ahead of the clock.
    #[error(
        "{source_of} has the serial of {at}, {days} days after this machine's clock. Set the clock if it is wrong. If \
         somebody has changed the root's file, take a copy of it from where you keep one. If a wrong clock has signed \
         once, --despite-late-serial signs above that serial"
    )]
    SerialAhead {
        /// The place of the serial.
        source_of: SerialSource,
        /// Its moment, for a person.
        at: String,
        /// Its days from now.
        days: i64,
    },
    /// A serial beyond the calendar.
    #[error(
        "{0} has a serial beyond the year 9998, and no later statement can be above it. If somebody has changed the \
         root's file, take a copy of it from where you keep one; otherwise make a new root and pin it"
    )]
    SerialBeyondCalendar(SerialSource),
}

/// The place of a serial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SerialSource {
    /// The note in the root's file.
    RootFile,
    /// The statement in the ring, which this root has signed.
    Statement,
}

impl fmt::Display for SerialSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RootFile => "the root's file",
            Self::Statement => "the statement in the key ring, which this root has signed,",
        })
    }
}

/// The next statement about a ring: all keys whose signatures count, and everything that was ever distrusted.
///
/// # Errors
/// [`SignRefusal`].
pub fn next_statement(
    ring: &KeyRing,
    order: &StatementOrder<'_>,
    now: UnixMillis,
) -> Result<NextStatement, SignRefusal> {
    let author = author(ring, &order.root);
    if author == Author::AnotherRoot && order.other_author == OtherAuthor::Refuse {
        return Err(SignRefusal::OtherAuthor);
    }
    let before = ring.statement().and_then(|jws| KeyStatement::verify(jws, &order.root).ok());
    let distrusted = distrusted(ring, order.distrust, before.as_ref())?;
    let keys = good_keys(ring).into_iter().filter(|(kid, _)| !distrusted.contains(kid)).collect();
    let issuer = order.issuer.or(before.as_ref().map(|before| before.iss.as_str())).unwrap_or(DEFAULT_ISSUER);
    let stored = before.as_ref().map(|before| before.serial);
    let newest = newest_serial(order.noted, stored, order.late_serial, now)?;
    let statement = KeyStatement::new(issuer, keys, distrusted, now, newest);
    let lost_serial = order.noted.filter(|noted| Some(*noted) > stored);
    Ok(NextStatement { statement, before, author, lost_serial })
}

fn distrusted(
    ring: &KeyRing,
    named: &[u8],
    before: Option<&KeyStatement>,
) -> Result<BTreeSet<String>, SignRefusal> {
    let current = ring.current().number();
    let named = named.iter().map(|number| match GenerationNumber::new(*number) {
        None => Err(SignRefusal::NoSuchGeneration(*number)),
        Some(number) if number == current => Err(SignRefusal::Current(number)),
        Some(number) => Ok(number.to_string()),
    });
    let mut distrusted = named.collect::<Result<BTreeSet<_>, _>>()?;
    distrusted.extend(ring.numbers().filter(|n| ring.is_distrusted(*n)).map(|n| n.to_string()));
    distrusted.extend(before.iter().flat_map(|before| before.distrusted.iter().cloned()));
    if distrusted.contains(&current.to_string()) {
        return Err(SignRefusal::DistrustedSigns(current));
    }
    Ok(distrusted)
}

/// The highest serial so far, if a next one can be above it.
fn newest_serial(
    noted: Option<i64>,
    stored: Option<i64>,
    late: LateSerial,
    now: UnixMillis,
) -> Result<Option<i64>, SignRefusal> {
    let newest = noted.max(stored);
    let Some(serial) = newest else { return Ok(None) };
    let source_of = if stored == newest { SerialSource::Statement } else { SerialSource::RootFile };
    if serial >= LATEST_END.0 {
        return Err(SignRefusal::SerialBeyondCalendar(source_of));
    }
    let days = serial.saturating_sub(now.0) / MILLIS_PER_DAY;
    if days >= MAX_SERIAL_AHEAD_DAYS && late == LateSerial::Refuse {
        return Err(SignRefusal::SerialAhead { source_of, at: time::shown(UnixMillis(serial)), days });
    }
    Ok(newest)
}

impl NextStatement {
    /// Lists the good generations that the verified statement before did not name.
    #[must_use]
    pub fn new_keys(&self) -> Vec<&str> {
        let known = |kid: &str| self.before_keys().is_some_and(|keys| keys.contains_key(kid));
        self.statement.keys.keys().map(String::as_str).filter(|kid| !known(kid)).collect()
    }

    /// Lists the generations that the verified statement before named with another public key. A ring gives a generation
    /// its number once, so the master was replaced by hand.
    #[must_use]
    pub fn replaced_keys(&self) -> Vec<&str> {
        let is_other = |kid: &str, x: &String| {
            self.before_keys().and_then(|keys| keys.get(kid)).is_some_and(|before| before != x)
        };
        let keys = self.statement.keys.iter();
        keys.filter(|(kid, x)| is_other(kid, x)).map(|(kid, _)| kid.as_str()).collect()
    }

    /// Lists the generations that this statement distrusts first.
    #[must_use]
    pub fn newly_distrusted(&self) -> Vec<&str> {
        let known = |kid: &str| self.before.as_ref().is_some_and(|before| before.distrusted.contains(kid));
        self.statement.distrusted.iter().map(String::as_str).filter(|kid| !known(kid)).collect()
    }

    fn before_keys(&self) -> Option<&BTreeMap<String, String>> {
        self.before.as_ref().map(|before| &before.keys)
    }
}

#[cfg(test)]
mod tests;
