//! What Linux programs write to syslog, taken apart.

use std::sync::Arc;

use super::Reject;
use crate::catalog::{Catalog, Dataset};
use crate::value::Value;

/// The fields of one message, under ECS names. The first value of a name holds.
#[derive(Debug, Default)]
pub struct Fields<'a> {
    values: Vec<(&'static str, Value<'a>)>,
}

impl<'a> Fields<'a> {
    /// The fields in the order in which they were found.
    pub fn into_iter(self) -> impl Iterator<Item = (&'static str, Value<'a>)> {
        self.values.into_iter()
    }
}

/// The dataset of a program's message.
pub fn dataset(catalog: &Catalog, program: &str, _message: &str) -> Result<Arc<Dataset>, Reject> {
    catalog
        .dataset_of_program(program)
        .or_else(|| catalog.dataset("linux.syslog"))
        .cloned()
        .ok_or_else(|| Reject::new("no_dataset", "the catalog has no dataset `linux.syslog`"))
}

/// Takes `message` of `program` apart.
pub fn dissect<'a>(_tag: &'a str, _program: &'a str, _message: &'a str, _fields: &mut Fields<'a>) {}
