//! Queries as rules: EQL or KQL with what a rule says of itself.
//!
//! A query asks one or more questions of single events (its [parts](Part)): one for `process where …`, one for each
//! step and for `until` of a sequence. Each becomes detection rules ([`QueryRule::detections`]) that hold wherever the
//! part does; where the rule IR cannot say all of it, the part's condition decides among the events that pass.
//!
//! ```
//! use borzoi_rules::query::{Language, QueryRule};
//!
//! let query = QueryRule::ad_hoc(Language::Eql, "process where process.name == \"net.exe\"")?;
//! assert_eq!(query.parts().len(), 1);
//! # Ok::<(), borzoi_rules::eql::SyntaxError>(())
//! ```

use std::sync::{Arc, LazyLock};

use crate::collection::text_id;
use crate::eql::{self, Body, EventQuery, Expr, Query, Settings, Step, SyntaxError, lower};
use crate::ir::{
    Condition, DetectionRule, Expression, Level, Location, LogSource, Matcher, Meta, Part as PatternPart,
    Pattern, Search,
};
use crate::kql;
use crate::meta;
use crate::problem::Sink;
use crate::yaml::{Data, Node, Spot, Style};

/// What a query is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// Event Query Language: [`crate::eql`].
    Eql,
    /// Kibana Query Language: [`crate::kql`].
    Kql,
}

impl Language {
    /// All of them.
    pub const ALL: [Language; 2] = [Language::Eql, Language::Kql];

    /// Its name, as rules write it.
    pub fn name(self) -> &'static str {
        match self {
            Language::Eql => "eql",
            Language::Kql => "kql",
        }
    }
}

/// A query as a rule.
#[derive(Debug, Clone)]
pub struct QueryRule {
    /// What it says of itself.
    pub meta: Meta,
    /// Which events it is for; all, if it names nothing.
    pub log_source: LogSource,
    /// What it is written in.
    pub language: Language,
    /// As it is written.
    pub text: Arc<str>,
    /// What it asks.
    pub query: Query,
    /// What words in it mean.
    pub settings: Settings,
}

/// One question that a query asks of single events.
#[derive(Debug, Clone, Copy)]
pub struct Part<'q> {
    /// What it is for.
    pub role: Role,
    /// The question.
    pub event: &'q EventQuery,
    /// What keeps the events of a sequence apart; empty for other queries.
    pub by: &'q [Expr],
}

/// What the events of a part are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The event asked for, or the step at this position of a sequence.
    Step(usize),
    /// `until`.
    Until,
    /// The subquery with this number: `descendant of […]`.
    Subquery(usize),
    /// Any event of a process, so that it is known whose child it is.
    Process,
}

impl QueryRule {
    /// A query without a rule file. Its id is made of its text.
    ///
    /// # Errors
    /// If `text` is no query of that language.
    pub fn ad_hoc(language: Language, text: &str) -> Result<QueryRule, SyntaxError> {
        let title: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let meta = Meta {
            id: text_id(&format!("{}\0{text}", language.name())).into(),
            title: title.into(),
            level: Level::Informational,
            location: Location {
                path: format!("--{}", language.name()).into(),
                line: 1,
                column: 1,
            },
            ..Meta::default()
        };
        QueryRule::new(meta, LogSource::default(), language, text)
    }

    /// A query with what its rule says.
    ///
    /// # Errors
    /// If `text` is no query of that language.
    pub fn new(
        meta: Meta,
        log_source: LogSource,
        language: Language,
        text: &str,
    ) -> Result<QueryRule, SyntaxError> {
        let query = match language {
            Language::Eql => eql::parse(text)?,
            Language::Kql => Query {
                body: Body::Event(EventQuery {
                    category: None,
                    condition: kql::parse(text)?,
                }),
                pipes: Vec::new(),
            },
        };
        Ok(QueryRule {
            meta,
            log_source,
            language,
            text: text.into(),
            query,
            settings: Settings::default(),
        })
    }

    /// Its questions: the event's, or those of the steps in their order and then that of `until`; behind them those of
    /// subqueries and, if there are any, one for all processes.
    pub fn parts(&self) -> Vec<Part<'_>> {
        let mut parts: Vec<Part<'_>> = match &self.query.body {
            Body::Event(event) => vec![Part {
                role: Role::Step(0),
                event,
                by: &[],
            }],
            Body::Sequence(sequence) | Body::Join(sequence) | Body::Sample(sequence) => {
                let steps = sequence.steps.iter().enumerate();
                let steps = steps.map(|(number, step)| step_part(Role::Step(number), step));
                let until = sequence.until.iter().map(|step| step_part(Role::Until, step));
                steps.chain(until).collect()
            }
        };
        let subqueries = self.query.subqueries();
        let process = (!subqueries.is_empty()).then_some(Part {
            role: Role::Process,
            event: &ANY_PROCESS,
            by: &[],
        });
        parts.extend(subqueries.into_iter().map(|subquery| Part {
            role: Role::Subquery(subquery.id),
            event: &subquery.query,
            by: &[],
        }));
        parts.extend(process);
        parts
    }

    /// Rules that hold for every event for which the part at `index` does, and whether they hold for no other. An event
    /// is of a category if it says so, or if it is of a log source of Sigma's that is.
    pub fn detections(&self, index: usize) -> (Vec<DetectionRule>, bool) {
        let parts = self.parts();
        let Some(part) = parts.get(index) else {
            return (Vec::new(), true);
        };
        let (condition, exact) = lower(&part.event.condition, &self.settings);
        let rule = |log_source: LogSource, number: usize, expression: Expression| DetectionRule {
            meta: Meta {
                id: format!("{}#{index}.{number}", self.meta.id).into(),
                ..self.meta.clone()
            },
            log_source,
            searches: vec![Search {
                name: self.language.name().to_owned(),
                expression,
            }],
            conditions: vec![Condition::Search(0)],
            waiting_for: Vec::new(),
        };
        let Some(category) = &part.event.category else {
            return (vec![rule(self.log_source.clone(), 0, condition)], exact);
        };
        let says = |field: &str| Expression::Field {
            name: field.to_owned(),
            matcher: Matcher::Pattern(Pattern {
                parts: vec![PatternPart::Literal(category.clone())],
                cased: false,
            }),
        };
        let of_category = Expression::Any(CATEGORY_FIELDS.iter().map(|field| says(field)).collect());
        let said = Expression::All(vec![of_category, condition.clone()]);
        let mut rules = vec![rule(self.log_source.clone(), 0, said)];
        if self.log_source.category.is_none() && self.log_source.service.is_none() {
            let served = sigma_categories(category).iter().enumerate();
            rules.extend(served.map(|(number, served)| {
                let log_source = LogSource {
                    category: Some((*served).to_owned()),
                    ..self.log_source.clone()
                };
                rule(log_source, number + 1, condition.clone())
            }));
        }
        (rules, exact)
    }
}

fn step_part(role: Role, step: &Step) -> Part<'_> {
    Part {
        role,
        event: &step.query,
        by: &step.by,
    }
}

/// `process where true`.
static ANY_PROCESS: LazyLock<EventQuery> = LazyLock::new(|| EventQuery {
    category: Some("process".to_owned()),
    condition: Expr::All(Vec::new()),
});

/// Fields that say of what category an event is: ECS's, and that of Endgame's events.
const CATEGORY_FIELDS: [&str; 2] = ["event.category", "event_type"];

/// The log sources of Sigma whose events are of an event category of ECS
/// (<https://www.elastic.co/docs/reference/ecs/ecs-allowed-values-event-category>).
fn sigma_categories(category: &str) -> &'static [&'static str] {
    match category.to_ascii_lowercase().as_str() {
        "process" => &[
            "process_creation",
            "process_termination",
            "process_access",
            "process_tampering",
            "create_remote_thread",
        ],
        "file" => &[
            "file_event",
            "file_access",
            "file_change",
            "file_delete",
            "file_rename",
            "create_stream_hash",
        ],
        "registry" => &[
            "registry_event",
            "registry_add",
            "registry_set",
            "registry_delete",
            "registry_rename",
        ],
        "network" => &["network_connection", "firewall", "dns_query", "dns"],
        "dns" => &["dns_query", "dns"],
        "library" => &["image_load"],
        "driver" => &["driver_load"],
        "web" => &["webserver", "proxy"],
        _ => &[],
    }
}

/// Reads a rule document with a query in `language`. Nothing if an error was reported.
pub(crate) fn read(document: &Node<'_>, language: Language, sink: &mut Sink<'_>) -> Option<QueryRule> {
    let errors = sink.errors;
    let meta = meta::read(document, sink);
    let log_source = match document.get("logsource") {
        Some(_) => meta::log_source(document, sink),
        None => Some(LogSource::default()),
    };
    let node = document.get(language.name())?;
    let Data::Scalar { style, .. } = &node.data else {
        sink.error(
            node.at,
            "attribute-type",
            format!(
                "`{}` is {}, it must be the text of a query",
                language.name(),
                node.kind()
            ),
        );
        return None;
    };
    let text = node.text().unwrap_or_default();
    let (meta, log_source) = (meta?, log_source?);
    match QueryRule::new(meta, log_source, language, text) {
        Err(error) => {
            // A block's place is that of its first line, whose indent its text does not have.
            let at = match style {
                Style::Block => {
                    let first = sink.line(node.at.line);
                    Spot {
                        line: node.at.line + error.line - 1,
                        column: first.len() - first.trim_start().len() + error.column,
                    }
                }
                _ => node.at,
            };
            sink.error_near(at, "query-syntax", error.message, error.suggestion);
            None
        }
        Ok(rule) => (sink.errors == errors).then_some(rule),
    }
}
