//! KQL, Kibana's query language, as conditions on one event.
//!
//! ```
//! use borzoi_rules::{eql, kql};
//!
//! let condition = kql::parse("process.name: (curl or wget*) and not user.name: root").unwrap();
//! let event = serde_json::json!({"process": {"name": "Wget2"}});
//! assert!(condition.holds(event.as_object().unwrap(), &eql::Settings::default()));
//! ```
//!
//! What is read gives the same [`Expr`] as an EQL condition, so that it is evaluated and lowered by the same
//! code. KQL knows two values where EQL knows three: `not user.name: root` holds where there is no user.
//!
//! Kibana asks the index how a field was stored; here every field is compared as a *keyword*, as a whole:
//!
//! - `field: value` and `field: "value"` hold if the field, or any element of a list, is the value. `*` in a
//!   value without quotes is any text. `field: *` holds if there is one at all.
//! - `field: 10.0.0.0/8` also holds for the addresses in that network.
//! - Numbers compare as numbers: `port: 443`, `bytes >= 1000`. Other values after `<` and `>` compare as texts,
//!   which is right for timestamps in ISO 8601. Sums of dates (`now-1d`) are refused: a rule has no now.
//! - Fields that hold prose (`message`, and names that end in `.text` or `_text`) hold if they contain the
//!   value. Kibana searches their words.
//! - A value without a field holds if any text of the event contains it.
//! - Case does not count by default ([`Settings::cased`](crate::eql::Settings)). In Kibana it does for keywords
//!   and does not for prose; public rules list spellings (`"CMD.EXE" or "cmd.exe"`) for that reason alone.
//! - `field: { … }` asks of one object of a list all that stands in the braces.

mod parser;

use crate::eql::{Expr, SyntaxError};

/// The longest query, in bytes.
const MAX_TEXT: usize = 256 * 1024;

/// Reads a query. An empty one is true of every event.
///
/// # Errors
/// The first place at which the text is no query, with what was expected there.
pub fn parse(text: &str) -> Result<Expr, SyntaxError> {
    if text.len() > MAX_TEXT {
        return Err(SyntaxError::at(
            text,
            0,
            format!("the query has {} bytes; at most {MAX_TEXT} are read", text.len()),
        ));
    }
    parser::parse(text)
}
