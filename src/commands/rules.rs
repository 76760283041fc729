//! `borzoi rules check|list|…`.

use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;

use super::{load, rules_check, rules_explain, rules_test};
use crate::cli::{RulesCommand, Structured};
use crate::exit::{Exit, Failure};
use crate::ui::style;
use crate::ui::table::{self, Cell};

/// Runs the command.
pub fn run(command: &RulesCommand) -> Result<Exit, Failure> {
    match command {
        RulesCommand::Check {
            paths,
            placeholders,
            indicators,
            catalog,
            strict,
            output,
        } => {
            let catalog = load::catalog(catalog.catalog.as_ref())?;
            let (report, lists) = load::rules_and_lists(paths, placeholders.as_ref(), indicators)?;
            rules_check::run(report, lists.as_ref(), &catalog, *strict, *output)
        }
        RulesCommand::List { paths, output } => list(paths, *output),
        RulesCommand::Explain {
            rule,
            event,
            dataset,
            placeholders,
            indicators,
            catalog,
            limit,
        } => rules_explain::run(
            rule,
            event,
            dataset.as_deref(),
            load::rules_and_lists(std::slice::from_ref(rule), placeholders.as_ref(), indicators)?,
            load::catalog(catalog.catalog.as_ref())?,
            *limit,
        ),
        RulesCommand::Test {
            paths,
            placeholders,
            indicators,
            catalog,
        } => {
            let (report, lists) = load::rules_and_lists(paths, placeholders.as_ref(), indicators)?;
            rules_test::run(
                paths,
                report,
                lists.as_ref(),
                load::catalog(catalog.catalog.as_ref())?,
            )
        }
    }
}

/// One rule, for lists.
#[derive(Serialize)]
struct RuleRow {
    id: String,
    level: &'static str,
    kind: borzoi_rules::RuleKind,
    title: String,
    log_source: String,
    tags: Vec<String>,
    path: String,
}

fn list(paths: &[PathBuf], output: Structured) -> Result<Exit, Failure> {
    let report = load::rules(paths, borzoi_rules::Placeholders::default());
    load::show_errors(&report);
    load::some_file(&report)?;
    let rows: Vec<RuleRow> = report
        .summaries()
        .map(|rule| RuleRow {
            id: rule.meta.id.to_string(),
            level: style::level_name(rule.level()),
            kind: rule.kind,
            title: rule.meta.title.to_string(),
            log_source: rule.log_source.map(log_source).unwrap_or_default(),
            tags: rule.meta.tags.clone(),
            path: rule.path().display().to_string(),
        })
        .collect();
    let mut out = super::stdout();
    if !table::machine(&mut out, &rows, output)? {
        let cells: Vec<Vec<Cell>> = report
            .summaries()
            .zip(&rows)
            .map(|(rule, row)| {
                vec![
                    Cell::new(row.level).styled(style::level(rule.level())),
                    Cell::new(&row.title),
                    Cell::new(&row.log_source),
                    Cell::new(&row.id).styled(style::DIM),
                ]
            })
            .collect();
        table::print(&mut out, &["LEVEL", "TITLE", "LOG SOURCE", "ID"], &cells, 72)?;
        writeln!(out, "{} rules", table::thousands(rows.len() as u64))?;
    }
    out.flush()?;
    Ok(if report.errors().next().is_some() {
        Exit::WithLosses
    } else {
        Exit::Done
    })
}

fn log_source(source: &borzoi_rules::ir::LogSource) -> String {
    [&source.product, &source.category, &source.service]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join("/")
}
