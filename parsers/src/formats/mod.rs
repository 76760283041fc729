//! One file per grammar: frames in, fields out.
//!
//! A format is a function from one frame to calls on an [`EventSink`]. It knows field *names as the
//! producer writes them*; the catalog knows what becomes of them. A frame that is not of the format is
//! refused with a [`Reject`], which costs that frame alone.

pub mod access;
pub mod auditd;
mod decode;
pub mod error_log;
pub(crate) mod event_time;
mod evtx;
pub(crate) mod fields;
pub mod flat;
mod generic;
mod json;
mod json_envelope;
#[cfg(test)]
mod json_products;
mod json_repair;
mod json_select;
mod json_time;
mod json_tree;
mod json_wazuh;
mod json_windows;
mod json_write;
pub mod linux;
pub(crate) mod netflow;
mod rote;
pub mod syslog;
pub mod table;
mod tape;
mod text;
mod texts;
mod vendors;
mod windows;
mod xml;
pub mod zeek;

use std::sync::Arc;

use hashbrown::HashMap;
use xxhash_rust::xxh3::xxh3_64;

pub use decode::{DecodeCounters, DecodeOptions, Decoded, Decoder};
pub(crate) use fields::{address, host_port, is_nothing};
pub(crate) use text::grok;
pub(crate) use text::keys::PairKey;
pub(crate) use text::pairs::Style as PairStyle;
pub(crate) use vendors::event_of_title;

use crate::batch::{BatchBuilder, BatchOptions, BuilderCounters, EventBatch, EventMeta, PlanId, Slot};
use crate::catalog::{Catalog, Dataset};
use crate::frame::{FrameBlock, FrameSpan, event_id};
use crate::value::Value;

/// A format that the user can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// JSON documents in any arrangement, and any shape of event.
    Json,
    /// Windows EVTX files.
    Evtx,
    /// Windows event XML.
    Xml,
    /// Syslog lines.
    Syslog,
    /// Linux audit records.
    Auditd,
    /// Zeek logs as tab-separated values.
    Zeek,
    /// Tables with a header: separated values (CSV and the like), W3C extended logs.
    Csv,
    /// Export packets of NetFlow 5, NetFlow 9 and IPFIX.
    Netflow,
    /// Access logs of nginx and Apache.
    Access,
    /// Error logs of nginx and Apache.
    ErrorLog,
    /// Plain lines, each one a message.
    Lines,
}

impl Format {
    /// All formats by the names that users give.
    pub const NAMES: &[(&str, Format)] = &[
        ("json", Format::Json),
        ("evtx", Format::Evtx),
        ("xml", Format::Xml),
        ("syslog", Format::Syslog),
        ("auditd", Format::Auditd),
        ("zeek", Format::Zeek),
        ("csv", Format::Csv),
        ("netflow", Format::Netflow),
        ("access", Format::Access),
        ("errorlog", Format::ErrorLog),
        ("lines", Format::Lines),
    ];

    /// The name of the format.
    pub fn name(self) -> &'static str {
        Format::NAMES
            .iter()
            .find(|(_, format)| *format == self)
            .map_or("auto", |(name, _)| name)
    }
}

impl std::str::FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Format::NAMES
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, format)| *format)
            .ok_or_else(|| {
                let names: Vec<&str> = Format::NAMES.iter().map(|(name, _)| *name).collect();
                format!("`{name}` is no format; there are {}", names.join(", "))
            })
    }
}

/// Why a frame is no event. `reason` is a stable word for counting, `detail` a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct Reject {
    /// Stable, snake-case: `not_json`, `truncated_record`, …
    pub reason: &'static str,
    /// What exactly, and where in the frame.
    pub detail: String,
}

impl Reject {
    /// A reject for `reason`.
    pub fn new(reason: &'static str, detail: impl Into<String>) -> Self {
        Reject {
            reason,
            detail: detail.into(),
        }
    }
}

/// What a format may need to know beside the frame.
#[derive(Debug, Clone)]
pub struct FrameContext<'a> {
    /// Path of the source, or `-`.
    pub path: &'a str,
    /// [`crate::frame::place`] of the source.
    pub place: u64,
    /// Offset of the frame in the source.
    pub offset: u64,
    /// See [`crate::frame::Source::reference_time`].
    pub reference_time: i64,
    /// The zone of timestamps that name none.
    pub timezone: chrono_tz::Tz,
    /// The dataset that the user pinned, if any.
    pub dataset: Option<&'a Arc<Dataset>>,
}

/// Takes the events of formats into one builder per dataset.
pub struct EventSink {
    catalog: Arc<Catalog>,
    options: Arc<BatchOptions>,
    builders: Vec<BatchBuilder>,
    by_dataset: HashMap<Arc<str>, usize>,
    /// Builder of the last event: neighbours mostly share it.
    last: usize,
    ingest_time: Option<i64>,
    /// What is wrong with the bytes of the events from now on.
    flaw: Option<&'static str>,
    /// Events that wait to be written; see [`settle`](EventSink::settle).
    waiting: usize,
    /// What flow records are.
    flows: Option<Box<netflow::Flows>>,
}

impl EventSink {
    /// An empty sink.
    pub fn new(catalog: Arc<Catalog>, options: Arc<BatchOptions>) -> Self {
        EventSink {
            catalog,
            options,
            builders: Vec::new(),
            by_dataset: HashMap::new(),
            last: 0,
            ingest_time: None,
            flaw: None,
            waiting: 0,
            flows: None,
        }
    }

    /// When the events from now on are read, microseconds since the epoch.
    pub fn set_ingest_time(&mut self, micros: i64) {
        self.ingest_time = Some(micros);
        for builder in &mut self.builders {
            builder.set_ingest_time(micros);
        }
    }

    /// What is wrong with the bytes of the events from now on: `truncated`, `invalid_utf8`. It becomes their
    /// `error.type`.
    pub(crate) fn mark(&mut self, flaw: Option<&'static str>) {
        self.flaw = flaw;
    }

    /// What the builders put aside since the last call.
    pub fn take_counters(&mut self) -> BuilderCounters {
        let mut counters = BuilderCounters::default();
        for builder in &mut self.builders {
            counters += builder.take_counters();
        }
        counters
    }

    /// The catalog in use.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// Starts an event of `dataset`: call [`BatchBuilder::field`] on what comes back, then
    /// [`commit`]. An event that is begun and not committed leaves nothing behind.
    pub fn begin(&mut self, dataset: &Arc<Dataset>) -> &mut BatchBuilder {
        self.find(dataset);
        let builder = &mut self.builders[self.last];
        builder.begin();
        if let Some(flaw) = self.flaw {
            builder.field("error.type", Value::Str(flaw));
        }
        builder
    }

    /// The number of the builder of `dataset`, which is made if there is none.
    fn number_of(&mut self, dataset: &Arc<Dataset>) -> usize {
        self.find(dataset);
        self.last
    }

    /// Makes the builder of `dataset` the last.
    fn find(&mut self, dataset: &Arc<Dataset>) {
        let known = self
            .builders
            .get(self.last)
            .is_some_and(|builder| Arc::ptr_eq(builder.dataset(), dataset));
        if !known {
            self.last = match self.by_dataset.get(&dataset.name) {
                Some(&index) => index,
                None => {
                    let mut builder = BatchBuilder::new(dataset.clone(), self.options.clone());
                    if let Some(micros) = self.ingest_time {
                        builder.set_ingest_time(micros);
                    }
                    self.by_dataset.insert(dataset.name.clone(), self.builders.len());
                    self.builders.push(builder);
                    self.builders.len() - 1
                }
            };
        }
    }

    /// The builder of `dataset` for an event that waits to be written. `None`: more is written than what the event says.
    fn waiting(&mut self, dataset: &Arc<Dataset>) -> Option<&mut BatchBuilder> {
        if self.flaw.is_some() {
            return None;
        }
        self.find(dataset);
        self.waiting += 1;
        Some(&mut self.builders[self.last])
    }

    /// The builder of this number.
    #[inline]
    fn builder(&mut self, number: usize) -> &mut BatchBuilder {
        self.last = number;
        &mut self.builders[number]
    }

    /// The number of the builder of `dataset`, if it has any events.
    fn builder_of(&self, dataset: &Dataset) -> Option<usize> {
        self.by_dataset.get(&dataset.name).copied()
    }

    /// Writes the events that wait, all of which stand in `block`; to be called before anything else is written. Not
    /// before there are `many`.
    fn settle(&mut self, block: &FrameBlock, many: usize) {
        if self.waiting == 0 || self.waiting < many {
            return;
        }
        self.waiting = 0;
        for builder in &mut self.builders {
            builder.settle(&block.bytes, &block.source.path);
        }
    }

    /// As [`settle`](EventSink::settle), for all that waits: no more of `block` comes.
    fn settle_all(&mut self, block: &FrameBlock) {
        self.settle(block, 0);
        for builder in &mut self.builders {
            builder.settle_planned(&block.bytes, &block.source.path);
        }
    }

    /// Writes the event of a line by a plan of the builder of this number. `false`: it has to be read.
    #[inline]
    fn write_planned(
        &mut self,
        (builder, plan): (usize, PlanId),
        (block, span): (&FrameBlock, FrameSpan),
        slots: &[Slot],
        time: i64,
        context: &FrameContext<'_>,
    ) -> bool {
        if self.builders[builder].is_waiting() {
            self.settle(block, 0);
        }
        let event_id = id_of(context, context.offset, block.frame(span), 0, true);
        let place = (event_id, context.offset);
        let at = (&*block.bytes, span.start);
        self.builder(builder)
            .write_planned(plan, at, slots, time, context.path, place)
    }

    /// All committed events, one batch per dataset, in order of each dataset's first event.
    pub fn finish(&mut self) -> Vec<EventBatch> {
        self.builders
            .iter_mut()
            .filter_map(BatchBuilder::finish)
            .collect()
    }
}

/// The dataset that the user pinned, or else the one called `name`.
///
/// # Errors
///
/// `no_dataset` if the catalog in use lacks it.
fn pinned_or(name: &str, context: &FrameContext<'_>, sink: &EventSink) -> Result<Arc<Dataset>, Reject> {
    context
        .dataset
        .or_else(|| sink.catalog().dataset(name))
        .cloned()
        .ok_or_else(|| {
            let detail = format!("the catalog has no dataset `{name}`, add it");
            Reject::new("no_dataset", detail)
        })
}

/// Commits the event begun on `builder`. `index` counts the events of one frame from 0; `time` is the
/// event time in microseconds since the epoch, `None` where only a field holds it or nothing does.
pub fn commit(
    builder: &mut BatchBuilder,
    context: &FrameContext<'_>,
    frame: &[u8],
    index: u32,
    time: Option<i64>,
) {
    texts::take_apart(builder);
    if time.is_none() {
        builder.fill_time(context.timezone);
    }
    finish_event(builder, context, frame, index, time);
}

/// As [`commit`], for an event of a dataset that derives nothing from it.
fn finish_event(
    builder: &mut BatchBuilder,
    context: &FrameContext<'_>,
    frame: &[u8],
    index: u32,
    time: Option<i64>,
) {
    let timed = time.or(builder.pending_time()).is_some();
    builder.commit(EventMeta {
        time,
        fallback_time: context.reference_time,
        event_id: id_of(context, context.offset, frame, index, timed),
        path: context.path,
        offset: context.offset,
        raw: frame,
    });
}

/// The identity of an event. `timed`: it says when it was.
fn id_of(context: &FrameContext<'_>, offset: u64, frame: &[u8], index: u32, timed: bool) -> u128 {
    let event_id = event_id(context.place, offset, index, frame);
    // What comes through standard input without a time may come again tomorrow and mean something new; only
    // when it came tells the two apart.
    match context.path == "-" && !timed {
        true => event_id ^ u128::from(xxh3_64(&context.reference_time.to_le_bytes()) as u32),
        false => event_id,
    }
}

/// [`std::str::from_utf8`], which looks at ASCII, as most lines are, a word at a time and not a vector.
pub(crate) fn text_of(frame: &[u8]) -> Result<&str, std::str::Utf8Error> {
    match frame.is_ascii() {
        // SAFETY: every byte is ASCII.
        true => Ok(unsafe { std::str::from_utf8_unchecked(frame) }),
        false => std::str::from_utf8(frame),
    }
}

/// A record of XML as JSON; `None` if it is none.
pub(crate) fn xml_document(text: &str) -> Option<String> {
    xml::to_json(text).ok()
}

#[cfg(test)]
mod testing {
    use super::*;

    /// What the tests of formats know beside the frame.
    pub(super) const CONTEXT: FrameContext<'static> = FrameContext {
        path: "x",
        place: 1,
        offset: 0,
        reference_time: 0,
        timezone: chrono_tz::UTC,
        dataset: None,
    };

    /// A sink for the shipped datasets.
    pub(super) fn sink() -> EventSink {
        EventSink::new(Catalog::builtin(), Arc::new(BatchOptions::default()))
    }

    /// What comes out of a source with these lines, as in flat JSON output: the names and values of each event.
    pub(super) fn events_of(lines: &str) -> Vec<serde_json::Map<String, serde_json::Value>> {
        use crate::frame::{FrameOptions, Framer, Source};
        use crate::output::{EventWriter, JsonStyle};
        let source = Arc::new(Source {
            path: "x".into(),
            // 2026-03-02.
            reference_time: 1_772_409_600_000_000,
            ..Source::default()
        });
        let mut framer = Framer::new(source, FrameOptions::default());
        framer.push(crate::input::Chunk {
            offset: 0,
            bytes: lines.as_bytes().to_vec(),
        });
        framer.finish();
        let mut decoder = Decoder::new(Catalog::builtin(), DecodeOptions::default());
        let mut events = Vec::new();
        while let Some(block) = framer.pop() {
            for batch in decoder.decode(block).batches {
                let writer = EventWriter::of(&batch, JsonStyle::Flat);
                for row in 0..batch.len() {
                    let mut json = String::new();
                    writer.write(row, &mut json);
                    events.push(serde_json::from_str(&json).expect("output is JSON"));
                }
            }
        }
        events
    }

    /// The only event of a line.
    #[track_caller]
    pub(super) fn fields_of(line: &str) -> serde_json::Map<String, serde_json::Value> {
        let mut events = events_of(line);
        assert_eq!(events.len(), 1, "{line}");
        events.remove(0)
    }

    /// The text of one value of an event; empty where there is none.
    pub(super) fn value(event: &serde_json::Map<String, serde_json::Value>, name: &str) -> String {
        match event.get(name) {
            None => String::new(),
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    }

    /// Checks some values of the only event of a line; an empty one stands for none.
    #[track_caller]
    pub(super) fn check(line: &str, wanted: &[(&str, &str)]) {
        let event = fields_of(line);
        for (name, text) in wanted {
            assert_eq!(value(&event, name), *text, "{name} of {line}: {event:?}");
        }
    }

    /// The first batch that comes out of a frame which must be of the format of `decode`.
    pub(super) fn batch(
        frame: &str,
        decode: impl Fn(&str, &FrameContext<'_>, &mut EventSink) -> Result<(), Reject>,
    ) -> EventBatch {
        let mut sink = sink();
        decode(frame, &CONTEXT, &mut sink).expect("a frame of the format");
        sink.finish().remove(0)
    }
}
