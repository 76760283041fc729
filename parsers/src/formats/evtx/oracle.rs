//! The tests' oracle: the crate `evtx` renders every record as JSON, which is read as a dump. Slow, and independent of
//! all that stands beside it.

use std::sync::Arc;

use super::CHUNK_BYTES;
use evtx::{EvtxChunkData, ParserSettings};

use crate::formats::json::JsonDecoder;
use crate::formats::{EventSink, FrameContext, Reject};

/// Decodes chunks.
pub(super) struct Oracle {
    settings: Arc<ParserSettings>,
}

impl Oracle {
    pub(super) fn new() -> Self {
        // Checksums are not asked for: a log that was copied while Windows wrote to it has wrong ones, and
        // every record is checked by itself.
        Oracle {
            settings: Arc::new(ParserSettings::new().indent(false).validate_checksums(false)),
        }
    }

    /// Writes the events of a chunk to `sink`. What cannot be read goes to `reject` with the record's
    /// number, or the chunk's offset where there is none; it costs the record alone.
    pub(super) fn decode_chunk(
        &mut self,
        frame: &[u8],
        context: &FrameContext<'_>,
        json: &mut JsonDecoder,
        tenant: &str,
        sink: &mut EventSink,
        mut reject: impl FnMut(u64, Reject, &[u8]),
    ) {
        let mut bytes = frame.to_vec();
        if bytes.len() < CHUNK_BYTES {
            bytes.resize(CHUNK_BYTES, 0);
            let detail = format!("the file ends {} bytes into a chunk", frame.len());
            reject(context.offset, Reject::new("evtx_truncated_chunk", detail), &[]);
        }
        let mut chunk = match EvtxChunkData::new(bytes, false) {
            Ok(chunk) => chunk,
            Err(error) => return reject(context.offset, chunk_reject(&error), &[]),
        };
        let mut chunk = match chunk.parse(self.settings.clone()) {
            Ok(chunk) => chunk,
            Err(error) => return reject(context.offset, chunk_reject(&error), &[]),
        };
        for record in chunk.iter() {
            let record = match record {
                Ok(record) => record,
                Err(error) => {
                    reject(context.offset, record_reject(&error), &[]);
                    continue;
                }
            };
            let number = record.event_record_id;
            let document = match record.into_json_bytes() {
                Ok(document) => document.data,
                Err(error) => {
                    reject(number, record_reject(&error), &[]);
                    continue;
                }
            };
            let context = FrameContext {
                offset: number,
                ..context.clone()
            };
            if let Err(refused) = json.decode_record(&document, &context, tenant, sink) {
                reject(number, refused, &document);
            }
        }
    }
}

fn chunk_reject(error: &dyn std::error::Error) -> Reject {
    Reject::new("evtx_bad_chunk", with_causes(error))
}

fn record_reject(error: &dyn std::error::Error) -> Reject {
    Reject::new("evtx_bad_record", with_causes(error))
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
