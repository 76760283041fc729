//! Products whose lines are rows of a table without its head: what a column means, its place says.
//!
//! A row is recognised by what stands in several of its cells at once; the cells are quoted where they may hold the
//! separator, so that none can pose as another.

pub(super) mod gateways;
pub(super) mod hosts;
pub(super) mod netskope;

use crate::formats::fields::Fields;
use crate::formats::text::parts::is_blank;

/// Puts the cells by the names of their columns; columns without a name are left out.
fn put_columns<'a>(fields: &mut Fields<'a>, names: &[&'static str], cells: &[&'a str]) {
    for (name, cell) in names.iter().zip(cells) {
        if !name.is_empty() && !is_blank(cell) {
            fields.text(name, cell);
        }
    }
}
