//! Blocks of frames in, batches out.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;

use chrono_tz::Tz;

use super::evtx::EvtxDecoder;
use super::flat::FlatEvent;
use super::json::JsonDecoder;
use super::rote::Rote;
use super::syslog::Header;
use super::table::{TOGETHER, TableHeader, Tables};
use super::text::{Grammars, Reader};
use super::{
    EventSink, Format, FrameContext, Reject, access, auditd, error_log, generic, netflow, syslog, xml, zeek,
};
use crate::batch::{BatchBuilder, BatchOptions, BuilderCounters, EventBatch};
use crate::catalog::{Catalog, Dataset};
use crate::frame::{BLOCK_REJECT_BYTES, FrameBlock, FrameSpan, Framing, REJECT_BYTES, RejectRecord, Source};
use crate::input::pool;
use crate::pins::{Fixed, Pinned, Pins};

/// What holds for all events of a [`Decoder`].
#[derive(Debug, Clone)]
pub struct DecodeOptions {
    /// The format of every frame; otherwise each frame shows its own.
    pub format: Option<Format>,
    /// The dataset of every event, but for those of `pins`; otherwise each event shows its own.
    pub dataset: Option<Arc<Dataset>>,
    /// Which sources and senders are of which dataset, before what the catalog says of that.
    pub pins: Arc<Pins>,
    /// The zone of timestamps that name none, if the user knows it; else they are taken as UTC.
    pub timezone: Option<Tz>,
    /// Whose events they are.
    pub tenant: Arc<str>,
    /// See [`BatchOptions::max_columns`].
    pub max_columns: usize,
    /// See [`BatchOptions::keep_original`].
    pub keep_original: bool,
    /// Time of reading, microseconds since the epoch; otherwise the clock's, block by block.
    pub ingest_time: Option<i64>,
}

impl Default for DecodeOptions {
    fn default() -> Self {
        let batch = BatchOptions::default();
        DecodeOptions {
            format: None,
            dataset: None,
            pins: Arc::default(),
            timezone: None,
            tenant: batch.tenant,
            max_columns: batch.max_columns,
            keep_original: batch.keep_original,
            ingest_time: None,
        }
    }
}

/// What became of a block.
#[derive(Debug)]
pub struct Decoded {
    /// Where the block was read.
    pub source: Arc<Source>,
    /// See [`FrameBlock::sequence`].
    pub sequence: u64,
    /// The events: one batch per dataset, in the order of their first events.
    pub batches: Vec<EventBatch>,
    /// The frames that are no events.
    pub rejects: Vec<RejectRecord>,
    /// How many of what.
    pub counters: DecodeCounters,
}

/// How many of what a block held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DecodeCounters {
    /// Events.
    pub events: u64,
    /// Bytes of all frames.
    pub bytes: u64,
    /// Frames or records that became no event.
    pub rejects: u64,
    /// Frames that were no valid UTF-8; their events are marked with `error.type: invalid_utf8`.
    pub invalid_utf8: u64,
    /// What the builders put aside.
    pub columns: BuilderCounters,
}

impl std::ops::AddAssign for DecodeCounters {
    fn add_assign(&mut self, other: Self) {
        self.events += other.events;
        self.bytes += other.bytes;
        self.rejects += other.rejects;
        self.invalid_utf8 += other.invalid_utf8;
        self.columns += other.columns;
    }
}

/// Turns blocks into batches.
///
/// What comes out for a block depends on the block alone, not on the blocks before it: any number of
/// decoders may share the blocks of a source. A decoder keeps look-up tables and memory between blocks.
pub struct Decoder {
    options: DecodeOptions,
    sink: EventSink,
    json: JsonDecoder,
    grammars: Grammars,
    evtx: EvtxDecoder,
    tables: Tables,
    pinned: Pinned,
    /// Lines that need no reading; nothing where that cannot be known.
    rote: Option<Rote>,
    /// Who read the last frame.
    reader: Took,
    /// The dataset of the last frame was said.
    said: bool,
}

/// Who read a frame, for people.
#[derive(Debug, Clone, Copy)]
enum Took {
    /// One of the formats.
    Format(Format),
    /// A grammar or a pattern, which [`Grammars`] knows.
    Grammar,
    /// JSON that a line carries.
    Carried,
    /// What is made of any line.
    Any,
}

impl Decoder {
    /// A decoder for the datasets of `catalog`.
    pub fn new(catalog: Arc<Catalog>, options: DecodeOptions) -> Self {
        let batch = BatchOptions {
            tenant: options.tenant.clone(),
            ingest_time: options.ingest_time.unwrap_or_default(),
            max_columns: options.max_columns,
            keep_original: options.keep_original,
        };
        let grammars = Grammars::new(&catalog);
        let by_rote = !grammars.describes() && !options.keep_original;
        Decoder {
            json: JsonDecoder::new(&catalog),
            rote: by_rote.then(|| Rote::new(matches!(options.format, None | Some(Format::Access)))),
            grammars,
            evtx: EvtxDecoder::new(),
            tables: Tables::new(&catalog),
            pinned: Pinned::new(&options, &catalog),
            sink: EventSink::new(catalog, Arc::new(batch)),
            options,
            reader: Took::Any,
            said: false,
        }
    }

    /// A decoder of the same events as that of `sink` and `options`, which reads every line.
    fn by_reading(sink: &EventSink, options: &DecodeOptions) -> Decoder {
        Decoder::new(sink.catalog().clone(), options.clone()).without_rote()
    }

    /// Reads every line from now on.
    pub(super) fn without_rote(self) -> Decoder {
        Decoder { rote: None, ..self }
    }

    /// What is known by rote.
    #[cfg(test)]
    pub(super) fn rote(&self) -> &Rote {
        self.rote.as_ref().expect("this decoder may know lines by rote")
    }

    /// Reads a block all of whose frames are events of one dataset, and hands out the builder that they came to; nothing of them
    /// is kept.
    pub(super) fn read_aside<R>(
        &mut self,
        block: &FrameBlock,
        take: impl FnOnce(&BatchBuilder) -> Option<R>,
    ) -> Option<R> {
        let fixed = Fixed {
            dataset: None,
            hosts: false,
        };
        let mut rejects = Rejects::none();
        let mut counters = DecodeCounters::default();
        for &span in &block.frames {
            self.frame(block, &fixed, span, &mut rejects, &mut counters, &mut |_| {});
        }
        let mut written = self.sink.builders.iter().filter(|builder| !builder.is_empty());
        let taken = match (written.next(), written.next()) {
            (Some(builder), None) if rejects.records.is_empty() => take(builder),
            _ => None,
        };
        self.sink.finish();
        let put_aside = self.sink.take_counters() != BuilderCounters::default();
        taken.filter(|_| !put_aside)
    }

    /// The zone of timestamps that name none.
    pub(super) fn zone(&self) -> Tz {
        self.options.timezone.unwrap_or(Tz::UTC)
    }

    /// Which parser took the last frame, whose event is of `dataset`.
    pub(crate) fn reader(&self, dataset: &str) -> String {
        match self.reader {
            Took::Format(format) => format.name().to_owned(),
            Took::Grammar => match self.grammars.reader() {
                Reader::Grammar(name) => name.to_owned(),
                Reader::Pattern(number) => format!("pattern {} of {dataset}", number + 1),
            },
            Took::Carried => "json in a line".to_owned(),
            Took::Any => "any line".to_owned(),
        }
    }

    /// The dataset that pins and options give to all that comes from `source`, whatever it holds.
    pub fn dataset_of(&self, source: &Source) -> Option<Arc<Dataset>> {
        self.pinned.of(source).dataset
    }

    /// Whether somebody said of which dataset the last frame is.
    pub(crate) fn was_pinned(&self) -> bool {
        self.said
    }

    /// The grammars that were asked about the last frame and did not read it; `None` if it is not for grammars.
    pub(crate) fn asked_in_vain(&self) -> Option<Vec<&'static str>> {
        let in_vain = matches!(self.reader, Took::Any | Took::Format(Format::Syslog));
        in_vain.then(|| self.grammars.asked())
    }

    /// What stands behind the syslog header of a line, if it has one.
    pub(crate) fn message_of<'t>(&self, line: &'t str, source: &Source) -> Option<&'t str> {
        let zone = self.options.timezone.unwrap_or(Tz::UTC);
        Some(syslog::header_of(line, source.reference_time, zone)?.message)
    }

    /// Decodes a block. Never panics, whatever the bytes are.
    pub fn decode(&mut self, mut block: FrameBlock) -> Decoded {
        let mut rejects = Rejects::new(&mut block);
        let now = self.now();
        let is_table = matches!(self.options.format, None | Some(Format::Zeek | Format::Csv));
        let decoded = match block.header {
            Some(_) if is_table => self.rows(&block, &mut rejects, now),
            _ => self.frames(
                &block,
                block.frames.iter(),
                &mut rejects,
                now,
                |_| {},
                &mut |_| {},
            ),
        };
        pool::give(std::mem::take(&mut block.bytes));
        decoded
    }

    /// Decodes a block whose frames are lines or documents, and those of its frames once more with `other` that
    /// `passes` does not let pass: it is asked about every event that [`flat`](super::flat) reads; others do not
    /// pass. `None`: too many were left (more than half) for that to pay.
    ///
    /// Frames that are read twice are read at the same moment, and their rejects are those of the whole block.
    pub fn decode_screened(
        &mut self,
        mut block: FrameBlock,
        other: &mut Decoder,
        mut passes: impl FnMut(&FlatEvent<'_>) -> bool,
    ) -> (Decoded, Option<Decoded>) {
        let now = self.now();
        let mut rejects = Rejects::new(&mut block);
        let mut left: Vec<FrameSpan> = Vec::new();
        let passed = Cell::new(false);
        let whole = self.frames(
            &block,
            block.frames.iter(),
            &mut rejects,
            now,
            |span| {
                if !passed.take() {
                    left.push(span);
                }
            },
            &mut |event| passed.set(passes(event)),
        );
        let part = (left.len() * 2 <= block.frames.len()).then(|| {
            let mut none = Rejects::none();
            other.frames(&block, left.iter(), &mut none, now, |_| {}, &mut |_| {})
        });
        pool::give(std::mem::take(&mut block.bytes));
        (whole, part)
    }

    /// The time of reading, microseconds since the epoch.
    fn now(&self) -> i64 {
        let now = || chrono::Utc::now().timestamp_micros();
        self.options.ingest_time.unwrap_or_else(now)
    }

    /// Decodes frames of a block. Calls `look` with every event that is read the short way, `done` after every
    /// frame.
    fn frames<'b>(
        &mut self,
        block: &FrameBlock,
        frames: impl Iterator<Item = &'b FrameSpan>,
        rejects: &mut Rejects,
        now: i64,
        mut done: impl FnMut(FrameSpan),
        look: &mut dyn FnMut(&FlatEvent<'_>),
    ) -> Decoded {
        self.sink.set_ingest_time(now);
        let fixed = self.pinned.of(&block.source);
        let mut counters = DecodeCounters::default();
        for &span in frames {
            counters.bytes += (span.end - span.start) as u64;
            self.frame(block, &fixed, span, rejects, &mut counters, look);
            done(span);
        }
        self.finish(block, rejects, counters)
    }

    /// Decodes the rows of a table, many at once where they are as they should be.
    fn rows(&mut self, block: &FrameBlock, rejects: &mut Rejects, now: i64) -> Decoded {
        self.sink.set_ingest_time(now);
        self.sink.mark(None);
        let fixed = self.pinned.of(&block.source);
        let mut counters = DecodeCounters::default();
        for spans in block.frames.chunks(TOGETHER) {
            counters.bytes += spans
                .iter()
                .map(|span| (span.end - span.start) as u64)
                .sum::<u64>();
            let context = FrameContext {
                path: &block.source.path,
                place: block.place,
                offset: 0,
                reference_time: block.source.reference_time,
                timezone: self.options.timezone.unwrap_or(Tz::UTC),
                dataset: fixed.dataset.as_ref(),
            };
            if self
                .tables
                .decode_together(block, spans, &context, &mut self.sink)
            {
                continue;
            }
            for &span in spans {
                self.frame(block, &fixed, span, rejects, &mut counters, &mut |_| {});
            }
        }
        self.finish(block, rejects, counters)
    }

    /// What became of a block.
    fn finish(&mut self, block: &FrameBlock, rejects: &mut Rejects, mut counters: DecodeCounters) -> Decoded {
        let rejects = std::mem::take(&mut rejects.records);
        self.sink.settle_all(block);
        let batches = self.sink.finish();
        counters.columns = self.sink.take_counters();
        counters.events = batches.iter().map(|batch| batch.len() as u64).sum();
        counters.rejects = rejects.len() as u64;
        Decoded {
            source: block.source.clone(),
            sequence: block.sequence,
            batches,
            rejects,
            counters,
        }
    }

    fn frame(
        &mut self,
        block: &FrameBlock,
        fixed: &Fixed,
        span: FrameSpan,
        rejects: &mut Rejects,
        counters: &mut DecodeCounters,
        look: &mut dyn FnMut(&FlatEvent<'_>),
    ) {
        let Decoder {
            options,
            sink,
            json,
            grammars,
            evtx,
            tables,
            pinned,
            rote,
            reader,
            said,
        } = self;
        *said = fixed.dataset.is_some();
        let frame = block.frame(span);
        let context = FrameContext {
            path: &block.source.path,
            place: block.place,
            offset: span.offset,
            reference_time: block.source.reference_time,
            timezone: options.timezone.unwrap_or(Tz::UTC),
            dataset: fixed.dataset.as_ref(),
        };
        if block.framing == Framing::Evtx {
            *reader = Took::Format(Format::Evtx);
            let reject = |offset, reject, raw: &[u8]| rejects.add(&block.source, offset, reject, raw);
            return evtx.decode_chunk(frame, &context, json, &options.tenant, sink, reject);
        }
        if block.framing == Framing::Netflow {
            *reader = Took::Format(Format::Netflow);
            if let Err(reject) = netflow::decode(frame, &context, sink) {
                rejects.add(&block.source, span.offset, reject, frame);
            }
            return;
        }
        let is_open = fixed.dataset.is_none() && !fixed.hosts && !span.truncated;
        if let Some(rote) = rote
            && is_open
            && block.framing == Framing::Lines
            && rote.write((block, span), &context, sink, |sink| {
                Decoder::by_reading(sink, options)
            })
        {
            return;
        }
        // Files put together from several have a mark inside.
        let frame = frame.strip_prefix(b"\xef\xbb\xbf").unwrap_or(frame);
        // JSON is checked while it is parsed; everything else here.
        let is_json = options.format.is_none_or(|format| format == Format::Json);
        let described = context.dataset.is_some_and(|dataset| !dataset.lines.is_empty());
        let looks_like_json = is_json && !described && frame.first() == Some(&b'{') && block.header.is_none();
        let truncated = span.truncated.then_some("truncated");
        sink.mark(truncated);
        let text = if looks_like_json {
            None
        } else {
            sink.settle(block, 0);
            let text = match super::text_of(frame) {
                Ok(text) => Cow::Borrowed(text),
                Err(_) => String::from_utf8_lossy(frame),
            };
            if let Cow::Owned(_) = text {
                counters.invalid_utf8 += 1;
                sink.mark(truncated.or(Some("invalid_utf8")));
            }
            Some(text)
        };
        let mut result = match &text {
            None => {
                *reader = Took::Format(Format::Json);
                json.decode_in(Some((block, span)), frame, &context, sink, look)
            }
            Some(text) => {
                let parts = Parts {
                    json,
                    grammars,
                    sink,
                    tables,
                    pinned: fixed.hosts.then_some(pinned),
                    said,
                    reader,
                };
                parts.decode_text(text, block, &context, options)
            }
        };
        if looks_like_json
            && result.is_err()
            && let Cow::Owned(text) = String::from_utf8_lossy(frame)
        {
            counters.invalid_utf8 += 1;
            sink.mark(truncated.or(Some("invalid_utf8")));
            result = json.decode(text.as_bytes(), &context, sink);
        }
        sink.mark(None);
        if let Err(reject) = result {
            rejects.add(&block.source, span.offset, reject, frame);
        }
    }
}

/// The rejects of a block, and how much more they may keep; see [`BLOCK_REJECT_BYTES`].
struct Rejects {
    records: Vec<RejectRecord>,
    bytes_left: usize,
}

impl Rejects {
    /// Those of the framer, and room for those of the decoder.
    fn new(block: &mut FrameBlock) -> Self {
        Rejects {
            records: std::mem::take(&mut block.rejects),
            bytes_left: block.bytes.len().max(BLOCK_REJECT_BYTES),
        }
    }

    /// Room for none.
    fn none() -> Self {
        Rejects {
            records: Vec::new(),
            bytes_left: 0,
        }
    }

    fn add(&mut self, source: &Source, offset: u64, reject: Reject, raw: &[u8]) {
        let kept = if raw.len().min(REJECT_BYTES) <= self.bytes_left {
            raw
        } else {
            &[]
        };
        let record = RejectRecord::new(source, offset, reject, kept);
        self.bytes_left -= record.raw.len();
        self.records.push(RejectRecord {
            length: raw.len() as u64,
            ..record
        });
    }
}

/// What text is decoded with.
struct Parts<'d> {
    json: &'d mut JsonDecoder,
    grammars: &'d mut Grammars,
    sink: &'d mut EventSink,
    tables: &'d mut Tables,
    /// Asked about the hosts that headers name.
    pinned: Option<&'d mut Pinned>,
    said: &'d mut bool,
    reader: &'d mut Took,
}

impl Parts<'_> {
    /// Decodes a frame of text by the format that the user named, the source has, or the frame shows.
    fn decode_text(
        mut self,
        text: &str,
        block: &FrameBlock,
        context: &FrameContext<'_>,
        options: &DecodeOptions,
    ) -> Result<(), Reject> {
        if let Some(result) = self.described(text, context) {
            return result;
        }
        let format = match (options.format, block.framing) {
            (Some(format), _) => Some(format),
            (None, Framing::Xml) if text.starts_with("<Event") => Some(Format::Xml),
            (None, Framing::Auditd) if auditd::looks_like(text) => Some(Format::Auditd),
            (None, Framing::Zeek) => Some(Format::Zeek),
            (None, Framing::Table) => Some(Format::Csv),
            (None, _) => match strict_format(text, context.timezone) {
                Some(Shown::Access(entry)) => {
                    *self.reader = Took::Format(Format::Access);
                    return entry.decode(None, text, context, self.sink);
                }
                Some(Shown::Format(format)) => Some(format),
                None => None,
            },
        };
        *self.reader = format.map_or(Took::Any, Took::Format);
        match format {
            Some(Format::Json) => self.json.decode(text.as_bytes(), context, self.sink),
            Some(Format::Xml) => {
                let document = xml::to_json(text)?;
                self.json.decode(document.as_bytes(), context, self.sink)
            }
            Some(Format::Zeek | Format::Csv) => match block.header.as_deref() {
                Some(TableHeader::Zeek(header)) => zeek::decode_tsv(header, text, context, self.sink),
                Some(TableHeader::Rows(_)) => {
                    let row = self.tables.decode(block, text, context, self.sink);
                    row.unwrap_or_else(|| self.decode_any(text, context, false))
                }
                None if format == Some(Format::Csv) => self.decode_any(text, context, false),
                None => Err(Reject::new(
                    "zeek_no_header",
                    "a Zeek line without a `#fields` header",
                )),
            },
            Some(Format::Auditd) => auditd::decode(text, context, self.sink),
            Some(Format::Access) => access::decode(text, context, self.sink),
            Some(Format::ErrorLog) => error_log::decode(text, context, self.sink),
            Some(Format::Evtx) => Err(Reject::new("not_evtx", "not part of an EVTX file")),
            Some(Format::Netflow) => Err(Reject::new("not_netflow", "no export packet")),
            Some(Format::Lines) => generic::decode_line(text, context, self.sink),
            Some(Format::Syslog) => match syslog::header_of(text, context.reference_time, context.timezone) {
                Some(header) => self.decode_line(text, Some(&header), context, false),
                None => Err(Reject::new(
                    "not_syslog",
                    "no priority and no timestamp at the start of the line",
                )),
            },
            None => self.decode_any(text, context, block.framing == Framing::Json),
        }
    }

    /// Decodes a line by the patterns of the dataset that it is pinned to: they come before all that it may look like.
    fn described(&mut self, text: &str, context: &FrameContext<'_>) -> Option<Result<(), Reject>> {
        let dataset = context.dataset.filter(|dataset| !dataset.lines.is_empty())?;
        let header = syslog::header_of(text, context.reference_time, context.timezone);
        // Whom the header names may say another.
        if let Some(pinned) = self.pinned.as_deref_mut()
            && let Some(host) = header.as_ref().and_then(|header| header.host)
            && let Some(said) = pinned.of_host(host, true)
            && !Arc::ptr_eq(said, dataset)
        {
            return None;
        }
        let read = self
            .grammars
            .decode_described(text, header.as_ref(), context, self.sink)?;
        *self.reader = Took::Grammar;
        Some(read)
    }

    /// Decodes a line of which nothing is known.
    fn decode_any(
        self,
        text: &str,
        context: &FrameContext<'_>,
        between_documents: bool,
    ) -> Result<(), Reject> {
        if let Some(header) = zeek::header_of_bare_line(text) {
            *self.reader = Took::Format(Format::Zeek);
            return zeek::decode_tsv(header, text, context, self.sink);
        }
        let header = syslog::header_of(text, context.reference_time, context.timezone);
        self.decode_line(text, header.as_ref(), context, between_documents)
    }

    /// Decodes a line by what stands behind its syslog header, if it has one: the grammar of a product, an event in
    /// XML or JSON, what a Linux program writes; and otherwise for what any line has.
    fn decode_line(
        self,
        line: &str,
        header: Option<&Header<'_>>,
        context: &FrameContext<'_>,
        between_documents: bool,
    ) -> Result<(), Reject> {
        let Parts {
            json,
            grammars,
            sink,
            pinned,
            said,
            reader,
            ..
        } = self;
        let by_host = pinned
            .zip(header.and_then(|header| header.host))
            .and_then(|(pinned, host)| pinned.of_host(host, context.dataset.is_some()));
        *said |= by_host.is_some();
        let context = &FrameContext {
            dataset: by_host.or(context.dataset),
            ..*context
        };
        if let Some(event) = header.and_then(carried_event) {
            *reader = Took::Format(Format::Xml);
            let document = xml::to_json(event)?;
            return json.decode(document.as_bytes(), context, sink);
        }
        if let Some(result) = grammars.decode(line, header, context, sink) {
            *reader = Took::Grammar;
            return result;
        }
        if let Some((header, document)) = generic::carried_json(line, header)
            && json
                .decode_carried(document, line, &header, context, sink)
                .is_ok()
        {
            *reader = Took::Carried;
            return Ok(());
        }
        match header {
            Some(header) => {
                *reader = Took::Format(Format::Syslog);
                syslog::decode(header, line, context, sink)
            }
            // Between documents, what nothing shows to be a record is a damaged one.
            None if between_documents && context.dataset.is_none() => Err(Reject::new(
                "unknown_format",
                "no JSON, and no line of a known form; name its format with --format",
            )),
            None => {
                *reader = Took::Any;
                generic::decode_line(line, context, sink)
            }
        }
    }
}

/// What a line shows itself to be.
enum Shown<'a> {
    /// A line of this format.
    Format(Format),
    /// An entry of an access log.
    Access(access::Entry<'a>),
}

/// What a line shows itself to be without its syslog header being looked at. The order matters where a line could
/// be two things: the stricter grammar is asked first.
fn strict_format(line: &str, zone: Tz) -> Option<Shown<'_>> {
    let format = if line.starts_with('{') {
        Format::Json
    } else if line.starts_with("<Event") {
        Format::Xml
    } else if auditd::looks_like(line) {
        Format::Auditd
    } else if let Some(entry) = access::Entry::certain(line, zone) {
        return Some(Shown::Access(entry));
    } else if error_log::looks_like(line) {
        Format::ErrorLog
    } else {
        return None;
    };
    Some(Shown::Format(format))
}

/// The Windows-style event that Sysmon for Linux sends as the message of a syslog line. The event holds all
/// that the line's header says; only Sysmon's own tag counts, so that no other program can pass for it.
fn carried_event<'a>(header: &Header<'a>) -> Option<&'a str> {
    let event = header.message.trim();
    let is_event = event.starts_with("<Event>") && event.ends_with("</Event>");
    (is_event && header.program() == Some("sysmon")).then_some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_keep_what_there_is_room_for() {
        let source = Arc::new(Source {
            path: "-".into(),
            reference_time: 0,
            ..Source::default()
        });
        let mut block = FrameBlock {
            source: source.clone(),
            place: 0,
            sequence: 0,
            framing: Framing::Evtx,
            header: None,
            bytes: vec![0; 64 << 10],
            frames: Vec::new(),
            rejects: Vec::new(),
        };
        let mut rejects = Rejects::new(&mut block);
        let long = vec![b'x'; 100 << 10];
        for offset in 0..20 {
            rejects.add(&source, offset, Reject::new("not_json", "x"), &long);
        }
        let kept: Vec<usize> = rejects.records.iter().map(|reject| reject.raw.len()).collect();
        assert_eq!(kept, [[REJECT_BYTES; 16].as_slice(), &[0; 4]].concat());
        assert!(rejects.records.iter().all(|reject| reject.length == 100 << 10));
    }

    #[test]
    fn only_sysmon_carries_events() {
        let carried = |line: &str| {
            let header = syslog::header_of(line, 0, Tz::UTC)?;
            carried_event(&header).map(str::to_owned)
        };
        let event = Some("<Event><System/></Event>".to_owned());
        for line in [
            "Mar  3 10:00:00 web1 sysmon[77]: <Event><System/></Event>",
            "Mar  3 10:00:00 web1 sysmon: <Event><System/></Event>\n",
            "<14>1 2026-03-03T10:00:00Z web1 sysmon 77 - - <Event><System/></Event>",
            "<14>1 2026-03-03T10:00:00Z web1 sysmon 77 - - \u{feff}<Event><System/></Event>",
        ] {
            assert_eq!(carried(line), event, "{line}");
        }
        for line in [
            "Mar  3 10:00:00 web1 cron[77]: <Event></Event>",
            "Mar  3 10:00:00 web1 app[7]: x sysmon: <Event></Event>",
            "Mar  3 10:00:00 web1 sysmon[77]: <Event>cut",
            "<14>1 2026-03-03T10:00:00Z web1 app 77 - - sysmon: <Event></Event>",
        ] {
            assert_eq!(carried(line), None, "{line}");
        }
    }
}
