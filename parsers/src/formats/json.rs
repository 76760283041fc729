//! JSON events, in whatever shape people have them.
//!
//! A document is looked at once for what it is, then written to the dataset's builder:
//!
//! - **Windows**, see [`json_windows`](super::json_windows): flat fields, Winlogbeat, Elastic Agent, and
//!   the renderings of EVTX dumpers all give the same columns;
//! - **Zeek**, by `_path` or its typical keys;
//! - a dataset that the event names (`event.dataset`, `data_stream.dataset`, `event.module`), or whose
//!   keys (`select`) are all there (the dataset with most of them wins);
//! - anything else is `generic.json`.
//!
//! A document of no known dataset may have the event inside, see [`json_envelope`](super::json_envelope). How members
//! become fields is in [`json_tree`](super::json_tree); for Windows, objects are flattened to dotted paths, arrays of
//! scalars become lists, arrays with anything nested, and what is nested deeper than [`MAX_DEPTH`], stay JSON text.
//! Nulls are absent fields.
//!
//! *Event time* is the first of these that is a time: what the catalog declares as `@timestamp` for the
//! dataset, then [`TIME_KEYS`] in their order, then what [`json_time`](super::json_time) finds. For Windows see the
//! other module.

use std::sync::Arc;

use super::event_time::{number_time, text_time, whole_time};
use super::flat::{FlatEvent, FlatReader};
use super::json_envelope::{object_inside, text_inside, windows_xml};
use super::json_select::ByKeys;
use super::json_time::generic_time;
use super::json_tree::TreeWriter;
use super::json_wazuh;
use super::json_windows::{self, Shape};
pub(super) use super::json_write::{MAX_DEPTH, MAX_PATH, owned_scalar, write_at, write_members, write_value};
use super::syslog::{Header, write_header};
use super::tape::{Json, TapeParser};
use super::windows::WindowsDatasets;
use super::{EventSink, FrameContext, Reject, auditd, commit, xml, zeek};
use crate::batch::BatchBuilder;
use crate::catalog::{Catalog, Dataset};
use crate::frame::{FrameBlock, FrameSpan};
use crate::value::Value;

/// Keys that hold the time of an event, best first: what the producer calls its own time, then what
/// shippers add.
pub(super) const TIME_KEYS: &[&str] = &[
    "@timestamp",
    "eventTime",
    "EventTime",
    "event_time",
    "TimeGenerated",
    "timestamp",
    "Timestamp",
    "time",
    "Time",
    "ts",
    "datetime",
    "CreationTime",
    "createdDateTime",
    "published",
    "_time",
    "date",
];

/// Decodes JSON documents.
pub(super) struct JsonDecoder {
    parser: TapeParser,
    flat: FlatReader,
    /// Every record goes the long way.
    #[cfg(test)]
    no_flat: bool,
    /// Records that went the short way.
    #[cfg(test)]
    flat_records: usize,
    writer: DocumentWriter,
    /// For events that are text in other documents.
    carried: TapeParser,
}

/// What an event came in.
#[derive(Clone, Copy, Default)]
struct Around<'h, 't> {
    /// Header of the line that carries the document.
    header: Option<&'h Header<'h>>,
    /// The document around the event, and the event's key there.
    outer: Option<(Json<'t>, &'static str)>,
}

/// Writes parsed documents.
struct DocumentWriter {
    windows: WindowsDatasets,
    datasets: JsonDatasets,
    /// For text in events that is JSON.
    inner: TapeParser,
    /// Scratch: the dotted path of the value being written.
    path: String,
}

/// How JSON events find their dataset.
pub(super) struct JsonDatasets {
    /// Names under which shippers know a dataset, lower case.
    aliases: hashbrown::HashMap<String, Arc<Dataset>>,
    by_keys: ByKeys,
    generic: Option<Arc<Dataset>>,
}

impl JsonDecoder {
    pub(super) fn new(catalog: &Catalog) -> Self {
        let mut aliases = hashbrown::HashMap::new();
        for dataset in catalog.datasets() {
            let names = dataset.select.aliases.iter().map(String::as_str);
            for name in names.chain([&*dataset.name]) {
                aliases
                    .entry(name.to_lowercase())
                    .or_insert_with(|| dataset.clone());
            }
        }
        JsonDecoder {
            parser: TapeParser::new(),
            flat: FlatReader::new(catalog),
            #[cfg(test)]
            no_flat: false,
            #[cfg(test)]
            flat_records: 0,
            carried: TapeParser::new(),
            writer: DocumentWriter {
                windows: WindowsDatasets::new(catalog),
                datasets: JsonDatasets {
                    aliases,
                    by_keys: ByKeys::new(catalog),
                    generic: catalog.dataset("generic.json").cloned(),
                },
                inner: TapeParser::new(),
                path: String::new(),
            },
        }
    }

    /// Writes the event of one document to `sink`.
    ///
    /// # Errors
    ///
    /// `not_json`, `truncated_json`, `too_deep`, `not_an_object`, `no_dataset`.
    pub(super) fn decode(
        &mut self,
        document: &[u8],
        context: &FrameContext<'_>,
        sink: &mut EventSink,
    ) -> Result<(), Reject> {
        self.decode_in(None, document, context, sink, &mut |_| {})
    }

    /// As [`JsonDecoder::decode`], for a document that is a frame of `block`, whose events `sink` may let wait; shows an
    /// event that is read the short way to `look` first.
    ///
    /// # Errors
    ///
    /// As [`JsonDecoder::decode`].
    pub(super) fn decode_in(
        &mut self,
        block: Option<(&FrameBlock, FrameSpan)>,
        document: &[u8],
        context: &FrameContext<'_>,
        sink: &mut EventSink,
        look: &mut dyn FnMut(&FlatEvent<'_>),
    ) -> Result<(), Reject> {
        let JsonDecoder {
            parser,
            flat,
            writer,
            carried,
            ..
        } = self;
        #[cfg(test)]
        let try_flat = !self.no_flat;
        #[cfg(not(test))]
        let try_flat = true;
        if try_flat
            && context.dataset.is_none()
            && let Some(event) = flat.read(document, context.timezone)
        {
            look(&event);
            let waits = block
                .is_some_and(|(block, span)| event.wait(span.end - document.len(), block, context, sink));
            if waits || event.write(context, sink).is_some() {
                #[cfg(test)]
                {
                    self.flat_records += 1;
                }
                return Ok(());
            }
        }
        if let Some((block, _)) = block {
            sink.settle(block, 0);
        }
        parser.parse(document, |json| {
            let around = Around::default();
            writer.decode(json, document, around, context, sink, Some(carried))
        })?
    }

    /// Writes the event of one document that a line of text carries to `sink`; `raw` is the whole line. What the
    /// event does not say itself is taken from the line's header.
    ///
    /// # Errors
    ///
    /// As [`JsonDecoder::decode`].
    pub(super) fn decode_carried(
        &mut self,
        document: &str,
        raw: &str,
        header: &Header<'_>,
        context: &FrameContext<'_>,
        sink: &mut EventSink,
    ) -> Result<(), Reject> {
        let JsonDecoder {
            parser,
            writer,
            carried,
            ..
        } = self;
        parser.parse(document.as_bytes(), |json| {
            let around = Around {
                header: Some(header),
                outer: None,
            };
            writer.decode(json, raw.as_bytes(), around, context, sink, Some(carried))
        })?
    }

    /// How Windows events find their dataset.
    pub(super) fn windows(&mut self) -> &mut WindowsDatasets {
        &mut self.writer.windows
    }

    #[cfg(test)]
    pub(super) fn without_flat(&mut self) {
        self.no_flat = true;
    }

    #[cfg(test)]
    pub(super) fn flat_records(&self) -> usize {
        self.flat_records
    }

    /// Writes the event of one EVTX record in its JSON rendering to `sink`. Its place is the computer and
    /// the channel of `tenant`.
    ///
    /// # Errors
    ///
    /// As [`JsonDecoder::decode`].
    pub(super) fn decode_record(
        &mut self,
        document: &[u8],
        context: &FrameContext<'_>,
        tenant: &str,
        sink: &mut EventSink,
    ) -> Result<(), Reject> {
        let JsonDecoder { parser, writer, .. } = self;
        parser.parse(document, |json| {
            let part = |name| {
                json.at(&["Event", "System", name])
                    .and_then(Json::text)
                    .unwrap_or_default()
            };
            let log = [part("Computer"), part("Channel")].join("\0");
            let context = FrameContext {
                place: crate::frame::place(tenant, log.as_bytes()),
                ..context.clone()
            };
            writer.decode(json, document, Around::default(), &context, sink, None)
        })?
    }
}

impl DocumentWriter {
    /// Writes the event of `json`; `carried` reads events that are text in it.
    fn decode(
        &mut self,
        json: Json<'_>,
        raw: &[u8],
        around: Around<'_, '_>,
        context: &FrameContext<'_>,
        sink: &mut EventSink,
        carried: Option<&mut TapeParser>,
    ) -> Result<(), Reject> {
        if !json.is_object() {
            return Err(Reject::new("not_an_object", "a JSON value that is no object"));
        }
        let (shape, origin) = json_windows::shape(json);
        let windows_pinned = context.dataset.is_some_and(|dataset| is_windows(dataset));
        if windows_pinned || shape != Shape::Other && context.dataset.is_none() {
            let dataset = match context.dataset {
                Some(pinned) => pinned.clone(),
                None => self.windows.of(origin.channel, origin.provider)?,
            };
            let builder = sink.begin(&dataset);
            let time = json_windows::write(json, shape, origin, builder, &mut self.path, context);
            let time = self.write_outer(&dataset, around.outer, builder, time, context);
            let time = with_header(around.header, builder, time);
            commit(builder, context, raw, 0, time);
            return Ok(());
        }
        let found = match context.dataset {
            Some(pinned) => Some(pinned.clone()),
            None => {
                if let Some(zeek_path) = zeek_path(json) {
                    return zeek::decode_json(zeek_path, json, raw, context, sink);
                }
                let host = around.header.and_then(|header| header.host);
                if let Some(result) = auditd::decode_laurel(json, host, raw, context, sink) {
                    return result;
                }
                self.datasets.known(json)
            }
        };
        let header = around.header;
        let in_json = |key| Around {
            header,
            outer: Some((json, key)),
        };
        if let Some(dataset) = found {
            self.write(&dataset, json, around, raw, context, sink);
        } else if let Some((event, dataset, key)) = self.datasets.of_wazuh(json) {
            self.write(&dataset, event, in_json(key), raw, context, sink);
        } else if let Some((event, dataset, key)) = object_inside(json, &self.datasets) {
            self.write(&dataset, event, in_json(key), raw, context, sink);
        } else if !self.decode_text_inside(json, raw, header, context, sink, carried) {
            let dataset = self
                .datasets
                .generic
                .clone()
                .ok_or_else(|| Reject::new("no_dataset", "the catalog has no dataset `generic.json`"))?;
            self.write(&dataset, json, around, raw, context, sink);
        }
        Ok(())
    }

    /// Writes the event that is text in `json`; `false` if there is none of a known dataset.
    fn decode_text_inside(
        &mut self,
        json: Json<'_>,
        raw: &[u8],
        header: Option<&Header<'_>>,
        context: &FrameContext<'_>,
        sink: &mut EventSink,
        carried: Option<&mut TapeParser>,
    ) -> bool {
        let Some(parser) = carried else {
            return false;
        };
        let in_json = |key| Around {
            header,
            outer: Some((json, key)),
        };
        if let Some((event, key)) = windows_xml(json)
            && let Ok(event) = xml::to_json(event)
        {
            let written = parser.parse(event.as_bytes(), |event| {
                self.decode(event, raw, in_json(key), context, sink, None).is_ok()
            });
            return written.unwrap_or(false);
        }
        let Some((text, key)) = text_inside(json) else {
            return false;
        };
        let written = parser.parse(text.as_bytes(), |event| {
            if json_windows::shape(event).0 != Shape::Other {
                return self.decode(event, raw, in_json(key), context, sink, None).is_ok();
            }
            let dataset = self.datasets.known(event);
            if let Some(dataset) = &dataset {
                self.write(dataset, event, in_json(key), raw, context, sink);
            }
            dataset.is_some()
        });
        written.unwrap_or(false)
    }

    /// Writes an event of a dataset that is not of Windows.
    fn write(
        &mut self,
        dataset: &Arc<Dataset>,
        event: Json<'_>,
        around: Around<'_, '_>,
        raw: &[u8],
        context: &FrameContext<'_>,
        sink: &mut EventSink,
    ) {
        let builder = sink.begin(dataset);
        self.tree(dataset, builder)
            .write(event, around.outer, context.timezone);
        let outer_time = || generic_time(around.outer?.0, context);
        let time = builder.pending_time().or_else(|| generic_time(event, context));
        let time = with_header(around.header, builder, time.or_else(outer_time));
        commit(builder, context, raw, 0, time);
    }

    /// Writes what stands around a Windows event, where that is silent; gives the event's time.
    fn write_outer(
        &mut self,
        dataset: &Arc<Dataset>,
        outer: Option<(Json<'_>, &'static str)>,
        builder: &mut BatchBuilder,
        time: Option<i64>,
        context: &FrameContext<'_>,
    ) -> Option<i64> {
        let Some((document, key)) = outer else {
            return time;
        };
        self.tree(dataset, builder).write_around(document, key);
        if time.is_some()
            && let Some(shipped) = document.get("@timestamp").and_then(Json::text)
        {
            builder.field_if_absent("event.created", Value::Str(shipped));
        }
        time.or_else(|| generic_time(document, context))
    }

    fn tree<'w>(&'w mut self, dataset: &'w Dataset, builder: &'w mut BatchBuilder) -> TreeWriter<'w> {
        TreeWriter {
            dataset,
            builder,
            path: &mut self.path,
            inner: Some(&mut self.inner),
            around: None,
            document: None,
            quoted: false,
        }
    }
}

/// Adds what the header of the carrying line says and the event does not; gives the event's time.
fn with_header(header: Option<&Header<'_>>, builder: &mut BatchBuilder, time: Option<i64>) -> Option<i64> {
    let Some(header) = header else {
        return time;
    };
    write_header(header, builder);
    time.or(header.time)
}

fn is_windows(dataset: &Dataset) -> bool {
    dataset.groups.iter().any(|group| group == "windows")
}

fn zeek_path(json: Json<'_>) -> Option<&str> {
    let path = json.get("_path").and_then(Json::text);
    // Every Zeek log has `ts`; nothing else is worth collecting the keys for.
    if path.is_none() && json.get("ts").is_none() {
        return None;
    }
    let keys: Vec<&str> = json.members().map(|(key, _)| key).collect();
    zeek::json_path(&keys, path)
}

impl JsonDatasets {
    /// The record of an integration of Wazuh in a document: its own dataset, else the integration's.
    fn of_wazuh<'t>(&self, json: Json<'t>) -> Option<(Json<'t>, Arc<Dataset>, &'static str)> {
        let record = json_wazuh::record(json)?;
        let named = || self.aliases.get(record.dataset).cloned();
        Some((record.event, self.known(record.event).or_else(named)?, record.key))
    }

    /// The dataset of a document; `None`: it is none that is known.
    pub(super) fn known(&self, json: Json<'_>) -> Option<Arc<Dataset>> {
        let named = [
            &["event", "dataset"][..],
            &["event.dataset"],
            &["data_stream", "dataset"],
            &["data_stream.dataset"],
            &["event", "module"],
            &["event.module"],
        ];
        for name in named {
            if let Some(name) = json.at(name).and_then(Json::text)
                && let Some(dataset) = self.aliases.get(&name.to_lowercase())
            {
                return Some(dataset.clone());
            }
        }
        self.by_keys.of(json).cloned()
    }
}

/// The value at a dotted path whose names may have dots themselves; of an array, the first element that has it.
pub(super) fn find<'t>(json: Json<'t>, path: &str) -> Option<Json<'t>> {
    if json.is_array() {
        return json.elements().find_map(|item| find(item, path));
    }
    json.get(path).or_else(|| {
        path.match_indices('.').find_map(|(at, _)| {
            let inside = json.get(&path[..at])?;
            find(inside, &path[at + 1..])
        })
    })
}

/// A value as an instant.
pub(super) fn json_time(value: Json<'_>, zone: chrono_tz::Tz) -> Option<i64> {
    let mut number = String::new();
    match value.scalar(&mut number)? {
        Value::Str(text) => text_time(text, zone),
        Value::Int(number) => whole_time(number),
        Value::Float(number) => number_time(number),
        _ => None,
    }
}
