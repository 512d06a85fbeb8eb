//! The pictures: distributions of latency, cost against volume, growth.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use falconer_operator::chart::{ChartLine, PageWidth, Picture, plain};
use plotters::prelude::IntoLogRange as _;

use crate::figures::{milliseconds, percentile, real};
use crate::{cost, growth};

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
        page: PageWidth::Wide,
        title,
        across: "milliseconds until the answer (each step of the scale is twice as long)",
        up: "percent answered",
        lines: curves.iter().map(line).collect(),
        label: &plain,
    };
    write(file, picture.svg((shortest..longest).log_scale().base(2.0), 0.0..100.0))
}

/// A month's bill against a month's verifications, beside the small machines.
pub(crate) fn costs(file: &Path, costs: &cost::Costs) -> Result<()> {
    let break_even = costs.break_even / 1e6;
    let most = break_even * 2.0;
    let highest = cost::SERVER_MONTH * 2.5;
    // A point beyond the axis would be drawn at its end, and the line would have another slope.
    let line = |name: &str, idle: f64, million: f64| {
        let end = if idle + most * million > highest { (highest - idle) / million } else { most };
        let points = vec![(0.0, idle), (end, idle + end * million)];
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
        page: PageWidth::Wide,
        title: "What a month costs, by list prices",
        across: "million verifications a month",
        up: "US dollars a month",
        lines,
        label: &plain,
    };
    write(file, picture.svg(0.0..most, 0.0..highest))
}

/// The value that a row's line shows.
type ValueOf = fn(&growth::GrowthRow) -> f64;

/// Units and the stand-in's latency against the number of licenses.
pub(crate) fn growth(file: &Path, rows: &[growth::GrowthRow]) -> Result<()> {
    let sizes = rows.iter().map(|row| real(row.licenses as u64));
    let (least, most) = (sizes.clone().fold(f64::MAX, f64::min), sizes.fold(10.0, f64::max));
    let highest = rows.iter().flat_map(|row| [row.write_units, row.warm.p50_ms]).fold(1.0, f64::max);
    let lines: [(&str, ValueOf); 3] = [
        ("write units, with the audit row", |row| row.write_units),
        ("read units", |row| row.read_units),
        ("milliseconds, p50", |row| row.warm.p50_ms),
    ];
    let line = |(name, value): (&str, ValueOf)| {
        let points = rows.iter().map(|row| (real(row.licenses as u64), value(row)));
        ChartLine { name: name.to_owned(), points: points.collect(), point_pixels: 3 }
    };
    let picture = Picture {
        page: PageWidth::Wide,
        title: "One verification, while the table grows",
        across: "licenses in the table",
        up: "units; milliseconds of the stand-in",
        lines: lines.map(line).into(),
        label: &plain,
    };
    write(file, picture.svg((least..most).log_scale(), 0.0..highest * 1.3))
}

fn write(file: &Path, svg: Result<String, String>) -> Result<()> {
    let svg = svg.map_err(|why| anyhow!("{} cannot be drawn: {why}", file.display()))?;
    std::fs::write(file, svg).with_context(|| format!("{} cannot be written", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where each text that is not turned begins and ends across the picture, by an estimate, its top, and its words.
    fn texts(svg: &str) -> Vec<(f64, f64, f64, String)> {
        let of = |text: &str| {
            let attribute =
                |name: &str| text.split_once(&format!("{name}=\"")).unwrap().1.split('"').next().unwrap();
            let number = |name: &str| attribute(name).parse::<f64>().unwrap();
            let words = text.split_once('>').unwrap().1.split("</text>").next().unwrap().trim().to_owned();
            let width = 0.62 * number("font-size") * real(words.chars().count() as u64);
            let left = match text.split_once("text-anchor=\"").map_or("start", |(_, rest)| &rest[..3]) {
                "mid" => number("x") - width / 2.0,
                "end" => number("x") - width,
                _ => number("x"),
            };
            (left, left + width, number("y"), words)
        };
        svg.split("<text ").skip(1).filter(|text| !text.contains("rotate(")).map(of).collect()
    }

    /// No text leaves the picture or another's place, and every name of a line is below all curves.
    fn is_readable(svg: &str, file: &str) {
        let texts = texts(svg);
        for (left, right, _, words) in &texts {
            assert!(
                0.0 <= *left && *right <= f64::from(PageWidth::Wide.size().0),
                "{file}: {words} from {left} to {right}"
            );
        }
        let curves = svg.split("<polyline ").skip(1).filter(|line| line.contains("stroke-width=\"2\""));
        let points = curves
            .flat_map(|line| line.split_once("points=\"").unwrap().1.split('"').next().unwrap().split(' '));
        let heights =
            points.filter_map(|point| point.split_once(',')).map(|(_, y)| y.parse::<f64>().unwrap());
        let lowest = heights.fold(0.0, f64::max);
        // Labels of the axes are in the middle or at the end of their place.
        let names: Vec<_> =
            texts.iter().filter(|(.., words)| svg.contains(&format!("#000000\">\n{words}\n"))).collect();
        let names: Vec<_> = names.into_iter().filter(|(_, _, top, _)| *top > lowest + 40.0).collect();
        let drawn = svg.matches("stroke-width=\"3\"").count();
        assert!(drawn > 1 && names.len() >= drawn, "{file}: {drawn} lines, {} names below them", names.len());
        for (left, right, top, words) in &names {
            let covered = names.iter().filter(|other| (other.2 - *top).abs() < 1.0 && other.3 != *words);
            assert!(
                covered.into_iter().all(|other| other.1 <= *left || *right <= other.0),
                "{file}: {words}"
            );
        }
        let (width, height) = PageWidth::Wide.size();
        let ground = format!("width=\"{width}\" height=\"{height}\" opacity=\"1\" fill=\"#FFFFFF\"");
        assert!(svg.contains(&ground), "{file}: black letters need a ground of their own on a dark page");
    }

    fn drawn(draw: impl Fn(&Path) -> Result<()>) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("picture.svg");
        draw(&file).unwrap();
        std::fs::read_to_string(file).unwrap()
    }

    #[test]
    fn names_of_lines_cover_no_curve() {
        let samples: Vec<_> = (1..100).map(Duration::from_millis).collect();
        let curves = ["verify", "bare-calls", "hello", "sdk-defaults", "python"];
        let curves = curves.map(|name| Curve { name: name.to_owned(), samples: samples.clone() });
        is_readable(&drawn(|file| latency(file, "Title", &curves)), "latency");
        let bytes = crate::servers::Bytes { response: 1_381, log: 426 };
        let measured = cost::Measured { wall_ms: 10.2, processor_ms: 1.8, bytes };
        let bill = |name| cost::Bill { name, billed_ms: 20.7, million: 2.37 };
        let names = [
            "falconer",
            "falconer, VERIFY_AUDIT=refusals",
            "falconer, everything on",
            "python, one call after the other",
        ];
        let costs = cost::Costs { falconer: measured, bills: names.map(bill).into(), break_even: 8.2e6 };
        let picture = drawn(|file| super::costs(file, &costs));
        is_readable(&picture, "costs");
        let row = |licenses| growth::GrowthRow {
            licenses,
            read_units: 1.0,
            write_units: 2.0,
            item_bytes: 594,
            warm: crate::figures::Spread { p50_ms: 1.5, p99_ms: 2.2, count: 100 },
        };
        let rows = [10_000, 100_000, 1_000_000].map(row);
        is_readable(&drawn(|file| super::growth(file, &rows)), "growth");
    }

    /// $8.42 a million leave a picture of $50 before the sixth million of eleven: at its top, and not in its corner.
    #[test]
    fn steep_line_ends_at_the_top() {
        let bytes = crate::servers::Bytes { response: 1_381, log: 426 };
        let measured = cost::Measured { wall_ms: 10.2, processor_ms: 1.8, bytes };
        let bill = cost::Bill { name: "falconer, everything on", billed_ms: 20.7, million: 8.42 };
        let costs = cost::Costs { falconer: measured, bills: vec![bill], break_even: 5.6e6 };
        let picture = drawn(|file| super::costs(file, &costs));
        let curve = picture.split("stroke-width=\"2\" points=\"").nth(1).unwrap().split('"').next().unwrap();
        let end: f64 = curve.split(' ').nth(1).unwrap().split(',').next().unwrap().parse().unwrap();
        assert!((480.0..560.0).contains(&end), "the line ends at {end}, and the picture at 903");
    }

    #[test]
    fn stored_pictures_are_readable() {
        let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/results");
        let mut seen = 0;
        for entry in std::fs::read_dir(results).unwrap() {
            let file = entry.unwrap().path();
            if file.extension().is_some_and(|extension| extension == "svg") {
                is_readable(&std::fs::read_to_string(&file).unwrap(), &file.display().to_string());
                seen += 1;
            }
        }
        assert!(seen > 3, "{seen} pictures in docs/results");
    }
}
