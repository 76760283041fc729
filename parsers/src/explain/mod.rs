//! Which parser took a record, what it made of it, and what it left over.

mod left_over;
mod nearest;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;

use chrono_tz::Tz;
use serde_json::Value;

use crate::catalog::Catalog;
use crate::formats::{DecodeOptions, Decoded, Decoder};
use crate::frame::{FrameBlock, FrameSpan, Framing, RejectRecord};
use crate::output::{EventWriter, JsonStyle};
use left_over::left_over;
use nearest::Nearest;

/// What became of one record.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Explained {
    /// Path of the source, or `-`.
    pub path: String,
    /// Offset of the record; the number of an EVTX record.
    pub offset: u64,
    /// The record as text: what is binary in the form in which it is decoded, or by its kind, length and first bytes.
    pub raw: String,
    /// Which parser took it: `json`, `cisco asa`, `pattern 2 of acme.door`, …
    pub parser: String,
    /// Somebody said of which dataset it is: see [`crate::pins`].
    pub pinned: bool,
    /// The events, by dotted names.
    pub events: Vec<Value>,
    /// Pieces of the record that no column has, in any spelling; names in front of values and punctuation are none.
    pub left_over: Vec<String>,
    /// Why no parser knew more of it than what any line has, where that can be told.
    pub not_read: Option<String>,
    /// Why there is no event.
    pub reject: Option<String>,
}

/// Explains records one by one. Slow: it is for people.
pub struct Explainer {
    decoder: Decoder,
    nearest: Nearest,
    zone: Tz,
    keep_original: bool,
}

impl Explainer {
    /// An explainer for the datasets of `catalog`.
    pub fn new(catalog: Arc<Catalog>, options: DecodeOptions) -> Self {
        Explainer {
            nearest: Nearest::new(&catalog),
            zone: options.timezone.unwrap_or(Tz::UTC),
            keep_original: options.keep_original,
            // The text of what is binary.
            decoder: Decoder::new(
                catalog,
                DecodeOptions {
                    keep_original: true,
                    ..options
                },
            ),
        }
    }

    /// What becomes of each record of `block`, in the order of the source: also of those that are no frames.
    pub fn explain<'b>(&'b mut self, block: &'b FrameBlock) -> impl Iterator<Item = Explained> + 'b {
        let mut frames = block.frames.iter().peekable();
        let mut rejects: Vec<&RejectRecord> = block.rejects.iter().collect();
        rejects.sort_by_key(|reject| std::cmp::Reverse(reject.offset));
        let mut ready = VecDeque::new();
        std::iter::from_fn(move || {
            if let Some(record) = ready.pop_front() {
                return Some(record);
            }
            let frame_at = frames.peek().map(|span| span.offset);
            match rejects.pop_if(|reject| frame_at.is_none_or(|offset| reject.offset <= offset)) {
                Some(reject) => Some(refused(reject, "framing")),
                None => {
                    ready.extend(self.frame(block, *frames.next()?));
                    ready.pop_front()
                }
            }
        })
    }

    /// What becomes of a frame: one record, or those of a chunk.
    fn frame(&mut self, block: &FrameBlock, span: FrameSpan) -> Vec<Explained> {
        let bytes = block.frame(span);
        let decoded = self.decoder.decode(FrameBlock {
            source: block.source.clone(),
            place: block.place,
            sequence: block.sequence,
            framing: block.framing,
            header: block.header.clone(),
            bytes: bytes.to_vec(),
            frames: vec![FrameSpan {
                start: 0,
                end: bytes.len(),
                ..span
            }],
            rejects: Vec::new(),
        });
        let mut events = Vec::new();
        for batch in &decoded.batches {
            let writer = EventWriter::of(batch, JsonStyle::Flat);
            events.extend((0..batch.len()).filter_map(|row| writer.value(row).ok()));
        }
        if block.framing == Framing::Evtx {
            return self.records(block, &decoded, events);
        }
        events.iter_mut().for_each(|event| {
            self.original(event);
        });
        let dataset = decoded.batches.first().map_or("", |batch| &*batch.dataset.name);
        let is_text = block.framing != Framing::Netflow;
        let raw = match is_text {
            true => readable(bytes),
            false => crate::formats::netflow::describe(bytes).unwrap_or_else(|| readable(bytes)),
        };
        // Of what was refused nothing was taken.
        let left_over = match is_text && !events.is_empty() {
            true => left_over(&as_document(&raw, block.framing), &events, self.zone),
            false => Vec::new(),
        };
        vec![Explained {
            path: block.source.path.to_string(),
            offset: span.offset,
            parser: self.decoder.reader(dataset),
            pinned: self.decoder.was_pinned(),
            not_read: self.not_read(&raw, block, &events),
            left_over,
            reject: decoded.rejects.first().map(reason),
            raw,
            events,
        }]
    }

    /// The records of a chunk, and what of it is none, by their numbers.
    fn records(&mut self, block: &FrameBlock, decoded: &Decoded, events: Vec<Value>) -> Vec<Explained> {
        let read = events.into_iter().map(|mut event| {
            let raw = self.original(&mut event).unwrap_or_default();
            Explained {
                path: block.source.path.to_string(),
                offset: event["log.offset"].as_u64().unwrap_or_default(),
                parser: self.decoder.reader(""),
                pinned: self.decoder.was_pinned(),
                left_over: left_over(&raw, std::slice::from_ref(&event), self.zone),
                not_read: None,
                reject: None,
                raw,
                events: vec![event],
            }
        });
        let mut all: Vec<Explained> = read.collect();
        all.extend(decoded.rejects.iter().map(|reject| refused(reject, "evtx")));
        all.sort_by_key(|record| record.offset);
        all
    }

    /// The bytes of an event as they were kept; they stay with it only if that was asked for.
    fn original(&self, event: &mut Value) -> Option<String> {
        let event = event.as_object_mut()?;
        let kept = match self.keep_original {
            true => event.get("event.original").cloned(),
            false => event.remove("event.original"),
        };
        Some(kept?.as_str()?.to_owned())
    }

    /// Why nobody read a line, if nobody did.
    fn not_read(&mut self, raw: &str, block: &FrameBlock, events: &[Value]) -> Option<String> {
        let said = events.iter().filter_map(Value::as_object).flatten();
        let plain = |name: &str| {
            COLUMNS_OF_OURS.contains(&name)
                || OF_ANY_LINE.contains(&name)
                || name.starts_with("log.syslog.")
                || name.starts_with("kv.")
                || name.contains(".kv.")
        };
        if events.is_empty() || !said.into_iter().all(|(name, _)| plain(name)) {
            return None;
        }
        let asked = self.decoder.asked_in_vain()?;
        let line = raw.trim_end_matches(['\n', '\r']);
        let mut texts = vec![line];
        texts.extend(self.decoder.message_of(line, &block.source));
        let dataset = events[0]["event.dataset"]
            .as_str()
            .filter(|_| self.decoder.was_pinned());
        let nearest = self.nearest.of(&texts, dataset);
        let asked = (!asked.is_empty()).then(|| format!("asked in vain: {}", asked.join(", ")));
        let told: Vec<String> = nearest.into_iter().chain(asked).collect();
        Some(match told.is_empty() {
            true => "no parser knows a line like it".to_owned(),
            false => told.join("; "),
        })
    }
}

/// What was refused.
fn refused(reject: &RejectRecord, parser: &str) -> Explained {
    Explained {
        path: reject.path.to_string(),
        offset: reject.offset,
        raw: readable(&reject.raw),
        parser: parser.to_owned(),
        pinned: false,
        events: Vec::new(),
        left_over: Vec::new(),
        not_read: None,
        reject: Some(reason(reject)),
    }
}

fn reason(reject: &RejectRecord) -> String {
    format!("{}: {}", reject.reason, reject.detail)
}

/// Bytes as text, or what they begin with where they are none.
fn readable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let noise = text
        .chars()
        .filter(|c| (c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\x1b')) || *c == '\u{fffd}')
        .count();
    match noise * 8 > text.len() {
        true => format!("{} bytes: {}", bytes.len(), hexadecimal(bytes)),
        false => text.into_owned(),
    }
}

/// The first bytes of something binary.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    const SHOWN: usize = 24;
    let mut text = String::new();
    for byte in bytes.iter().take(SHOWN) {
        let _ = write!(text, "{byte:02x}");
    }
    if bytes.len() > SHOWN {
        text.push('…');
    }
    text
}

/// A record of XML as the document that is made of it.
fn as_document(raw: &str, framing: Framing) -> Cow<'_, str> {
    let document = || crate::formats::xml_document(raw);
    match framing {
        Framing::Xml => document().map_or(Cow::Borrowed(raw), Cow::Owned),
        _ => Cow::Borrowed(raw),
    }
}

/// Columns that any line has.
const OF_ANY_LINE: &[&str] = &[
    "@timestamp",
    "message",
    "host.name",
    "process.name",
    "process.pid",
];

/// Columns, by dotted names, that say nothing of what was read: whose, when and where it was read.
pub const COLUMNS_OF_OURS: &[&str] = &[
    "event.ingested",
    "tenant",
    "event.dataset",
    "event.id",
    "event.original",
    "log.file.path",
    "log.offset",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_frame_is_explained_in_its_place() {
        use crate::frame::{FrameOptions, Framer, Source};
        let source = Arc::new(Source {
            path: "-".into(),
            reference_time: 0,
            ..Source::default()
        });
        let options = FrameOptions {
            max_frame: 20,
            ..FrameOptions::default()
        };
        let mut framer = Framer::new(source, options);
        framer.push(crate::input::Chunk {
            offset: 0,
            bytes: b"{\"a\":1}\n{\"b\":\"much too long for a frame\"}\n{\"c\":1}\n".to_vec(),
        });
        framer.finish();
        let block = framer.pop().expect("frames");
        let mut explainer = Explainer::new(Catalog::builtin(), DecodeOptions::default());
        let told: Vec<(u64, usize, bool)> = explainer
            .explain(&block)
            .map(|record| (record.offset, record.events.len(), record.reject.is_some()))
            .collect();
        assert_eq!(told, [(0, 1, false), (8, 0, true), (42, 1, false)]);
    }
}
