//! A section as horizontal bars, in SVG.

use std::path::Path;

use plotters::{
    prelude::{Color, IntoDrawingArea, IntoFont, RGBColor, Rectangle, SVGBackend, Text},
    style::TextStyle,
};

use crate::{
    rounds::{Row, median},
    section::Unit,
};

const WIDTH: i32 = 760;
const NAMES: i32 = 270;
const VALUES: i32 = 90;
const BAR: i32 = 26;
const TOP: i32 = 34;

const OURS: RGBColor = RGBColor(0x1f, 0x6f, 0xb2);
const THEIRS: RGBColor = RGBColor(0xb0, 0xb0, 0xb0);
const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);

/// A white ground, so that it can be read on dark pages, too.
pub fn draw(file: &Path, title: &str, unit: Unit, rows: &[&Row]) -> Result<(), String> {
    let count = i32::try_from(rows.len()).map_err(|error| error.to_string())?;
    let size = (WIDTH.unsigned_abs(), (TOP + BAR * count + 8).unsigned_abs());
    let area = SVGBackend::new(file, size).into_drawing_area();
    let text = |size: i32| TextStyle::from(("sans-serif", size).into_font()).color(&INK);
    let drawn = (|| {
        area.fill(&RGBColor(0xff, 0xff, 0xff))?;
        area.draw(&Text::new(title.to_owned(), (8, 8), text(16)))?;
        let longest = rows
            .iter()
            .map(|row| median(&row.values))
            .fold(0.0, f64::max);
        for (index, row) in (0..).zip(rows) {
            let (top, value) = (TOP + BAR * index, median(&row.values));
            #[expect(clippy::cast_possible_truncation, reason = "a width of pixels")]
            let length = (f64::from(WIDTH - NAMES - VALUES) * value / longest) as i32;
            let bar = [(NAMES, top), (NAMES + length.max(1), top + BAR - 8)];
            let colour = if is_ours(&row.name) { OURS } else { THEIRS };
            area.draw(&Rectangle::new(bar, colour.filled()))?;
            area.draw(&Text::new(row.name.clone(), (8, top + 3), text(13)))?;
            let at = (NAMES + length + 6, top + 3);
            area.draw(&Text::new(unit.format(value), at, text(13)))?;
        }
        area.present()
    })();
    drawn.map_err(|error| format!("{}: {error}", file.display()))
}

/// The others' names say what they log in with.
fn is_ours(name: &str) -> bool {
    let others = ["pasted", "azure", "ArcSwap"];
    !others.iter().any(|part| name.contains(part))
}
