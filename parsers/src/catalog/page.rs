//! The catalog as a page for people: `docs/datasets.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Catalog, Dataset};

/// Every dataset in a table per group, as Markdown: its table, how many fields it declares, how it is recognised, which
/// Sigma log sources it serves.
pub fn page(catalog: &Catalog) -> String {
    let mut groups: BTreeMap<&str, Vec<&Dataset>> = BTreeMap::new();
    for dataset in catalog.datasets() {
        let group = dataset.groups.first().map_or("other", String::as_str);
        groups.entry(group).or_default().push(dataset);
    }
    let mut page = String::from(
        "# All datasets\n\n<!-- Written by `borzoi datasets list`; a test compares. -->\n\n\
         What the shipped catalog knows. How a dataset is described, and how to add one: [The catalog](catalog.md).\n",
    );
    let _ = writeln!(page, "\n{} datasets.", catalog.datasets().len());
    for (group, mut datasets) in groups {
        datasets.sort_by(|a, b| a.name.cmp(&b.name));
        let _ = writeln!(
            page,
            "\n## {group}\n\n| dataset | what | fields | recognised by | Sigma log sources |\n|---|---|---|---|---|"
        );
        for dataset in datasets {
            let _ = writeln!(
                page,
                "| `{}` | {} | {} | {} | {} |",
                dataset.name,
                cell(&dataset.title),
                dataset.fields.len(),
                cell(&recognised(dataset).join("; ")),
                cell(&sources(dataset)),
            );
        }
    }
    page
}

/// How events of a dataset are recognised, way by way.
pub(super) fn recognised(dataset: &Dataset) -> Vec<String> {
    let select = &dataset.select;
    let mut ways = Vec::new();
    let mut way = |what: &str, names: &[String]| {
        if !names.is_empty() {
            ways.push(format!("{what} {}", names.join(", ")));
        }
    };
    way("channel", &select.channels);
    way("provider", &select.providers);
    way("program", &select.programs);
    way("Zeek log", &select.zeek_paths);
    way("CEF or LEEF of", &select.writers);
    way("keys", &select.json_keys);
    for keys in &select.json_any {
        way("keys", keys);
    }
    way("header", &select.header);
    for names in &select.header_any {
        way("header", names);
    }
    way("path", &select.paths);
    way("sender", &select.hosts);
    let ports: Vec<String> = select.ports.iter().map(u16::to_string).collect();
    way("port", &ports);
    if !dataset.lines.is_empty() {
        ways.push("its lines".to_owned());
    }
    match ways.is_empty() {
        true => vec!["its form".to_owned()],
        false => ways,
    }
}

fn sources(dataset: &Dataset) -> String {
    let source = |source: &super::ServedLogSource| {
        let parts = [&source.product, &source.category, &source.service];
        let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
        parts.join("/")
    };
    let mut sources: Vec<String> = dataset.sigma.iter().map(source).collect();
    sources.sort();
    sources.dedup();
    sources.join(", ")
}

/// Text that breaks no table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
