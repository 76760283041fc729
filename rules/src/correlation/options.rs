//! What a correlation says under `borzoi`: which events are looked at together, how long is waited, what is told.

use std::time::Duration;

use super::bounds::{bound, operator};
use super::draft::texts;
use super::own::duration;
use super::{Bound, CorrelationKind, Options, WindowMode};
use crate::problem::{Sink, nearest};
use crate::yaml::{Data, Node, Spot};

/// The windows that a rule may ask for.
const WINDOWS: [&str; 4] = ["sliding", "tumbling", "hopping", "session"];

/// Fields of which a count of events asks how many different values they have, and what must hold of that.
pub(super) struct Distinct {
    pub(super) fields: Vec<String>,
    pub(super) bounds: Vec<Bound>,
}

/// Reads `{window: hopping, hop: 1m, suppress: 1h, lateness: 10m, distinct: {field: User, gte: 5}}`.
pub(super) fn read(
    document: &Node<'_>,
    kind: Option<CorrelationKind>,
    timespan: Option<Duration>,
    sink: &mut Sink<'_>,
) -> (Options, Option<Distinct>) {
    let (mut options, mut values) = (Options::default(), None);
    let Some(node) = document.get("borzoi") else {
        return (options, None);
    };
    let Data::Map(entries) = &node.data else {
        let kind = node.kind();
        sink.error(
            node.at,
            "attribute-type",
            format!("`borzoi` is {kind}, it must be a map such as `suppress: 1h`"),
        );
        return (options, None);
    };
    let has_windows = !matches!(
        kind,
        Some(CorrelationKind::FirstSeen | CorrelationKind::Statistic(_))
    );
    let (mut mode, mut hop) = (None, None);
    for (key, value) in entries {
        match key.text().unwrap_or_default() {
            "suppress" => options.suppress = duration(value, sink, false),
            "lateness" => options.lateness = duration(value, sink, true),
            word @ ("window" | "hop") if !has_windows => sink.error(
                key.at,
                "correlation-option",
                format!("`{word}` has no meaning for this type"),
            ),
            "window" => mode = Some((window(value, sink), value.at)),
            "hop" => hop = Some((duration(value, sink, false), key.at)),
            "distinct" if kind.is_none_or(|kind| kind == CorrelationKind::EventCount) => {
                values = distinct(value, sink);
            }
            "distinct" => sink.error(
                key.at,
                "correlation-option",
                "`distinct` stands beside a count of events: write `type: event_count`, whose condition counts them",
            ),
            other => sink.error_near(
                key.at,
                "correlation-option",
                format!("a correlation has no option `{other}`"),
                nearest(other, ["distinct", "hop", "lateness", "suppress", "window"]),
            ),
        }
    }
    if let Some(mode) = mode_of(mode, hop, timespan, sink) {
        options.window = mode;
    }
    (options, values)
}

fn window<'w>(node: &'w Node<'_>, sink: &mut Sink<'_>) -> &'w str {
    let word = node.text().unwrap_or_default();
    if !WINDOWS.contains(&word) {
        sink.error_near(
            node.at,
            "correlation-option",
            format!("unknown window `{word}`: it is sliding, tumbling, hopping or session"),
            nearest(word, WINDOWS),
        );
    }
    word
}

/// What `window` and `hop` say together; nothing if that is nothing, or an error was reported.
fn mode_of(
    mode: Option<(&str, Spot)>,
    hop: Option<(Option<Duration>, Spot)>,
    timespan: Option<Duration>,
    sink: &mut Sink<'_>,
) -> Option<WindowMode> {
    match (mode, hop) {
        // That it is no time was said.
        (Some(("hopping", _)), Some((None, _))) => None,
        (Some(("hopping", _)), Some((Some(hop), at))) => {
            if timespan.is_some_and(|span| hop > span) {
                sink.error(
                    at,
                    "correlation-option",
                    "`hop` is longer than `timespan`: what happens between two windows would lie in none, write a shorter one",
                );
            }
            Some(WindowMode::Hopping { hop })
        }
        (Some(("hopping", at)), None) => {
            sink.error(
                at,
                "correlation-option",
                "hopping windows need `hop`: how long after one the next begins, `hop: 1m`",
            );
            None
        }
        // So was that it is no window.
        (Some((word, _)), _) if !WINDOWS.contains(&word) => None,
        (_, Some((_, at))) => {
            sink.error(at, "correlation-option", "`hop` belongs to `window: hopping`");
            None
        }
        (Some(("tumbling", _)), None) => Some(WindowMode::Tumbling),
        (Some(("session", _)), None) => Some(WindowMode::Session),
        _ => None,
    }
}

/// `{field: TargetUserName, gte: 5}`.
fn distinct(node: &Node<'_>, sink: &mut Sink<'_>) -> Option<Distinct> {
    const KEYS: [&str; 7] = ["field", "gt", "gte", "lt", "lte", "eq", "neq"];
    let Data::Map(entries) = &node.data else {
        let kind = node.kind();
        sink.error(
            node.at,
            "attribute-type",
            format!("`distinct` is {kind}, it must be a map such as `{{field: TargetUserName, gte: 5}}`"),
        );
        return None;
    };
    let errors = sink.errors;
    let mut bounds = Vec::new();
    for (key, value) in entries {
        match key.text().unwrap_or_default() {
            "field" => {}
            word if let Some(operator) = operator(word) => {
                bounds.extend(bound(operator, word, value, true, sink));
            }
            other => sink.error_near(
                key.at,
                "correlation-option",
                format!("unknown condition `{other}` of `distinct`"),
                nearest(other, KEYS),
            ),
        }
    }
    let fields = texts(node, "field", sink);
    let missing = match (fields.is_empty(), bounds.is_empty()) {
        (true, _) => Some("`distinct` needs `field`: whose different values are counted"),
        (_, true) => Some("`distinct` has no bound such as `gte: 5`"),
        _ => None,
    };
    if let Some(missing) = missing.filter(|_| sink.errors == errors) {
        sink.error(node.at, "correlation-option", missing);
    }
    (sink.errors == errors).then_some(Distinct { fields, bounds })
}
