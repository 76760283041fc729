//! Plain text tables, and the same rows for machines.

use std::io::Write;

use anstyle::Style;
use serde::Serialize;

use crate::cli::Structured;

/// One cell: its text and how it looks on a terminal.
#[derive(Debug, Clone)]
pub struct Cell {
    text: String,
    style: Style,
    right: bool,
}

impl Cell {
    /// Text.
    pub fn new(text: impl Into<String>) -> Self {
        Cell {
            text: text.into(),
            style: Style::new(),
            right: false,
        }
    }

    /// A number, with thousands set apart, to the right.
    pub fn number(number: u64) -> Self {
        Cell {
            text: thousands(number),
            style: Style::new(),
            right: true,
        }
    }

    /// With a style.
    pub fn styled(mut self, style: Style) -> Self {
        self.style = style;
        self
    }
}

/// Prints rows under a heading; columns are as wide as their widest cell, at most `limit` characters.
pub fn print(out: &mut dyn Write, heading: &[&str], rows: &[Vec<Cell>], limit: usize) -> std::io::Result<()> {
    let mut widths: Vec<usize> = heading.iter().map(|h| h.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.text.chars().count().min(limit));
        }
    }
    let style = crate::ui::style::HEADING;
    for (position, (head, width)) in heading.iter().zip(&widths).enumerate() {
        let gap = if position == 0 { "" } else { "  " };
        write!(out, "{gap}{style}{head:<width$}{style:#}")?;
    }
    writeln!(out)?;
    for row in rows {
        for (position, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let gap = if position == 0 { "" } else { "  " };
            let text = clipped(&cell.text, limit);
            let pad = " ".repeat(width - text.chars().count());
            let style = cell.style;
            if cell.right {
                write!(out, "{gap}{pad}{style}{text}{style:#}")?;
            } else if position + 1 == row.len() {
                write!(out, "{gap}{style}{text}{style:#}")?;
            } else {
                write!(out, "{gap}{style}{text}{style:#}{pad}")?;
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

/// `text` on one line, cut to `limit` characters with an ellipsis. Control characters of logs must not
/// reach the terminal.
pub fn clipped(text: &str, limit: usize) -> String {
    let clean = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c });
    if text.chars().count() <= limit {
        return clean.collect();
    }
    let mut cut: String = clean.take(limit.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// 1234567 → 1,234,567.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// 1536 → 1.5 KiB.
pub fn bytes(number: u64) -> String {
    let mut value = number as f64;
    for unit in ["B", "KiB", "MiB", "GiB", "TiB"] {
        if value < 1024.0 || unit == "TiB" {
            return if unit == "B" {
                format!("{value} B")
            } else {
                format!("{value:.1} {unit}")
            };
        }
        value /= 1024.0;
    }
    unreachable!("the last unit always returns")
}

/// Serialisable rows as JSON, JSON lines or CSV. Returns false for [`Structured::Table`], which the caller
/// prints itself.
pub fn machine<T: Serialize>(out: &mut dyn Write, rows: &[T], form: Structured) -> std::io::Result<bool> {
    match form {
        Structured::Table => return Ok(false),
        Structured::Json => {
            serde_json::to_writer_pretty(&mut *out, rows)?;
            writeln!(out)?;
        }
        Structured::Jsonl => {
            for row in rows {
                serde_json::to_writer(&mut *out, row)?;
                writeln!(out)?;
            }
        }
        Structured::Csv => csv(out, rows)?,
    }
    Ok(true)
}

fn csv<T: Serialize>(out: &mut dyn Write, rows: &[T]) -> std::io::Result<()> {
    let objects = rows
        .iter()
        .map(serde_json::to_value)
        .collect::<Result<Vec<_>, _>>()?;
    let Some(serde_json::Value::Object(first)) = objects.first() else {
        return Ok(());
    };
    let names: Vec<&String> = first.keys().collect();
    csv_line(out, names.iter().map(|name| name.to_string()))?;
    for object in &objects {
        csv_line(
            out,
            names.iter().map(|name| match &object[name.as_str()] {
                serde_json::Value::Null => String::new(),
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            }),
        )?;
    }
    Ok(())
}

/// One line of CSV (RFC 4180). A cell that a spreadsheet would run as a formula gets an apostrophe in
/// front: log content is written by attackers.
pub fn csv_line(out: &mut dyn Write, cells: impl Iterator<Item = String>) -> std::io::Result<()> {
    for (position, cell) in cells.enumerate() {
        if position > 0 {
            out.write_all(b",")?;
        }
        let guarded = if cell.starts_with(['=', '+', '@', '\t', '\r'])
            || (cell.starts_with('-') && cell.len() > 1 && cell.parse::<f64>().is_err())
        {
            format!("'{cell}")
        } else {
            cell
        };
        if guarded.contains(['"', ',', '\n', '\r']) {
            write!(out, "\"{}\"", guarded.replace('"', "\"\""))?;
        } else {
            out.write_all(guarded.as_bytes())?;
        }
    }
    out.write_all(b"\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_sizes_for_people() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(12), "12 B");
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        assert_eq!(clipped("a\u{1b}[31mb", 20), "a\u{fffd}[31mb");
        assert_eq!(clipped("abcdef", 4), "abc…");
    }

    #[test]
    fn csv_quotes_and_disarms() {
        let mut line = Vec::new();
        let cells = ["a,b", "say \"x\"", "=cmd()", "-5"].map(String::from);
        csv_line(&mut line, cells.into_iter()).unwrap();
        assert_eq!(
            String::from_utf8(line).unwrap(),
            "\"a,b\",\"say \"\"x\"\"\",'=cmd(),-5\r\n"
        );
    }
}
