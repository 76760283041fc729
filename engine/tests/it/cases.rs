//! The shared cases in `tests/cases/*.yml`: a rule, events, and which events match.
//!
//! Every evaluator runs them all. A file is a list of cases:
//!
//! ```yaml
//! - name: what it is about
//!   dataset: windows.sysmon        # the default
//!   rule: |                        # Sigma; `title` and `logsource: {product: windows}` may be left out
//!     detection: …
//!   events:                        # native field names; objects and lists as they are
//!     - {Image: 'C:\a.exe'}
//!   expect: [0]                    # positions of the events that match
//! ```

use std::path::PathBuf;
use std::sync::Arc;

use borzoi_parsers::batch::{BatchBuilder, BatchOptions, EventBatch, EventMeta};
use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::value::Value;
use borzoi_rules::ir::DetectionRule;
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::Value as Json;

/// One case.
pub struct Case {
    /// File and name.
    pub name: String,
    /// What the rule text loads as; usually one rule.
    pub rules: Vec<Arc<DetectionRule>>,
    /// All events.
    pub batch: EventBatch,
    /// Positions of those that match.
    pub expect: Vec<usize>,
}

/// All cases.
pub fn all() -> Vec<Case> {
    let folder = PathBuf::from("tests/cases");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("the folder of cases is part of the repository")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yml"))
        .collect();
    files.sort();
    files.iter().flat_map(load).collect()
}

fn load(path: &PathBuf) -> Vec<Case> {
    let text = std::fs::read_to_string(path).expect("readable");
    let documents = Yaml::load_from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file = path.file_stem().expect("a file").to_string_lossy().into_owned();
    let Json::Array(entries) = to_json(&documents[0]) else {
        panic!("{file}: not a list of cases");
    };
    entries.iter().map(|entry| case(&file, entry)).collect()
}

fn case(file: &str, entry: &Json) -> Case {
    let name = format!("{file}: {}", entry["name"].as_str().expect("`name`"));
    let mut rule = entry["rule"].as_str().expect("`rule`").to_owned();
    if !rule.contains("logsource:") {
        rule.insert_str(0, "logsource: {product: windows}\n");
    }
    if !rule.contains("title:") {
        rule.insert_str(0, "title: Case\n");
    }
    let report = borzoi_rules::Loader::new().load_text(format!("{file}.yml"), &rule);
    let errors: Vec<_> = report.errors().collect();
    assert!(errors.is_empty(), "{name}: {errors:#?}");
    let expect = entry["expect"].as_array().expect("`expect`").iter();
    let events = entry["events"].as_array().expect("`events`");
    let dataset = entry["dataset"].as_str().unwrap_or("windows.sysmon");
    Case {
        rules: report.detections,
        batch: batch(dataset, events),
        expect: expect
            .map(|position| position.as_u64().expect("a position") as usize)
            .collect(),
        name,
    }
}

/// A batch of these events (native names → values).
pub fn batch(dataset: &str, events: &[Json]) -> EventBatch {
    let catalog = Catalog::builtin();
    let dataset = catalog
        .dataset(dataset)
        .unwrap_or_else(|| panic!("no dataset {dataset}"));
    let mut builder = BatchBuilder::new(dataset.clone(), Arc::new(BatchOptions::default()));
    for (offset, event) in events.iter().enumerate() {
        builder.begin();
        for (name, value) in event.as_object().expect("an event is a map") {
            let nested = value.to_string();
            builder.field(name, value_of(value, &nested));
        }
        builder.commit(EventMeta {
            time: Some(1_700_000_000_000_000),
            fallback_time: 0,
            event_id: offset as u128,
            path: "/logs/keyword-bait.json",
            offset: offset as u64,
            raw: b"",
        });
    }
    builder.finish().expect("at least one event")
}

fn value_of<'v>(value: &'v Json, nested: &'v str) -> Value<'v> {
    match value {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::Int(whole),
            None => Value::Float(number.as_f64().expect("finite")),
        },
        Json::String(text) => Value::Str(text),
        Json::Array(items) if items.iter().all(|item| !item.is_array() && !item.is_object()) => {
            Value::List(items.iter().map(|item| value_of(item, "")).collect())
        }
        Json::Array(_) | Json::Object(_) => Value::Json(nested),
    }
}

fn to_json(node: &Yaml<'_>) -> Json {
    match node {
        Yaml::Value(Scalar::Boolean(flag)) => (*flag).into(),
        Yaml::Value(Scalar::Integer(number)) => (*number).into(),
        Yaml::Value(Scalar::FloatingPoint(number)) => number.into_inner().into(),
        Yaml::Value(Scalar::String(text)) => text.to_string().into(),
        Yaml::Sequence(items) => items.iter().map(to_json).collect(),
        Yaml::Mapping(entries) => entries
            .iter()
            .map(|(key, value)| match to_json(key) {
                Json::String(key) => (key, to_json(value)),
                other => (other.to_string(), to_json(value)),
            })
            .collect::<serde_json::Map<_, _>>()
            .into(),
        _ => Json::Null,
    }
}
