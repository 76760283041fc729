//! `borzoi rules check|list|…`.

use std::io::Write;
use std::path::PathBuf;

use borzoi_engine::matcher::CompiledRules;
use borzoi_rules::LoadReport;
use serde::Serialize;

use super::{load, rules_explain, rules_test};
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
            strict,
            output,
        } => check(paths, placeholders.as_ref(), *strict, *output),
        RulesCommand::List { paths, output } => list(paths, *output),
        RulesCommand::Explain {
            rule,
            event,
            dataset,
            placeholders,
            limit,
        } => rules_explain::run(rule, event, dataset.as_deref(), placeholders.as_ref(), *limit),
        RulesCommand::Test { paths } => rules_test::run(paths),
    }
}

/// One problem, for machines.
#[derive(Serialize)]
struct ProblemRow {
    severity: &'static str,
    code: String,
    path: String,
    line: usize,
    column: usize,
    message: String,
    text: String,
    suggestion: Option<String>,
}

fn check(
    paths: &[PathBuf],
    placeholders: Option<&PathBuf>,
    strict: bool,
    output: Structured,
) -> Result<Exit, Failure> {
    let report = load::rules(paths, load::placeholders(placeholders)?);
    let (_, compile_warnings) = CompiledRules::compile(
        report.detections.clone(),
        &borzoi_parsers::catalog::Catalog::builtin(),
    );
    let errors = report.errors().count();
    let warnings = report.warnings().count() + compile_warnings.len();
    let mut out = super::stdout();
    if output == Structured::Table {
        for problem in &report.problems {
            writeln!(out, "{problem}\n")?;
        }
        for warning in &compile_warnings {
            writeln!(out, "{warning}")?;
        }
        if !compile_warnings.is_empty() {
            writeln!(out)?;
        }
        totals(&mut out, &report, errors, warnings)?;
    } else {
        let mut rows: Vec<ProblemRow> = report.problems.iter().map(problem_row).collect();
        rows.extend(compile_warnings.iter().map(|warning| ProblemRow {
            severity: "warning",
            code: warning.code().to_owned(),
            path: warning.location.path.display().to_string(),
            line: warning.location.line,
            column: warning.location.column,
            message: warning.to_string(),
            text: String::new(),
            suggestion: None,
        }));
        table::machine(&mut out, &rows, output)?;
    }
    out.flush()?;
    Ok(if errors > 0 || (strict && warnings > 0) {
        Exit::Failed
    } else {
        Exit::Done
    })
}

fn problem_row(problem: &borzoi_rules::Problem) -> ProblemRow {
    ProblemRow {
        severity: match problem.severity {
            borzoi_rules::Severity::Error => "error",
            borzoi_rules::Severity::Warning => "warning",
        },
        code: problem.code.to_owned(),
        path: problem.location.path.display().to_string(),
        line: problem.location.line,
        column: problem.location.column,
        message: problem.message.clone(),
        text: problem.line_text.clone(),
        suggestion: problem.suggestion.clone(),
    }
}

fn totals(out: &mut dyn Write, report: &LoadReport, errors: usize, warnings: usize) -> std::io::Result<()> {
    let counts = &report.counts;
    let number = |count: usize| table::thousands(count as u64);
    writeln!(
        out,
        "{} files: {} detection rules, {} correlation rules, {} filters",
        number(report.files.len()),
        number(counts.detections),
        number(counts.correlations),
        number(counts.filters),
    )?;
    if counts.waiting > 0 {
        let mut names: Vec<&str> = report
            .waiting()
            .flat_map(|rule| rule.waiting_for.iter().map(String::as_str))
            .collect();
        names.sort_unstable();
        names.dedup();
        writeln!(
            out,
            "{} of the detection rules wait for values of placeholders (--placeholders FILE): {}",
            number(counts.waiting),
            names.join(", ")
        )?;
    }
    if counts.correlations > 0 {
        writeln!(out, "correlation rules are checked, not run yet")?;
    }
    let verdict = if errors == 0 { style::GOOD } else { style::ERROR };
    writeln!(
        out,
        "{verdict}{} failed{verdict:#}, 0 skipped, {} warnings",
        number(counts.failed),
        number(warnings)
    )
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
    for problem in report.errors() {
        anstream::eprintln!("{problem}");
    }
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
