//! Which parser took a record, what it made of it, and what it left over.

use std::sync::Arc;

use serde_json::Value;

use crate::catalog::Catalog;
use crate::formats::{DecodeOptions, Decoder};
use crate::frame::{FrameBlock, FrameSpan, RejectRecord};
use crate::output::{EventWriter, JsonStyle};

/// What became of one record.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Explained {
    /// Path of the source, or `-`.
    pub path: String,
    /// Offset of the record.
    pub offset: u64,
    /// The record.
    pub raw: String,
    /// Which parser took it: `json`, `cisco asa`, `pattern 2 of acme.door`, …
    pub parser: String,
    /// The events, by dotted names.
    pub events: Vec<Value>,
    /// Pieces of the record that are no event's value, and no name in front of one.
    pub left_over: Vec<String>,
    /// Why there is no event.
    pub reject: Option<String>,
}

/// Explains records one by one. Slow: it is for people.
pub struct Explainer {
    decoder: Decoder,
}

impl Explainer {
    /// An explainer for the datasets of `catalog`.
    pub fn new(catalog: Arc<Catalog>, options: DecodeOptions) -> Self {
        Explainer {
            decoder: Decoder::new(catalog, options),
        }
    }

    /// What becomes of each record of `block`, in the order of the source: also of those that are no frames.
    pub fn explain<'b>(&'b mut self, block: &'b FrameBlock) -> impl Iterator<Item = Explained> + 'b {
        let mut frames = block.frames.iter().peekable();
        let mut rejects: Vec<&RejectRecord> = block.rejects.iter().collect();
        rejects.sort_by_key(|reject| std::cmp::Reverse(reject.offset));
        std::iter::from_fn(move || {
            let frame_at = frames.peek().map(|span| span.offset);
            match rejects.pop_if(|reject| frame_at.is_none_or(|offset| reject.offset <= offset)) {
                Some(reject) => Some(refused(reject)),
                None => frames.next().map(|&span| self.frame(block, span)),
            }
        })
    }

    fn frame(&mut self, block: &FrameBlock, span: FrameSpan) -> Explained {
        let bytes = block.frame(span);
        let raw = String::from_utf8_lossy(bytes).into_owned();
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
        let dataset = decoded.batches.first().map_or("", |batch| &*batch.dataset.name);
        Explained {
            path: block.source.path.to_string(),
            offset: span.offset,
            left_over: left_over(&raw, &events),
            parser: self.decoder.reader(dataset),
            reject: decoded
                .rejects
                .first()
                .map(|reject| format!("{}: {}", reject.reason, reject.detail)),
            raw,
            events,
        }
    }
}

/// What was refused before it became a frame.
fn refused(reject: &RejectRecord) -> Explained {
    Explained {
        path: reject.path.to_string(),
        offset: reject.offset,
        raw: String::from_utf8_lossy(&reject.raw).into_owned(),
        parser: "framing".to_owned(),
        events: Vec::new(),
        left_over: Vec::new(),
        reject: Some(format!("{}: {}", reject.reason, reject.detail)),
    }
}

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

/// The words of `raw` that stand in no value of `events`. The message, which may be all of it, counts for nothing
/// where there is anything else; a time counts for the time at the front.
fn left_over(raw: &str, events: &[Value]) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    for event in events {
        let fields = event.as_object().into_iter().flatten();
        let telling: Vec<_> = fields
            .filter(|(name, _)| !COLUMNS_OF_OURS.contains(&name.as_str()))
            .collect();
        let only_message = telling
            .iter()
            .all(|(name, _)| matches!(name.as_str(), "message" | "@timestamp"));
        for (name, value) in telling {
            if name != "message" || only_message {
                texts(value, &mut values);
            }
        }
    }
    // Long values first, so that a short one does not take a piece of a longer one.
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    let mut taken = vec![false; raw.len()];
    for value in &values {
        let free = raw
            .match_indices(value.as_str())
            .find(|(at, _)| taken[*at..*at + value.len()].iter().all(|taken| !taken));
        if let Some((at, _)) = free {
            taken[at..at + value.len()].fill(true);
        }
    }
    let mut pieces = Vec::new();
    let mut start = None;
    for at in raw.char_indices().map(|(at, _)| at).chain([raw.len()]) {
        let free = at < raw.len() && !taken[at];
        match (free, start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                push_words(&raw[from..at], raw[at..].is_empty(), &mut pieces);
                start = None;
            }
            _ => {}
        }
    }
    pieces
}

/// The words of a piece that was not taken, without the name that stands in front of the value behind it.
fn push_words(piece: &str, last: bool, pieces: &mut Vec<String>) {
    let text = piece.trim();
    let name = match text.ends_with(['=', ':', '"']) && !last {
        true => text
            .trim_end_matches(['=', ':', '"', ' '])
            .rsplit([' ', ',', '{', '"', ';', '|'])
            .next()
            .map_or(0, |word| {
                word.len() + text.len() - text.trim_end_matches(['=', ':', '"', ' ']).len()
            }),
        false => 0,
    };
    let text = text[..text.len() - name].trim_matches(|c: char| !c.is_alphanumeric());
    if !text.is_empty() {
        pieces.push(text.to_owned());
    }
}

fn texts(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::String(text) if !text.is_empty() => out.push(text.clone()),
        Value::Number(number) => out.push(number.to_string()),
        Value::Bool(flag) => out.push(flag.to_string()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, out)),
        Value::Object(members) => members.values().for_each(|member| texts(member, out)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_frame_is_explained_in_its_place() {
        use crate::frame::{FrameOptions, Framer, Source};
        let source = Arc::new(Source {
            path: "-".into(),
            reference_time: 0,
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

    #[test]
    fn what_no_field_took_is_left_over() {
        let raw = "door 7: user=bob src=192.0.2.1 strange words";
        let events = [
            serde_json::json!({"user.name": "bob", "source.ip": "192.0.2.1", "message": raw, "tenant": "x"}),
        ];
        assert_eq!(left_over(raw, &events), ["door 7", "strange words"]);
        let events = [serde_json::json!({"message": raw})];
        assert!(left_over(raw, &events).is_empty());
    }
}
