//! Looking into JSON text.

use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature};
use serde_json::Value;

use super::values::{arrays, constant, finish, over_pairs, over_texts, signature, text_arguments};

pub(super) fn functions() -> Vec<ScalarUDF> {
    vec![
        ScalarUDF::from(JsonGet {
            signature: signature(2),
        }),
        ScalarUDF::from(JsonGetInt {
            signature: signature(2),
        }),
    ]
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

fn look_up(json: &str, path: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(json).ok()?;
    at_path(&value, path).cloned()
}

fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn invoke<T: super::values::Collected>(
    name: &str,
    args: &ScalarFunctionArgs,
    pick: impl Fn(&Value) -> Option<T>,
) -> Result<ColumnarValue> {
    let path = constant(name, &args.args[1])?;
    let (arrays, scalar) = arrays(args)?;
    let result = match path {
        Some(None) => over_texts::<T>(&arrays[0], |_| None)?,
        Some(Some(path)) if path.is_empty() => {
            return exec_err!("{name}: the path is empty; write it like 'a.b.0'");
        }
        Some(Some(path)) => over_texts(&arrays[0], |json| {
            look_up(json, &path).and_then(|value| pick(&value))
        })?,
        None => over_pairs(&arrays[0], &arrays[1], |json, path| {
            Ok(look_up(json, path).and_then(|value| pick(&value)))
        })?,
    };
    finish(result, scalar)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct JsonGet {
    signature: Signature,
}

impl ScalarUDFImpl for JsonGet {
    fn name(&self) -> &str {
        "json_get"
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        text_arguments(self.name(), types)?;
        Ok(DataType::Utf8View)
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        invoke(self.name(), &args, scalar_text)
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct JsonGetInt {
    signature: Signature,
}

impl ScalarUDFImpl for JsonGetInt {
    fn name(&self) -> &str {
        "json_get_int"
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        text_arguments(self.name(), types)?;
        Ok(DataType::Int64)
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        invoke(self.name(), &args, whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotted_keys_and_nested_paths() {
        let json = r#"{"a.b":{"c":[10,"x"]},"a":{"b":{"d":true}},"N":null,"Big":"7"}"#;
        let text = |path| look_up(json, path).as_ref().and_then(scalar_text);
        assert_eq!(text("a.b.c.1").as_deref(), Some("x"));
        assert_eq!(text("a.b.d").as_deref(), Some("true"));
        assert_eq!(text("a.b.c").as_deref(), Some(r#"[10,"x"]"#));
        assert_eq!(text("big").as_deref(), Some("7"));
        assert_eq!(text("N"), None);
        assert_eq!(text("a.x"), None);
        assert_eq!(look_up(json, "Big").as_ref().and_then(whole), Some(7));
        assert_eq!(look_up("no json", "a"), None);
    }
}
