//! Lines whose form a catalog file describes (`lines:`), so that a format needs no Rust.
//!
//! All patterns of a catalog are one automaton: it says in one pass over a line which of them reads it, however many there
//! are. A pattern reads a whole line: the line as it stands or, behind a syslog header, the message alone.

use std::sync::Arc;

use chrono_tz::Tz;
use regex_automata::util::captures::Captures;
use regex_automata::util::primitives::PatternID;
use regex_automata::{Anchored, Input, meta};

use super::once::sure;
use super::{Event, Line};
use crate::catalog::{Catalog, Dataset, LineFormat};
use crate::formats::event_time::text_time;
use crate::time;
use crate::value::Value;

/// All described formats of a catalog; see the [module](self).
pub(in crate::formats) struct Described {
    regex: meta::Regex,
    captures: Captures,
    cache: meta::Cache,
    /// What each pattern of the automaton is.
    patterns: Vec<Pattern>,
}

struct Pattern {
    dataset: Arc<Dataset>,
    /// Number of the pattern in its dataset, from 0.
    number: usize,
    /// Group of each field, its name, and whether it is the event's time.
    fields: Vec<(usize, String, bool)>,
}

impl Described {
    /// The described formats of `catalog`; `None` if it has none.
    pub(in crate::formats) fn new(catalog: &Catalog) -> Option<Described> {
        let described = || {
            catalog.datasets().iter().flat_map(|dataset| {
                let patterns = dataset.lines.patterns.iter().enumerate();
                patterns.map(move |(number, pattern)| (dataset, number, pattern))
            })
        };
        let expressions: Vec<&str> = described()
            .map(|(_, _, pattern)| pattern.regex.as_str())
            .collect();
        if expressions.is_empty() {
            return None;
        }
        let regex =
            LineFormat::automaton(&expressions).expect("the catalog checked each of them, and all together");
        let groups = regex.group_info().clone();
        let patterns = described()
            .enumerate()
            .map(|(id, (dataset, number, pattern))| {
                let id = PatternID::must(id);
                let field = |(index, name): (usize, &String)| {
                    let group = groups.to_index(id, &format!("f{index}"))?;
                    let is_time = &*dataset.column_of_native(name).dotted == "@timestamp";
                    Some((group, name.clone(), is_time))
                };
                Pattern {
                    dataset: dataset.clone(),
                    number,
                    fields: pattern.fields.iter().enumerate().filter_map(field).collect(),
                }
            })
            .collect();
        Some(Described {
            captures: regex.create_captures(),
            cache: regex.create_cache(),
            regex,
            patterns,
        })
    }

    /// The event of `line`, and which pattern of the dataset reads it (from 0). Only those of the dataset that the line is
    /// pinned to, if it is, are asked.
    pub(in crate::formats) fn read<'a>(&mut self, line: &Line<'a>) -> Option<(usize, Event<'a>)> {
        let texts = [line.raw.trim_end_matches(['\n', '\r']), line.body];
        let texts = &texts[..1 + usize::from(line.body.len() < texts[0].len())];
        let (text, pattern) = texts.iter().find_map(|&text| match line.context.dataset {
            Some(dataset) => Some((text, self.pattern_of(dataset, text)?)),
            None => Some((text, self.search(text, Anchored::Yes)?)),
        })?;
        let pattern = &self.patterns[pattern];
        let lines = &pattern.dataset.lines;
        let mut event = Event::new(line.keep(&*pattern.dataset.name));
        let mut more = None;
        for (group, name, is_time) in &pattern.fields {
            let Some(span) = self.captures.get_group(*group) else {
                continue;
            };
            let value = &text[span.range()];
            if *is_time && let Some(time) = instant(value, lines.time.as_deref(), line) {
                event.time = event.time.or(Some(time));
            } else if let Some(style) = lines
                .pairs
                .as_ref()
                .filter(|pairs| pairs.field == *name)
                .map(|p| p.style)
            {
                more = Some((value, style));
            } else if !value.is_empty() {
                event.fields.put_named(line.keep(name), Value::Str(value));
            }
        }
        // What the pattern names itself stands before what pairs call the same.
        if let Some((value, style)) = more {
            for (key, value) in sure(line, value, style, &mut event.fields) {
                event.fields.text_named(key, value);
            }
        }
        Some((pattern.number, event))
    }

    /// The first pattern of `dataset` that reads all of `text`.
    fn pattern_of(&mut self, dataset: &Arc<Dataset>, text: &str) -> Option<usize> {
        let first = self
            .patterns
            .iter()
            .position(|pattern| Arc::ptr_eq(&pattern.dataset, dataset))?;
        let count = dataset.lines.patterns.len();
        (first..first + count)
            .find_map(|pattern| self.search(text, Anchored::Pattern(PatternID::must(pattern))))
    }

    fn search(&mut self, text: &str, anchored: Anchored) -> Option<usize> {
        let input = Input::new(text).anchored(anchored);
        self.regex
            .search_captures_with(&mut self.cache, &input, &mut self.captures);
        Some(self.captures.pattern()?.as_usize())
    }
}

/// A text as an instant: by the layout that the catalog states, or one of the usual ones.
fn instant(text: &str, layout: Option<&str>, line: &Line<'_>) -> Option<i64> {
    let zone: Tz = line.context.timezone;
    if let Some(layout) = layout {
        if let Ok(zoned) = chrono::DateTime::parse_from_str(text, layout) {
            return Some(zoned.timestamp_micros());
        }
        let local = chrono::NaiveDateTime::parse_from_str(text, layout).ok()?;
        return Some(time::local(local, zone));
    }
    let whole = |found: Option<(i64, &str)>| {
        found
            .filter(|(_, rest)| rest.is_empty())
            .map(|(micros, _)| micros)
    };
    text_time(text, zone)
        .or_else(|| whole(time::apache(text, zone)))
        .or_else(|| whole(time::ctime(text, zone)))
        .or_else(|| whole(time::bsd(text, line.context.reference_time, zone)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::CatalogError;
    use crate::check;

    /// The shipped catalog with one more file.
    fn with(text: &str) -> Result<Arc<Catalog>, CatalogError> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("mine.yaml"), text).expect("a file");
        Catalog::with_dir(folder.path())
    }

    const DOOR: &str = r#"
dataset: acme.door
title: "Acme door controllers"
groups: [physical]
prefix: acme.
lines:
  patterns:
    - '%{DATE_TIME:at} %{WORD:verdict} badge=%{BADGE:badge}(?: %{GREEDYDATA:more})?'
    - 'door (?<gate>(\d)(\d)) %{WORD:verdict}'
  definitions: {BADGE: '[A-Z]{3}\d+', DATE_TIME: '\d\d\.\d\d\.\d{4} %{TIME}'}
  time: '%d.%m.%Y %H:%M:%S'
  pairs: {in: more, between: ';'}
fields:
  - {native: at, column: "@timestamp"}
  - {native: badge, column: user.name}
tests:
  - line: '01.03.2026 10:00:00 open badge=ABC17 gate=7;note="x; y"'
    expect: {user.name: ABC17, verdict: open, gate: 7, acme.note: "x; y", "@timestamp": "2026-03-01T10:00:00Z"}
  - line: '<34>Mar  1 10:00:00 ctl7 doors: door 12 closed'
    expect: {acme.gate: "12", verdict: closed, host.name: ctl7, more: null}
"#;

    #[test]
    fn a_file_alone_adds_a_dataset() {
        let catalog = with(DOOR).expect("a good file");
        let outcomes = check::run(&catalog, Some("acme.door"));
        assert_eq!(outcomes.len(), 2);
        for outcome in outcomes {
            assert_eq!(outcome.mistakes, [], "{}", outcome.line);
        }
    }

    #[test]
    fn tests_that_do_not_hold_say_so() {
        let catalog = with(&DOOR.replace("gate: 7,", "gate: 8,").replace("door 12", "d 12")).unwrap();
        let outcomes = check::run(&catalog, Some("acme_door"));
        let shown: Vec<String> = outcomes
            .iter()
            .flat_map(|outcome| &outcome.mistakes)
            .map(|mistake| mistake.to_string())
            .collect();
        assert_eq!(shown[0], r#"acme.gate: wanted 8, got "7""#);
        assert_eq!(shown[1], "taken for linux.syslog");
    }

    #[test]
    fn wrong_patterns_are_refused_with_their_place() {
        for (wrong, reason) in [
            ("%{NOPE:x}", "there is no pattern `NOPE`"),
            ("(open", "is no regular expression"),
            ("(?<=x)y", "looks behind"),
        ] {
            let file = format!("dataset: acme.x\nlines:\n  patterns: ['{wrong}']\n");
            let error = with(&file).expect_err("wrong").to_string();
            assert!(error.contains("mine.yaml") && error.contains(reason), "{error}");
        }
    }
}
