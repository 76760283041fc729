//! What storage cannot compare by itself: Sigma's questions as a function over columns.
//!
//! Every [`SigmaFunction`] belongs to one question of one rule; it is made while a rule is lowered and is
//! not in the list of functions. Its answer is never null.

use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, BooleanBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type, TimeUnit};
use borzoi_parsers::catalog::Dataset;
use borzoi_rules::ir::Relation;
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, lit,
};

use super::functions::over_texts_bool;
use crate::matcher::single::{Test, relates};
use crate::matcher::unmapped::walk;
use crate::matcher::values::Texts;
use crate::resolve::FieldKey;

/// Where to look.
#[derive(Debug, Clone)]
pub(super) enum Where {
    /// In the columns given as arguments.
    Columns,
    /// In the JSON of the one argument: what belongs to one of these fields, or everything.
    Unmapped(Option<Vec<FieldKey>>),
}

/// What is asked of a row.
#[derive(Debug, Clone)]
pub(super) enum Question {
    /// Does any text pass the test?
    Holds {
        /// The test.
        test: Test,
        /// Where.
        within: Where,
    },
    /// Is there any text?
    Present {
        /// Where.
        within: Where,
    },
    /// Does any text of one field relate so to any text of the other?
    Relates {
        /// How many of the arguments, from the first, are the one field's columns.
        left: usize,
        /// How many, after those, are the other's. One more argument: `unmapped`.
        right: usize,
        /// The one field.
        left_key: FieldKey,
        /// The other.
        right_key: FieldKey,
        /// How.
        relation: Relation,
        /// Whether case counts.
        cased: bool,
    },
}

/// One question as a function.
pub(super) struct SigmaFunction {
    question: Question,
    dataset: Arc<Dataset>,
    /// The whole question in words: functions are the same if their labels are.
    label: String,
    signature: Signature,
}

impl SigmaFunction {
    pub(super) fn call(
        question: Question,
        dataset: Arc<Dataset>,
        asked: String,
        arguments: Vec<Expr>,
    ) -> Expr {
        // Nowhere to look: no text passes, none is there, none relates to another.
        if arguments.is_empty() {
            return lit(false);
        }
        let place = match &question {
            Question::Holds { within, .. } | Question::Present { within } => format!("{within:?}"),
            Question::Relates { .. } => format!("{question:?}"),
        };
        let label = format!("{asked} {place} {}", dataset.name);
        ScalarUDF::from(SigmaFunction {
            question,
            dataset,
            label,
            signature: Signature::variadic_any(Volatility::Immutable),
        })
        .call(arguments)
    }
}

impl fmt::Debug for SigmaFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigmaFunction")
            .field("label", &self.label)
            .finish()
    }
}

impl PartialEq for SigmaFunction {
    fn eq(&self, other: &Self) -> bool {
        self.label == other.label
    }
}

impl Eq for SigmaFunction {}

impl Hash for SigmaFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.label.hash(state);
    }
}

impl ScalarUDFImpl for SigmaFunction {
    fn name(&self) -> &str {
        "sigma_match"
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }
    fn is_nullable(&self, _: &[Expr], _: &dyn datafusion::common::ExprSchema) -> bool {
        false
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let arrays = args
            .args
            .iter()
            .map(|arg| arg.to_array(rows).and_then(|array| readable(&array)))
            .collect::<Result<Vec<_>>>()?;
        let answer = match &self.question {
            Question::Holds {
                test,
                within: Where::Columns,
            } => any_column(&arrays, rows, |text| test.holds(text))?,
            Question::Present {
                within: Where::Columns,
            } => any_column(&arrays, rows, |_| true)?,
            Question::Holds {
                test,
                within: Where::Unmapped(keys),
            } => self.any_unmapped(&arrays, rows, keys.as_deref(), |text| test.holds(text))?,
            Question::Present {
                within: Where::Unmapped(keys),
            } => self.any_unmapped(&arrays, rows, keys.as_deref(), |_| true)?,
            Question::Relates {
                left,
                right,
                left_key,
                right_key,
                relation,
                cased,
            } => {
                let (left, rest) = arrays.split_at(*left);
                let (right, unmapped) = rest.split_at(*right);
                let mut answers = BooleanBuilder::with_capacity(rows);
                for row in 0..rows {
                    let ones = self.texts_of(left, unmapped.first(), left_key, row);
                    let others = self.texts_of(right, unmapped.first(), right_key, row);
                    answers.append_value(
                        ones.iter()
                            .any(|one| others.iter().any(|other| relates(one, *relation, other, *cased))),
                    );
                }
                answers.finish()
            }
        };
        Ok(ColumnarValue::Array(Arc::new(answer)))
    }
}

impl SigmaFunction {
    fn any_unmapped(
        &self,
        arrays: &[ArrayRef],
        rows: usize,
        keys: Option<&[FieldKey]>,
        mut holds: impl FnMut(&str) -> bool,
    ) -> Result<BooleanArray> {
        let Some(json) = arrays.first() else {
            return Ok(BooleanArray::from(vec![false; rows]));
        };
        // What a path belongs to is worked out once: a batch has few different paths.
        let mut ours: HashMap<String, bool> = HashMap::new();
        over_texts_bool(json, false, |json| {
            let mut any = false;
            walk(json, &mut |path, text| {
                if any {
                    return;
                }
                let belongs = match keys {
                    None => true,
                    Some(keys) => match ours.get(path) {
                        Some(&known) => known,
                        None => {
                            let belongs = keys.iter().any(|key| key.is_unmapped_path(&self.dataset, path));
                            ours.insert(path.to_owned(), belongs);
                            belongs
                        }
                    },
                };
                any = belongs && holds(text);
            });
            any
        })
    }

    fn texts_of(
        &self,
        columns: &[ArrayRef],
        unmapped: Option<&ArrayRef>,
        key: &FieldKey,
        row: usize,
    ) -> Vec<String> {
        let mut texts = Vec::new();
        let mut buffer = String::new();
        for column in columns {
            if let Some(column) = Texts::of(column) {
                column.visit(row, &mut buffer, &mut |text| texts.push(text.to_owned()));
            }
        }
        if let Some(json) = unmapped
            && let Some(Texts::Strings(json)) = Texts::of(json)
            && let Some(json) = json.get(row)
        {
            walk(json, &mut |path, text| {
                if key.is_unmapped_path(&self.dataset, path) {
                    texts.push(text.to_owned());
                }
            });
        }
        texts
    }
}

/// Whether any text of any column passes, row by row.
fn any_column(arrays: &[ArrayRef], rows: usize, mut holds: impl FnMut(&str) -> bool) -> Result<BooleanArray> {
    if let [array] = arrays
        && matches!(array.data_type(), DataType::Utf8 | DataType::Dictionary(_, _))
    {
        return over_texts_bool(array, false, holds);
    }
    let mut any = vec![false; rows];
    let mut buffer = String::new();
    for texts in arrays.iter().filter_map(Texts::of) {
        for (row, any) in any.iter_mut().enumerate().filter(|(_, any)| !**any) {
            texts.visit(row, &mut buffer, &mut |text| *any = *any || holds(text));
        }
    }
    Ok(BooleanArray::from(any))
}

/// The array in one of the encodings that event batches have.
pub(crate) fn readable(array: &ArrayRef) -> Result<ArrayRef> {
    let wanted = match array.data_type() {
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        DataType::Dictionary(_, _) if array.as_dictionary_opt::<Int32Type>().is_none() => DataType::Utf8,
        DataType::Dictionary(_, values) if **values != DataType::Utf8 => DataType::Utf8,
        DataType::List(item) if *item.data_type() != DataType::Utf8 => {
            DataType::List(Arc::new(item.as_ref().clone().with_data_type(DataType::Utf8)))
        }
        DataType::Timestamp(unit, zone) if *unit != TimeUnit::Microsecond => {
            DataType::Timestamp(TimeUnit::Microsecond, zone.clone())
        }
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32 => DataType::Int64,
        DataType::Float32 => DataType::Float64,
        _ => return Ok(array.clone()),
    };
    Ok(cast(array, &wanted)?)
}
