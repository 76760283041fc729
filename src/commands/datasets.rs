//! `borzoi datasets`: the catalog, for people and programs.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;

use borzoi_parsers::catalog::{DatasetRow, Description, FieldRow, LogSourceRow, MadeRow, describe};
use borzoi_parsers::check;

use super::load;
use crate::cli::{DatasetsArgs, DatasetsCommand, Structured};
use crate::exit::{Exit, Failure};
use crate::ui::style;
use crate::ui::table::{self, Cell};

/// Runs the command.
pub fn run(args: &DatasetsArgs) -> Result<Exit, Failure> {
    match &args.command {
        Some(DatasetsCommand::Test {
            name,
            catalog,
            output,
        }) => return test(name.as_deref(), catalog.catalog.as_ref(), *output),
        Some(DatasetsCommand::List { catalog }) => {
            let catalog = load::catalog(catalog.catalog.as_ref())?;
            let mut out = super::stdout();
            out.write_all(borzoi_parsers::catalog::page(&catalog).as_bytes())?;
            out.flush()?;
            return Ok(Exit::Done);
        }
        None => {}
    }
    let catalog = load::catalog(args.catalog.as_ref())?;
    let description = describe(&catalog, args.name.as_deref()).map_err(Failure::usage)?;
    let mut out = super::stdout();
    match description {
        Description::Datasets(rows) => {
            if !table::machine(&mut out, &rows, args.output)? {
                list(&mut out, &rows)?;
            }
        }
        Description::Dataset {
            dataset,
            fields,
            filled,
            shown,
        } => {
            if args.output == Structured::Json {
                let all = Description::Dataset {
                    dataset,
                    fields,
                    filled,
                    shown,
                };
                serde_json::to_writer_pretty(&mut out, &all).map_err(Failure::new)?;
                writeln!(out)?;
            } else if !table::machine(&mut out, &fields, args.output)? {
                one(&mut out, &dataset, &fields)?;
                made(&mut out, "FILLED COLUMN", &filled)?;
                made(&mut out, "SHOWN COLUMN", &shown)?;
            }
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// Runs the lines in `tests:` of one dataset or of all.
fn test(name: Option<&str>, dir: Option<&PathBuf>, output: Structured) -> Result<Exit, Failure> {
    let catalog = load::catalog(dir)?;
    if let Some(name) = name {
        load::dataset(name, &catalog)?;
    }
    let outcomes = check::run(&catalog, name);
    if outcomes.is_empty() {
        return Err(Failure::new(
            "no test ran; put lines under `tests:` of a catalog file (docs/catalog.md)",
        ));
    }
    let failed = outcomes
        .iter()
        .filter(|outcome| !outcome.mistakes.is_empty())
        .count();
    let mut out = super::stdout();
    if !table::machine(&mut out, &outcomes, output)? {
        let bad = style::ERROR;
        for outcome in outcomes.iter().filter(|outcome| !outcome.mistakes.is_empty()) {
            writeln!(
                out,
                "{} test {}: {bad}failed{bad:#}: {}",
                outcome.dataset, outcome.test, outcome.line
            )?;
            for mistake in &outcome.mistakes {
                writeln!(out, "    {mistake}")?;
            }
        }
        let datasets: BTreeSet<&str> = outcomes.iter().map(|outcome| outcome.dataset.as_str()).collect();
        let verdict = if failed == 0 { style::GOOD } else { bad };
        writeln!(
            out,
            "{} datasets: {} lines passed, {verdict}{failed} failed{verdict:#}",
            datasets.len(),
            outcomes.len() - failed
        )?;
    }
    out.flush()?;
    Ok(if failed == 0 { Exit::Done } else { Exit::Failed })
}

fn list(out: &mut dyn Write, rows: &[DatasetRow]) -> std::io::Result<()> {
    let cells: Vec<Vec<Cell>> = rows
        .iter()
        .map(|row| {
            vec![
                Cell::new(&row.dataset),
                Cell::new(&row.table).styled(style::COMMAND),
                Cell::new(row.groups.join(" ")),
                Cell::number(row.log_sources.len() as u64),
                Cell::new(&row.title),
            ]
        })
        .collect();
    table::print(
        out,
        &["DATASET", "TABLE", "GROUPS", "SIGMA SOURCES", "WHAT"],
        &cells,
        60,
    )
}

fn one(out: &mut dyn Write, dataset: &DatasetRow, fields: &[FieldRow]) -> std::io::Result<()> {
    let head = style::HEADING;
    writeln!(out, "{head}{}{head:#}: {}", dataset.dataset, dataset.title)?;
    writeln!(
        out,
        "table {}, groups {}",
        dataset.table,
        dataset.groups.join(" ")
    )?;
    writeln!(out, "recognised by {}\n", dataset.recognised.join("; "))?;
    let sources: Vec<Vec<Cell>> = dataset
        .log_sources
        .iter()
        .map(|source| {
            vec![
                Cell::new(source_name(source)),
                Cell::new(&source.when),
                Cell::new(&source.names),
            ]
        })
        .collect();
    table::print(out, &["SIGMA LOG SOURCE", "WHEN", "NAMES"], &sources, 80)?;
    writeln!(out)?;
    let rows: Vec<Vec<Cell>> = fields
        .iter()
        .map(|field| {
            vec![
                Cell::new(&field.native),
                Cell::new(&field.column),
                Cell::new(&field.sql).styled(style::COMMAND),
                Cell::new(format!("{:?}", field.column_type).to_lowercase()),
                Cell::new(field.also.join(" ")),
            ]
        })
        .collect();
    table::print(out, &["FIELD", "COLUMN", "SQL", "TYPE", "ALSO"], &rows, 60)
}

/// Columns made of others; nothing where there are none.
fn made(out: &mut dyn Write, title: &str, rows: &[MadeRow]) -> std::io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let cells: Vec<Vec<Cell>> = rows
        .iter()
        .map(|row| {
            vec![
                Cell::new(&row.column),
                Cell::new(row.from.join(", ")),
                Cell::new(&row.what),
            ]
        })
        .collect();
    writeln!(out)?;
    table::print(out, &[title, "FROM", "WHAT"], &cells, 60)
}

fn source_name(source: &LogSourceRow) -> String {
    [
        ("product", &source.product),
        ("category", &source.category),
        ("service", &source.service),
    ]
    .iter()
    .filter_map(|(key, value)| value.as_ref().map(|value| format!("{key}={value}")))
    .collect::<Vec<_>>()
    .join(" ")
}
