//! Sigma filters: exclusions kept apart from the rules that they tune.

use std::sync::Arc;

use crate::ir::{LogSource, Meta};

/// A filter and the rules that it was folded into.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterRule {
    /// What it says of itself.
    pub meta: Meta,
    /// Only rules of this log source are touched.
    pub log_source: LogSource,
    /// Ids of the rules that it was folded into.
    pub applied_to: Vec<Arc<str>>,
}
