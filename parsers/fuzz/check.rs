//! What holds for any bytes: run by the fuzz targets and, over mutated samples, by the crate's tests.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::enrich::{Enricher, Enrichment};
use borzoi_parsers::formats::{DecodeOptions, Decoder, Format};
use borzoi_parsers::frame::{FrameBlock, FrameOptions, Framer, Framing, Source};
use borzoi_parsers::input::Chunk;
use borzoi_parsers::output::{EventWriter, JsonStyle};

/// How a source is cut and read.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    /// Bytes of a chunk.
    pub chunk: usize,
    /// Frames of a block at most.
    pub rows: usize,
    /// Bytes of a block, about.
    pub block: usize,
    /// Bytes of a frame at most.
    pub longest: usize,
}

/// Events by offset and identity, rejects by offset: the same for the same bytes.
#[derive(Debug, PartialEq, Default)]
struct Outcome {
    events: BTreeMap<(u64, String), String>,
    rejects: Vec<(u64, &'static str, u64, Vec<u8>)>,
}

thread_local! {
    /// A decoder for each format: making one costs more than most inputs, and what came before must make no difference.
    static DECODERS: RefCell<HashMap<Option<Format>, Decoder>> = RefCell::default();
    static ENRICHER: RefCell<Enricher> = RefCell::new(Enricher::new(Enrichment::default()));
}

/// A decoder whose output depends on the bytes alone.
pub fn decoder(catalog: Arc<Catalog>, format: Option<Format>) -> Decoder {
    let options = DecodeOptions {
        format,
        ingest_time: Some(0),
        // How many columns one block has is no property of the bytes.
        max_columns: 1 << 20,
        ..DecodeOptions::default()
    };
    Decoder::new(catalog, options)
}

/// Reads `bytes` with the shipped catalog; see [`check_with`].
pub fn check(bytes: &[u8], format: Option<Format>, cut: Cut) {
    DECODERS.with_borrow_mut(|decoders| {
        let decoder = decoders
            .entry(format)
            .or_insert_with(|| decoder(Catalog::builtin(), format));
        check_with(decoder, bytes, format, cut);
    });
}

/// Reads `bytes` at once, and cut up as `cut` says. Both must come out the same, and:
///
/// - every event is one line of valid JSON, nested or flat, with what is derived from its columns;
/// - every frame is found again as an event or a reject with its offset;
/// - frames ascend, do not overlap, and are the bytes at their offset;
/// - of lines and plain rows of JSON, everything between is white space, punctuation and zeroes.
pub fn check_with(decoder: &mut Decoder, bytes: &[u8], format: Option<Format>, cut: Cut) {
    let whole = Cut {
        chunk: usize::MAX,
        rows: 8192,
        block: 8 << 20,
        longest: cut.longest,
    };
    let at_once = outcome(decoder, bytes, format, whole);
    let in_pieces = outcome(decoder, bytes, format, cut);
    assert_eq!(in_pieces, at_once, "cut by {cut:?}");
}

/// Reads `bytes` as one source and writes the events: how many they are, and how many bytes of output.
pub fn read(decoder: &mut Decoder, bytes: &[u8], format: Option<Format>) -> (usize, usize) {
    let mut framer = framer(format, FrameOptions::default());
    framer.push(Chunk {
        offset: 0,
        bytes: bytes.to_vec(),
    });
    framer.finish();
    let (mut events, mut text) = (0, String::new());
    while let Some(block) = framer.pop() {
        for batch in decoder.decode(block).batches {
            events += batch.len();
            let writer = EventWriter::new(&batch.events, JsonStyle::Flat);
            for row in 0..batch.len() {
                writer.write(row, &mut text);
            }
        }
    }
    (events, text.len())
}

fn framer(format: Option<Format>, options: FrameOptions) -> Framer {
    let source = Arc::new(Source {
        path: "fuzz".into(),
        reference_time: 1_700_000_000_000_000,
        ..Source::default()
    });
    Framer::new(source, FrameOptions { format, ..options })
}

fn outcome(decoder: &mut Decoder, bytes: &[u8], format: Option<Format>, cut: Cut) -> Outcome {
    let options = FrameOptions {
        batch_rows: cut.rows,
        block_bytes: cut.block,
        max_frame: cut.longest,
        ..FrameOptions::default()
    };
    let mut framer = framer(format, options);
    let mut offset = 0;
    for piece in bytes.chunks(cut.chunk.max(1)) {
        framer.push(Chunk {
            offset,
            bytes: piece.to_vec(),
        });
        offset += piece.len() as u64;
    }
    framer.finish();
    let mut outcome = Outcome::default();
    let mut covered = Covered::default();
    while let Some(block) = framer.pop() {
        covered.add(bytes, &block);
        decode(decoder, block, &mut outcome);
    }
    covered.check(bytes, cut.longest);
    outcome.rejects.sort();
    outcome
}

fn decode(decoder: &mut Decoder, block: FrameBlock, outcome: &mut Outcome) {
    let framing = block.framing;
    let frames: Vec<u64> = block.frames.iter().map(|span| span.offset).collect();
    let decoded = decoder.decode(block);
    let mut seen = HashSet::new();
    for batch in decoded.batches {
        let events = batch.len();
        let batch = ENRICHER.with_borrow_mut(|enricher| enricher.enrich(batch));
        assert_eq!(batch.len(), events, "derived columns add no rows");
        let nested = EventWriter::new(&batch.events, JsonStyle::Nested);
        let flat = EventWriter::new(&batch.events, JsonStyle::Flat);
        for row in 0..batch.len() {
            let mut line = String::new();
            nested.write(row, &mut line);
            assert!(!line.contains('\n'), "one line");
            serde_json::from_str::<serde_json::Value>(&line).expect("nested JSON can be read");
            line.clear();
            flat.write(row, &mut line);
            let event: serde_json::Value = serde_json::from_str(&line).expect("flat JSON can be read");
            let offset = event["log.offset"].as_u64().expect("every event has its offset");
            seen.insert(offset);
            let id = event["event.id"]
                .as_str()
                .expect("every event has its id")
                .to_owned();
            outcome.events.insert((offset, id), line);
        }
    }
    for reject in decoded.rejects {
        seen.insert(reject.offset);
        outcome
            .rejects
            .push((reject.offset, reject.reason, reject.length, reject.raw));
    }
    // Offsets of EVTX events are record numbers.
    if framing != Framing::Evtx {
        for offset in frames {
            assert!(
                seen.contains(&offset),
                "the frame at {offset} is neither an event nor a reject"
            );
        }
    }
}

/// The bytes that frames and rejects stand for.
#[derive(Default)]
struct Covered {
    framing: Option<Framing>,
    ranges: Vec<(usize, usize)>,
    too_long: bool,
}

impl Covered {
    fn add(&mut self, bytes: &[u8], block: &FrameBlock) {
        self.framing = Some(block.framing);
        // Frames that are put together are no piece of the source.
        if matches!(block.framing, Framing::Auditd | Framing::Netflow) {
            return;
        }
        let mut last = None;
        for &span in &block.frames {
            let frame = block.frame(span);
            let start = span.offset as usize;
            assert_eq!(
                Some(frame),
                bytes.get(start..start + frame.len()),
                "a frame is what stands there"
            );
            assert!(last < Some(span.offset), "frames ascend");
            last = Some(span.offset);
            self.too_long |= span.truncated;
            self.ranges.push((start, start + frame.len()));
        }
        for reject in &block.rejects {
            self.too_long |= reject.reason == "frame_too_long";
            let start = reject.offset as usize;
            self.ranges.push((start, start + reject.length as usize));
        }
    }

    fn check(mut self, bytes: &[u8], longest: usize) {
        let wrapped = ["Records", "records", "value", "events", "Events", "items"]
            .iter()
            .any(|name| bytes.windows(name.len()).any(|window| window == name.as_bytes()));
        let between: &[u8] = match self.framing {
            Some(Framing::Lines) => b"\0",
            Some(Framing::Json) if !wrapped => b",[]\x1e\0",
            _ => return,
        };
        // How long a record is that was too long, nobody has counted.
        if self.too_long || bytes.len() > longest {
            return;
        }
        self.ranges.sort_unstable();
        let mut at = 0;
        for (start, end) in self.ranges.into_iter().chain([(bytes.len(), bytes.len())]) {
            assert!(start >= at, "records do not overlap");
            for byte in &bytes[at..start] {
                let nothing = byte.is_ascii_whitespace() || between.contains(byte);
                assert!(nothing, "byte {byte:#x} between {at} and {start} is in no record");
            }
            at = end;
        }
    }
}
