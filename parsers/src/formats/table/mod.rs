//! Tables: files whose header names the columns of the rows behind it.
//!
//! ```text
//! time,source ip,verdict                                        #Fields: date time c-ip cs-method sc-status
//! 2026-03-01 10:00:00,192.0.2.1,"denied, twice"                 2026-03-01 10:00:00 192.0.2.1 GET 404
//! ```
//!
//! The names in the header choose the dataset (`select.header` in the catalog, or the keys by which the same product's JSON
//! is known), and the catalog says what each means; a table of nobody's is `generic.csv`. [`header`] has the kinds of
//! headers, [`identify`](mod@identify) how a header is told from a line, [`span`] where a record ends, [`plan`] what a header means.
//!
//! A cell that is empty or `-` is no value. A row with too few or too many cells is an event as well, with its text and
//! `error.type: short_row` or `long_row`: its cells are taken by their places only where no separator can be one of a
//! value. Such a row of a W3C log is read as any line is.

mod bulk;
mod ends;
mod grid;
mod header;
mod identify;
mod plan;
mod span;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bulk::Bulk;
use grid::Scratch;
pub use header::{RowsHeader, TableHeader};
pub(crate) use identify::{identify, looks_like_w3c};
use plan::{ByHeader, Plan, When};
pub(crate) use span::{End, Span};

use super::text::cells::{Cell, cells};
use super::{EventSink, FrameContext, Reject, commit};
use crate::catalog::Catalog;
use crate::frame::{FrameBlock, FrameSpan};
use crate::time;
use crate::value::Value;

/// Reads rows; remembers what the last header meant.
pub(super) struct Tables {
    by_header: ByHeader,
    last: Option<(Arc<TableHeader>, Arc<Plan>)>,
    /// How rows under the last header are read together, if they are.
    bulk: Option<(Arc<TableHeader>, Option<Bulk>)>,
    scratch: Scratch,
}

pub(super) use bulk::TOGETHER;

impl Tables {
    pub(super) fn new(catalog: &Catalog) -> Self {
        Tables {
            by_header: ByHeader::new(catalog),
            last: None,
            bulk: None,
            scratch: Scratch::default(),
        }
    }

    /// Writes the events of neighbouring rows of `block` to `sink`. `false`: they are to be read one by one, and nothing
    /// was written.
    pub(super) fn decode_together(
        &mut self,
        block: &FrameBlock,
        spans: &[FrameSpan],
        context: &FrameContext<'_>,
        sink: &mut EventSink,
    ) -> bool {
        let Some(shared) = &block.header else {
            return false;
        };
        let known = self
            .bulk
            .as_ref()
            .is_some_and(|(known, _)| Arc::ptr_eq(known, shared));
        if !known {
            let bulk = match &**shared {
                TableHeader::Zeek(header) if header.is_complete() => {
                    let dataset = bulk::dataset_of_zeek(header, context, sink);
                    dataset.and_then(|dataset| Bulk::of_zeek(header, dataset))
                }
                TableHeader::Rows(header) if !header.names().is_empty() => {
                    let plan = self.plan(shared, header, context, sink).ok();
                    plan.and_then(|plan| Bulk::of_rows(header, &plan))
                }
                _ => None,
            };
            self.bulk = Some((shared.clone(), bulk));
        }
        let Tables { bulk, scratch, .. } = self;
        match bulk {
            Some((_, Some(bulk))) => bulk.write(block, shared, spans, context, sink, scratch),
            _ => false,
        }
    }

    /// Writes the event of a row of `block` to `sink`. `None`: it is to be read as a line like any other.
    pub(super) fn decode(
        &mut self,
        block: &FrameBlock,
        row: &str,
        context: &FrameContext<'_>,
        sink: &mut EventSink,
    ) -> Option<Result<(), Reject>> {
        let shared = block.header.as_ref()?;
        let TableHeader::Rows(header) = &**shared else {
            return None;
        };
        if header.names().is_empty() {
            return None;
        }
        let plan = match self.plan(shared, header, context, sink) {
            Ok(plan) => plan,
            Err(reject) => return Some(Err(reject)),
        };
        write(header, &plan, row, context, sink).then_some(Ok(()))
    }

    fn plan(
        &mut self,
        shared: &Arc<TableHeader>,
        header: &RowsHeader,
        context: &FrameContext<'_>,
        sink: &EventSink,
    ) -> Result<Arc<Plan>, Reject> {
        if let Some((known, plan)) = &self.last
            && Arc::ptr_eq(known, shared)
        {
            return Ok(plan.clone());
        }
        let dataset = match context.dataset {
            Some(pinned) => pinned.clone(),
            None => self.by_header.of(header.names(), sink.catalog())?,
        };
        let plan = Arc::new(Plan::new(header, dataset));
        self.last = Some((shared.clone(), plan.clone()));
        Ok(plan)
    }
}

/// The cells of a row. Without quotes, a quote is a character like any other.
fn split<'r>(header: &RowsHeader, row: &'r str) -> Vec<Cell<'r>> {
    let separator = header.separator_with(row.contains('\t'));
    let bare = |text| Cell { text, doubled: false };
    let row = match header.separator() {
        b' ' => row.trim_end_matches(' '),
        _ => row,
    };
    let mut found: Vec<Cell<'_>> = match header.is_quoted() {
        true => cells(row, separator).collect(),
        false => row.split(char::from(separator)).map(bare).collect(),
    };
    if header.is_spaced() {
        // What is quoted behind the space is so all the same.
        for cell in &mut found {
            let text = cell.text.trim();
            let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
            cell.text = inner.filter(|_| cell.text.starts_with(' ')).unwrap_or(text);
        }
    }
    // A separator at the end of the line begins no column.
    while found.len() > header.names().len() && found.last().is_some_and(|cell| cell.text.is_empty()) {
        found.pop();
    }
    found
}

/// Writes the event of `row`. `false`: it is none of the table's.
fn write(
    header: &RowsHeader,
    plan: &Plan,
    row: &str,
    context: &FrameContext<'_>,
    sink: &mut EventSink,
) -> bool {
    let row = row.trim_end_matches(['\r', '\n']);
    let found = split(header, row);
    let flaw = match found.len().cmp(&plan.columns.len()) {
        std::cmp::Ordering::Equal => None,
        _ if header.is_w3c() && context.dataset.is_none() => return false,
        std::cmp::Ordering::Less => Some("short_row"),
        std::cmp::Ordering::Greater => Some("long_row"),
    };
    // Which cells of an odd row stand in their places is certain only if none can hold a separator.
    let known = match flaw {
        None => found.len(),
        Some("short_row") if !row.contains('"') => found.len(),
        Some(_) => 0,
    };
    let zone = match header.is_local() {
        true => context.timezone,
        false => chrono_tz::UTC,
    };
    let text = |at: usize| found.get(at).map_or("", |cell| cell.text);
    let instant = |text: &str| time::stated(text, context.reference_time, zone);
    // An odd row's first cells are as certain as any.
    let in_place = |at: usize| flaw.is_none() || at < known || at < 2;
    let when = match plan.when {
        When::Unknown => None,
        When::At(at) if in_place(at) => instant(text(at)),
        When::DayAndTime(day, clock) if in_place(day.max(clock)) => {
            instant(&[text(day), " ", text(clock)].concat())
        }
        _ => None,
    };
    let builder = sink.begin(&plan.dataset);
    if let Some(flaw) = flaw {
        builder.field_if_absent("error.type", Value::Str(flaw));
        builder.field("message", Value::Str(row));
    }
    for (at, (column, cell)) in plan.columns.iter().zip(&found).take(known).enumerate() {
        if cell.text.is_empty() || cell.text == "-" || when.is_some() && plan.is_only_time(at) {
            continue;
        }
        match cell.doubled {
            true => builder.field(column, Value::Str(&cell.undoubled())),
            false => builder.field(column, Value::Str(cell.text)),
        }
    }
    commit(builder, context, row.as_bytes(), 0, when);
    true
}
