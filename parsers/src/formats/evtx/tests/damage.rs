//! Damaged chunks: nothing panics, and what is whole comes out.

use super::compare::Both;
use super::corpora::{archived, chunks, corpora};
use super::writer::{ChunkWriter, named_data, string, usual_event};

/// Marsaglia's xorshift: the same numbers everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

fn sample() -> (Vec<u8>, Vec<std::ops::Range<usize>>) {
    let mut writer = ChunkWriter::new();
    for number in 1..6 {
        let data = named_data(&[
            ("Image", string("C:\\a.exe")),
            ("CommandLine", string(&format!("a {number}"))),
        ]);
        writer.record(number, &usual_event("Security", "ws1", 4688, number, data));
    }
    let records = writer.records.clone();
    (writer.finish().expect("small enough"), records)
}

#[test]
fn a_damaged_record_costs_itself_alone() {
    let (chunk, records) = sample();
    let mut both = Both::new();
    let whole = both.read([chunk.as_slice()].into_iter()).lines();
    assert_eq!(whole.len(), 5);
    // The first record defines what the others refer to.
    for (position, record) in records.iter().enumerate().skip(1) {
        for at in record.clone() {
            for flip in [0x01, 0xff] {
                let mut damaged = chunk.clone();
                damaged[at] ^= flip;
                let outcome = both.read([damaged.as_slice()].into_iter());
                let lines = outcome.lines();
                for (other, line) in whole.iter().enumerate() {
                    assert!(
                        other == position || lines.contains(line),
                        "byte {at} of the chunk, in record {position}, cost record {other}: {:?}",
                        outcome.rejects
                    );
                }
                assert!(
                    lines.len() + outcome.rejects.len() >= 5,
                    "nothing is lost in silence: byte {at}"
                );
            }
        }
    }
}

#[test]
fn broken_tables_cost_nothing() {
    let (mut chunk, _) = sample();
    let mut both = Both::new();
    let whole = both.read([chunk.as_slice()].into_iter()).lines();
    chunk[128..512].fill(0xee);
    let outcome = both.read([chunk.as_slice()].into_iter());
    assert_eq!(outcome.lines(), whole);
    assert!(outcome.rejects.is_empty());
}

/// Damages a chunk in a few places.
fn damage(chunk: &mut [u8], random: &mut Random) {
    for _ in 0..=random.below(6) {
        let at = random.below(chunk.len());
        match random.below(4) {
            0 => chunk[at] ^= 1 << random.below(8),
            1 => chunk[at] = random.below(256) as u8,
            2 => {
                let end = (at + random.below(64)).min(chunk.len());
                chunk[at..end].fill(0);
            }
            _ => {
                let (from, length) = (random.below(chunk.len()), random.below(200));
                let length = length.min(chunk.len() - from.max(at));
                chunk.copy_within(from..from + length, at);
            }
        }
    }
}

#[test]
fn damaged_chunks_of_our_own_never_panic() {
    let (chunk, records) = sample();
    let mut random = Random(0x5eed_e417);
    let mut both = Both::new();
    let used = records.last().map_or(0, |record| record.end);
    for _ in 0..3000 {
        let mut damaged = chunk.clone();
        damage(&mut damaged[..used], &mut random);
        both.read([damaged.as_slice()].into_iter());
    }
}

#[test]
fn damaged_real_chunks_never_panic_and_lose_no_more_than_with_the_oracle() {
    let Some(archive) = corpora("evtx/evtx-attack-samples.tar.zst") else {
        return;
    };
    const ROUNDS: usize = if cfg!(debug_assertions) { 1 } else { 20 };
    let mut random = Random(0x5eed_e418);
    let mut both = Both::new();
    let (mut same, mut all) = (0, 0);
    for (name, log) in archived(&archive) {
        let chunks = chunks(&log);
        for _ in 0..ROUNDS {
            let Some(chunk) = chunks.get(random.below(chunks.len())) else {
                continue;
            };
            let mut damaged = chunk.to_vec();
            for _ in 0..random.below(8) {
                damage(&mut damaged, &mut random);
            }
            let read = both.read([damaged.as_slice()].into_iter());
            let expected = both.expect([damaged.as_slice()].into_iter());
            let (lines, expected) = (read.lines(), expected.lines());
            all += 1;
            same += usize::from(lines == expected);
            let missing = expected.iter().find(|line| !lines.contains(line));
            assert_eq!(missing, None, "{name}: {:?}", read.rejects);
        }
    }
    println!("{same} of {all} damaged chunks read alike");
}
