//! The samples of `data/samples`, damaged in thousands of ways, always the same ones: what the fuzzer does for
//! hours, for a second.

use std::path::Path;

use borzoi_parsers::formats::Format;

use crate::targets::check::{Cut, check};

/// What grammars look for, and what they stumble over.
const PIECES: &[&[u8]] = &[
    b"\n",
    b"\r\n",
    b"\r",
    b"\0",
    b"\"",
    b"\\",
    b"\\u",
    b"\\ud83d",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"'",
    b"=",
    b"<",
    b">",
    b"</Event>",
    b"<Event>",
    b"&#",
    b"-",
    b"\t",
    b"#fields\t",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xc3",
    b"99999999999999999999",
    b"1e999",
    b"msg='",
    b"type=",
    b"<34>1 ",
    b"  ",
    b"\x1d",
    b"\x0b",
];

/// Marsaglia's xorshift: the same numbers everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }

    fn range(&mut self, length: usize, most: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        start..start + self.below(most.min(length - start) + 1)
    }
}

fn mutate(bytes: &mut Vec<u8>, others: &[Vec<u8>], random: &mut Random) {
    for _ in 0..=random.below(4) {
        let length = bytes.len();
        let range = random.range(length, 60);
        match random.below(6) {
            0 if length > 0 => bytes[random.below(length)] ^= 1 << random.below(8),
            1 => drop(bytes.drain(range)),
            2 => bytes.extend_from_within(range),
            3 => {
                let other = &others[random.below(others.len())];
                let piece = other[random.range(other.len(), 400)].to_vec();
                bytes.splice(range, piece);
            }
            4 => bytes.truncate(length - random.below(length.min(100) + 1)),
            _ => {
                let piece = PIECES[random.below(PIECES.len())];
                bytes.splice(range.start..range.start, piece.iter().copied());
            }
        }
    }
}

/// The first lines of every sample.
fn samples() -> Vec<Vec<u8>> {
    const MOST: usize = 3000;
    let folder = Path::new("../data/samples");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("the samples are part of the repository")
        .map(|entry| entry.expect("can be listed").path())
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let mut bytes = std::fs::read(path).expect("can be read");
            bytes.truncate(MOST);
            bytes
        })
        .collect()
}

#[test]
fn damaged_samples_are_read_the_same_however_they_are_cut() {
    const ROUNDS: usize = 25;
    let samples = samples();
    let mut random = Random(0x5eed_2201);
    for sample in &samples {
        for round in 0..ROUNDS {
            let mut bytes = sample.clone();
            if round > 0 {
                mutate(&mut bytes, &samples, &mut random);
            }
            // Mostly as it shows itself; sometimes as what it is not.
            let format = Format::NAMES.get(random.below(4 * Format::NAMES.len()));
            let cut = Cut {
                chunk: random.below(300) + 1,
                rows: random.below(5) + 1,
                block: random.below(2000) + 1,
                longest: if random.below(6) == 0 { 200 } else { 1 << 20 },
            };
            check(&bytes, format.map(|(_, format)| *format), cut);
        }
    }
}
