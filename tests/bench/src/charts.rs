//! The pictures: distributions of latency, cost against volume, growth.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
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
/// Points of a curve.
const STEPS: u32 = 200;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A named curve.
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
    draw(file, |area| {
        let mut chart = ChartBuilder::on(area)
            .caption(title, ("sans-serif", TITLE_PIXELS))
            .margin(16)
            .x_label_area_size(48)
            .y_label_area_size(64)
            .build_cartesian_2d((shortest..longest).log_scale(), 0.0..100.0)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .label_style(("sans-serif", TEXT_PIXELS))
            .x_desc("milliseconds until the answer (each step of the scale is ten times longer)")
            .y_desc("percent answered")
            .draw()?;
        for (curve, colour) in curves.iter().zip(COLOURS) {
            let points = (1..STEPS).map(|step| {
                let part = f64::from(step) / f64::from(STEPS);
                (milliseconds(percentile(&curve.samples, part)).max(shortest), part * 100.0)
            });
            chart
                .draw_series(LineSeries::new(points.collect::<Vec<_>>(), colour.stroke_width(2)))?
                .label(curve.name.as_str())
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerRight)
            .label_font(("sans-serif", TEXT_PIXELS))
            .background_style(WHITE.mix(0.8))
            .draw()?;
        Ok(())
    })
}

/// A month's bill against a month's verifications, beside the small machines.
pub(crate) fn costs(file: &Path, costs: &cost::Costs) -> Result<()> {
    let most = costs.break_even / 1e6 * 2.0;
    draw(file, |area| {
        let mut chart = ChartBuilder::on(area)
            .caption("What a month costs, by list prices", ("sans-serif", TITLE_PIXELS))
            .margin(16)
            .x_label_area_size(48)
            .y_label_area_size(64)
            .build_cartesian_2d(0.0..most, 0.0..cost::SERVER_MONTH * 2.5)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .label_style(("sans-serif", TEXT_PIXELS))
            .x_desc("million verifications a month")
            .y_desc("US dollars a month")
            .draw()?;
        let lines = costs.bills.iter().map(|bill| (bill.name.to_owned(), cost::IDLE_MONTH, bill.million));
        let server = ("two small machines".to_owned(), cost::SERVER_MONTH, 0.0);
        for ((name, idle, million), colour) in lines.chain([server]).zip(COLOURS) {
            let points = [(0.0, idle), (most, idle + most * million)];
            chart
                .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
                .label(name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
        }
        let meeting = Circle::new((costs.break_even / 1e6, cost::SERVER_MONTH), 5, BLACK.filled());
        chart.draw_series([meeting])?;
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .label_font(("sans-serif", TEXT_PIXELS))
            .background_style(WHITE.mix(0.8))
            .draw()?;
        Ok(())
    })
}

/// What a row's line shows.
type ValueOf = fn(&growth::Row) -> f64;

/// Units and the stand-in's latency against the number of licenses.
pub(crate) fn growth(file: &Path, rows: &[growth::Row]) -> Result<()> {
    let sizes = rows.iter().map(|row| real(row.licenses as u64));
    let (least, most) = (sizes.clone().fold(f64::MAX, f64::min), sizes.fold(10.0, f64::max));
    let highest = rows.iter().flat_map(|row| [row.write_units, row.warm.p50_ms]).fold(1.0, f64::max);
    draw(file, |area| {
        let mut chart = ChartBuilder::on(area)
            .caption("One verification, while the table grows", ("sans-serif", TITLE_PIXELS))
            .margin(16)
            .margin_right(56)
            .x_label_area_size(48)
            .y_label_area_size(64)
            .build_cartesian_2d((least..most).log_scale(), 0.0..highest * 1.3)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .label_style(("sans-serif", TEXT_PIXELS))
            .x_desc("licenses in the table")
            .y_desc("units; milliseconds of the stand-in")
            .x_label_formatter(&|size| format!("{size:.0}"))
            .draw()?;
        let lines: [(&str, ValueOf); 3] = [
            ("write units, the audit row's among them", |row| row.write_units),
            ("read units", |row| row.read_units),
            ("milliseconds (p50, the stand-in's among them)", |row| row.warm.p50_ms),
        ];
        for ((name, value), colour) in lines.into_iter().zip(COLOURS) {
            let points = rows.iter().map(|row| (real(row.licenses as u64), value(row)));
            let line = LineSeries::new(points.collect::<Vec<_>>(), colour.stroke_width(2)).point_size(3);
            chart
                .draw_series(line)?
                .label(name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .label_font(("sans-serif", TEXT_PIXELS))
            .background_style(WHITE.mix(0.8))
            .draw()?;
        Ok(())
    })
}

type Drawn = std::result::Result<(), Box<dyn std::error::Error + Send + Sync>>;

fn draw(file: &Path, picture: impl FnOnce(&Area<'_>) -> Drawn) -> Result<()> {
    let area = SVGBackend::new(file, SIZE).into_drawing_area();
    let drawn = area
        .fill(&WHITE)
        .map_err(Into::into)
        .and_then(|()| picture(&area))
        .and_then(|()| area.present().map_err(Into::into));
    drawn.map_err(|why| anyhow!("{} cannot be drawn: {why}", file.display()))
}
