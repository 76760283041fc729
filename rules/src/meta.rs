//! What a rule says of itself: title, level, tags, log source.

use std::path::PathBuf;

use crate::ir::{Level, Location, LogSource, Meta};
use crate::problem::{Sink, nearest};
use crate::yaml::{Data, Node};

/// The attributes that the specification gives detection rules, correlations and filters, and those that
/// SigmaHQ adds. Any other is allowed, unless it looks like one of these misspelt.
const ATTRIBUTES: &[&str] = &[
    "action",
    "author",
    "borzoi",
    "correlation",
    "custom",
    "date",
    "description",
    "detection",
    "entities",
    "eql",
    "falsepositives",
    "fields",
    "filter",
    "generate",
    "id",
    "kql",
    "level",
    "license",
    "logsource",
    "modified",
    "name",
    "references",
    "regression_tests_path",
    "related",
    "scope",
    "simulation",
    "sql",
    "status",
    "tags",
    "taxonomy",
    "title",
];

const STATUSES: &[&str] = &["stable", "test", "experimental", "deprecated", "unsupported"];

const LEVELS: &[(&str, Level)] = &[
    ("informational", Level::Informational),
    ("low", Level::Low),
    ("medium", Level::Medium),
    ("high", Level::High),
    ("critical", Level::Critical),
];

/// Longest title that the specification allows, in characters.
const MAX_TITLE: usize = 256;

/// Reads what a document says of itself. `None` if an error was reported.
pub(crate) fn read(document: &Node<'_>, sink: &mut Sink<'_>) -> Option<Meta> {
    let Data::Map(entries) = &document.data else {
        return None;
    };
    let errors = sink.errors;
    for (key, _) in entries {
        let name = key.text().unwrap_or_default();
        if !ATTRIBUTES.contains(&name)
            && let Some(near) = nearest(name, ATTRIBUTES.iter().copied())
        {
            sink.warn(
                key.at,
                "unknown-attribute",
                format!("unknown attribute `{name}`"),
                Some(near),
            );
        }
    }
    let title = text(document, "title", sink);
    match &title {
        None => {
            if sink.errors == errors {
                sink.error(document.at, "missing-title", "the rule has no `title`");
            }
        }
        Some(title) if title.chars().count() > MAX_TITLE => {
            let at = document.get("title").map_or(document.at, |node| node.at);
            sink.warn(
                at,
                "long-title",
                format!("the title is longer than the {MAX_TITLE} characters that Sigma allows"),
                None,
            );
        }
        Some(_) => {}
    }
    let meta = Meta {
        id: text(document, "id", sink).unwrap_or_default().into(),
        title: title.unwrap_or_default().into(),
        name: text(document, "name", sink),
        level: level(document, sink),
        status: status(document, sink),
        description: text(document, "description", sink),
        author: author(document),
        tags: list(document, "tags", sink),
        references: list(document, "references", sink),
        false_positives: list(document, "falsepositives", sink),
        fields: list(document, "fields", sink),
        location: Location {
            path: PathBuf::new(),
            line: document.at.line,
            column: document.at.column,
        },
    };
    (sink.errors == errors).then_some(Meta {
        location: sink.location(document.at),
        ..meta
    })
}

/// The text of an attribute; null counts as absent.
pub(crate) fn text(node: &Node<'_>, key: &str, sink: &mut Sink<'_>) -> Option<String> {
    let value = node.get(key)?;
    if value.is_null() {
        return None;
    }
    let Some(text) = value.text() else {
        sink.error(
            value.at,
            "attribute-type",
            format!("`{key}` is {}, it must be a string", value.kind()),
        );
        return None;
    };
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    Some(text.to_owned())
}

/// The texts of an attribute that is a list; a single text counts as a list of one.
pub(crate) fn list(node: &Node<'_>, key: &str, sink: &mut Sink<'_>) -> Vec<String> {
    let Some(value) = node.get(key) else {
        return Vec::new();
    };
    let items = match &value.data {
        Data::List(items) => items.as_slice(),
        Data::Scalar { .. } if value.is_null() => &[],
        Data::Scalar { .. } => std::slice::from_ref(value),
        Data::Map(_) => {
            sink.warn(
                value.at,
                "attribute-type",
                format!("`{key}` is a map, it must be a list"),
                None,
            );
            &[]
        }
    };
    let mut texts = Vec::with_capacity(items.len());
    for item in items {
        match item.text() {
            Some(_) if item.is_null() => {}
            Some(text) => texts.push(text.trim_end().to_owned()),
            None => sink.warn(
                item.at,
                "attribute-type",
                format!("an entry of `{key}` is {}, it must be a string", item.kind()),
                None,
            ),
        }
    }
    texts
}

/// `author` is a text; some write a list.
fn author(document: &Node<'_>) -> Option<String> {
    match &document.get("author")?.data {
        Data::Scalar { text, .. } if !text.is_empty() => Some(text.trim().to_owned()),
        Data::List(items) => Some(items.iter().filter_map(Node::text).collect::<Vec<_>>().join(", ")),
        _ => None,
    }
}

fn level(document: &Node<'_>, sink: &mut Sink<'_>) -> Level {
    let Some(text) = text(document, "level", sink) else {
        return Level::default();
    };
    let folded = text.to_ascii_lowercase();
    if let Some((_, level)) = LEVELS.iter().find(|(name, _)| *name == folded) {
        return *level;
    }
    let at = document.get("level").map_or(document.at, |node| node.at);
    let near = nearest(&folded, LEVELS.iter().map(|(name, _)| *name));
    sink.warn(
        at,
        "unknown-level",
        format!("unknown level `{text}`, read as `informational`"),
        near,
    );
    Level::default()
}

fn status(document: &Node<'_>, sink: &mut Sink<'_>) -> Option<String> {
    let text = text(document, "status", sink)?;
    if !STATUSES.contains(&text.as_str()) {
        let at = document.get("status").map_or(document.at, |node| node.at);
        let near = nearest(&text, STATUSES.iter().copied());
        sink.warn(at, "unknown-status", format!("unknown status `{text}`"), near);
    }
    Some(text)
}

/// Reads `logsource`. `None` if an error was reported.
pub(crate) fn log_source(document: &Node<'_>, sink: &mut Sink<'_>) -> Option<LogSource> {
    let Some((key, node)) = document.entry("logsource") else {
        sink.error(document.at, "missing-logsource", "the rule has no `logsource`");
        return None;
    };
    let Data::Map(entries) = &node.data else {
        sink.error(
            node.at,
            "attribute-type",
            format!(
                "`logsource` is {}, it must be a map of product, category, service",
                node.kind()
            ),
        );
        return None;
    };
    const KNOWN: [&str; 4] = ["category", "product", "service", "definition"];
    for (key, _) in entries {
        let name = key.text().unwrap_or_default();
        if !KNOWN.contains(&name)
            && let Some(near) = nearest(name, KNOWN)
        {
            sink.warn(
                key.at,
                "unknown-attribute",
                format!("unknown log source attribute `{name}`"),
                Some(near),
            );
        }
    }
    let errors = sink.errors;
    let source = LogSource {
        product: text(node, "product", sink),
        category: text(node, "category", sink),
        service: text(node, "service", sink),
    };
    if sink.errors > errors {
        return None;
    }
    if source == LogSource::default() {
        sink.error(
            key.at,
            "missing-logsource",
            "`logsource` names no product, category or service, so no events would be searched",
        );
        return None;
    }
    Some(source)
}
