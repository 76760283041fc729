//! Windows EVTX: a frame is a chunk of 64 KiB with its records.
//!
//! A record is binary XML as Microsoft's [MS-EVEN6] has it (sections 2.2.12 to 2.2.18): mostly an instance of a
//! template that is defined somewhere in the chunk, with an array of typed values to be filled in, one of which is such
//! an instance again, the event's data. Two ways lead from there to the fields of an event:
//!
//! - the *fast way*: a template is read once, into a [program](program) that says what every value is; a record then
//!   costs its values. Programs are [kept](templates) across chunks and files;
//! - the *general way*, for records of an unusual shape: the record becomes a [tree](tree), the tree becomes
//!   [JSON](render) as `evtx_dump` writes it, and that is read like any other dump.
//!
//! Both give the same events to the byte, and the same as those that the crate `evtx` gave, which was used here before
//! and is the tests' oracle still. Checksums are not asked for: a log that was copied while Windows wrote to it has wrong
//! ones, and every record is checked by itself. Damage costs the record that it is in; where records go on after it is
//! found by their marks.
//!
//! An event's place is its computer and channel, its offset the record number: the same record is
//! recognised in another export of the log.
//!
//! [MS-EVEN6]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-even6/

mod budget;
mod chunk;
mod compile;
mod compile_data;
mod cursor;
mod fill;
#[cfg(test)]
mod oracle;
mod program;
mod render;
mod run;
mod steps;
mod templates;
#[cfg(test)]
mod tests;
mod text;
mod tree;
mod trees;
mod value;

use budget::Budget;
use chunk::{Chunk, Record};
use cursor::Damage;
use run::{Machine, Run, Unusual};
use templates::Templates;
use trees::Trees;

use super::json::JsonDecoder;
use super::{EventSink, FrameContext, Reject, commit};

/// Decodes chunks.
#[derive(Default)]
pub(super) struct EvtxDecoder {
    templates: Templates,
    run: Run,
    /// Scratch: a record's JSON on the general way; computer and channel.
    json: Vec<u8>,
    log: String,
    /// How many records went either way.
    #[cfg(test)]
    ways: [usize; 2],
}

/// Length of a chunk; a file may break off inside one.
const CHUNK_BYTES: usize = 64 << 10;

/// Who takes what cannot be read: the record's number or the chunk's offset, why, and the record.
type Refuse<'r> = dyn FnMut(u64, Reject, &[u8]) + 'r;

impl EvtxDecoder {
    /// One that knows no template yet.
    pub(super) fn new() -> Self {
        EvtxDecoder::default()
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
        let mut padded = Vec::new();
        let mut data = frame;
        if frame.len() < CHUNK_BYTES {
            padded.extend_from_slice(frame);
            padded.resize(CHUNK_BYTES, 0);
            data = &padded;
            let detail = format!("the file ends {} bytes into a chunk", frame.len());
            reject(context.offset, Reject::new("evtx_truncated_chunk", detail), &[]);
        }
        let chunk = match Chunk::new(data) {
            Ok(chunk) => chunk,
            Err(damage) => return reject(context.offset, Reject::new("evtx_bad_chunk", damage.0), &[]),
        };
        let budget = Budget::new();
        let mut trees = Trees::new(&chunk, &budget);
        self.templates.start_chunk();
        for record in chunk.records() {
            match record {
                Ok(record) => {
                    let context = FrameContext {
                        offset: record.id,
                        ..context.clone()
                    };
                    let mut source = Source {
                        chunk: &chunk,
                        trees: &mut trees,
                        budget: &budget,
                        context: &context,
                        json,
                        tenant,
                    };
                    self.decode_record(record, &mut source, sink, &mut reject);
                }
                Err(bad) => {
                    let number = bad.id.unwrap_or(context.offset);
                    reject(number, bad_record(bad.id, &bad.damage), &[]);
                }
            }
        }
    }

    fn decode_record(
        &mut self,
        record: Record,
        source: &mut Source<'_, '_>,
        sink: &mut EventSink,
        reject: &mut Refuse<'_>,
    ) {
        let damaged = |damage: Damage| bad_record(Some(record.id), &damage);
        if let Err(damage) = source.budget.begin() {
            return reject(record.id, damaged(damage), &[]);
        }
        let mut machine = Machine {
            chunk: source.chunk,
            templates: &mut self.templates,
            trees: &mut *source.trees,
        };
        match self.run.record(record, &mut machine) {
            Ok(()) => {
                source.budget.text(self.run.json.len());
                #[cfg(test)]
                {
                    self.ways[0] += 1;
                }
                match self.commit(source, sink) {
                    Ok(()) => {}
                    Err(refused) => reject(record.id, refused, &self.run.json),
                }
            }
            // What the fast way cannot read, the general way may.
            Err(Unusual) => {
                #[cfg(test)]
                {
                    self.ways[1] += 1;
                }
                self.json.clear();
                let tree = source.trees.record(record.start, record.end);
                let rendered = tree.and_then(|tree| render::render(&tree, source.budget, &mut self.json));
                source.budget.text(self.json.len());
                if let Err(damage) = rendered {
                    return reject(record.id, damaged(damage), &[]);
                }
                let decoded = source
                    .json
                    .decode_record(&self.json, source.context, source.tenant, sink);
                if let Err(refused) = decoded {
                    reject(record.id, refused, &self.json);
                }
            }
        }
    }

    /// Writes the event that was run.
    fn commit(&mut self, source: &mut Source<'_, '_>, sink: &mut EventSink) -> Result<(), Reject> {
        let (run, templates, context) = (&self.run, &self.templates, source.context);
        if context.dataset.is_some() {
            // The user says what it is, which may be something that is no Windows event.
            return source.json.decode_record(&run.json, context, source.tenant, sink);
        }
        let origin = run
            .origin(templates)
            .map_err(|damage| Reject::new("evtx_bad_record", damage.0))?;
        self.log.clear();
        self.log.extend([origin.computer, "\0", origin.channel]);
        let context = FrameContext {
            place: crate::frame::place(source.tenant, self.log.as_bytes()),
            ..context.clone()
        };
        let dataset = source.json.windows().of(origin.channel, origin.provider)?;
        let builder = sink.begin(&dataset);
        run.write(origin.text, templates, builder);
        let time = run.time(origin.text, templates, context.timezone);
        commit(builder, &context, &run.json, 0, time);
        Ok(())
    }
}

/// What decoding a record needs beside it.
struct Source<'s, 'a> {
    chunk: &'a Chunk<'a>,
    trees: &'s mut Trees<'a>,
    budget: &'s Budget,
    context: &'s FrameContext<'s>,
    json: &'s mut JsonDecoder,
    tenant: &'s str,
}

fn bad_record(id: Option<u64>, damage: &Damage) -> Reject {
    let detail = match id {
        Some(id) => format!("record {id} cannot be read: {}", damage.0),
        None => format!("a record cannot be read: {}", damage.0),
    };
    Reject::new("evtx_bad_record", detail)
}
