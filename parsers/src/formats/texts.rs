//! Fields out of texts: `pairs` and `sentences` of a catalog file.

use std::sync::Arc;

use super::fields::{address, is_nothing};
use super::text::pairs::{Pair, Style, pairs, unescaped};
use super::text::shape;
use crate::batch::BatchBuilder;
use crate::catalog::Dataset;
use crate::value::Value;

/// Writes what the texts of the current event say, as its dataset reads them. Nothing that the event says itself is
/// replaced.
pub(super) fn take_apart(builder: &mut BatchBuilder) {
    let dataset = builder.dataset();
    if dataset.pairs.is_none() && dataset.sentences.is_empty() {
        return;
    }
    let dataset = dataset.clone();
    let mut text = String::new();
    for sentences in &dataset.sentences {
        text.clear();
        if builder.text_of(&sentences.from, &mut text) {
            write_captures(&sentences.shapes, &text, builder);
        }
    }
    text.clear();
    if let Some(name) = &dataset.pairs
        && builder.text_of(name, &mut text)
    {
        write_pairs(&text, &dataset, builder);
    }
}

/// Writes the pairs of `text` as fields of their own, where it has no other text before them: those whose names the
/// dataset declares, and which say the same wherever they stand. A value may hold what looks like pairs.
fn write_pairs(text: &str, dataset: &Arc<Dataset>, builder: &mut BatchBuilder) {
    let starts_with_a_name = text.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    });
    if !starts_with_a_name {
        return;
    }
    let found: Vec<Pair<'_>> = pairs(text, Style::COMMAS).collect();
    for pair in &found {
        let certain = found
            .iter()
            .all(|other| other.key != pair.key || other.value == pair.value);
        if is_nothing(pair.value) || !certain || dataset.declared_type(pair.key).is_none() {
            continue;
        }
        match pair.escaped {
            true => builder.field_if_absent(pair.key, Value::Str(&unescaped(pair.value))),
            false => builder.field_if_absent(pair.key, Value::Str(pair.value)),
        }
    }
}

/// Writes what the first of `shapes` that `text` has captures, by the names of the captures. A host that is no address
/// goes from `x.ip` to `x.domain`.
fn write_captures(shapes: &[Box<str>], text: &str, builder: &mut BatchBuilder) {
    let mut found = Vec::new();
    if !shapes
        .iter()
        .any(|shape| shape::matches(shape, text, |_, _| 0, &mut found))
    {
        return;
    }
    for (name, value) in found {
        match name.strip_suffix(".ip") {
            Some(stem) if address(value).is_none() => {
                builder.field_if_absent(&format!("{stem}.domain"), Value::Str(value));
            }
            Some(_) => builder.field_if_absent(name, Value::Str(address(value).unwrap_or(value))),
            None => builder.field_if_absent(name, Value::Str(value)),
        }
    }
}
