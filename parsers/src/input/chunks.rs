//! A source as a row of chunks.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, ErrorKind, Read, Seek};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use super::encoding::{Encoding, Utf16Decoder, detect};
use super::{InputError, InputOptions, describe, pool};
use crate::frame::{Peer, Source};

/// Bytes from one place of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Offset of the first byte in the decompressed (and, for UTF-16, decoded) source.
    pub offset: u64,
    /// Never empty.
    pub bytes: Vec<u8>,
}

/// What [`ChunkSource::next`] found.
#[derive(Debug)]
pub enum Next {
    /// More bytes.
    Chunk(Chunk),
    /// A stream sent nothing within the time-out.
    Idle,
    /// The source is read to its end.
    End,
    /// The source cannot be read on; what came before it holds. [`Next::End`] follows.
    Error(InputError),
}

/// An open input.
pub struct ChunkSource {
    source: Arc<Source>,
    inner: Inner,
    raw: Raw,
}

/// What tells how many bytes were read, before decompression.
enum Raw {
    File(Arc<File>),
    Stream(Arc<AtomicU64>),
}

enum Inner {
    File(Box<TextReader>),
    Stream(Receiver<Result<Chunk, String>>),
    Ended,
}

/// Chunks a reader thread may be ahead of the framer.
pub(crate) const CHUNKS_AHEAD: usize = 4;

impl ChunkSource {
    pub(super) fn open(
        path: Arc<str>,
        file: Option<&Path>,
        options: &InputOptions,
    ) -> Result<ChunkSource, InputError> {
        let error = |reason: String| InputError {
            path: path.clone(),
            reason,
        };
        let now = chrono::Utc::now().timestamp_micros();
        let Some(file) = file else {
            return Ok(Self::stream(path, now, std::io::stdin(), options));
        };
        let opened = File::open(file).map_err(|e| error(describe(&e)))?;
        let metadata = opened.metadata().map_err(|e| error(describe(&e)))?;
        if metadata.is_dir() {
            return Err(error("is a folder".into()));
        }
        if !metadata.is_file() {
            return Ok(Self::stream(path, now, opened, options));
        }
        let modified = metadata.modified().map_or(now, |time| {
            chrono::DateTime::<chrono::Utc>::from(time).timestamp_micros()
        });
        let opened = Arc::new(opened);
        Ok(ChunkSource {
            source: Arc::new(Source {
                path,
                reference_time: modified,
                peer: Peer::default(),
            }),
            inner: Inner::File(Box::new(TextReader::new(
                Box::new(opened.clone()),
                options.chunk_bytes,
                true,
            ))),
            raw: Raw::File(opened),
        })
    }

    /// A stream read by a thread of its own, under `path`. The thread ends with the stream, or with the
    /// next chunk after this value is dropped.
    pub fn from_reader(
        path: impl Into<Arc<str>>,
        reader: impl Read + Send + 'static,
        options: &InputOptions,
    ) -> ChunkSource {
        let now = chrono::Utc::now().timestamp_micros();
        Self::stream(path.into(), now, reader, options)
    }

    fn stream(
        path: Arc<str>,
        now: i64,
        reader: impl Read + Send + 'static,
        options: &InputOptions,
    ) -> ChunkSource {
        let (sender, receiver) = sync_channel(CHUNKS_AHEAD);
        let raw_bytes = Arc::new(AtomicU64::new(0));
        let counted = Counted {
            reader,
            raw_bytes: raw_bytes.clone(),
        };
        let chunk_bytes = options.chunk_bytes;
        std::thread::spawn(move || {
            read_stream(TextReader::new(Box::new(counted), chunk_bytes, false), &sender);
        });
        ChunkSource {
            source: Arc::new(Source {
                path,
                reference_time: now,
                peer: Peer::default(),
            }),
            inner: Inner::Stream(receiver),
            raw: Raw::Stream(raw_bytes),
        }
    }

    /// The same source, sent by `peer`: for listeners.
    pub fn sent_by(mut self, peer: Peer) -> ChunkSource {
        self.source = Arc::new(Source {
            peer,
            ..Source::clone(&self.source)
        });
        self
    }

    /// What is being read.
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// Bytes read so far, before decompression: for progress beside [`super::Input::size`].
    pub fn raw_bytes(&self) -> u64 {
        match &self.raw {
            // The one that reads it shares its position.
            Raw::File(file) => file.as_ref().stream_position().unwrap_or_default(),
            Raw::Stream(bytes) => bytes.load(Ordering::Relaxed),
        }
    }

    /// Whether it is a stream, for which a time-out has a meaning.
    pub fn is_stream(&self) -> bool {
        matches!(self.inner, Inner::Stream(_))
    }

    /// Appends the next chunk of a file to `buffer`, which saves a copy; where it starts in the source, or `None` at
    /// the end. Streams have [`ChunkSource::next`].
    ///
    /// # Errors
    ///
    /// The file cannot be read on; what came before holds, and the end follows.
    pub fn append(&mut self, buffer: &mut Vec<u8>) -> Result<Option<u64>, InputError> {
        let Inner::File(reader) = &mut self.inner else {
            return Ok(None);
        };
        let appended = reader.append(buffer);
        if !matches!(appended, Ok(Some(_))) {
            self.inner = Inner::Ended;
        }
        appended.map_err(|error| InputError {
            path: self.source.path.clone(),
            reason: read_error(&error),
        })
    }

    /// The next chunk. `timeout` bounds the wait for a stream; files never are [`Next::Idle`].
    pub fn next(&mut self, timeout: Option<Duration>) -> Next {
        let result = match &mut self.inner {
            Inner::Ended => return Next::End,
            Inner::File(reader) => reader.next_chunk().map_err(|error| read_error(&error)),
            Inner::Stream(receiver) => match timeout {
                None => receiver.recv().ok().transpose(),
                Some(timeout) => match receiver.recv_timeout(timeout) {
                    Ok(result) => result.map(Some),
                    Err(RecvTimeoutError::Timeout) => return Next::Idle,
                    Err(RecvTimeoutError::Disconnected) => Ok(None),
                },
            },
        };
        match result {
            Ok(Some(chunk)) => Next::Chunk(chunk),
            Ok(None) => {
                self.inner = Inner::Ended;
                Next::End
            }
            Err(reason) => {
                self.inner = Inner::Ended;
                Next::Error(InputError {
                    path: self.source.path.clone(),
                    reason,
                })
            }
        }
    }
}

fn read_stream(mut reader: TextReader, sender: &SyncSender<Result<Chunk, String>>) {
    loop {
        match reader.next_chunk() {
            Ok(Some(chunk)) => {
                if sender.send(Ok(chunk)).is_err() {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => {
                // Nobody listening any more is no error of the stream.
                let _ = sender.send(Err(read_error(&error)));
                return;
            }
        }
    }
}

fn read_error(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::UnexpectedEof => {
            "breaks off in the middle of its compressed data; everything before the break was read".into()
        }
        ErrorKind::InvalidInput | ErrorKind::InvalidData => {
            format!("damaged compressed data ({error}); everything before it was read")
        }
        _ => describe(error),
    }
}

/// Decompresses and decodes; chunks come out.
struct TextReader {
    state: State,
    chunk_bytes: usize,
    /// Whether to fill whole chunks (files), or to pass on what is there (streams).
    fill: bool,
    /// What a stream's next bytes are read into.
    scratch: Vec<u8>,
    offset: u64,
    pending_error: Option<std::io::Error>,
}

enum State {
    Start(Box<dyn Read + Send>),
    Reading {
        reader: Box<dyn Read + Send>,
        encoding: Encoding,
        decoder: Utf16Decoder,
    },
    Ended,
}

impl TextReader {
    fn new(reader: Box<dyn Read + Send>, chunk_bytes: usize, fill: bool) -> Self {
        TextReader {
            state: State::Start(reader),
            chunk_bytes: chunk_bytes.max(16),
            fill,
            scratch: Vec::new(),
            offset: 0,
            pending_error: None,
        }
    }

    /// The next chunk; `None` at the end. An error ends the source.
    fn next_chunk(&mut self) -> std::io::Result<Option<Chunk>> {
        let mut bytes = pool::take(self.chunk_bytes);
        bytes.clear();
        let offset = self.append(&mut bytes)?;
        Ok(offset.map(|offset| Chunk { offset, bytes }))
    }

    /// Appends the next chunk's bytes to `buffer`; where they start in the source, or `None` at its end. An error ends
    /// the source.
    fn append(&mut self, buffer: &mut Vec<u8>) -> std::io::Result<Option<u64>> {
        if let Some(error) = self.pending_error.take() {
            self.state = State::Ended;
            return Err(error);
        }
        if let State::Start(_) = self.state {
            let State::Start(raw) = std::mem::replace(&mut self.state, State::Ended) else {
                return Ok(None);
            };
            self.state = self.start(raw)?;
        }
        if buffer.capacity() == 0 {
            *buffer = pool::take(self.chunk_bytes);
            buffer.clear();
        }
        let before = buffer.len();
        loop {
            let State::Reading {
                reader,
                encoding,
                decoder,
            } = &mut self.state
            else {
                return Ok(None);
            };
            let (length, error) = if self.fill {
                // Not by `read`, which would have to be given bytes that were cleared first.
                buffer.reserve(self.chunk_bytes);
                let read = reader.by_ref().take(self.chunk_bytes as u64).read_to_end(buffer);
                (buffer.len() - before, read.err())
            } else {
                self.scratch.resize(self.chunk_bytes, 0);
                let (length, error) = read_into(reader.as_mut(), &mut self.scratch, false);
                buffer.extend_from_slice(&self.scratch[..length]);
                (length, error)
            };
            if *encoding != Encoding::Bytes {
                let decoded = decoder.decode(*encoding, &buffer[before..]);
                buffer.truncate(before);
                buffer.extend_from_slice(&decoded);
            }
            let ends = length == 0 || self.fill && length < self.chunk_bytes;
            if ends && error.is_none() {
                buffer.extend_from_slice(&decoder.finish());
                self.state = State::Ended;
            }
            match error {
                Some(error) if buffer.len() == before => {
                    self.state = State::Ended;
                    return Err(error);
                }
                error => self.pending_error = error,
            }
            if buffer.len() > before {
                let offset = self.offset;
                self.offset += (buffer.len() - before) as u64;
                return Ok(Some(offset));
            }
        }
    }

    /// Looks at the first bytes for a compression, then at the first decompressed ones for an encoding.
    fn start(&mut self, mut raw: Box<dyn Read + Send>) -> std::io::Result<State> {
        let mut head = [0; 4];
        let length = read_head(raw.as_mut(), &mut head)?;
        let head = head[..length].to_vec();
        let raw = Cursor::new(head.clone()).chain(raw);
        let buffered = |raw| BufReader::with_capacity(256 << 10, raw);
        let mut reader: Box<dyn Read + Send> = match head[..] {
            [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(buffered(raw))),
            // A zstd frame, or a skippable frame as pzstd writes in front.
            [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => zstd_reader(buffered(raw))?,
            _ => Box::new(raw),
        };
        let mut text_head = [0; 256];
        let (length, error) = match self.fill {
            true => read_into(reader.as_mut(), &mut text_head, true),
            false => read_text_head(reader.as_mut(), &mut text_head),
        };
        if let Some(error) = error {
            if length == 0 {
                return Err(error);
            }
            self.pending_error = Some(error);
        }
        let (encoding, mark) = detect(&text_head[..length]);
        if encoding == Encoding::Bytes {
            self.offset = mark as u64;
        }
        let head = Cursor::new(text_head[mark..length].to_vec());
        let broken = self.pending_error.take();
        let reader: Box<dyn Read + Send> = match broken {
            None => Box::new(head.chain(reader)),
            Some(error) => Box::new(head.chain(Failing(Some(error)))),
        };
        Ok(State::Reading {
            reader,
            encoding,
            decoder: Utf16Decoder::default(),
        })
    }
}

/// Gives an error that was met early at the place where it belongs.
struct Failing(Option<std::io::Error>);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

fn zstd_reader(buffered: impl BufRead + Send + 'static) -> std::io::Result<Box<dyn Read + Send>> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(buffered)?;
    // zstd refuses windows over 2^27 unless told; `--long=31` would ask for 2 GiB of memory.
    decoder.window_log_max(30)?;
    Ok(Box::new(decoder))
}

/// Fills `head` as far as the reader has bytes.
fn read_head(reader: &mut dyn Read, head: &mut [u8]) -> std::io::Result<usize> {
    match read_into(reader, head, true) {
        (0, Some(error)) => Err(error),
        (length, _) => Ok(length),
    }
}

/// At least four bytes where there are so many, but no waiting for more than one read gives.
fn read_text_head(reader: &mut dyn Read, head: &mut [u8]) -> (usize, Option<std::io::Error>) {
    let mut length = 0;
    while length < 4 {
        let (more, error) = read_into(reader, &mut head[length..], false);
        length += more;
        if more == 0 || error.is_some() {
            return (length, error);
        }
    }
    (length, None)
}

/// Reads once, or until `buffer` is full. What was read before an error counts.
fn read_into(reader: &mut dyn Read, buffer: &mut [u8], fill: bool) -> (usize, Option<std::io::Error>) {
    let mut length = 0;
    while length < buffer.len() {
        match reader.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(more) => {
                length += more;
                if !fill {
                    break;
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (length, Some(error)),
        }
    }
    (length, None)
}

struct Counted<R> {
    reader: R,
    raw_bytes: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.reader.read(buffer)?;
        self.raw_bytes.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}
