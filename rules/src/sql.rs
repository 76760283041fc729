//! SQL rules: a `SELECT` with windows of time, and what a rule says of itself.
//!
//! Here the document is read and checked as far as that needs no knowledge of SQL or of datasets; the text is planned
//! by the engine. Its problems are placed in the file by [`locate::sql_problem`](crate::locate::sql_problem).

use std::sync::Arc;
use std::time::Duration;

use crate::correlation::parse_timespan;
use crate::ir::Meta;
use crate::meta;
use crate::problem::{Sink, nearest};
use crate::yaml::{Data, Node, Style};

/// A rule written in SQL.
#[derive(Debug, Clone, PartialEq)]
pub struct SqlRule {
    /// What it says of itself.
    pub meta: Meta,
    /// The statement, as it is written.
    pub sql: Arc<str>,
    /// Where the statement stands in the file.
    pub place: TextPlace,
    /// Columns of the result that say what an alert is about; if there are none, all columns that it is grouped by.
    pub entities: Vec<String>,
    /// For how long after the start of what was found no more is told of the same entity.
    pub suppress: Option<Duration>,
}

/// Where a text of several lines begins in its file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TextPlace {
    /// The line of its first line, counted from 1.
    pub line: usize,
    /// Characters before each of its lines (of a block), or before its first one.
    pub indent: usize,
    /// Whether its lines are lines of the file, so that a place in it is one in the file.
    pub has_lines: bool,
}

/// Reads a rule document with a statement in SQL. Nothing if an error was reported.
pub(crate) fn read(document: &Node<'_>, sink: &mut Sink<'_>) -> Option<SqlRule> {
    let errors = sink.errors;
    let meta = meta::read(document, sink);
    let node = document.get("sql")?;
    let Data::Scalar { style, .. } = &node.data else {
        sink.error(
            node.at,
            "attribute-type",
            format!("`sql` is {}, it must be the text of a SELECT", node.kind()),
        );
        return None;
    };
    let text = node.text().unwrap_or_default();
    if text.trim().is_empty() {
        sink.error(node.at, "sql-syntax", "`sql` is empty, it must be a SELECT");
    }
    let first = sink.line(node.at.line);
    let place = match style {
        Style::Block => {
            // The place of a block is that of its first line that is not empty.
            let empty = text.lines().take_while(|line| line.trim().is_empty()).count();
            TextPlace {
                line: node.at.line.saturating_sub(empty),
                indent: first.len() - first.trim_start().len(),
                // A folded block (`>`) has other lines than the file.
                has_lines: text.lines().nth(empty).map(str::trim) == Some(first.trim()),
            }
        }
        Style::Plain | Style::Quoted => TextPlace {
            line: node.at.line,
            indent: node.at.column - 1 + usize::from(*style == Style::Quoted),
            has_lines: !text.contains('\n'),
        },
    };
    if let Some((key, _)) = document.entry("logsource") {
        sink.warn(
            key.at,
            "unused-logsource",
            "an SQL rule reads the table that it names after `from`; its `logsource` is not looked at",
            None,
        );
    }
    let entities = match document.get("entities") {
        Some(node) if matches!(node.data, Data::Map(_)) => {
            sink.error(
                node.at,
                "attribute-type",
                "`entities` is a map, it must be a list of columns",
            );
            Vec::new()
        }
        _ => meta::list(document, "entities", sink),
    };
    let suppress = suppress(document, sink);
    let meta = meta?;
    (sink.errors == errors).then(|| SqlRule {
        meta,
        sql: text.into(),
        place,
        entities,
        suppress,
    })
}

/// What a rule says under `borzoi`: `{suppress: 1h}`.
fn suppress(document: &Node<'_>, sink: &mut Sink<'_>) -> Option<Duration> {
    let node = document.get("borzoi")?;
    let Data::Map(entries) = &node.data else {
        let kind = node.kind();
        sink.error(
            node.at,
            "attribute-type",
            format!("`borzoi` is {kind}, it must be a map such as `suppress: 1h`"),
        );
        return None;
    };
    let mut suppress = None;
    for (key, value) in entries {
        match key.text().unwrap_or_default() {
            "suppress" => {
                let text = value.text().unwrap_or_default().trim();
                suppress = parse_timespan(text);
                if suppress.is_none() {
                    sink.error(
                        value.at,
                        "bad-timespan",
                        format!("`{text}` is no time span, write a whole number and s, m, h or d: `90m`"),
                    );
                }
            }
            "window" => sink.error(
                key.at,
                "sql-option",
                "the window of an SQL rule stands in its `group by`: `tumble(time, interval '10 minutes')`",
            ),
            other => sink.error_near(
                key.at,
                "sql-option",
                format!("an SQL rule has no option `{other}`"),
                nearest(other, ["suppress"]),
            ),
        }
    }
    suppress
}
