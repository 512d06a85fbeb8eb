//! Pictures: those of `stats` and of refused requests, a line for each thing that was counted, and the frame that the bench
//! draws its own in.
//!
//! A picture brings its own white ground, so it reads the same on a page in any scheme. The names of its lines are below the
//! axes, where they cover no curve.

use std::ops::Range;

use jiff::Timestamp;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::drawing::DrawingAreaErrorKind;
use plotters::prelude::*;

use crate::refusals::Refusals;
use crate::stats::{Day, Statistics};

/// Size of its title and of its other texts, in pixels.
const TITLE_PIXELS: u32 = 22;
const TEXT_PIXELS: u32 = 15;
const MARGIN_PIXELS: u32 = 16;
/// At the right, half of the last label under the axis goes beyond the axis.
const LAST_LABEL_PIXELS: u32 = 56;
/// Height of a row of the names under a picture.
const LEGEND_ROW_PIXELS: u32 = 24;
/// Colours that differ for people who cannot tell red from green, after Okabe and Ito's palette.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(230, 159, 0),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
];
/// Least height of a picture of counts: below it the axis would have parts of a whole.
const LEAST_TOP: u64 = 10;
/// The name of the codes that have no line of their own.
const ALL_OTHERS: &str = "all others";

/// Width of the page that a picture is for. Texts have the same size on each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageWidth {
    /// The width of a document or a screen: the picture is readable at half of its size.
    Wide,
    /// The width of a telephone. The picture leaves out the title, which the page around it has.
    Narrow,
}

impl PageWidth {
    /// Size of a picture, in pixels.
    #[must_use]
    pub const fn size(self) -> (u32, u32) {
        match self {
            Self::Wide => (960, 480),
            Self::Narrow => (360, 400),
        }
    }

    /// Columns of the names under a picture.
    const fn legend_columns(self) -> usize {
        match self {
            Self::Wide => 3,
            Self::Narrow => 1,
        }
    }

    /// Most texts under the axis.
    const fn most_labels(self) -> usize {
        match self {
            Self::Wide => 8,
            Self::Narrow => 4,
        }
    }
}

/// Lines over two axes, and their names.
pub struct Picture<'a> {
    /// The page that it is for.
    pub page: PageWidth,
    /// The title above.
    pub title: &'a str,
    /// What the axes show.
    pub across: &'a str,
    /// The same, upwards.
    pub up: &'a str,
    /// At most six, which have a colour each.
    pub lines: Vec<ChartLine>,
    /// The text at a number of the axis below; empty for none.
    pub label: &'a dyn Fn(f64) -> String,
}

/// A line and its name.
pub struct ChartLine {
    /// Its name below the axes.
    pub name: String,
    /// From left to right.
    pub points: Vec<(f64, f64)>,
    /// How large each point is shown; none is at 0.
    pub point_pixels: u32,
}

impl Picture<'_> {
    /// An SVG document with these axes.
    ///
    /// # Errors
    /// The drawing library's error; it only writes into memory.
    pub fn svg<X>(
        &self,
        across: impl AsRangedCoord<CoordDescType = X, Value = f64>,
        up: Range<f64>,
    ) -> Result<String, String>
    where
        X: Ranged<ValueType = f64> + ValueFormatter<f64>,
    {
        let mut text = String::new();
        self.draw(SVGBackend::with_string(&mut text, self.page.size()), across, up)
            .map_err(|error| error.to_string())?;
        Ok(text)
    }

    fn draw<'b, X>(
        &self,
        backend: SVGBackend<'b>,
        across: impl AsRangedCoord<CoordDescType = X, Value = f64>,
        up: Range<f64>,
    ) -> Result<(), DrawingAreaErrorKind<<SVGBackend<'b> as DrawingBackend>::ErrorType>>
    where
        X: Ranged<ValueType = f64> + ValueFormatter<f64>,
    {
        let area = backend.into_drawing_area();
        area.fill(&WHITE)?;
        let columns = self.page.legend_columns();
        let rows = self.lines.len().div_ceil(columns).max(1);
        let (axes, legend) = area.split_vertically(lowest_of_the_axes(self.page, rows));
        let mut builder = ChartBuilder::on(&axes);
        if self.page == PageWidth::Wide {
            builder.caption(self.title, ("sans-serif", TITLE_PIXELS));
        }
        let mut chart = builder
            .margin(MARGIN_PIXELS)
            .margin_right(LAST_LABEL_PIXELS)
            .x_label_area_size(48)
            .y_label_area_size(64)
            .build_cartesian_2d(across, up)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .label_style(("sans-serif", TEXT_PIXELS))
            .x_labels(self.page.most_labels())
            .x_label_formatter(&|number| (self.label)(*number))
            .y_label_formatter(&|number| plain(*number))
            .x_desc(self.across)
            .y_desc(self.up)
            .draw()?;
        for (line, colour) in self.lines.iter().zip(COLOURS) {
            let points = line.points.iter().copied();
            chart
                .draw_series(LineSeries::new(points, colour.stroke_width(2)).point_size(line.point_pixels))?;
        }
        let font = ("sans-serif", TEXT_PIXELS).into_font();
        let cells = legend.split_evenly((rows, columns));
        for ((line, colour), cell) in self.lines.iter().zip(COLOURS).zip(cells) {
            cell.draw(&PathElement::new([(40, 8), (60, 8)], colour.stroke_width(3)))?;
            cell.draw(&Text::new(line.name.clone(), (68, 1), font.clone()))?;
        }
        area.present()
    }
}

/// The pixel below which nothing but the names of the lines is.
fn lowest_of_the_axes(page: PageWidth, rows: usize) -> u32 {
    page.size().1 - u32::try_from(rows).unwrap_or_default() * LEGEND_ROW_PIXELS
}

/// A number as a label, without what the steps of an axis leave behind the sixth digit.
#[must_use]
pub fn plain(number: f64) -> String {
    ((number * 1e6).round() / 1e6).to_string()
}

type ChartSeries = (&'static str, fn(&Day) -> u64);

/// The lines of `stats`: name, and count of a day.
const LINES: [ChartSeries; 3] = [
    ("Activations", |day| day.activations),
    ("Refusals", |day| day.refusals),
    ("Transfers", |day| day.transfers),
];

/// Names of the lines of `stats`, in the order in which the picture has them.
#[must_use]
pub fn line_names() -> [&'static str; 3] {
    LINES.map(|(name, _)| name)
}

/// An SVG document of the days.
///
/// # Errors
/// The drawing library's error; it only writes into memory.
pub fn svg(statistics: &Statistics, page: PageWidth) -> Result<String, String> {
    let days: Vec<_> = statistics.days.keys().copied().collect();
    let line = |(name, count): ChartSeries| {
        let counts: Vec<u64> = statistics.days.values().map(count).collect();
        (name.to_owned(), counts)
    };
    of_days(page, "Licenses: activations, refusals and transfers a day", &days, LINES.map(line).into())
}

/// An SVG document of the requests that were refused: a line for each code, or for the most frequent ones and all others.
///
/// # Errors
/// The drawing library's error; it only writes into memory.
pub fn refusals_svg(refusals: &Refusals, page: PageWidth) -> Result<String, String> {
    let named = if refusals.codes.len() > COLOURS.len() { COLOURS.len() - 1 } else { COLOURS.len() };
    let (named, others) = refusals.codes.split_at(named.min(refusals.codes.len()));
    let mut lines: Vec<_> = named.iter().map(|code| (code.code.to_owned(), code.days.clone())).collect();
    if !others.is_empty() {
        let of_day = |day: usize| others.iter().fold(0, |sum: u64, code| sum.saturating_add(code.days[day]));
        lines.push((ALL_OTHERS.to_owned(), (0..refusals.days.len()).map(of_day).collect()));
    }
    of_days(page, "Refused requests a day, by code", &refusals.days, lines)
}

/// Draws lines with a count for each day. The days are the moments at which they begin.
fn of_days(
    page: PageWidth,
    title: &str,
    days: &[i64],
    lines: Vec<(String, Vec<u64>)>,
) -> Result<String, String> {
    let highest = lines.iter().flat_map(|(_, counts)| counts).copied().max().unwrap_or_default();
    let last = days.len().saturating_sub(1).max(1);
    let line = |(name, counts): (String, Vec<u64>)| {
        let points = counts.into_iter().enumerate().map(|(index, count)| (real(index as u64), real(count)));
        ChartLine { name, points: points.collect(), point_pixels: 2 }
    };
    // Between two days of a short time there are steps of the axis that no day has.
    let label = |number: f64| {
        let day = days.iter().enumerate().find(|(index, _)| (real(*index as u64) - number).abs() < 1e-6);
        day.map_or_else(String::new, |(_, start)| date(*start))
    };
    let picture = Picture {
        page,
        title,
        across: "days, in UTC",
        up: "a day",
        lines: lines.into_iter().map(line).collect(),
        label: &label,
    };
    picture
        .svg(0.0..real(last as u64), 0.0..real(highest.saturating_add(highest.div_ceil(10)).max(LEAST_TOP)))
}

#[expect(clippy::cast_precision_loss, reason = "a pixel is coarser than the error of any count")]
fn real(count: u64) -> f64 {
    count as f64
}

fn date(start: i64) -> String {
    Timestamp::from_millisecond(start).map_or_else(|_| String::new(), |at| at.strftime("%b %-d").to_string())
}

#[cfg(test)]
mod tests {
    use falconer_domain::UnixMillis;

    use super::*;
    use crate::refusals::RefusedCode;

    /// A text of a picture: where it begins and ends by an estimate, how high its top is, and its words.
    struct Label {
        left: f64,
        right: f64,
        top: f64,
        words: String,
    }

    /// The texts of a picture that are not turned.
    fn labels(svg: &str) -> Vec<Label> {
        let texts = svg.split("<text ").skip(1).filter(|text| !text.contains("rotate("));
        let of = |text: &str| {
            let attribute = |name: &str| {
                let (_, rest) =
                    text.split_once(&format!("{name}=\"")).unwrap_or_else(|| panic!("{name} in {text}"));
                rest.split_once('"').unwrap().0
            };
            let number = |name: &str| attribute(name).parse::<f64>().unwrap();
            let words = text.split_once('>').unwrap().1.split("</text>").next().unwrap().trim().to_owned();
            // Wider than the letters of any common sans-serif are on average.
            let width = 0.62 * number("font-size") * real(words.chars().count() as u64);
            let left = match attribute("text-anchor") {
                "middle" => number("x") - width / 2.0,
                "end" => number("x") - width,
                _ => number("x"),
            };
            Label { left, right: left + width, top: number("y"), words }
        };
        texts.map(of).collect()
    }

    const PAGES: [PageWidth; 2] = [PageWidth::Wide, PageWidth::Narrow];

    fn thirty_days(page: PageWidth) -> String {
        let mut statistics = Statistics::of_days(30, UnixMillis(1_800_000_000_000));
        for (index, day) in statistics.days.values_mut().enumerate() {
            day.activations = index as u64;
        }
        svg(&statistics, page).unwrap()
    }

    #[test]
    fn every_line_is_drawn_and_named() {
        let svg = thirty_days(PageWidth::Wide);
        for ((name, _), RGBColor(red, green, blue)) in LINES.iter().zip(COLOURS) {
            assert!(svg.contains(&format!("{name}\n</text>")), "{name}");
            assert!(svg.contains(&format!("#{red:02X}{green:02X}{blue:02X}")), "{name}");
        }
        assert!(svg.contains("Dec 17\n</text>"), "the first day, 2026-12-17");
        assert!(
            super::svg(&Statistics::of_days(1, UnixMillis(0)), PageWidth::Wide).is_ok(),
            "one day, nothing counted"
        );
    }

    /// The day at the right end used to lose its last letters.
    #[test]
    fn no_label_is_cut_off() {
        for (days, page) in
            [1, 2, 7, 29, 30, 31, 90, 366].into_iter().flat_map(|days| PAGES.map(|page| (days, page)))
        {
            let svg = super::svg(&Statistics::of_days(days, UnixMillis(1_800_000_000_000)), page).unwrap();
            let labels = labels(&svg);
            assert!(labels.iter().any(|label| label.words.contains(' ')), "{days} days");
            assert!(!labels.iter().any(|label| label.words.contains('.')), "{days} days: half a license");
            for label in &labels {
                let inside = 0.0 <= label.left && label.right <= f64::from(page.size().0);
                assert!(
                    inside,
                    "{days} days, {page:?}: {} from {} to {}",
                    label.words, label.left, label.right
                );
            }
            for (at, label) in labels.iter().enumerate() {
                let beside = |other: &&Label| (other.top - label.top).abs() < 1.0;
                let covers = |other: &Label| other.left < label.right && label.left < other.right;
                let covered = labels[at + 1..].iter().filter(beside).find(|other| covers(other));
                assert!(
                    covered.is_none(),
                    "{days} days, {page:?}: {} is over {}",
                    covered.unwrap().words,
                    label.words
                );
            }
        }
    }

    /// Codes with so many refusals on the first of two days, and one more on the second.
    fn refused(counts: &[(&'static str, u64)]) -> Refusals {
        let code = |&(code, count): &(&'static str, u64)| RefusedCode { code, days: vec![count, count + 1] };
        Refusals { days: vec![0, 86_400_000], requests: 9, codes: counts.iter().map(code).collect() }
    }

    #[test]
    fn frequent_codes_have_a_line_each() {
        let six = [("A", 6), ("B", 5), ("C", 4), ("D", 3), ("E", 2), ("F", 1)];
        let svg = refusals_svg(&refused(&six), PageWidth::Wide).unwrap();
        let words: Vec<_> = labels(&svg).into_iter().map(|label| label.words).collect();
        assert!(six.iter().all(|(name, _)| words.iter().any(|word| word == name)), "{words:?}");
        assert!(!words.iter().any(|word| word == ALL_OTHERS), "{words:?}");

        let seven = [&six[..], &[("G", 1)]].concat();
        let svg = refusals_svg(&refused(&seven), PageWidth::Wide).unwrap();
        let words: Vec<_> = labels(&svg).into_iter().map(|label| label.words).collect();
        assert!(
            words.iter().any(|word| word == "E") && words.iter().any(|word| word == ALL_OTHERS),
            "{words:?}"
        );
        assert!(!words.iter().any(|word| word == "F" || word == "G"), "{words:?}");
        for counts in [&[][..], &[("A", u64::MAX - 1)]] {
            assert!(refusals_svg(&refused(counts), PageWidth::Narrow).is_ok(), "{counts:?}");
        }
    }

    #[test]
    fn names_are_below_the_curves() {
        for (page, rows) in [(PageWidth::Wide, 1), (PageWidth::Narrow, LINES.len())] {
            let (svg, axes) = (thirty_days(page), f64::from(lowest_of_the_axes(page, rows)));
            let labels = labels(&svg);
            for (name, _) in LINES {
                let label = labels.iter().find(|label| label.words == name).unwrap();
                assert!(label.top >= axes, "{name} at {}", label.top);
            }
            let curves = svg.split("<polyline ").skip(1).filter(|line| line.contains("stroke-width=\"2\""));
            for curve in curves {
                let points = curve.split_once("points=\"").unwrap().1.split_once('"').unwrap().0;
                let lowest = points.split_whitespace().map(|point| point.split_once(',').unwrap().1);
                assert!(lowest.map(|y| y.parse::<f64>().unwrap()).all(|y| y < axes), "{points}");
            }
        }
    }

    /// On a dark page black letters need a ground of their own.
    #[test]
    fn ground_is_white_from_edge_to_edge() {
        let svg = thirty_days(PageWidth::Wide);
        let (_, first) = svg.split_once("<rect ").unwrap();
        let (width, height) = PageWidth::Wide.size();
        let ground =
            format!("x=\"0\" y=\"0\" width=\"{width}\" height=\"{height}\" opacity=\"1\" fill=\"#FFFFFF\"");
        assert!(first.starts_with(&ground), "{first}");
        assert!(svg.find("<rect ") < svg.find("<text "), "the ground is drawn first");
    }
}
