//! Looking into JSON text.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};
use serde_json::Value;

use super::function::text_function;
use super::values::{Collected, arrays, constant, finish, over_pairs, over_texts};

/// How many texts were no JSON that can be read; counted, because their null looks like any other.
pub(crate) type UnreadableJson = Arc<AtomicU64>;

pub(super) fn functions(unreadable: &UnreadableJson) -> Vec<ScalarUDF> {
    let counter = unreadable.clone();
    let text = text_function("json_get", 2, DataType::Utf8View, move |name, args| {
        pick(name, args, &counter, scalar_text)
    });
    let counter = unreadable.clone();
    let int = text_function("json_get_int", 2, DataType::Int64, move |name, args| {
        pick(name, args, &counter, whole)
    });
    vec![text, int]
}

/// The value at `path`. Keys may themselves contain dots (those of `unmapped` do): the longest key that
/// leads to a value wins. A number steps into an array, counting from 0. Keys are compared exactly, or
/// else without case.
fn at_path<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    if path.is_empty() {
        return Some(value);
    }
    let ends = std::iter::once(path.len()).chain(path.rmatch_indices('.').map(|(at, _)| at));
    for end in ends {
        let (key, rest) = (&path[..end], path.get(end + 1..).unwrap_or(""));
        let inner = match value {
            Value::Object(object) => object.get(key).or_else(|| {
                object
                    .iter()
                    .find(|(name, _)| name.eq_ignore_ascii_case(key))
                    .map(|(_, inner)| inner)
            }),
            Value::Array(items) => key.parse().ok().and_then(|index: usize| items.get(index)),
            _ => None,
        };
        if let Some(found) = inner.and_then(|inner| at_path(inner, rest)) {
            return Some(found);
        }
    }
    None
}

/// A JSON value as text: strings bare, null as none, the rest as JSON.
fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// The value at a path of a JSON text, `None` if there is none or the text cannot be read.
fn look_up(json: &str, path: &str, unreadable: &AtomicU64) -> Option<Value> {
    match serde_json::from_str::<Value>(json) {
        Ok(value) => at_path(&value, path).cloned(),
        Err(_) => {
            unreadable.fetch_add(1, Ordering::Relaxed);
            None
        }
    }
}

fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn pick<T: Collected>(
    name: &str,
    args: &ScalarFunctionArgs,
    unreadable: &AtomicU64,
    pick: impl Fn(&Value) -> Option<T>,
) -> Result<ColumnarValue> {
    let path = constant(name, &args.args[1])?;
    let (arrays, scalar) = arrays(args)?;
    let found = |json: &str, path: &str| look_up(json, path, unreadable).and_then(|value| pick(&value));
    let result = match path {
        Some(None) => over_texts::<T>(&arrays[0], |_| None)?,
        Some(Some(path)) if path.is_empty() => {
            return exec_err!("{name}: the path is empty; write it like 'a.b.0'");
        }
        Some(Some(path)) => over_texts(&arrays[0], |json| found(json, &path))?,
        None => over_pairs(&arrays[0], &arrays[1], |json, path| Ok(found(json, path)))?,
    };
    finish(result, scalar)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotted_keys_and_nested_paths() {
        let json = r#"{"a.b":{"c":[10,"x"]},"a":{"b":{"d":true}},"N":null,"Big":"7"}"#;
        let unreadable = AtomicU64::new(0);
        let text = |path| look_up(json, path, &unreadable).as_ref().and_then(scalar_text);
        assert_eq!(text("a.b.c.1").as_deref(), Some("x"));
        assert_eq!(text("a.b.d").as_deref(), Some("true"));
        assert_eq!(text("a.b.c").as_deref(), Some(r#"[10,"x"]"#));
        assert_eq!(text("big").as_deref(), Some("7"));
        assert_eq!(text("N"), None);
        assert_eq!(text("a.x"), None);
        assert_eq!(
            look_up(json, "Big", &unreadable).as_ref().and_then(whole),
            Some(7)
        );
        assert_eq!(unreadable.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn what_cannot_be_read_is_null_and_counted() {
        let unreadable = AtomicU64::new(0);
        let deep = format!(r#"{{"a":1,"deep":{}{}}}"#, "[".repeat(200), "]".repeat(200));
        for json in ["no json", "", &deep] {
            assert_eq!(look_up(json, "a", &unreadable), None);
        }
        assert_eq!(unreadable.load(Ordering::Relaxed), 3);
    }
}
