//! The pictures: distributions of latency, cost against volume, growth.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, anyhow};
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::drawing::DrawingAreaErrorKind;
use plotters::prelude::*;

use crate::figures::{milliseconds, percentile, real};
use crate::{cost, growth};

/// Size of a picture, in pixels.
const SIZE: (u32, u32) = (960, 480);
const TITLE_PIXELS: u32 = 22;
const TEXT_PIXELS: u32 = 15;
/// Colours that differ for those who see no red or green, after Okabe and Ito's palette.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(230, 159, 0),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
];
/// The list of lines under a picture: columns, and the height of a row. It lies below the axes, so it covers no curve.
const LEGEND_COLUMNS: usize = 3;
const LEGEND_ROW_PIXELS: i32 = 24;
/// Points of a curve.
const STEPS: u32 = 200;

/// A named distribution.
pub(crate) struct Curve {
    pub(crate) name: String,
    pub(crate) samples: Vec<Duration>,
}

/// How many of the answers were there after how long.
pub(crate) fn latency(file: &Path, title: &str, curves: &[Curve]) -> Result<()> {
    let longest = curves.iter().map(|curve| milliseconds(percentile(&curve.samples, 0.995)));
    let longest = longest.fold(1.0_f64, f64::max);
    let shortest = curves.iter().map(|curve| milliseconds(percentile(&curve.samples, 0.01)));
    let shortest = shortest.fold(longest, f64::min).max(0.05);
    let line = |curve: &Curve| {
        let points = (1..STEPS).map(|step| {
            let part = f64::from(step) / f64::from(STEPS);
            (milliseconds(percentile(&curve.samples, part)).max(shortest), part * 100.0)
        });
        ChartLine { name: curve.name.clone(), points: points.collect(), point_pixels: 0 }
    };
    let picture = Picture {
        title,
        across: "milliseconds until the answer (each step of the scale is twice as long)",
        up: "percent answered",
        lines: curves.iter().map(line).collect(),
    };
    draw(file, &picture, (shortest..longest).log_scale().base(2.0), 0.0..100.0)
}

/// A month's bill against a month's verifications, beside the small machines.
pub(crate) fn costs(file: &Path, costs: &cost::Costs) -> Result<()> {
    let break_even = costs.break_even / 1e6;
    let most = break_even * 2.0;
    let line = |name: &str, idle: f64, million: f64| {
        let points = vec![(0.0, idle), (most, idle + most * million)];
        ChartLine { name: name.to_owned(), points, point_pixels: 0 }
    };
    let mut lines: Vec<_> =
        costs.bills.iter().map(|bill| line(bill.name, cost::IDLE_MONTH, bill.million)).collect();
    lines.push(line("two small machines", cost::SERVER_MONTH, 0.0));
    lines.push(ChartLine {
        name: format!("break-even at {break_even:.1} million"),
        points: vec![(break_even, cost::SERVER_MONTH)],
        point_pixels: 5,
    });
    let picture = Picture {
        title: "What a month costs, by list prices",
        across: "million verifications a month",
        up: "US dollars a month",
        lines,
    };
    draw(file, &picture, 0.0..most, 0.0..cost::SERVER_MONTH * 2.5)
}

/// The value that a row's line shows.
type ValueOf = fn(&growth::GrowthRow) -> f64;

/// Units and the stand-in's latency against the number of licenses.
pub(crate) fn growth(file: &Path, rows: &[growth::GrowthRow]) -> Result<()> {
    let sizes = rows.iter().map(|row| real(row.licenses as u64));
    let (least, most) = (sizes.clone().fold(f64::MAX, f64::min), sizes.fold(10.0, f64::max));
    let highest = rows.iter().flat_map(|row| [row.write_units, row.warm.p50_ms]).fold(1.0, f64::max);
    let lines: [(&str, ValueOf); 3] = [
        ("write units, the audit row's among them", |row| row.write_units),
        ("read units", |row| row.read_units),
        ("milliseconds (p50, the stand-in's among them)", |row| row.warm.p50_ms),
    ];
    let line = |(name, value): (&str, ValueOf)| {
        let points = rows.iter().map(|row| (real(row.licenses as u64), value(row)));
        ChartLine { name: name.to_owned(), points: points.collect(), point_pixels: 3 }
    };
    let picture = Picture {
        title: "One verification, while the table grows",
        across: "licenses in the table",
        up: "units; milliseconds of the stand-in",
        lines: lines.map(line).into(),
    };
    draw(file, &picture, (least..most).log_scale(), 0.0..highest * 1.3)
}

/// Lines over two axes, and their names.
struct Picture<'a> {
    title: &'a str,
    across: &'a str,
    up: &'a str,
    lines: Vec<ChartLine>,
}

struct ChartLine {
    name: String,
    points: Vec<(f64, f64)>,
    /// How large each point is shown; none is at 0.
    point_pixels: u32,
}

fn draw<X>(
    file: &Path,
    picture: &Picture<'_>,
    across: impl AsRangedCoord<CoordDescType = X, Value = f64>,
    up: Range<f64>,
) -> Result<()>
where
    X: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let drawn = || -> std::result::Result<(), DrawingAreaErrorKind<_>> {
        let area = SVGBackend::new(file, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let rows = i32::try_from(picture.lines.len().div_ceil(LEGEND_COLUMNS)).unwrap_or_default();
        let (axes, legend) = area.split_vertically(SIZE.1.saturating_add_signed(-rows * LEGEND_ROW_PIXELS));
        let mut chart = ChartBuilder::on(&axes)
            .caption(picture.title, ("sans-serif", TITLE_PIXELS))
            .margin(16)
            // The last number under the picture is as wide.
            .margin_right(56)
            .x_label_area_size(48)
            .y_label_area_size(64)
            .build_cartesian_2d(across, up)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .label_style(("sans-serif", TEXT_PIXELS))
            .x_label_formatter(&|number| number.to_string())
            .x_desc(picture.across)
            .y_desc(picture.up)
            .draw()?;
        for (line, colour) in picture.lines.iter().zip(COLOURS) {
            let points = line.points.iter().copied();
            chart
                .draw_series(LineSeries::new(points, colour.stroke_width(2)).point_size(line.point_pixels))?;
        }
        let font = ("sans-serif", TEXT_PIXELS).into_font();
        let cells = legend.split_evenly((rows.unsigned_abs() as usize, LEGEND_COLUMNS));
        for ((line, colour), cell) in picture.lines.iter().zip(COLOURS).zip(cells) {
            cell.draw(&PathElement::new([(40, 8), (60, 8)], colour.stroke_width(3)))?;
            cell.draw(&Text::new(line.name.clone(), (68, 1), font.clone()))?;
        }
        area.present()
    };
    drawn().map_err(|why| anyhow!("{} cannot be drawn: {why}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_lines_cover_no_curve() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("latency.svg");
        let samples: Vec<_> = (1..100).map(Duration::from_millis).collect();
        let curves = ["verify", "bare-calls", "hello", "sdk-defaults"];
        let curves = curves.map(|name| Curve { name: name.to_owned(), samples: samples.clone() });
        latency(&file, "Title", &curves).unwrap();
        let svg = std::fs::read_to_string(&file).unwrap();
        let lowest_of_the_axes = SIZE.1.cast_signed() - 2 * LEGEND_ROW_PIXELS;
        for curve in &curves {
            let (before, _) = svg.split_once(&format!("{}\n</text>", curve.name)).unwrap();
            let (_, attribute) = before.rsplit_once(" y=\"").unwrap();
            let y: i32 = attribute.split_once('"').unwrap().0.parse().unwrap();
            assert!(y >= lowest_of_the_axes, "{} at {y}", curve.name);
        }
    }
}
