//! Files that are read one after the other and lie beside each other in time: none is late because of another.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use borzoi_engine::matcher::CompiledRules;
use proptest::prelude::*;

use crate::effort;
use crate::state::{RULES, SQL, Setting, compiled, line, mortal, scan, timeless};

type Event = (u32, bool, u8, u8);

static COMPILED: LazyLock<Arc<CompiledRules>> = LazyLock::new(|| compiled(&format!("{RULES}{SQL}")));

/// Writes the events of each file, in order of time.
fn write(logs: &Path, files: &[Vec<Event>]) {
    for (number, events) in files.iter().enumerate() {
        let lines: String = events.iter().map(|event| line(*event) + "\n").collect();
        std::fs::write(logs.join(format!("{number}.json")), lines).expect("written");
    }
}

proptest! {
    #![proptest_config(effort(24))]

    #[test]
    fn nothing_is_late_because_of_another_file(
        events in prop::collection::vec((0..3600_u32, any::<bool>(), 0..3_u8, 0..4_u8), 30..120),
        files in 2..5_usize,
        order in 0..3_u8,
        threads in 1..4_usize,
        with_state in any::<bool>(),
    ) {
        let mut events = events;
        events.sort();
        let part = events.len().div_ceil(files);
        let mut parts: Vec<Vec<Event>> = match order {
            // Beside each other.
            0 => (0..files).map(|file| events.iter().skip(file).step_by(files).copied().collect()).collect(),
            _ => events.chunks(part).map(<[Event]>::to_vec).collect(),
        };
        if order == 2 {
            parts.reverse();
        }
        let logs = tempfile::tempdir().expect("a folder");
        write(logs.path(), &parts);
        let setting = |lateness| Setting { threads, lateness, finish: true };
        let mut whole = mortal(u32::MAX);
        scan(&COMPILED, logs.path(), None, &setting(None), &mut whole).expect("it runs");
        let state = tempfile::tempdir().expect("a folder");
        let state = with_state.then_some(state.path());
        let mut sink = mortal(u32::MAX);
        let waits = setting(Some(10_000_000));
        let summary = scan(&COMPILED, logs.path(), state, &waits, &mut sink).expect("it runs");
        prop_assert_eq!(summary.windows.too_late, 0);
        prop_assert_eq!(summary.queries.sequences.late, 0);
        prop_assert_eq!(summary.sql.too_late, 0);
        prop_assert_eq!(&summary.begins_unknown, &[] as &[Arc<str>]);
        prop_assert!(!whole.alerts.is_empty());
        prop_assert_eq!(timeless(&sink.alerts), timeless(&whole.alerts));
    }
}

#[test]
fn a_file_of_unknown_beginning_is_told() {
    let logs = tempfile::tempdir().expect("a folder");
    write(logs.path(), &[vec![(0, true, 0, 0)], vec![(1800, true, 0, 0)]]);
    std::fs::write(logs.path().join("0-broken.json"), "{\"a\":\n{\"b\"\n").expect("written");
    let setting = Setting {
        threads: 1,
        lateness: Some(10_000_000),
        finish: true,
    };
    let summary = scan(&COMPILED, logs.path(), None, &setting, &mut mortal(u32::MAX)).expect("it runs");
    assert_eq!(summary.begins_unknown.len(), 1, "{:?}", summary.begins_unknown);
    assert!(summary.begins_unknown[0].ends_with("0-broken.json"));
    assert_eq!(summary.windows.too_late, 0);
}
