//! The fuzz targets for a moment, on every run of the tests: mutations of the pack's own files, always the
//! same ones. What a long run of the fuzzer finds becomes a test beside the code; this only keeps the
//! targets alive and catches what a few hundred mutations catch.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[path = "../../fuzz/targets.rs"]
pub mod targets;

/// The tests run in a debug build on small machines; this is what all targets together may take.
const BUDGET: Duration = Duration::from_secs(4);

/// Mutated texts that must have been tried when the time is up; else the budget is a fiction.
const FEWEST: usize = 50;

/// Words that matter to the grammar, put in at random places.
const WORDS: [&str; 40] = [
    "|",
    "|contains",
    "|re",
    "|cidr",
    "|windash",
    "|base64offset",
    "|expand",
    "|fieldref",
    "|all",
    "|exists",
    "|gte",
    "|hour",
    "*",
    "?",
    "\\",
    "%",
    "'",
    "\"",
    "[",
    "]",
    "{",
    "}",
    ": ",
    "- ",
    "\n",
    "\t",
    "---\n",
    "&a ",
    "*a",
    "<<: *a",
    "null",
    "1e309",
    "0x",
    "1 of ",
    " and not ",
    "(",
    ")",
    "\u{feff}",
    "\u{2013}",
    "(?=",
];

/// xorshift64*: a fixed seed gives the same mutations everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(high).expect("31 bits fit") % limit.max(1)
    }

    /// A place in `text` where a character starts, or its end.
    fn place(&mut self, text: &str) -> usize {
        let mut at = self.below(text.len() + 1);
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }

    /// The text with a few pieces taken out, doubled, taken from `other`, or put in.
    fn mutated(&mut self, text: &str, other: &str) -> String {
        let mut text = text.to_owned();
        for _ in 0..=self.below(4) {
            let (a, b) = (self.place(&text), self.place(&text));
            let (start, end) = (a.min(b), a.max(b).min(a.min(b) + 80));
            let end = (start..=end)
                .rev()
                .find(|at| text.is_char_boundary(*at))
                .unwrap_or(start);
            match self.below(5) {
                0 => text.replace_range(start..end, ""),
                1 => {
                    let doubled = text[start..end].to_owned();
                    text.insert_str(start, &doubled);
                }
                2 => {
                    let from = self.place(other);
                    let piece: String = other[from..].chars().take(60).collect();
                    text.insert_str(start, &piece);
                }
                3 => text.truncate(a.max(b)),
                _ => text.insert_str(start, WORDS[self.below(WORDS.len())]),
            }
            if text.is_empty() {
                text.push('x');
            }
        }
        text
    }
}

fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, ending, found);
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
}

fn texts(ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    files(Path::new("pack"), ending, &mut found);
    assert!(found.len() > 50, "the seeds are the pack's files");
    found
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect()
}

#[test]
fn the_fuzz_targets_survive_mutations_of_the_pack() {
    let started = Instant::now();
    let rules = texts(".yml");
    let mut events = texts(".test.ndjson");
    // A few bytes of these make thousands of events: they would use up the time for all others.
    events.retain(|text| !text.contains("\"generate\""));
    let mut random = Random(0x5eed_b0c2_0125_11e5);
    let mut tried = 0;
    while started.elapsed() < BUDGET && tried < 400 {
        let (seed, other) = (random.below(rules.len()), random.below(rules.len()));
        let rule = random.mutated(&rules[seed], &rules[other]);
        targets::load(&rule);
        for line in rule.lines() {
            targets::pattern(line);
        }
        let (seed, other) = (random.below(events.len()), random.below(events.len()));
        targets::side_files(&random.mutated(&events[seed], &events[other]));
        targets::side_files(&rule);
        tried += 1;
    }
    assert!(
        tried >= FEWEST,
        "only {tried} mutations in {:?}",
        started.elapsed()
    );
}
