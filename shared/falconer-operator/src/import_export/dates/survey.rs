//! The order of day and month, from all cells of a column.

use jiff::civil::Date;

use super::{DayOrder, Style, When, Written, read, year_first};

/// Evidence of a column about the order of day and month.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    day_first: Option<Example>,
    month_first: Option<Example>,
    doubtful: Option<(Example, When, When)>,
    points: Option<(Example, When, When)>,
    /// A cell that may begin with the year, as `26/12/31`.
    year_first: Option<(Example, Date)>,
    /// True if a cell cannot, so that no cell of the column does.
    ends_with_year: bool,
}

/// A cell, for a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The line it is in.
    pub line: u64,
    /// The conclusion.
    pub text: String,
}

/// The order of day and month cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undecided {
    /// Every cell reads in both orders.
    #[error(
        "{0}: line {line} has {text}, which is {2} with the day first and {3} with the month first, and no other date \
         of the column tells which; say --dates dmy or --dates mdy",
        line = .1.line, text = .1.text
    )]
    Doubtful(String, Example, When, When),
    /// Some cells read in one order alone, and some in the other.
    #[error(
        "{0}: line {first} has {day}, which begins with the day, and line {second} has {month}, which begins with the \
         month; mend one of them, or say --dates dmy or --dates mdy, which refuses the others",
        first = .1.line, day = .1.text, second = .2.line, month = .2.text
    )]
    Both(String, Example, Example),
    /// Every cell has numbers of two digits, and may begin with the year as well as end with it.
    #[error(
        "{0}: line {line} has {text}, which ends with the year, or begins with it and is {2}, and no other date of the \
         column tells which; say --dates dmy or --dates mdy, or write the years with four digits",
        line = .1.line, text = .1.text
    )]
    ShortYears(String, Example, Date),
}

impl Survey {
    /// Looks at one more cell.
    pub fn see(&mut self, line: u64, text: &str) {
        let Ok(Written::Ordered { day_first, month_first, style }) = read(text) else { return };
        let example = || Example { line, text: text.trim().to_owned() };
        match year_first(text) {
            Some(day) => drop(self.year_first.get_or_insert_with(|| (example(), day))),
            None => self.ends_with_year = true,
        }
        match (day_first, month_first, style) {
            (Some(one), Some(other), Style::Points) => {
                self.points.get_or_insert_with(|| (example(), one, other));
            }
            (Some(one), Some(other), Style::Other) => {
                self.doubtful.get_or_insert_with(|| (example(), one, other));
            }
            (Some(_), None, _) => {
                self.day_first.get_or_insert_with(example);
            }
            (None, _, _) => {
                self.month_first.get_or_insert_with(example);
            }
        }
    }

    /// The order of the column; `None` where every cell reads in one way alone. Points without any other sign are of a
    /// calendar that begins with the day, as every one does that writes them.
    ///
    /// # Errors
    /// [`Undecided`].
    pub fn order(&self, column: &str) -> Result<Option<DayOrder>, Undecided> {
        let doubtful = |(example, one, other): &(Example, When, When)| {
            Err(Undecided::Doubtful(column.to_owned(), example.clone(), *one, *other))
        };
        if let (Some((cell, day)), false) = (&self.year_first, self.ends_with_year) {
            return Err(Undecided::ShortYears(column.to_owned(), cell.clone(), *day));
        }
        match (&self.day_first, &self.month_first) {
            (Some(day), Some(month)) => Err(Undecided::Both(column.to_owned(), day.clone(), month.clone())),
            (Some(_), None) => Ok(Some(DayOrder::DayFirst)),
            // Points begin with the day, unless a cell with points says otherwise.
            (None, Some(month)) => match &self.points {
                Some((points, ..)) if !month.text.contains('.') => {
                    Err(Undecided::Both(column.to_owned(), points.clone(), month.clone()))
                }
                _ => Ok(Some(DayOrder::MonthFirst)),
            },
            (None, None) => match (&self.doubtful, &self.points) {
                (Some(cell), _) => doubtful(cell),
                (None, Some(_)) => Ok(Some(DayOrder::DayFirst)),
                (None, None) => Ok(None),
            },
        }
    }
}
