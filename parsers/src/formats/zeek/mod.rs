//! Zeek logs: TSV with a header, and JSON.
//!
//! The log's path (`conn`, `dns`, …) names the dataset (`select.zeek_paths` in the catalog; `zeek.other` takes
//! the rest). A TSV log says it in its header, JSON in `_path`, and where that is missing the log is known
//! by the fields that only it has ([`json_path`]). Fields go to the builder under Zeek's own names
//! (`id.orig_h`, `qtype_name`); sets and vectors become lists, times timestamps, intervals seconds. Lines that came
//! without their header are known by their columns, where these are as a fresh Zeek has them (`bare`).

mod bare;
mod header;
mod json;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::{EventSink, FrameContext, Reject, commit};
use crate::batch::{BatchBuilder, Form};
use crate::catalog::Dataset;
use crate::value::Value;

pub(super) use bare::header_of_bare_line;
pub(super) use header::Kind;
pub use header::ZeekHeader;
pub(super) use json::decode_json;
pub use json::json_path;

/// Whether `line` starts a Zeek TSV log.
pub fn looks_like(line: &str) -> bool {
    line.starts_with("#separator ") || line.starts_with("#fields\t")
}

/// Writes the event of one TSV line to `sink`. Header lines are no events: they are refused with
/// `zeek_header`, which callers that feed whole files need not count.
///
/// # Errors
///
/// `zeek_no_header` without a complete header, `zeek_columns` if the line has fewer or more columns than the
/// header names.
pub fn decode_tsv(
    header: &ZeekHeader,
    frame: &str,
    context: &FrameContext<'_>,
    sink: &mut EventSink,
) -> Result<(), Reject> {
    let line = frame.trim_end_matches(['\n', '\r']);
    if ZeekHeader::is_header_line(line) {
        return Err(Reject::new("zeek_header", "a header line, not an event"));
    }
    if !header.is_complete() {
        return Err(Reject::new(
            "zeek_no_header",
            "no #fields line was read before this line",
        ));
    }
    let found = header.cells(line).count();
    let named = header.names().len();
    if found != named {
        return Err(Reject::new(
            "zeek_columns",
            format!("{found} columns, but #fields names {named}: the line is cut off or from another log"),
        ));
    }
    let dataset = dataset(header.path(), context, sink)?;
    let builder = sink.begin(&dataset);
    builder.field("_path", Value::Str(header.path()));
    let mut time = None;
    let mut totals = Totals::default();
    for (column, (name, cell)) in header.names().iter().zip(header.cells(line)).enumerate() {
        let Some(value) = header.value(header.kind(column), cell) else {
            continue;
        };
        let is_time = **name == *"ts";
        if is_time {
            time = crate::time::epoch(cell);
        }
        totals.see(name, &value.as_value());
        if !is_time || time.is_none() {
            builder.field(name, value.as_value());
        }
    }
    totals.write(builder);
    commit(builder, context, frame.as_bytes(), 0, time);
    Ok(())
}

/// The dataset of a log. Names are made by adding to others: `conn_red` and `conn_long` are thinned-out logs of
/// connections, `opcua_binary_browse` is one of many logs of OPC UA. So what is not known is what it begins with.
pub(super) fn dataset(
    path: &str,
    context: &FrameContext<'_>,
    sink: &EventSink,
) -> Result<Arc<Dataset>, Reject> {
    if let Some(pinned) = context.dataset {
        return Ok(pinned.clone());
    }
    let catalog = sink.catalog();
    let mut stem = Some(path);
    while let Some(name) = stem {
        if let Some(dataset) = catalog.dataset_of_zeek_path(name) {
            return Ok(dataset.clone());
        }
        stem = name.rsplit_once('_').map(|(stem, _)| stem);
    }
    catalog
        .dataset("zeek.other")
        .cloned()
        .ok_or_else(|| Reject::new("no_dataset", "the catalog has no dataset `zeek.other`, add it"))
}

/// Sums over both directions, which ECS asks for and Zeek does not write.
#[derive(Default)]
pub(super) struct Totals {
    bytes: [Option<i64>; 2],
    packets: [Option<i64>; 2],
}

impl Totals {
    /// Those of two bytes and packets per direction.
    pub(super) fn of(bytes: [Option<i64>; 2], packets: [Option<i64>; 2]) -> Self {
        Totals { bytes, packets }
    }

    fn see(&mut self, name: &str, value: &Value<'_>) {
        let Value::Int(number) = *value else {
            return;
        };
        match name {
            "orig_ip_bytes" => self.bytes[0] = Some(number),
            "resp_ip_bytes" => self.bytes[1] = Some(number),
            "orig_pkts" => self.packets[0] = Some(number),
            "resp_pkts" => self.packets[1] = Some(number),
            _ => {}
        }
    }

    pub(super) fn write(&self, builder: &mut BatchBuilder) {
        static TOTALS: Form = Form::new(&["network.bytes", "network.packets"]);
        let sum = |[a, b]: [Option<i64>; 2]| match a.zip(b).and_then(|(a, b)| a.checked_add(b)) {
            Some(sum) => Value::Int(sum),
            None => Value::Null,
        };
        builder.write_form(&TOTALS, &[sum(self.bytes), sum(self.packets)]);
    }
}
