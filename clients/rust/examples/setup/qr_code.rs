//! A request as a QR code in a terminal.

use falconer_client::AirGapText;
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};
use ratatui::layout::Rect;
use ratatui::text::Line;

/// The request as a QR code below some lines, which are wrapped, or the size that the window needs for it. The text of a file reads better
/// than a code that is cut or wrapped.
pub(crate) fn drawn(request: &AirGapText, body: Rect, above: &[Line<'_>]) -> Vec<Line<'static>> {
    let Some(code) = qr_code(request) else { return Vec::new() };
    // The border and its padding: one line above and below, two columns on either side.
    let (width, height) =
        (usize::from(body.width).saturating_sub(4), usize::from(body.height).saturating_sub(2));
    let above: usize = above.iter().map(|line| line.width().div_ceil(width.max(1)).max(1)).sum();
    let columns = code.first().map_or(0, |row| row.chars().count());
    if columns <= width && above + code.len() <= height {
        return code.into_iter().map(Line::from).collect();
    }
    let size = format!("{} columns and {} lines", columns + 4, above + code.len() + 3);
    let words = [format!("Save the request as {}, or enlarge this window to", request.file_name), size];
    vec![Line::from(format!("{} to photograph it as a QR code.", words.join(" ")))]
}

/// Lines of a QR code, two rows of it in each. The short text has the characters of the compact mode alone.
fn qr_code(request: &AirGapText) -> Option<Vec<String>> {
    let code = QrCode::with_error_correction_level(&request.short, EcLevel::L).ok()?;
    let drawn = code.render::<Dense1x2>().quiet_zone(true).build();
    Some(drawn.lines().map(str::to_owned).collect())
}
