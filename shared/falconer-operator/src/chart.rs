//! The picture of `stats`: a line for each thing that was counted, over the days.

use jiff::Timestamp;
use plotters::drawing::DrawingAreaErrorKind;
use plotters::prelude::*;

use crate::stats::{Day, Statistics};

/// Size of the picture, in pixels: as wide as a page, and readable at half of that.
const SIZE: (u32, u32) = (960, 480);
/// Size of its title and of its other texts, in pixels.
const TITLE_PIXELS: u32 = 22;
const TEXT_PIXELS: u32 = 15;
/// Days that are named under the picture.
const MAX_DAYS_LABELLED: usize = 8;

type ChartSeries = (&'static str, RGBColor, fn(&Day) -> u64);

/// Lines of the chart: name, colour, and count of a day. The colours of Okabe and Ito's palette differ for people who
/// cannot tell red from green.
const LINES: [ChartSeries; 3] = [
    ("Activations", RGBColor(0, 114, 178), |day| day.activations),
    ("Transfers", RGBColor(230, 159, 0), |day| day.transfers),
    ("Refusals", RGBColor(213, 94, 0), |day| day.refusals),
];

/// An SVG document.
///
/// # Errors
/// The drawing library's error; it only writes into memory.
pub fn svg(statistics: &Statistics) -> Result<String, String> {
    let mut text = String::new();
    draw(statistics, SVGBackend::with_string(&mut text, SIZE)).map_err(|error| error.to_string())?;
    Ok(text)
}

fn draw<'a>(
    statistics: &Statistics,
    backend: SVGBackend<'a>,
) -> Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>> {
    let area = backend.into_drawing_area();
    area.fill(&WHITE)?;
    let days: Vec<_> = statistics.days.iter().collect();
    let counts = days.iter().flat_map(|(_, day)| LINES.map(|(_, _, count)| count(day)));
    let highest = counts.max().unwrap_or_default().max(1);
    let last = days.len().saturating_sub(1).max(1);
    let mut chart = ChartBuilder::on(&area)
        .caption("Licenses: activations, transfers and refusals a day", ("sans-serif", TITLE_PIXELS))
        .margin(16)
        .x_label_area_size(32)
        .y_label_area_size(56)
        .build_cartesian_2d(0..last, 0..highest + highest.div_ceil(10))?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .label_style(("sans-serif", TEXT_PIXELS))
        .x_labels(MAX_DAYS_LABELLED)
        .x_label_formatter(&|index| days.get(*index).map_or_else(String::new, |(start, _)| date(**start)))
        .draw()?;
    for (name, colour, count) in LINES {
        let points = days.iter().enumerate().map(|(index, (_, day))| (index, count(day)));
        let line = LineSeries::new(points, colour.stroke_width(2)).point_size(2);
        chart
            .draw_series(line)?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .label_font(("sans-serif", TEXT_PIXELS))
        .background_style(WHITE.mix(0.8))
        .draw()?;
    area.present()
}

fn date(start: i64) -> String {
    Timestamp::from_millisecond(start).map_or_else(|_| String::new(), |at| at.strftime("%b %-d").to_string())
}

#[cfg(test)]
mod tests {
    use falconer_domain::UnixMillis;

    use super::*;

    #[test]
    fn every_line_is_drawn_and_named() {
        let mut statistics = Statistics::of_days(30, UnixMillis(1_800_000_000_000));
        for (index, day) in statistics.days.values_mut().enumerate() {
            day.activations = index as u64;
        }
        let svg = svg(&statistics).unwrap();
        for (name, RGBColor(red, green, blue), _) in LINES {
            assert!(svg.contains(&format!("{name}\n</text>")), "{name}");
            assert!(svg.contains(&format!("#{red:02X}{green:02X}{blue:02X}")), "{name}");
        }
        assert!(svg.contains("Dec 17\n</text>"), "the first day, 2026-12-17");
        assert!(super::svg(&Statistics::of_days(1, UnixMillis(0))).is_ok(), "one day, nothing counted");
    }
}
