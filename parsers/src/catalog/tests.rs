use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use proptest::prelude::*;

use super::*;

fn sysmon() -> Arc<Dataset> {
    Catalog::builtin()
        .dataset("windows.sysmon")
        .expect("shipped")
        .clone()
}

fn security() -> Arc<Dataset> {
    Catalog::builtin()
        .dataset("windows.security")
        .expect("shipped")
        .clone()
}

fn sql(dataset: &Dataset, name: &str) -> String {
    dataset.column_of_native(name).sql.to_string()
}

/// A catalog of the shipped files and these.
fn with(files: &[(&str, &str)]) -> Result<Arc<Catalog>, CatalogError> {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    Catalog::with_dir(dir.path())
}

fn failure(text: &str) -> String {
    let error = with(&[("mine.yaml", text)])
        .expect_err("the file is wrong")
        .to_string();
    error[error.find("mine.yaml").expect("the file is named")..].to_owned()
}

#[test]
fn shipped_catalog_loads() {
    let catalog = load::builtin().unwrap_or_else(|error| panic!("{error}"));
    let bases = shipped::files()
        .iter()
        .filter(|(_, file)| file.base.is_some())
        .count();
    assert_eq!(catalog.datasets().len() + bases, shipped::files().len());
}

#[test]
fn a_column_has_one_type_everywhere() {
    let catalog = Catalog::builtin();
    let mut types: BTreeMap<String, (ColumnType, String)> = BTreeMap::new();
    for dataset in catalog.datasets() {
        let declared = dataset.fields.iter().map(|field| &field.column);
        for column in declared.chain(dataset.fill.iter().map(|fill| &fill.column)) {
            let (known, first) = types
                .entry(column.sql.to_string())
                .or_insert((column.column_type, dataset.name.to_string()));
            assert_eq!(
                *known, column.column_type,
                "`{}` in {} and in {first}",
                column.dotted, dataset.name
            );
            if let Some(ecs) = catalog.types().get(&column.dotted) {
                assert_eq!(ecs, column.column_type, "ECS type of `{}`", column.dotted);
            }
        }
    }
}

#[test]
fn a_column_has_one_sql_name_within_a_dataset() {
    for dataset in Catalog::builtin().datasets() {
        let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
        for field in &dataset.fields {
            let owner = owners.entry(&field.column.sql).or_insert(&field.column.dotted);
            assert_eq!(*owner, &*field.column.dotted, "in {}", dataset.name);
        }
    }
}

#[test]
fn all_names_of_a_field_mean_its_column() {
    for dataset in Catalog::builtin().datasets() {
        for field in &dataset.fields {
            let names = std::iter::once(&field.native).chain(&field.also);
            for name in names {
                assert_eq!(
                    dataset.column_of_native(name),
                    field.column,
                    "{name} in {}",
                    dataset.name
                );
                if !field.exact {
                    let upper = name.to_uppercase();
                    assert_eq!(
                        *dataset.resolve(&upper, None).column(),
                        field.column,
                        "{upper} in {}",
                        dataset.name
                    );
                }
            }
        }
    }
}

#[test]
fn roles_of_processes_and_users_are_kept_apart() {
    let sysmon = sysmon();
    let roles = [
        "Image",
        "SourceImage",
        "TargetImage",
        "ParentImage",
        "ImageLoaded",
        "TargetFilename",
    ];
    let columns: BTreeSet<String> = roles.iter().map(|name| sql(&sysmon, name)).collect();
    assert_eq!(columns.len(), roles.len());
    let security = security();
    let roles = [
        "NewProcessName",
        "ProcessName",
        "CallerProcessName",
        "ParentProcessName",
        "SubjectUserName",
        "TargetUserName",
        "IpAddress",
        "SourceAddress",
        "ProcessId",
        "NewProcessId",
        "Execution_ProcessID",
    ];
    let columns: BTreeSet<String> = roles.iter().map(|name| sql(&security, name)).collect();
    assert_eq!(columns.len(), roles.len());
    assert_eq!(sql(&security, "TargetUserName"), "user_name");
}

#[test]
fn shippers_spell_the_same_field_differently() {
    let sysmon = sysmon();
    for name in [
        "Image",
        "event_data.Image",
        "winlog.event_data.Image",
        "EventData.image",
        "process.executable",
    ] {
        assert_eq!(sql(&sysmon, name), "process_executable", "{name}");
    }
    for name in ["Computer", "Hostname", "computer_name", "winlog.computer_name"] {
        assert_eq!(sql(&sysmon, name), "host_name", "{name}");
    }
    for name in ["EventID", "event_id", "winlog.event_id", "event.code"] {
        assert_eq!(sql(&sysmon, name), "event_code", "{name}");
    }
}

#[test]
fn header_and_event_data_of_one_name_have_two_columns() {
    let security = security();
    assert_eq!(&*security.column_of_native("Version").dotted, "winlog.version");
    let data = security.column_of_native("winlog.event_data.Version");
    assert_eq!(&*data.dotted, "winlog.event_data.Version");
    assert_eq!(&*data.sql, "winlog_event_data_version");
    // Sysmon reports its version in events 4 and 16; <System> has another.
    let sysmon = sysmon();
    assert_eq!(
        &*sysmon.column_of_native("Version").dotted,
        "winlog.event_data.Version"
    );
    assert_eq!(
        &*sysmon.column_of_native("System_Version").dotted,
        "winlog.version"
    );
    // Firewall events have a ProviderName of their own.
    assert_eq!(sql(&security, "ProviderName"), "winlog_event_data_provider_name");
    assert_eq!(sql(&security, "Provider_Name"), "winlog_provider_name");
}

#[test]
fn exact_names_are_the_parsers_alone() {
    let sysmon = sysmon();
    assert_eq!(sql(&sysmon, "type"), "input_type");
    assert_eq!(sql(&sysmon, "Type"), "winlog_type");
    assert_eq!(&*sysmon.resolve("type", None).column().sql, "winlog_type");
    assert_eq!(sql(&sysmon, "ProcessID"), "winlog_process_pid");
    assert_eq!(&*sysmon.resolve("ProcessID", None).column().sql, "process_pid");
}

#[test]
fn names_hold_for_their_log_source_only() {
    let catalog = Catalog::builtin();
    let served = catalog.datasets_for(Some("Windows"), Some("PROCESS_CREATION"), None);
    let (security, entries) = served
        .iter()
        .find(|(d, _)| &*d.name == "windows.security")
        .unwrap();
    let entry = Some(entries[0]);
    assert_eq!(
        &*security.resolve("Image", entry).column().sql,
        "process_executable"
    );
    assert_eq!(
        &*security.resolve("parentimage", entry).column().sql,
        "process_parent_executable"
    );
    assert_eq!(
        &*security.resolve("ParentProcessId", entry).column().sql,
        "winlog_process_id"
    );
    assert_eq!(
        &*security.resolve("ProcessId", entry).column().sql,
        "winlog_new_process_id"
    );
    assert_eq!(
        &*security.resolve("ProcessId", None).column().sql,
        "winlog_process_id"
    );
    // A rule for the Security log as such keeps the log's own names.
    let (_, entries) = &catalog.datasets_for(Some("windows"), None, Some("security"))[0];
    assert!(entries.iter().all(|entry| entry.names.is_empty()));
}

#[test]
fn a_product_alone_is_all_of_its_datasets() {
    let catalog = Catalog::builtin();
    let windows = catalog.datasets_for(Some("windows"), None, None);
    assert!(windows.iter().all(|(_, entries)| entries.is_empty()));
    assert!(windows.len() >= 7);
    assert_eq!(
        catalog.datasets_for(None, None, None).len(),
        catalog.datasets().len()
    );
    assert!(
        catalog
            .datasets_for(Some("windows"), Some("no_such_category"), None)
            .is_empty()
    );
}

#[test]
fn near_names_are_suggested() {
    let catalog = Catalog::builtin();
    assert_eq!(sysmon().nearest("ComandLine"), Some("CommandLine"));
    assert_eq!(sysmon().nearest("Zylinder"), None);
    assert_eq!(catalog.nearest_dataset("windows.sysmn"), Some("windows.sysmon"));
    let error = describe(&catalog, Some("windows.sysmn")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no dataset `windows.sysmn`; did you mean `windows.sysmon`?"
    );
}

#[test]
fn a_users_file_adds_a_dataset_and_replaces_one() {
    let catalog = with(&[
        ("a.yaml", "dataset: acme.door\ntitle: Doors\nprefix: acme.\nfields:\n  - {native: badge, column: user.name}\n"),
        ("b.yml", "dataset: windows.sysmon\nextends: windows\nfields:\n  - {native: Image, column: acme.image}\n"),
    ])
    .unwrap();
    let door = catalog.dataset("acme_door").unwrap();
    assert_eq!(sql(door, "badge"), "user_name");
    assert_eq!(sql(door, "gate"), "acme_gate");
    assert_eq!(
        sql(catalog.dataset("windows.sysmon").unwrap(), "Image"),
        "acme_image"
    );
    assert_eq!(catalog.datasets().len(), Catalog::builtin().datasets().len() + 1);
}

#[test]
fn wrong_files_are_told_where_and_why() {
    assert!(failure("dataset: [\n").starts_with("mine.yaml"));
    let text = failure("dataset: acme.door\nfields:\n  - {native: badge, colum: user.name}\n");
    assert!(
        text.starts_with("mine.yaml:3:21: unknown field `colum`"),
        "{text}"
    );
    let text = failure("title: Doors\n");
    assert!(text.contains("has neither `dataset` nor `base`"), "{text}");
    let text = failure("dataset: acme.door\nextends: dors\n");
    assert!(
        text.starts_with("mine.yaml:2:10: `dors` cannot be extended"),
        "{text}"
    );
    let text =
        failure("dataset: acme.door\nfields:\n  - {native: a, column: x.y}\n  - {native: A, column: x.z}\n");
    assert!(text.contains("`A` is declared as `x.y` and as `x.z`"), "{text}");
    let text =
        failure("dataset: acme.door\nfields:\n  - {native: a, column: x.y}\n  - {native: b, column: x-y}\n");
    assert!(text.contains("both get the SQL name `x_y`"), "{text}");
    let text = failure("dataset: acme.door\nfields:\n  - {native: a, column: source.port, type: keyword}\n");
    assert!(
        text.starts_with("mine.yaml:3:25: `source.port` is an ECS column of type integer"),
        "{text}"
    );
    let text = failure("dataset: acme.door\nshow:\n  - {column: network.transport, value: tcp}\n");
    assert!(
        text.contains("`network.transport` in `show` has no `from`"),
        "{text}"
    );
    let text = failure("dataset: windows_sysmon\n");
    assert!(text.contains("would share the table windows_sysmon"), "{text}");
    let twice = with(&[
        ("a.yaml", "dataset: acme.door\n"),
        ("b.yaml", "dataset: acme.door\n"),
    ]);
    assert!(
        twice
            .unwrap_err()
            .to_string()
            .contains("b.yaml:1:10: `acme.door` is described twice")
    );
    assert!(matches!(
        Catalog::with_dir(Path::new("/no/such/folder")),
        Err(CatalogError::Io { .. })
    ));
}

#[test]
fn description_is_serialisable() {
    let all = serde_json::to_value(describe(&Catalog::builtin(), None).unwrap()).unwrap();
    assert_eq!(
        all.as_array().map(Vec::len),
        Some(Catalog::builtin().datasets().len())
    );
    let one = serde_json::to_value(describe(&Catalog::builtin(), Some("windows.security")).unwrap()).unwrap();
    assert_eq!(one["table"], "windows_security");
    assert!(
        one["fields"]
            .as_array()
            .unwrap()
            .iter()
            .any(|f| f["native"] == "IpAddress" && f["type"] == "keyword")
    );
    let creation = one["log_sources"]
        .as_array()
        .unwrap()
        .iter()
        .find(|l| l["category"] == "process_creation");
    assert_eq!(creation.unwrap()["when"], "EventID = 4688");
}

#[test]
fn the_empty_name_means_one_column_too() {
    for dataset in Catalog::builtin().datasets() {
        let column = dataset.resolve("", None).column().clone();
        assert_eq!(
            *dataset.resolve(&column.dotted, None).column(),
            column,
            "in {}",
            dataset.name
        );
    }
}

fn names() -> impl Strategy<Value = String> {
    let known: Vec<String> = Catalog::builtin()
        .datasets()
        .iter()
        .flat_map(|d| d.fields.iter())
        .flat_map(|f| {
            [
                f.native.to_string(),
                f.column.dotted.to_string(),
                f.column.sql.to_string(),
            ]
        })
        .collect();
    let prefixes = [
        "",
        "winlog.event_data.",
        "Event_Data.",
        "event_data.event_data.",
        "winlog.",
        "proxy.",
        "data.",
    ];
    prop_oneof![
        "\\PC{0,24}",
        "[A-Za-z_.@ -]{0,24}",
        (
            prop::sample::select(prefixes.to_vec()),
            prop::sample::select(known),
            any::<bool>()
        )
            .prop_map(|(prefix, name, upper)| format!(
                "{prefix}{}",
                if upper { name.to_uppercase() } else { name }
            )),
    ]
}

proptest! {
    #[test]
    fn resolving_is_total_and_idempotent(name in names(), pick in any::<prop::sample::Index>()) {
        let catalog = Catalog::builtin();
        let dataset = &catalog.datasets()[pick.index(catalog.datasets().len())];
        let column = dataset.resolve(&name, None).column().clone();
        let again = dataset.resolve(&column.dotted, None);
        prop_assert_eq!(again.column(), &column, "{} in {}", name, dataset.name);
        if !dataset.exact.contains_key(&name) {
            prop_assert_eq!(dataset.column_of_native(&name), column);
        }
    }

    #[test]
    fn columns_of_one_sql_name_have_one_type(a in names(), b in names(), pick in any::<prop::sample::Index>()) {
        let catalog = Catalog::builtin();
        let dataset = &catalog.datasets()[pick.index(catalog.datasets().len())];
        let (a, b) = (dataset.column_of_native(&a), dataset.column_of_native(&b));
        if a.sql == b.sql {
            prop_assert_eq!(a.column_type, b.column_type, "{} and {}", a.dotted, b.dotted);
        }
    }
}

/// The dataset that a JSON object belongs to by its keys.
fn by_keys(json: &serde_json::Value) -> Option<String> {
    let at = |key: &str| {
        json.get(key)
            .or_else(|| key.split('.').try_fold(json, |json, part| json.get(part)))
            .cloned()
    };
    Catalog::builtin()
        .datasets()
        .iter()
        .filter_map(|dataset| {
            let says = |key: &str, text: &str| at(key).is_some_and(|v| v.as_str() == Some(text));
            let keys = dataset.select.matches_json(|key| at(key).is_some(), says)?;
            Some((keys, dataset.name.to_string()))
        })
        .max()
        .map(|(_, name)| name)
}

#[test]
fn json_is_known_by_its_keys() {
    let azure = |category: &str| {
        serde_json::json!({"time": "2026-01-01T00:00:00Z", "resourceId": "/tenants/t", "operationName": "x",
            "category": category, "properties": {}})
    };
    let cases = [
        (azure("SignInLogs"), Some("azure.signinlogs")),
        (azure("AuditLogs"), Some("azure.auditlogs")),
        (azure("SomethingElse"), Some("azure.resource")),
        (
            serde_json::json!({"eventVersion": "1.1", "eventSource": "s3.amazonaws.com", "eventName": "GetObject",
                "awsRegion": "eu-west-1"}),
            Some("aws.cloudtrail"),
        ),
        (
            serde_json::json!({"protoPayload": {"@type": "type.googleapis.com/google.cloud.audit.AuditLog"},
                "insertId": "i", "logName": "l", "resource": {}}),
            Some("gcp.audit"),
        ),
        (
            serde_json::json!({"id": {"applicationName": "login", "uniqueQualifier": "1"}, "actor": {}, "events": []}),
            Some("google_workspace.login"),
        ),
        (
            serde_json::json!({"eventName": "click", "eventSource": "shop", "time": 1}),
            None,
        ),
        (
            serde_json::json!({"action": "buy", "actor": "me", "@timestamp": 1}),
            None,
        ),
        (serde_json::json!({}), None),
    ];
    for (json, dataset) in cases {
        assert_eq!(by_keys(&json).as_deref(), dataset, "{json}");
    }
}
