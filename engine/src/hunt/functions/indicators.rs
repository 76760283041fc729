//! Lists of indicators.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};

use super::function::text_function;
use super::values::{arrays, bad_constant, constant, finish, over_pairs, over_texts};
use crate::indicators::{Asked, IndicatorSet, words};

/// Functions over `set`; without one they say how to load lists.
pub(super) fn functions(set: Option<&Arc<IndicatorSet>>) -> Vec<ScalarUDF> {
    let (one, two) = (set.cloned(), set.cloned());
    vec![
        text_function("indicator", 1, DataType::Utf8View, move |name, args| {
            let set = loaded(name, one.as_ref())?;
            let (arrays, scalar) = arrays(args)?;
            let said = |text: &str| {
                let said: Vec<String> = set.find(Asked::Any, text).iter().map(words).collect();
                (!said.is_empty()).then(|| said.join(", "))
            };
            finish(over_texts(&arrays[0], said)?, scalar)
        }),
        text_function("indicator_of", 2, DataType::Boolean, move |name, args| {
            indicator_of(name, loaded(name, two.as_ref())?, args)
        }),
    ]
}

fn loaded<'s>(function: &str, set: Option<&'s Arc<IndicatorSet>>) -> Result<&'s IndicatorSet> {
    match set {
        Some(set) => Ok(set),
        None => {
            exec_err!("{function}: no indicators are loaded; `borzoi hunt --indicators PATH` loads lists")
        }
    }
}

fn indicator_of(function: &str, set: &IndicatorSet, args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let list = constant(function, &args.args[0])?;
    let (arrays, scalar) = arrays(args)?;
    let is_in = |list: &str, text: &str| {
        set.find(Asked::Any, text)
            .iter()
            .any(|hit| *hit.list().name == *list)
    };
    let result = match list {
        Some(None) => over_texts::<bool>(&arrays[1], |_| None)?,
        Some(Some(list)) => {
            let names = || set.lists().iter().map(|list| &*list.name);
            if !names().any(|name| name == list) {
                let near = borzoi_rules::nearest(&list, names());
                let near = near.map_or_else(String::new, |near| format!("; did you mean '{near}'?"));
                return Err(bad_constant(
                    function,
                    format!("no list '{list}' is loaded{near}"),
                ));
            }
            over_texts(&arrays[1], |text| Some(is_in(&list, text)))?
        }
        None => over_pairs(&arrays[0], &arrays[1], |list, text| Ok(Some(is_in(list, text))))?,
    };
    finish(result, scalar)
}
