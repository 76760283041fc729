//! Batches with their derived columns.

use super::*;
use crate::batch::{BatchBuilder, BatchOptions, EventMeta};
use crate::catalog::Catalog;
use crate::value::Value;
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;

fn batch(dataset: &str, events: &[&[(&str, &str)]]) -> EventBatch {
    let dataset = Catalog::builtin().dataset(dataset).unwrap().clone();
    let mut builder = BatchBuilder::new(dataset, Arc::new(BatchOptions::default()));
    for (number, fields) in events.iter().enumerate() {
        builder.begin();
        for (name, value) in *fields {
            builder.field(name, Value::Str(value));
        }
        builder.commit(EventMeta {
            time: Some(0),
            fallback_time: 0,
            event_id: number as u128,
            path: "x",
            offset: number as u64,
            raw: b"",
        });
    }
    builder.finish().unwrap()
}

fn texts(batch: &EventBatch, sql: &str) -> Vec<Option<String>> {
    let column = batch.column(sql).unwrap_or_else(|| panic!("no column {sql}"));
    let column = strings(column).unwrap();
    (0..batch.len())
        .map(|row| column.get(row).map(str::to_owned))
        .collect()
}

fn some(texts: &[&str]) -> Vec<Option<String>> {
    texts
        .iter()
        .map(|text| Some((*text).to_owned()).filter(|text| text != "-"))
        .collect()
}

fn enriched(batch: &EventBatch) -> EventBatch {
    Enricher::new(Enrichment::default()).enrich(batch.clone())
}

#[test]
fn each_row_gets_what_its_own_value_gives() {
    let agents = ["curl/8.5.0", "Wget/1.21", "curl/8.5.0", ""];
    let events: Vec<[(&str, &str); 1]> = agents
        .iter()
        .map(|agent| [("user_agent.original", *agent)])
        .collect();
    let events: Vec<&[(&str, &str)]> = events.iter().map(<[_; 1]>::as_slice).collect();
    let batch = batch("generic.json", &events);
    let enriched = enriched(&batch);
    assert_eq!(
        texts(&enriched, "user_agent_name"),
        some(&["curl", "Wget", "curl", "-"])
    );
    assert_eq!(
        texts(&enriched, "user_agent_version"),
        some(&["8.5.0", "1.21", "8.5.0", "-"])
    );
    assert!(
        enriched.column("user_agent_os_name").is_none(),
        "no event has one"
    );
}

#[test]
fn columns_without_a_dictionary_are_enriched_as_well() {
    let names: Vec<String> = (0..200).map(|n| format!("h{n}.example{}.org", n % 3)).collect();
    let events: Vec<[(&str, &str); 1]> = names.iter().map(|name| [("QueryName", name.as_str())]).collect();
    let events: Vec<&[(&str, &str)]> = events.iter().map(<[_; 1]>::as_slice).collect();
    let batch = batch("windows.sysmon", &events);
    assert!(matches!(
        batch.column("dns_question_name").unwrap().data_type(),
        DataType::Utf8
    ));
    let enriched = enriched(&batch);
    let registered = texts(&enriched, "dns_question_registered_domain");
    assert_eq!(registered[4].as_deref(), Some("example1.org"));
    let subdomains = texts(&enriched, "dns_question_subdomain");
    assert_eq!(subdomains[199].as_deref(), Some("h199"));
}

#[test]
fn what_an_event_says_itself_stays() {
    let batch = batch(
        "generic.json",
        &[
            &[
                ("url.original", "https://a.example.com:8443/x/y.php?q#f"),
                ("url.path", "/own"),
            ],
            &[("url.original", "https://b.example.com:8443/z.asp?q")],
            &[("url.path", "/only.jsp")],
        ],
    );
    let enriched = enriched(&batch);
    assert_eq!(
        texts(&enriched, "url_path"),
        some(&["/own", "/z.asp", "/only.jsp"])
    );
    assert_eq!(texts(&enriched, "url_extension"), some(&["-", "asp", "jsp"]));
    assert_eq!(
        texts(&enriched, "url_domain"),
        some(&["a.example.com", "b.example.com", "-"])
    );
    assert_eq!(
        texts(&enriched, "url_registered_domain"),
        some(&["example.com", "example.com", "-"])
    );
    let ports = enriched.column("url_port").unwrap().as_primitive::<Int64Type>();
    assert_eq!(ports.iter().collect::<Vec<_>>(), [Some(8443), Some(8443), None]);
}

#[test]
fn a_field_of_the_dataset_is_never_made_of_another() {
    // FortiGate says itself which way its sessions go; an event that does not, has no direction.
    let catalog = Catalog::builtin();
    let declaring: Vec<_> = catalog
        .datasets()
        .iter()
        .filter(|dataset| {
            dataset
                .fields
                .iter()
                .any(|field| &*field.column.sql == "network_direction")
        })
        .collect();
    assert!(!declaring.is_empty());
    let ends: &[(&str, &str)] = &[("source.ip", "10.0.0.1"), ("destination.ip", "198.51.100.1")];
    for dataset in declaring {
        let enriched = enriched(&batch(&dataset.name, &[ends]));
        assert!(enriched.column("network_direction").is_none(), "{}", dataset.name);
    }
}

#[test]
fn connections_go_in_out_and_along() {
    let ends = |from, to| [("source.ip", from), ("destination.ip", to)];
    let events = [
        ends("10.0.0.1", "198.51.100.1"),
        ends("198.51.100.1", "10.0.0.1"),
        ends("10.0.0.1", "fe80::1"),
        ends("198.51.100.1", "203.0.113.9"),
    ];
    let events: Vec<&[(&str, &str)]> = events.iter().map(<[_; 2]>::as_slice).collect();
    let mut events = events.clone();
    events.push(&[("source.ip", "10.0.0.1")]);
    let batch = batch("generic.json", &events);
    let wanted = ["outbound", "inbound", "internal", "external", "-"];
    assert_eq!(texts(&enriched(&batch), "network_direction"), some(&wanted));
    let own = Enrichment {
        own_networks: vec![Network::parse("203.0.113.0/24").unwrap()],
        ..Enrichment::default()
    };
    let enriched = Enricher::new(own).enrich(batch);
    let wanted = ["outbound", "inbound", "internal", "inbound", "-"];
    assert_eq!(texts(&enriched, "network_direction"), some(&wanted));
}

#[test]
fn command_lines_show_what_they_hide_beside_what_they_say() {
    let line = "powershell.exe -nop -w hidden -enc dwBoAG8AYQBtAGkA";
    let batch = batch(
        "windows.sysmon",
        &[&[("CommandLine", line)], &[("CommandLine", "whoami")]],
    );
    let enriched = enriched(&batch);
    assert_eq!(texts(&enriched, "process_command_line"), some(&[line, "whoami"]));
    assert_eq!(
        texts(&enriched, "process_command_line_decoded"),
        some(&["whoami", "-"])
    );
}

#[test]
fn only_what_is_wanted_is_made() {
    let batch = batch(
        "generic.json",
        &[&[("url.original", "https://a.example.com/x.php")]],
    );
    let mut enricher = Enricher::new(Enrichment::default());
    let only = enricher
        .enrich_only(&batch, |column| &*column.sql == "url_registered_domain")
        .unwrap();
    let more: Vec<String> = only
        .events
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .filter(|name| batch.column(name).is_none())
        .collect();
    assert_eq!(
        more,
        ["url_registered_domain"],
        "and not the domain that it is made of"
    );
    assert!(enricher.enrich_only(&batch, |_| false).is_none());
    let mut nothing = Enricher::new(Enrichment::none());
    assert_eq!(nothing.enrich(batch.clone()).events, batch.events);
}

#[test]
fn columns_stand_in_their_places() {
    let batch = batch(
        "windows.sysmon",
        &[&[("QueryName", "www.example.com"), ("Image", "x.exe"), ("zz", "1")]],
    );
    let enriched = enriched(&batch);
    let schema = enriched.events.schema();
    let names: Vec<&str> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    let (standard, others) = names.split_at(STANDARD_COLUMNS.len());
    assert!(
        standard
            .iter()
            .zip(STANDARD_COLUMNS)
            .all(|(name, (sql, _, _))| name == sql)
    );
    assert!(others.is_sorted(), "{others:?}");
    for field in schema.fields() {
        assert!(
            field.metadata().contains_key(crate::batch::DOTTED_NAME),
            "{}",
            field.name()
        );
    }
}
