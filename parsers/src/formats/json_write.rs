//! The members of a JSON object as fields with dotted names, where the catalog has no say in it.

use super::tape::Json;
use crate::batch::BatchBuilder;
use crate::value::Value;

/// Objects nested deeper than this are kept as JSON text.
pub(super) const MAX_DEPTH: usize = 32;

/// Objects below a longer path are kept as JSON text: every member has a name as long as that.
pub(super) const MAX_PATH: usize = 1024;

/// Writes all members of an object under `path` (with its trailing dot, if it is not empty).
pub(super) fn write_members(json: Json<'_>, builder: &mut BatchBuilder, path: &mut String, depth: usize) {
    let length = path.len();
    for (key, value) in json.members() {
        if length == 0 && !value.is_object() {
            write_value(key, value, builder);
            continue;
        }
        path.push_str(key);
        write_at(value, builder, path, depth);
        path.truncate(length);
    }
}

/// Writes a value under `path`, which it may leave longer.
pub(super) fn write_at(value: Json<'_>, builder: &mut BatchBuilder, path: &mut String, depth: usize) {
    if value.is_object() && depth < MAX_DEPTH && path.len() <= MAX_PATH && value.members().next().is_some() {
        path.push('.');
        write_members(value, builder, path, depth + 1);
    } else {
        write_value(path, value, builder);
    }
}

/// Writes a value under a name, without flattening.
pub(super) fn write_value(name: &str, value: Json<'_>, builder: &mut BatchBuilder) {
    let mut number = String::new();
    if let Some(scalar) = value.scalar(&mut number) {
        builder.field(name, scalar);
        return;
    }
    let scalars = value.is_array() && value.elements().all(|item| !item.is_object() && !item.is_array());
    if scalars {
        builder.field(name, Value::List(value.elements().map(owned_scalar).collect()));
        return;
    }
    let mut text = String::new();
    value.write(&mut text);
    builder.field(name, Value::Json(&text));
}

/// A scalar of a list. Whole numbers past `i64` become floats here.
pub(super) fn owned_scalar(item: Json<'_>) -> Value<'_> {
    match item.text() {
        Some(text) => Value::Str(text),
        None => item.number_or_flag(),
    }
}
