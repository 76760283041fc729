//! What somebody said is expected: a higher bar for a rule and a group, for a time.
//!
//! The file holds one JSON object a line and can be read, edited and undone line by line:
//!
//! ```json
//! {"rule":"f7270aa6-…","title":"Far more than before","tenant":"default","group":{"source.ip":"10.0.0.14"},"bar":27136502.0,"until":"2026-12-23T00:00:00Z","note":"backup moved"}
//! ```
//!
//! A finding of that rule, tenant and group that begins before `until` is not told while its number is on the same side and no
//! further out than `bar`: no higher, or, with `"low":true`, no lower. Without a `bar` none is told. The number of a stretch is the
//! highest that was measured in it.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::alert::Alert;
use crate::matcher::fold::fold;
use crate::windows::keys::Key;

/// One line of the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The rule's id.
    pub rule: String,
    /// Its title, for people.
    #[serde(default)]
    pub title: String,
    /// Whose it is.
    #[serde(default = "default_tenant")]
    pub tenant: String,
    /// The fields of the group and their values, in the order of the rule; without case.
    pub group: serde_json::Map<String, serde_json::Value>,
    /// What is told again: a number further out than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bar: Option<f64>,
    /// Whether it is what is too low that is expected.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub low: bool,
    /// Event time, RFC 3339.
    pub until: String,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

fn default_tenant() -> String {
    "default".to_owned()
}

impl Entry {
    /// What makes an alert of a correlation expected until this time. `None` for the alert of another rule.
    pub fn of_alert(alert: &Alert, until: &str, note: &str) -> Option<Entry> {
        let found = alert.correlation.as_ref()?;
        let low = is_low(
            &found.kind,
            &found.condition,
            found.value,
            found.figures.get("expected").copied(),
        );
        let group = found.group.iter();
        let group = group.map(|value| (value.field.clone(), value.value.clone().into()));
        Some(Entry {
            rule: alert.rule.id.to_string(),
            title: alert.rule.title.to_string(),
            tenant: alert.tenant.to_string(),
            group: group.collect(),
            bar: has_a_bar(&found.kind).then_some(if low { found.value } else { found.peak }),
            low,
            until: until.to_owned(),
            note: note.to_owned(),
        })
    }

    /// Whether everything that `other` holds back is held back by this one: the same rule, tenant, group and side, for as long or
    /// longer, and with a bar as far out or further.
    pub fn covers(&self, other: &Entry) -> bool {
        let time = |entry: &Entry| borzoi_parsers::value::parse_timestamp(&entry.until);
        let as_long = time(self)
            .zip(time(other))
            .is_some_and(|(own, other)| own >= other);
        let as_far = match (self.bar, other.bar) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(own), Some(other_bar)) => {
                self.low == other.low
                    && if self.low {
                        own <= other_bar
                    } else {
                        own >= other_bar
                    }
            }
        };
        (&self.rule, &self.tenant) == (&other.rule, &other.tenant)
            && self.key() == other.key()
            && as_long
            && as_far
    }

    /// The group's values, as one key.
    fn key(&self) -> Key {
        let values: Vec<String> = self
            .group
            .values()
            .map(|value| match value {
                serde_json::Value::String(text) => fold(text).into_owned(),
                other => other.to_string(),
            })
            .collect();
        Key::of(values.iter().map(String::as_str))
    }
}

/// Whether the number of a finding says how far out it is. That of a beacon and of a silence says how long it took until
/// enough was known: the same once more may take longer. That of generated names is the number that was asked for.
fn has_a_bar(kind: &str) -> bool {
    !matches!(kind, "beaconing" | "silence" | "generated_names")
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ExpectedError {
    /// It cannot be read.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A line is none.
    #[error("{}:{line}: {reason}", path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

/// Until when, and how high the bar is.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bar {
    until: i64,
    bar: Option<f64>,
    low: bool,
}

/// Everything that is expected.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    bars: HashMap<(String, String), BTreeMap<Key, Vec<Bar>>>,
}

impl Expected {
    /// What these entries say.
    ///
    /// # Errors
    /// The number of the entry whose time cannot be read, from 0.
    pub fn of(entries: &[Entry]) -> Result<Expected, usize> {
        let mut expected = Expected::default();
        for (number, entry) in entries.iter().enumerate() {
            let until = borzoi_parsers::value::parse_timestamp(&entry.until).ok_or(number)?;
            let bars = expected
                .bars
                .entry((entry.tenant.clone(), entry.rule.clone()))
                .or_default();
            bars.entry(entry.key()).or_default().push(Bar {
                until,
                bar: entry.bar,
                low: entry.low,
            });
        }
        Ok(expected)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn read(path: &Path) -> Result<Expected, ExpectedError> {
        let entries = entries(path)?;
        let (lines, entries): (Vec<usize>, Vec<Entry>) = entries.into_iter().unzip();
        Expected::of(&entries).map_err(|number| ExpectedError::Line {
            path: path.to_owned(),
            line: lines.get(number).copied().unwrap_or_default(),
            reason: "`until` is no time, write one as 2026-12-24T00:00:00Z".to_owned(),
        })
    }

    /// Whether anything is expected of a group at `start`: then nothing of it is told before it is known whole.
    pub(crate) fn names(&self, tenant: &str, rule: &str, key: &Key, start: i64) -> bool {
        self.bars_of(tenant, rule, key).any(|bar| start < bar.until)
    }

    /// Whether a finding of this number that begins at `start` is not told. `low`: the number is too low.
    pub(crate) fn holds_back(
        &self,
        tenant: &str,
        rule: &str,
        key: &Key,
        (start, number): (i64, f64),
        low: bool,
    ) -> bool {
        self.bars_of(tenant, rule, key).any(|bar| {
            start < bar.until
                && bar.bar.is_none_or(|bound| {
                    bar.low == low
                        && match low {
                            true => number >= bound,
                            false => number <= bound,
                        }
                })
        })
    }

    fn bars_of(&self, tenant: &str, rule: &str, key: &Key) -> impl Iterator<Item = &Bar> {
        let bars = match self.bars.is_empty() {
            true => None,
            false => self.bars.get(&(tenant.to_owned(), rule.to_owned())),
        };
        bars.and_then(|bars| bars.get(key)).into_iter().flatten()
    }
}

/// Whether a finding says that something is too low: by its kind, by what was expected, or by the bounds that it kept to, as
/// alerts write them.
pub(crate) fn is_low(kind: &str, condition: &str, number: f64, expected: Option<f64>) -> bool {
    match (kind, expected) {
        (_, Some(expected)) => number < expected,
        // The fewer have it, and the less is usual at such a time, the worse.
        ("rare_value" | "unusual_time", None) => true,
        _ => condition.starts_with("lt"),
    }
}

/// The entries of a file that may not be there yet: then it has none.
///
/// # Errors
/// Where it cannot be read.
pub fn entries_so_far(path: &Path) -> Result<Vec<(usize, Entry)>, ExpectedError> {
    match entries(path) {
        Err(ExpectedError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        outcome => outcome,
    }
}

/// The entries of a file with their lines.
///
/// # Errors
/// Where it cannot be read, also where it is not there: whoever names a file that holds things back must not lose that to a
/// slip of the pen.
pub fn entries(path: &Path) -> Result<Vec<(usize, Entry)>, ExpectedError> {
    let text = fs::read_to_string(path).map_err(|error| ExpectedError::Io {
        path: path.to_owned(),
        error,
    })?;
    let mut entries = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let entry = serde_json::from_str(line).map_err(|error| ExpectedError::Line {
            path: path.to_owned(),
            line: number + 1,
            reason: format!("not an entry: {error}"),
        })?;
        entries.push((number + 1, entry));
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(bar: Option<f64>) -> Entry {
        Entry {
            rule: "rule".into(),
            title: String::new(),
            tenant: "default".into(),
            // Not in the order of the alphabet: the key has the order of the rule.
            group: [
                ("user".to_owned(), "Anna".into()),
                ("source.ip".to_owned(), "10.0.0.1".into()),
            ]
            .into_iter()
            .collect(),
            bar,
            low: false,
            until: "1970-01-01T00:01:00Z".into(),
            note: "backup".into(),
        }
    }

    #[test]
    fn a_bar_holds_back_what_is_no_further_out() {
        let expected = Expected::of(&[entry(Some(100.0))]).expect("times");
        let key = Key::of(["anna", "10.0.0.1"]);
        let held = |tenant, rule, key: &Key, at, low| expected.holds_back(tenant, rule, key, at, low);
        assert!(held("default", "rule", &key, (0, 100.0), false));
        assert!(!held("default", "rule", &key, (0, 100.5), false));
        assert!(!held("default", "rule", &key, (0, 50.0), true), "the other side");
        let low = Expected::of(&[Entry {
            low: true,
            ..entry(Some(100.0))
        }])
        .expect("times");
        let held_low = |number| low.holds_back("default", "rule", &key, (0, number), true);
        assert!(held_low(100.5) && !held_low(99.0));
        assert!(
            !held("default", "rule", &key, (60_000_000, 1.0), false),
            "its time is over"
        );
        assert!(!held("other", "rule", &key, (0, 1.0), false));
        assert!(!held("default", "another", &key, (0, 1.0), false));
        assert!(!held(
            "default",
            "rule",
            &Key::of(["berta", "10.0.0.1"]),
            (0, 1.0),
            false
        ));
        let all = Expected::of(&[entry(None)]).expect("times");
        assert!(all.holds_back("default", "rule", &key, (0, 1e300), false));
    }

    #[test]
    fn what_says_when_and_not_how_far_has_no_bar() {
        let with = |kind: &str| has_a_bar(kind);
        assert!(with("anomaly") && with("event_count") && with("rare_value"));
        assert!(!with("silence") && !with("beaconing") && !with("generated_names"));
    }

    #[test]
    fn an_entry_covers_what_is_held_back_no_longer_and_no_further_out() {
        let known = entry(Some(100.0));
        let with = |change: fn(&mut Entry)| {
            let mut other = known.clone();
            change(&mut other);
            other
        };
        assert!(known.covers(&with(|entry| entry.note = "another".into())));
        assert!(known.covers(&with(|entry| entry.bar = Some(99.0))));
        assert!(!known.covers(&with(|entry| entry.bar = Some(101.0))));
        assert!(!known.covers(&with(|entry| entry.bar = None)));
        assert!(!known.covers(&with(|entry| entry.low = true)));
        assert!(!known.covers(&with(|entry| entry.until = "1970-01-01T00:01:01Z".into())));
        assert!(!known.covers(&with(|entry| entry.rule = "another".into())));
        let berta = with(|entry| {
            entry.group.insert("user".to_owned(), "berta".into());
        });
        assert!(!known.covers(&berta));
        assert!(
            entry(None).covers(&with(|entry| entry.low = true)),
            "all is held back"
        );
        let low = with(|entry| entry.low = true);
        assert!(low.covers(&Entry {
            bar: Some(101.0),
            ..low.clone()
        }));
        assert!(!low.covers(&Entry {
            bar: Some(99.0),
            ..low.clone()
        }));
    }

    #[test]
    fn files_are_read_line_by_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("expected.jsonl");
        assert_eq!(entries_so_far(&path).expect("nothing"), []);
        let error = entries(&path).expect_err("not there").to_string();
        assert!(error.contains("expected.jsonl: No such file"), "{error}");
        Expected::read(&path).expect_err("not there");
        let line = serde_json::to_string(&entry(Some(1.0))).expect("JSON");
        fs::write(&path, format!("{line}\n\n{line}\n")).expect("written");
        let read = entries(&path).expect("entries");
        assert_eq!(read, [(1, entry(Some(1.0))), (3, entry(Some(1.0)))]);
        let key = Key::of(["anna", "10.0.0.1"]);
        assert_eq!(
            read[0].1.key(),
            key,
            "the order of the fields is kept in the file"
        );
        fs::write(&path, format!("{line}\n{{\"rule\": 1}}\n")).expect("written");
        let error = Expected::read(&path).expect_err("a bad line").to_string();
        assert!(error.contains("expected.jsonl:2: not an entry"), "{error}");
        fs::write(&path, line.replace("1970-01-01T00:01:00Z", "soon")).expect("written");
        let error = Expected::read(&path).expect_err("no time").to_string();
        assert!(error.contains("expected.jsonl:1: `until`"), "{error}");
    }
}
