//! `borzoi expected`: alerts that somebody expects for a time.

use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use borzoi_engine::alert::Alert;
use borzoi_engine::expected::{Entry, entries};
use chrono::{DateTime, Datelike, Duration, SecondsFormat, Utc};

use crate::cli::{ExpectedCommand, Structured};
use crate::exit::{Exit, Failure};
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
    entries(file).map_err(Failure::new)?;
    let reader: Box<dyn BufRead> = match alerts {
        "-" => Box::new(io::stdin().lock()),
        path => Box::new(BufReader::new(
            std::fs::File::open(path).map_err(|error| Failure::new(format!("{path}: {error}")))?,
        )),
    };
    let mut lines = String::new();
    let mut added = 0_u64;
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
        lines.push_str(&serde_json::to_string(&entry).map_err(Failure::new)?);
        lines.push('\n');
        added += 1;
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

fn list(file: &Path, form: Structured) -> Result<Exit, Failure> {
    let entries = entries(file).map_err(Failure::new)?;
    let mut out = super::stdout();
    let plain: Vec<&Entry> = entries.iter().map(|(_, entry)| entry).collect();
    if table::machine(&mut out, &plain, form)? {
        out.flush()?;
        return Ok(Exit::Done);
    }
    let cells: Vec<Vec<Cell>> = entries
        .iter()
        .map(|(line, entry)| {
            let group: Vec<String> = entry
                .group
                .iter()
                .map(|(field, value)| format!("{field}={}", value.as_str().unwrap_or_default()))
                .collect();
            vec![
                Cell::number(*line as u64),
                Cell::new(match entry.title.is_empty() {
                    true => entry.rule.clone(),
                    false => entry.title.clone(),
                }),
                Cell::new(entry.tenant.clone()),
                Cell::new(group.join(" ")),
                Cell::new(
                    entry
                        .bar
                        .map_or_else(|| "all".to_owned(), |bar| format!("{bar:.0}")),
                ),
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
