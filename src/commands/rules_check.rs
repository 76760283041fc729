//! `borzoi rules check`: load rules and report every mistake.

use std::io::Write;
use std::sync::Arc;

use borzoi_engine::indicators::IndicatorSet;
use borzoi_engine::matcher::{CompileWarning, CompiledRules, WarningKind};
use borzoi_parsers::catalog::Catalog;
use borzoi_rules::{LoadReport, Problem, Severity, locate};
use serde::Serialize;

use super::load;
use crate::cli::Structured;
use crate::exit::{Exit, Failure};
use crate::ui::style;
use crate::ui::table;

/// Runs the command.
pub fn run(
    report: LoadReport,
    lists: Option<&Arc<IndicatorSet>>,
    catalog: &Arc<Catalog>,
    strict: bool,
    output: Structured,
) -> Result<Exit, Failure> {
    let (compiled, compile_warnings) =
        CompiledRules::compile_with_queries(report.detections.clone(), report.queries.clone(), catalog);
    let mut located: Vec<Problem> = compile_warnings
        .iter()
        .map(|warning| located(warning, &compiled))
        .collect();
    let queries = compiled.queries().map_or(&[][..], |queries| queries.not_run());
    located.extend(queries.iter().map(|left_out| {
        let message = format!("`{}` does not run: {}", left_out.rule.meta.title, left_out.reason);
        locate::query_warning(&left_out.rule, "query-not-run", message)
    }));
    let (compiled, not_run) = compiled.with_correlations(&report.correlations, &report.referenced_only);
    let unknown = compiled
        .correlations()
        .map(|correlations| correlations.unknown_fields(&compiled, catalog));
    located.extend(unknown.into_iter().flatten().map(|unknown| {
        let (message, nearest) = (unknown.to_string(), unknown.nearest.clone());
        locate::correlation_field_warning(&unknown.rule, &unknown.field, "unknown-field", message, nearest)
    }));
    located.extend(not_run.iter().map(|left_out| {
        let message = format!("`{}` does not run: {}", left_out.rule.meta.title, left_out.reason);
        locate::correlation_warning(&left_out.rule, "correlation-not-run", message)
    }));
    let (_, not_run) = compiled.with_sql(&report.sql, catalog, lists);
    let not_run: Vec<Problem> = not_run.into_iter().map(|left_out| left_out.problem).collect();
    let errors = report.errors().count() + not_run.len();
    let warnings = report.warnings().count() + located.len();
    let located = located.iter().chain(&not_run);
    let problems = report.problems.iter().chain(located);
    let mut out = super::stdout();
    if output == Structured::Table {
        for problem in problems {
            writeln!(out, "{problem}\n")?;
        }
        totals(&mut out, &report, errors, not_run.len(), warnings)?;
    } else {
        let rows: Vec<ProblemRow> = problems.map(problem_row).collect();
        table::machine(&mut out, &rows, output)?;
    }
    out.flush()?;
    load::some_file(&report)?;
    Ok(if errors > 0 || (strict && warnings > 0) {
        Exit::Failed
    } else {
        Exit::Done
    })
}

/// What the catalog has to say of a rule, at the place in the rule.
fn located(warning: &CompileWarning, rules: &CompiledRules) -> Problem {
    let part = match &warning.kind {
        WarningKind::NoDataset(_) => locate::Part::LogSource,
        WarningKind::UnknownField { field, .. } => locate::Part::Field(field),
        WarningKind::Regex { .. } => locate::Part::Rule,
    };
    let suggestion = warning.suggestion().map(str::to_owned);
    locate::warning(
        rules.rule(warning.rule),
        part,
        warning.code(),
        warning.kind.to_string(),
        suggestion,
    )
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

fn problem_row(problem: &Problem) -> ProblemRow {
    ProblemRow {
        severity: match problem.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
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

fn totals(
    out: &mut dyn Write,
    report: &LoadReport,
    errors: usize,
    not_run: usize,
    warnings: usize,
) -> std::io::Result<()> {
    let counts = &report.counts;
    let number = |count: usize| table::thousands(count as u64);
    writeln!(
        out,
        "{} files: {} detection rules, {} correlation rules, {} queries, {} SQL rules, {} filters",
        number(report.files.len()),
        number(counts.detections),
        number(counts.correlations),
        number(counts.queries),
        number(counts.sql),
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
    if counts.correlations + counts.queries + counts.sql > 0 {
        writeln!(
            out,
            "correlation rules, queries and SQL rules run in `borzoi scan`, and in `borzoi hunt --rule` over what a lake holds"
        )?;
    }
    let verdict = if errors == 0 { style::GOOD } else { style::ERROR };
    writeln!(
        out,
        "{verdict}{} failed{verdict:#}, {} skipped{}, {} warnings",
        number(counts.failed + not_run),
        number(counts.skipped),
        if counts.skipped > 0 {
            " (in folders whose name starts with a dot)"
        } else {
            ""
        },
        number(warnings)
    )
}
