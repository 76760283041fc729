//! Tables for people.

use std::io::Write;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::SchemaRef;
use serde_json::Value;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{Layout, value};

/// A column is not made narrower than this; what then still does not fit is shown record by record.
const NARROWEST: usize = 8;

/// Writes all rows; gives the number of columns left out.
pub(super) fn write(
    out: &mut impl Write,
    schema: &SchemaRef,
    batches: &[RecordBatch],
    layout: Layout,
) -> std::io::Result<usize> {
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let shown: Vec<usize> = (0..schema.fields().len())
        .filter(|&column| {
            !layout.hide_empty
                || rows == 0
                || batches
                    .iter()
                    .any(|batch| batch.column(column).logical_null_count() < batch.num_rows())
        })
        .collect();
    let hidden = schema.fields().len() - shown.len();
    let names: Vec<&str> = shown
        .iter()
        .map(|&column| schema.field(column).name().as_str())
        .collect();
    let cells: Vec<Vec<Cell>> = batches
        .iter()
        .flat_map(|batch| {
            let shown = &shown;
            (0..batch.num_rows()).map(move |row| {
                shown
                    .iter()
                    .map(|&column| Cell::of(value(batch.column(column), row)))
                    .collect()
            })
        })
        .collect();
    match widths(&names, &cells, layout.width) {
        Some(widths) => grid(out, &names, &cells, &widths)?,
        None => records(out, &names, &cells, layout.width.unwrap_or(usize::MAX))?,
    }
    Ok(hidden)
}

struct Cell {
    text: String,
    width: usize,
    right: bool,
}

impl Cell {
    fn of(value: Value) -> Cell {
        let right = value.is_number();
        let text = match value {
            Value::Null => String::new(),
            Value::String(text) => printable(&text),
            Value::Array(items) => {
                let items: Vec<String> = items
                    .into_iter()
                    .map(|item| match item {
                        Value::String(text) => printable(&text),
                        other => other.to_string(),
                    })
                    .collect();
                items.join(", ")
            }
            other => printable(&other.to_string()),
        };
        let width = text.width();
        Cell { text, width, right }
    }
}

/// Control characters (line breaks, escapes, direction marks) as a Rust-like escape.
fn printable(text: &str) -> String {
    let harmless = |c: char| {
        !c.is_control()
            && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.chars().all(harmless) {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if harmless(c) {
            shown.push(c);
        } else {
            shown.extend(c.escape_default());
        }
    }
    shown
}

/// Width of each column; `None` if the screen is too narrow for a grid.
fn widths(names: &[&str], cells: &[Vec<Cell>], screen: Option<usize>) -> Option<Vec<usize>> {
    let mut widths: Vec<usize> = names.iter().map(|name| name.width()).collect();
    for row in cells {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width);
        }
    }
    let Some(screen) = screen else {
        return Some(widths);
    };
    let room = screen.checked_sub(3 * names.len().saturating_sub(1))?;
    let narrowest: usize = widths.iter().map(|&width| width.min(NARROWEST)).sum();
    if narrowest > room {
        return None;
    }
    // The widest columns give way first.
    let mut total: usize = widths.iter().sum();
    while total > room {
        let widest = widths.iter().copied().max().unwrap_or(0);
        let next = widths.iter().copied().filter(|&w| w < widest).max().unwrap_or(0);
        let many = widths.iter().filter(|&&w| w == widest).count();
        let step = (widest - next.max(NARROWEST).min(widest - 1))
            .min((total - room).div_ceil(many))
            .max(1);
        for width in widths.iter_mut().filter(|w| **w == widest) {
            if total > room {
                *width -= step;
                total -= step;
            }
        }
    }
    Some(widths)
}

fn grid(out: &mut impl Write, names: &[&str], cells: &[Vec<Cell>], widths: &[usize]) -> std::io::Result<()> {
    let last = widths.len().saturating_sub(1);
    let header: Vec<String> = names
        .iter()
        .zip(widths)
        .enumerate()
        .map(|(at, (name, &width))| padded(name, width, false, at == last))
        .collect();
    writeln!(out, "{}", header.join(" │ "))?;
    let rule: Vec<String> = widths.iter().map(|&width| "─".repeat(width)).collect();
    writeln!(out, "{}", rule.join("─┼─"))?;
    for row in cells {
        let line: Vec<String> = row
            .iter()
            .zip(widths)
            .enumerate()
            .map(|(at, (cell, &width))| padded(&cell.text, width, cell.right, at == last))
            .collect();
        writeln!(out, "{}", line.join(" │ "))?;
    }
    Ok(())
}

/// One record after the other, a value a line, empty ones left out.
fn records(out: &mut impl Write, names: &[&str], cells: &[Vec<Cell>], screen: usize) -> std::io::Result<()> {
    let name_width = names.iter().map(|name| name.width()).max().unwrap_or(0);
    let room = screen.saturating_sub(name_width + 3).max(NARROWEST);
    for (number, row) in cells.iter().enumerate() {
        writeln!(out, "── row {} {}", number + 1, "─".repeat(8))?;
        for (name, cell) in names.iter().zip(row).filter(|(_, cell)| !cell.text.is_empty()) {
            let value = padded(&cell.text, room, false, true);
            writeln!(out, "{} │ {value}", padded(name, name_width, false, false))?;
        }
    }
    Ok(())
}

/// `text` in exactly `width` columns, cut with an ellipsis; the last column needs no blanks after it.
fn padded(text: &str, width: usize, right: bool, last: bool) -> String {
    let mut shown = String::new();
    let mut taken = text.width();
    if taken > width {
        taken = 0;
        for c in text.chars() {
            let next = c.width().unwrap_or(0);
            if taken + next + 1 > width {
                break;
            }
            taken += next;
            shown.push(c);
        }
        shown.push('…');
        taken += 1;
    } else {
        shown.push_str(text);
    }
    let blanks = " ".repeat(width.saturating_sub(taken));
    match (right, last) {
        (true, _) => format!("{blanks}{shown}"),
        (false, true) => shown,
        (false, false) => format!("{shown}{blanks}"),
    }
}
