//! A record beyond the 64 MiB limit costs itself alone, at its real size: in a file, in a compressed file and in
//! a stream. A binary of its own, because it measures the memory of its process.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::formats::{Decoded, Decoder};
use borzoi_parsers::frame::{BlockReader, FrameOptions, REJECT_BYTES, Read as Next};
use borzoi_parsers::input::{ChunkSource, Input, InputOptions};
use flate2::{Compression, write::GzEncoder};

const MIB: usize = 1 << 20;
const BEFORE: &[u8] = b"{\"a\":\"before\"}\n";
const HEAD: &[u8] = b"{\"a\":\"";
const TAIL: &[u8] = b"\"}\n";
const AFTER: &[u8] = b"{\"a\":\"after\"}\n";

/// The whole input, of which `mib` pieces are the inside of the long line.
fn pieces(mib: usize) -> impl Iterator<Item = Arc<[u8]>> {
    let filling: Arc<[u8]> = vec![b'x'; MIB].into();
    [BEFORE, HEAD]
        .into_iter()
        .map(Arc::from)
        .chain(std::iter::repeat_n(filling, mib))
        .chain([TAIL, AFTER].into_iter().map(Arc::from))
}

/// Gives the pieces one after another.
struct Generated<I> {
    pieces: I,
    piece: Arc<[u8]>,
    at: usize,
}

impl<I: Iterator<Item = Arc<[u8]>>> Read for Generated<I> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.at == self.piece.len() {
            match self.pieces.next() {
                Some(piece) => (self.piece, self.at) = (piece, 0),
                None => return Ok(0),
            }
        }
        let length = buffer.len().min(self.piece.len() - self.at);
        buffer[..length].copy_from_slice(&self.piece[self.at..][..length]);
        self.at += length;
        Ok(length)
    }
}

/// Reads to the end; only both neighbours and one reject may come out.
fn check(what: &str, chunks: ChunkSource) {
    let mut blocks = BlockReader::new(chunks, FrameOptions::default());
    let mut decoder = Decoder::new(Catalog::builtin(), Default::default());
    let mut decoded: Vec<Decoded> = Vec::new();
    loop {
        match blocks.next(None) {
            Next::Block(block) => decoded.push(decoder.decode(block)),
            Next::Error(error) => panic!("{what}: {error}"),
            Next::Idle => {}
            Next::End => break,
        }
    }
    let rejects: Vec<_> = decoded.iter().flat_map(|decoded| &decoded.rejects).collect();
    assert_eq!(rejects.len(), 1, "{what}");
    let reject = rejects[0];
    assert_eq!(
        (reject.reason, reject.offset),
        ("frame_too_long", BEFORE.len() as u64),
        "{what}"
    );
    assert_eq!(
        reject.length,
        FrameOptions::default().max_frame as u64 + 1,
        "{what}"
    );
    assert_eq!(reject.raw.len(), REJECT_BYTES, "{what}");
    assert!(reject.raw.starts_with(HEAD), "{what}");
    let mut texts = Vec::new();
    for batch in decoded.iter().flat_map(|decoded| &decoded.batches) {
        let column = borzoi_parsers::batch::strings(batch.column("a").expect("set")).expect("text");
        texts.extend((0..batch.len()).map(|row| column.get(row).expect("set").to_owned()));
    }
    assert_eq!(texts, ["before", "after"], "{what}");
}

/// The most memory that this process ever had, in bytes; only Linux says it.
fn peak() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<usize>().ok()? << 10)
}

/// Writes the pieces as they are.
fn plain(path: &Path) {
    let mut file = std::fs::File::create(path).expect("creates");
    for piece in pieces(66) {
        file.write_all(&piece).expect("writes");
    }
}

/// Writes a gzip member for each piece, so that the long one is compressed only once.
fn compressed(path: &Path) {
    let mut file = std::fs::File::create(path).expect("creates");
    let member = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).expect("in memory");
        encoder.finish().expect("in memory")
    };
    let filling = member(&vec![b'x'; MIB]);
    for piece in pieces(66) {
        let bytes = match piece.len() {
            MIB => filling.clone(),
            _ => member(&piece),
        };
        file.write_all(&bytes).expect("writes");
    }
}

#[test]
fn a_line_beyond_the_limit_costs_itself_alone() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let options = InputOptions::default();
    // Much longer than what all three together may hold.
    let generated = Generated {
        pieces: pieces(600),
        piece: Arc::from([]),
        at: 0,
    };
    std::thread::scope(|threads| {
        for (name, write) in [
            ("long.ndjson", plain as fn(&Path)),
            ("long.ndjson.gz", compressed),
        ] {
            let (path, options) = (folder.path().join(name), &options);
            threads.spawn(move || {
                write(&path);
                check(name, Input::file(&path).open(options).expect("opens"));
            });
        }
        threads.spawn(|| check("stream", ChunkSource::from_reader("-", generated, &options)));
    });
    if let Some(peak) = peak() {
        assert!(peak < 500 * MIB, "{} MiB of memory were used", peak / MIB);
    }
}
