//! What holds for any bytes that are read as a list of indicators: run by the fuzz target and, over the seeds, by the engine's
//! tests. Whoever includes it has `indicators` in scope.

use std::io::Read;

use super::indicators::{About, Added, Kind, Loaded, SetBuilder, Settings, Value, load_text};

/// Names of files, whose endings say something. The last byte of an input chooses one.
const NAMES: [&str; 4] = ["list", "list.csv", "list.tsv.gz", "list.json"];

/// Hands over a few bytes at a time, a number that changes.
struct Dribble<'b>(&'b [u8], usize);

impl Read for Dribble<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.1 = self.1 % 7 + 1;
        let length = self.1.min(buffer.len()).min(self.0.len());
        let (now, later) = self.0.split_at(length);
        buffer[..length].copy_from_slice(now);
        self.0 = later;
        Ok(length)
    }
}

/// All that is known of what was read.
fn told(loaded: &Loaded) -> Vec<String> {
    let found = loaded.set.indicators().map(|found| {
        format!(
            "{:?} {} {:?} {:?}",
            found.kind(),
            found.value(),
            found.about(),
            found.valid_until()
        )
    });
    let files = loaded.files.iter().map(|file| format!("{file:?}"));
    let lists = loaded.set.lists().iter().map(|list| format!("{list:?}"));
    found.chain(files).chain(lists).collect()
}

/// Reads `bytes` as a list, at once and in pieces. Both come out the same, and:
///
/// - there are as many indicators as the file is said to have added;
/// - every indicator reads as itself: its text is a [`Value`] of the same text, which a list has once;
/// - what is lost is told: an entry that is refused, or a file that is not read to its end, has a problem with its line.
pub fn check(bytes: &[u8]) {
    let name = NAMES[bytes.last().map_or(0, |last| usize::from(*last) % NAMES.len())];
    let loaded = load_text(name, bytes);
    assert_eq!(
        told(&load_text(name, Dribble(bytes, 0))),
        told(&loaded),
        "in pieces"
    );
    let [file] = &loaded.files[..] else {
        panic!("one file");
    };
    assert_eq!(file.added, loaded.set.len() as u64);
    assert_eq!(file.refused > 0 || file.failed, !file.problems.is_empty());
    let mut again = SetBuilder::new();
    let list = again.list("again", &Settings::default());
    let mut last = None;
    for found in loaded.set.indicators() {
        let text = found.value();
        // A host with a number behind it is a network, unless it is said to be a URL.
        let value = match found.kind() {
            Kind::Url => Value::read_url(&text),
            _ => Value::read(&text),
        };
        let value = value.unwrap_or_else(|why| panic!("{text}: {why}"));
        assert_eq!(value.kind(), found.kind(), "{text}");
        let added = again.add(list, &value, &About::default(), None);
        assert_eq!(added, Added::New, "{text} after {last:?}");
        last = Some(text);
    }
}
