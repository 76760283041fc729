//! `borzoi expected`: alerts that somebody expects for a time.

use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use borzoi_engine::alert::Alert;
use borzoi_engine::expected::{Entry, entries, entries_so_far};
use chrono::{DateTime, Datelike, Duration, SecondsFormat, Utc};
use serde::Serialize;

use crate::cli::{ExpectedCommand, Structured};
use crate::exit::{Exit, Failure};
use crate::ui::style;
use crate::ui::table::{self, Cell};

/// Runs the command.
pub fn run(command: &ExpectedCommand) -> Result<Exit, Failure> {
    match command {
        ExpectedCommand::Add {
            file,
            alerts,
            span,
            note,
        } => add(file, alerts, span.0, note),
        ExpectedCommand::List { file, output } => list(file, *output),
        ExpectedCommand::Remove { file, line } => remove(file, *line),
    }
}

/// Of the alert's time, not of today: what was found in old logs is expected in them.
fn until(alert: &Alert, span: i64) -> String {
    let time = DateTime::parse_from_rfc3339(&alert.time).map(|time| time.with_timezone(&Utc));
    let time = time.unwrap_or_else(|_| Utc::now());
    let until = time.checked_add_signed(Duration::microseconds(span));
    // A year of more than four digits is no time that could be read again.
    let until = until.filter(|until| until.year() <= 9999);
    until.map_or_else(
        || "9999-12-31T23:59:59Z".to_owned(),
        |until| until.to_rfc3339_opts(SecondsFormat::Secs, true),
    )
}

fn add(file: &Path, alerts: &str, span: i64, note: &str) -> Result<Exit, Failure> {
    // What is there must be readable before more is put behind it.
    let known = entries_so_far(file).map_err(Failure::new)?;
    let mut known: Vec<Entry> = known.into_iter().map(|(_, entry)| entry).collect();
    let reader: Box<dyn BufRead> = match alerts {
        "-" => Box::new(io::stdin().lock()),
        path => Box::new(BufReader::new(
            std::fs::File::open(path).map_err(|error| Failure::new(format!("{path}: {error}")))?,
        )),
    };
    let mut lines = String::new();
    let (mut added, mut covered) = (0_u64, 0_u64);
    for (number, line) in reader.lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let alert: Alert = serde_json::from_str(&line).map_err(|error| {
            Failure::new(format!(
                "{alerts}:{}: no alert as `borzoi scan --output jsonl` writes it: {error}",
                number + 1
            ))
        })?;
        let Some(entry) = Entry::of_alert(&alert, &until(&alert, span), note) else {
            return Err(Failure::new(format!(
                "{alerts}:{}: the alert of a rule about single events; a filter of Sigma (docs/rules.md) leaves out what is expected of those",
                number + 1
            )));
        };
        if known.iter().any(|known| known.covers(&entry)) {
            covered += 1;
            continue;
        }
        if entry.bar.is_none() {
            anstream::eprintln!(
                "{}warning:{:#} all findings of `{}` of {} are held back until {}, however far out",
                style::WARNING,
                style::WARNING,
                entry.title,
                group_text(&entry),
                entry.until
            );
        }
        lines.push_str(&serde_json::to_string(&entry).map_err(Failure::new)?);
        lines.push('\n');
        known.push(entry);
        added += 1;
    }
    if covered > 0 {
        anstream::eprintln!("{covered} not added: {} holds them back already", file.display());
    }
    if added == 0 && covered == 0 {
        return Err(Failure::new(format!(
            "{alerts}: no alerts in it; `borzoi scan --output jsonl` writes them"
        )));
    }
    if added == 0 {
        return Ok(Exit::Done);
    }
    let written = OpenOptions::new()
        .create(true)
        .append(true)
        .open(file)
        .and_then(|mut out| out.write_all(lines.as_bytes()));
    written.map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
    anstream::eprintln!(
        "{added} added to {}; `borzoi scan --expected {}` holds them back",
        file.display(),
        file.display()
    );
    Ok(Exit::Done)
}

/// The group in words.
fn group_text(entry: &Entry) -> String {
    let values = entry.group.iter().map(|(field, value)| match value {
        serde_json::Value::String(text) => format!("{field}={text}"),
        other => format!("{field}={other}"),
    });
    match entry.group.is_empty() {
        true => "all events".to_owned(),
        false => values.collect::<Vec<_>>().join(" "),
    }
}

/// What is held back, in three significant digits: numbers up to the bar, or from it on where what is too low is expected.
fn bar_text(entry: &Entry) -> String {
    let Some(bar) = entry.bar else {
        return "all".to_owned();
    };
    let side = if entry.low { ">=" } else { "<=" };
    // Digits behind the point that three significant ones leave.
    let digits = match bar.abs() {
        size if size > 0.0 && size.is_finite() => 2 - size.log10().floor() as i32,
        _ => 0,
    };
    match digits {
        // More would be zeros that nobody counts.
        9.. => format!("{side} {bar:.2e}"),
        0.. => format!("{side} {bar:.*}", digits as usize),
        _ => {
            let unit = 10_f64.powi(-digits);
            format!("{side} {:.0}", (bar / unit).round() * unit)
        }
    }
}

/// One entry, for machines: all rows have the same columns.
#[derive(Serialize)]
struct Row<'e> {
    line: usize,
    rule: &'e str,
    title: &'e str,
    tenant: &'e str,
    group: &'e serde_json::Map<String, serde_json::Value>,
    bar: Option<f64>,
    low: bool,
    until: &'e str,
    note: &'e str,
}

fn list(file: &Path, form: Structured) -> Result<Exit, Failure> {
    let entries = entries(file).map_err(Failure::new)?;
    let mut out = super::stdout();
    let rows = entries.iter().map(|(line, entry)| Row {
        line: *line,
        rule: &entry.rule,
        title: &entry.title,
        tenant: &entry.tenant,
        group: &entry.group,
        bar: entry.bar,
        low: entry.low,
        until: &entry.until,
        note: &entry.note,
    });
    if table::machine(&mut out, &rows.collect::<Vec<_>>(), form)? {
        out.flush()?;
        return Ok(Exit::Done);
    }
    let cells: Vec<Vec<Cell>> = entries
        .iter()
        .map(|(line, entry)| {
            vec![
                Cell::number(*line as u64),
                Cell::new(match entry.title.is_empty() {
                    true => entry.rule.clone(),
                    false => entry.title.clone(),
                }),
                Cell::new(entry.tenant.clone()),
                Cell::new(group_text(entry)),
                Cell::new(bar_text(entry)),
                Cell::new(entry.until.clone()),
                Cell::new(entry.note.clone()),
            ]
        })
        .collect();
    table::print(
        &mut out,
        &["LINE", "RULE", "TENANT", "GROUP", "BAR", "UNTIL", "NOTE"],
        &cells,
        64,
    )?;
    out.flush()?;
    Ok(Exit::Done)
}

fn remove(file: &Path, line: usize) -> Result<Exit, Failure> {
    let all = entries(file).map_err(Failure::new)?;
    if !all.iter().any(|(known, _)| *known == line) {
        return Err(Failure::new(format!(
            "{}: line {line} is no entry; `borzoi expected list` numbers them",
            file.display()
        )));
    }
    let text = std::fs::read_to_string(file)?;
    let kept = text.lines().enumerate().filter(|(number, _)| number + 1 != line);
    let kept: String = kept.map(|(_, text)| format!("{text}\n")).collect();
    // Beside it first: a full disk must not lose the others.
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let beside = folder.join(format!(".{name}.new"));
    std::fs::write(&beside, kept)
        .and_then(|()| std::fs::rename(&beside, file))
        .map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(bar: Option<f64>, low: bool) -> Entry {
        Entry {
            rule: "rule".into(),
            title: "A rule".into(),
            tenant: "default".into(),
            group: [("user".to_owned(), "anna".into()), ("port".to_owned(), 22.into())]
                .into_iter()
                .collect(),
            bar,
            low,
            until: "2026-12-01T00:00:00Z".into(),
            note: String::new(),
        }
    }

    #[test]
    fn bars_have_three_digits_and_a_side() {
        let text = |bar, low| bar_text(&entry(Some(bar), low));
        assert_eq!(text(27_136_502.0, false), "<= 27100000");
        assert_eq!(text(1234.5, true), ">= 1230");
        assert_eq!(text(100.0, false), "<= 100");
        assert_eq!(text(4.256, false), "<= 4.26");
        assert_eq!(text(0.001_234, true), ">= 0.00123");
        assert_eq!(text(0.0, true), ">= 0");
        assert_eq!(text(1.5e-12, false), "<= 1.50e-12");
        assert_eq!(bar_text(&entry(None, false)), "all");
    }

    #[test]
    fn groups_in_words() {
        assert_eq!(group_text(&entry(None, false)), "user=anna port=22");
        let mut all = entry(None, false);
        all.group.clear();
        assert_eq!(group_text(&all), "all events");
    }
}
