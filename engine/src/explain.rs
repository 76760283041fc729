//! Why a rule matches an event, or why not: condition by condition, with the values that decided it.
//!
//! [`explain`] gives a tree of [`Step`]s; its `Display` draws it:
//!
//! ```text
//! ✗ does not match: Encoded PowerShell (1f0c…)
//! ├─ ✓ log source product=windows category=process_creation, event of windows.sysmon
//! │  └─ ✓ EventID = 1 · event.code is "1"
//! └─ ✗ selection and not filter
//!    ├─ ✗ selection
//!    │  ├─ ✓ Image endswith \powershell.exe · process.executable is "C:\…\powershell.exe"
//!    │  └─ ✗ CommandLine contains " -enc " · process.command_line is "powershell -v"
//!    └─ ✓ not filter
//!       └─ ✗ filter
//!          └─ ✗ User = SYSTEM · user.name has no value
//! ```

use std::fmt;
use std::sync::Arc;

use borzoi_parsers::batch::EventBatch;
use borzoi_parsers::catalog::Catalog;
use borzoi_rules::describe;
use borzoi_rules::ir::{Condition, DetectionRule, LogSource};

use crate::matcher::event::EventTexts;
use crate::matcher::ready::{Asks, Question, Ready, ReadyRule};
use crate::matcher::regexes::CompiledRegex;
use crate::matcher::row::RowView;
use crate::resolve::routes;

/// Alternatives of a list that are shown when none of them holds.
const MOST_ALTERNATIVES: usize = 8;

/// Characters of a value that are shown.
const LONGEST_VALUE: usize = 200;

/// Why a rule matches an event or not.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Explanation {
    /// The rule's id.
    pub rule_id: Arc<str>,
    /// Its title.
    pub rule_title: Arc<str>,
    /// The event's dataset.
    pub dataset: Arc<str>,
    /// Whether it matches.
    pub matches: bool,
    /// What was looked at, in the order of the rule.
    pub steps: Vec<Step>,
}

/// Something that was looked at.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Step {
    /// Whether it holds.
    pub holds: bool,
    /// What was asked, as a person would write it.
    pub asked: String,
    /// What the event says to that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<String>,
    /// What it is made of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Step>,
}

impl Step {
    fn new(holds: bool, asked: impl Into<String>) -> Step {
        Step {
            holds,
            asked: asked.into(),
            seen: None,
            parts: Vec::new(),
        }
    }

    fn seeing(mut self, seen: impl Into<String>) -> Step {
        self.seen = Some(seen.into());
        self
    }

    fn of(mut self, parts: Vec<Step>) -> Step {
        self.parts = parts;
        self
    }
}

/// Explains what `rule` makes of the event in `row` of `batch`.
///
/// # Panics
///
/// If the batch has no such row.
pub fn explain(rule: &DetectionRule, catalog: &Catalog, batch: &EventBatch, row: usize) -> Explanation {
    assert!(row < batch.len(), "row {row} of a batch of {}", batch.len());
    let mut steps = Vec::new();
    if !rule.waiting_for.is_empty() {
        let names: Vec<String> = rule.waiting_for.iter().map(|name| format!("%{name}%")).collect();
        let step = Step::new(
            false,
            format!("every placeholder has a value: {}", names.join(", ")),
        );
        steps.push(step.seeing("no value was given; the rule cannot match until one is"));
    }
    let ready = ReadyRule::new(rule, &batch.dataset, &|regex| {
        CompiledRegex::new(regex).map(Arc::new)
    });
    let mut event = EventTexts::new(batch);
    event.go_to(row);
    if ready.ways.is_empty() {
        let asked = format!(
            "{}, event of {}",
            log_source_text(&rule.log_source),
            batch.dataset.name
        );
        steps.push(Step::new(false, asked).seeing(who_serves(&rule.log_source, catalog)));
    }
    let mut any_way = false;
    for way in &ready.ways {
        let explainer = Explainer {
            view: RowView::new(&event, way),
            rule,
        };
        let when = explainer.view.expression(&way.when);
        let asked = format!(
            "{}, event of {}",
            log_source_text(&rule.log_source),
            batch.dataset.name
        );
        let parts = match &way.when {
            Ready::All(parts) if parts.is_empty() => Vec::new(),
            expression => explainer.parts_of(expression),
        };
        steps.push(Step::new(when, asked).of(parts));
        let mut holds = false;
        for condition in &rule.conditions {
            let step = explainer.condition(condition);
            holds |= step.holds;
            steps.push(step);
        }
        any_way |= when && holds;
    }
    Explanation {
        rule_id: rule.meta.id.clone(),
        rule_title: rule.meta.title.clone(),
        dataset: batch.dataset.name.clone(),
        matches: any_way && rule.waiting_for.is_empty(),
        steps,
    }
}

pub(crate) fn log_source_text(source: &LogSource) -> String {
    let mut text = "log source".to_owned();
    for (name, value) in [
        ("product", &source.product),
        ("category", &source.category),
        ("service", &source.service),
    ] {
        if let Some(value) = value {
            text.push_str(&format!(" {name}={value}"));
        }
    }
    if text == "log source" {
        "any log source".into()
    } else {
        text
    }
}

/// Why the log source does not reach the event's dataset.
fn who_serves(source: &LogSource, catalog: &Catalog) -> String {
    let names: Vec<&str> = catalog
        .datasets()
        .iter()
        .filter(|dataset| !routes(source, dataset).is_empty())
        .map(|dataset| &*dataset.name)
        .collect();
    if names.is_empty() {
        "no dataset of the catalog serves this log source".to_owned()
    } else {
        format!("served by {} only", names.join(", "))
    }
}

struct Explainer<'v, 'a> {
    view: RowView<'v, 'a>,
    rule: &'v DetectionRule,
}

impl Explainer<'_, '_> {
    fn condition(&self, condition: &Condition) -> Step {
        let asked = describe::condition(condition, &self.rule.searches);
        match condition {
            Condition::All(parts) | Condition::Any(parts) => {
                let parts: Vec<Step> = parts.iter().map(|part| self.condition(part)).collect();
                Step::new(self.view.condition(condition), asked).of(parts)
            }
            Condition::Not(inner) => {
                let inner = self.condition(inner);
                Step::new(!inner.holds, asked).of(vec![inner])
            }
            Condition::Search(index) => match self.view.search(*index) {
                Some(search) => Step::new(self.view.expression(search), asked).of(self.parts_of(search)),
                None => Step::new(false, asked),
            },
        }
    }

    /// The steps of an expression whose parent already says what it is.
    fn parts_of(&self, expression: &Ready) -> Vec<Step> {
        match expression {
            Ready::All(parts) => parts.iter().map(|part| self.expression(part)).collect(),
            other => vec![self.expression(other)],
        }
    }

    fn expression(&self, expression: &Ready) -> Step {
        match expression {
            Ready::All(parts) => match parts.as_slice() {
                [only] => self.expression(only),
                parts => {
                    let parts: Vec<Step> = parts.iter().map(|part| self.expression(part)).collect();
                    Step::new(parts.iter().all(|part| part.holds), "all of").of(parts)
                }
            },
            Ready::Any(parts) => match parts.as_slice() {
                [only] => self.expression(only),
                parts => self.any_of(parts),
            },
            Ready::Not(inner) => {
                let inner = self.expression(inner);
                Step::new(!inner.holds, "not").of(vec![inner])
            }
            Ready::Ask(question) => {
                let step = Step::new(self.view.holds(question), question.to_string());
                step.seeing(self.seen(question))
            }
        }
    }

    /// Alternatives: those that hold, or the first of those that do not.
    fn any_of(&self, parts: &[Ready]) -> Step {
        let mut shown: Vec<Step> = Vec::new();
        let holding: Vec<&Ready> = parts.iter().filter(|part| self.view.expression(part)).collect();
        if holding.is_empty() {
            shown.extend(
                parts
                    .iter()
                    .take(MOST_ALTERNATIVES)
                    .map(|part| self.expression(part)),
            );
            if parts.len() > MOST_ALTERNATIVES {
                let more = format!("{} more alternatives", parts.len() - MOST_ALTERNATIVES);
                shown.push(Step::new(false, more).seeing("none holds"));
            }
        } else {
            shown.extend(holding.iter().map(|part| self.expression(part)));
        }
        let asked = match holding.len() {
            0 => format!("any of {}", parts.len()),
            some => format!("any of {} ({some} of them)", parts.len()),
        };
        Step::new(!holding.is_empty(), asked).of(shown)
    }

    /// What the event says to a question.
    fn seen(&self, question: &Question) -> String {
        if let Asks::Value(_, Err(problem)) | Asks::AnyText(Err(problem)) = &question.asks {
            return format!("cannot be run: {problem}");
        }
        let values = self.view.values(question);
        let column = self.view.column(question);
        let chosen = match (self.view.matching(question).first(), column) {
            (Some(&index), _) => &values[index],
            (None, None) => return "found in no text of the event".to_owned(),
            (None, Some(column)) => match values.first() {
                Some(value) => value,
                None => return format!("{} has no value", column.dotted),
            },
        };
        let mut text = format!("{} is {}", chosen.column, quoted(&chosen.text));
        if values.len() > 1 && column.is_some() {
            text.push_str(&format!(" (one of {} values)", values.len()));
        }
        text
    }
}

fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(LONGEST_VALUE).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    // Control characters must not reach a terminal; backslashes are common and stay as they are.
    let shown: String = shown
        .chars()
        .flat_map(|c| {
            let escaped = if c.is_control() {
                c.escape_default().to_string()
            } else {
                c.to_string()
            };
            escaped.chars().collect::<Vec<_>>()
        })
        .collect();
    format!("\"{shown}\"")
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.matches { "matches" } else { "does not match" };
        writeln!(
            f,
            "{} {verdict}: {} ({})",
            mark(self.matches),
            self.rule_title,
            self.rule_id
        )?;
        draw(f, &self.steps, "")
    }
}

fn draw(f: &mut fmt::Formatter<'_>, steps: &[Step], indent: &str) -> fmt::Result {
    for (position, step) in steps.iter().enumerate() {
        let is_last = position + 1 == steps.len();
        let (branch, below) = if is_last {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        write!(f, "{indent}{branch}{} {}", mark(step.holds), step.asked)?;
        match &step.seen {
            Some(seen) => writeln!(f, " · {seen}")?,
            None => writeln!(f)?,
        }
        draw(f, &step.parts, &format!("{indent}{below}"))?;
    }
    Ok(())
}

fn mark(holds: bool) -> char {
    if holds { '✓' } else { '✗' }
}
