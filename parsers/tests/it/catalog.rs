//! The catalog against what SigmaHQ's rules ask of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use borzoi_parsers::catalog::Catalog;
use saphyr::{LoadableYamlNode, Yaml};

/// (product, category, service)
type LogSource = (Option<String>, Option<String>, Option<String>);

/// The folder of the corpora; the reference lies beside it.
fn corpora() -> PathBuf {
    std::env::var_os("BORZOI_CORPORA").map_or_else(|| PathBuf::from("../../shared/corpora"), PathBuf::from)
}

fn datasets_for(catalog: &Catalog, source: &LogSource) -> usize {
    catalog
        .datasets_for(source.0.as_deref(), source.1.as_deref(), source.2.as_deref())
        .len()
}

/// Names that mean no declared column in one of the datasets that serve the log source.
fn undeclared(catalog: &Catalog, source: &LogSource, names: &BTreeSet<String>) -> Vec<String> {
    let mut missing = Vec::new();
    for (dataset, entries) in
        catalog.datasets_for(source.0.as_deref(), source.1.as_deref(), source.2.as_deref())
    {
        let entries: Vec<_> = match entries.is_empty() {
            true => vec![None],
            false => entries.into_iter().map(Some).collect(),
        };
        for entry in entries {
            for name in names {
                if !dataset.resolve(name, entry).is_declared() {
                    missing.push(format!("{name} in {} for {source:?}", dataset.name));
                }
            }
        }
    }
    missing
}

/// A few names per log source, for machines without the reference.
const OWN_LIST: &[(&str, &str, &str, &[&str])] = &[
    (
        "windows",
        "process_creation",
        "",
        &[
            "CommandLine",
            "Image",
            "ParentImage",
            "OriginalFileName",
            "User",
            "Hashes",
        ],
    ),
    (
        "windows",
        "network_connection",
        "",
        &["DestinationIp", "DestinationPort", "Initiated", "Image"],
    ),
    (
        "windows",
        "registry_set",
        "",
        &["TargetObject", "Details", "Image", "EventType"],
    ),
    (
        "windows",
        "image_load",
        "",
        &["ImageLoaded", "Signed", "Signature", "Image"],
    ),
    (
        "windows",
        "process_access",
        "",
        &["SourceImage", "TargetImage", "GrantedAccess", "CallTrace"],
    ),
    (
        "windows",
        "ps_script",
        "",
        &["ScriptBlockText", "Path", "ScriptBlockId"],
    ),
    (
        "windows",
        "",
        "bits-client",
        &["RemoteName", "LocalName", "processPath"],
    ),
    (
        "windows",
        "",
        "taskscheduler",
        &["TaskName", "UserContext", "Path"],
    ),
    (
        "windows",
        "",
        "windefend",
        &["ThreatName", "SourceName", "NewValue"],
    ),
    (
        "aws",
        "",
        "cloudtrail",
        &["eventName", "eventSource", "userIdentity.type", "sourceIPAddress"],
    ),
    (
        "okta",
        "",
        "okta",
        &["eventType", "actor.alternateId", "outcome.result"],
    ),
    (
        "macos",
        "process_creation",
        "",
        &["CommandLine", "Image", "ParentImage"],
    ),
    (
        "",
        "proxy",
        "",
        &[
            "c-uri",
            "c-useragent",
            "cs-method",
            "cs-host",
            "sc-status",
            "dst_ip",
        ],
    ),
    ("", "antivirus", "", &["Signature", "Filename"]),
    ("fortigate", "", "event", &["action", "cfgpath", "devname"]),
];

fn attribute(text: &str) -> Option<String> {
    (!text.is_empty() && text != "empty").then(|| text.to_owned())
}

#[test]
fn our_own_list_of_fields_is_declared() {
    let catalog = Catalog::builtin();
    for (product, category, service, names) in OWN_LIST {
        let source = (attribute(product), attribute(category), attribute(service));
        assert!(datasets_for(&catalog, &source) > 0, "nobody serves {source:?}");
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(undeclared(&catalog, &source, &names), Vec::<String>::new());
    }
}

#[test]
fn every_field_of_the_reference_is_declared() {
    let path = corpora().join("../reference/sigma/fields-by-logsource.json");
    let Ok(text) = fs::read_to_string(&path) else {
        println!("skipped: {} is absent", path.display());
        return;
    };
    let reference: serde_json::Value = serde_json::from_str(&text).expect("the reference is JSON");
    let mut fields: BTreeMap<LogSource, BTreeSet<String>> = BTreeMap::new();
    for part in ["legit", "addon"] {
        for (product, lists) in reference[part].as_object().expect("products") {
            let common = strings(&lists["common"]);
            for (kind, of_kind) in [("category", &lists["category"]), ("service", &lists["service"])] {
                for (name, names) in of_kind.as_object().into_iter().flatten() {
                    let source = match kind {
                        "category" => (attribute(product), attribute(name), None),
                        _ => (attribute(product), None, attribute(name)),
                    };
                    let all = fields.entry(source).or_default();
                    all.extend(common.iter().cloned());
                    all.extend(strings(names));
                }
            }
        }
    }
    assert!(fields.len() > 100, "the reference has its known shape");
    let catalog = Catalog::builtin();
    let unserved: Vec<_> = fields
        .keys()
        .filter(|source| datasets_for(&catalog, source) == 0)
        .collect();
    assert!(unserved.is_empty(), "nobody serves {unserved:#?}");
    let missing: Vec<String> = fields
        .iter()
        .flat_map(|(source, names)| undeclared(&catalog, source, names))
        .collect();
    assert!(missing.is_empty(), "undeclared: {missing:#?}");
}

/// The strings of a list; an entry with a comma is two names that lost their quotes.
fn strings(list: &serde_json::Value) -> Vec<String> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(|name| name.as_str())
        .flat_map(|names| names.split(','))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_log_source_of_the_rules_is_served() {
    let root = corpora().join("sigma");
    if !root.is_dir() {
        println!("skipped: {} is absent", root.display());
        return;
    }
    let mut sources: BTreeMap<LogSource, PathBuf> = BTreeMap::new();
    for entry in walkdir::WalkDir::new(&root) {
        let entry = entry.expect("the corpus is readable");
        if entry.path().extension().is_none_or(|e| e != "yml") {
            continue;
        }
        let text = fs::read_to_string(entry.path()).expect("rules are UTF-8");
        for document in Yaml::load_from_str(&text).unwrap_or_default() {
            let Some(source) = document.as_mapping_get("logsource") else {
                continue;
            };
            let part = |name| {
                source
                    .as_mapping_get(name)
                    .and_then(|v| v.as_str())
                    .map(str::to_owned)
            };
            let key = (part("product"), part("category"), part("service"));
            sources.entry(key).or_insert_with(|| entry.path().to_owned());
        }
    }
    assert!(sources.len() > 100, "the corpus has its known size");
    let catalog = Catalog::builtin();
    let unserved: Vec<_> = sources
        .iter()
        .filter(|(source, _)| datasets_for(&catalog, source) == 0)
        .collect();
    assert!(unserved.is_empty(), "nobody serves {unserved:#?}");
}

/// Fields of one event that carry different values must not meet in one column: the second would be put
/// aside. Some shippers' keys do so by nature and are listed with the reason.
#[test]
fn fields_of_real_events_do_not_meet_in_a_column() {
    let path = corpora().join("otrf/otrf.ndjson.zst");
    let Ok(file) = fs::File::open(&path) else {
        println!("skipped: {} is absent", path.display());
        return;
    };
    let mut decoder = zstd::Decoder::new(file).expect("a zstd file");
    decoder.window_log_max(27).expect("a window that long is allowed");
    let catalog = Catalog::builtin();
    let mut met: BTreeMap<(String, String, String), (usize, String)> = BTreeMap::new();
    let mut events = 0;
    for line in BufReader::new(decoder).lines().step_by(101) {
        let line = line.expect("the corpus is UTF-8");
        let event: serde_json::Value = serde_json::from_str(&line).expect("the corpus is JSON");
        let channel = event["Channel"]
            .as_str()
            .expect("every event has a channel")
            .to_lowercase();
        let of_channel = |d: &&std::sync::Arc<borzoi_parsers::catalog::Dataset>| {
            d.select.channels.iter().any(|c| c.to_lowercase() == channel)
        };
        let dataset = catalog.datasets().iter().find(of_channel);
        let dataset = dataset.unwrap_or_else(|| catalog.dataset("windows.eventlog").expect("shipped"));
        let mut columns: HashMap<String, (String, String)> = HashMap::new();
        events += 1;
        for (name, value) in event.as_object().expect("an object") {
            let value = match value {
                serde_json::Value::Null => continue,
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let column = dataset.column_of_native(name);
            // The time is the decoder's business.
            if &*column.sql == "time" {
                continue;
            }
            if let Some((other, was)) = columns.get(&*column.sql)
                && *was != value
            {
                let key = (dataset.name.to_string(), other.clone(), name.clone());
                met.entry(key).or_insert((0, format!("`{was}` and `{value}`"))).0 += 1;
            }
            columns
                .entry(column.sql.to_string())
                .or_insert((name.clone(), value));
        }
    }
    assert!(events > 6_000, "the corpus has its known size");
    assert!(met.is_empty(), "{met:#?}");
}

/// The page that lists all datasets is what the catalog says. `BORZOI_UPDATE_GOLDEN=1` writes it anew.
#[test]
fn the_page_of_datasets_is_up_to_date() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/datasets.md");
    let page = borzoi_parsers::catalog::page(&Catalog::builtin());
    if std::env::var_os("BORZOI_UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &page).expect("docs can be written");
    }
    let written = std::fs::read_to_string(&path).expect("the page is there");
    assert!(
        written == page,
        "docs/datasets.md is not what the catalog says: run `borzoi datasets list > docs/datasets.md`"
    );
}
