//! The body of a rule: its searches and its conditions.

use crate::condition;
use crate::detection::{self, Context};
use crate::ir::{Condition, Search};
use crate::placeholder::Placeholders;
use crate::problem::{Sink, nearest};
use crate::value::inside;
use crate::yaml::{Data, Node};

/// Searches and conditions of a `detection` or `filter`.
#[derive(Debug)]
pub(crate) struct Body {
    pub searches: Vec<Search>,
    pub conditions: Vec<Condition>,
    pub waiting_for: Vec<String>,
}

/// Compiles `detection` or `filter`; `reserved` are keys that are no searches. `None` if an error was
/// reported.
pub(crate) fn body(
    document: &Node<'_>,
    section: &str,
    reserved: &[&str],
    placeholders: &Placeholders,
    sink: &mut Sink<'_>,
) -> Option<Body> {
    let (section_key, node) = document.entry(section)?;
    let Data::Map(entries) = &node.data else {
        sink.error(
            node.at,
            "attribute-type",
            format!("`{section}` is {}, it must be a map", node.kind()),
        );
        return None;
    };
    let errors = sink.errors;
    let mut context = Context {
        sink,
        placeholders,
        waiting_for: Vec::new(),
    };
    let mut searches = Vec::with_capacity(entries.len());
    // Names stand in `names` even when their search is broken, so that the condition is not blamed too.
    let mut names = Vec::with_capacity(entries.len());
    let mut places = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        let name = key.text().unwrap_or_default();
        if name == "condition" || reserved.contains(&name) {
            continue;
        }
        if name == "timeframe" && matches!(value.data, Data::Scalar { .. }) {
            context.sink.warn(
                key.at,
                "timeframe",
                "`timeframe` belonged to aggregations and does nothing, correlation rules have `timespan`",
                None,
            );
            continue;
        }
        names.push(name);
        places.push(key.at);
        searches.extend(detection::search(name, value, &mut context));
    }
    let waiting_for = context.waiting_for;
    let Some((_, condition_node)) = node.entry("condition") else {
        let near = entries
            .iter()
            .find_map(|(key, _)| nearest(key.text()?, ["condition"]));
        sink.error_near(
            section_key.at,
            "missing-condition",
            format!("`{section}` has no `condition`"),
            near,
        );
        return None;
    };
    let mut used = vec![false; names.len()];
    let mut conditions = Vec::new();
    let items = match &condition_node.data {
        Data::List(items) => items.as_slice(),
        _ => std::slice::from_ref(condition_node),
    };
    if items.is_empty() {
        sink.error(
            condition_node.at,
            "condition-syntax",
            "the list of conditions is empty",
        );
    }
    for item in items {
        let Some(text) = item.text().filter(|_| !item.is_null()) else {
            sink.error(
                item.at,
                "condition-syntax",
                format!("a condition is a string, this is {}", item.kind()),
            );
            continue;
        };
        match condition::parse(text, &names, &mut used) {
            Ok(condition) => conditions.push(condition),
            Err(error) => {
                let at = inside(item, text, error.offset, sink);
                sink.error_near(at, error.code, error.message, error.suggestion);
            }
        }
    }
    if sink.errors > errors {
        return None;
    }
    for ((name, at), used) in names.iter().zip(places).zip(used) {
        // An underscore in front is the convention for "not used now".
        if !used && !name.starts_with('_') {
            sink.warn(
                at,
                "unused-search",
                format!("search `{name}` is not used by the condition"),
                None,
            );
        }
    }
    Some(Body {
        searches,
        conditions,
        waiting_for,
    })
}
