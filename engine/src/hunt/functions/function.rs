//! A function of texts, as the SQL engine wants it.

use std::fmt;
use std::hash::{Hash, Hasher};

use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::values::text_arguments;

/// What a function does: its own name (for messages) and its arguments in, its answer out.
type Body = dyn Fn(&str, &ScalarFunctionArgs) -> Result<ColumnarValue> + Send + Sync;

/// A function whose arguments are texts and whose answer has one type. Two of a name are the same one.
struct TextFunction {
    name: &'static str,
    signature: Signature,
    gives: DataType,
    body: Box<Body>,
}

/// The function `name` of so many texts, which gives values of type `gives`.
pub(super) fn text_function(
    name: &'static str,
    arguments: usize,
    gives: DataType,
    body: impl Fn(&str, &ScalarFunctionArgs) -> Result<ColumnarValue> + Send + Sync + 'static,
) -> ScalarUDF {
    ScalarUDF::from(TextFunction {
        name,
        // Any scalars: `return_type` refuses what has no text, with a message that says so.
        signature: Signature::any(arguments, Volatility::Immutable),
        gives,
        body: Box::new(body),
    })
}

impl ScalarUDFImpl for TextFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        text_arguments(self.name, types)?;
        Ok(self.gives.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        (self.body)(self.name, &args)
    }
}

impl fmt::Debug for TextFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TextFunction").field(&self.name).finish()
    }
}

impl PartialEq for TextFunction {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for TextFunction {}

impl Hash for TextFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}
