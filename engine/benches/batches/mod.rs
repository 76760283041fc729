//! Batches and rules for the kernels, generated: the same in every run.

#![allow(dead_code)] // each file of benches uses its part

use std::sync::Arc;

use borzoi_engine::matcher::CompiledRules;
use borzoi_parsers::batch::{BatchBuilder, BatchOptions, EventBatch, EventMeta};
use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::value::Value;
use borzoi_rules::Loader;

/// Process creations whose command lines count from `first`; of `programs` different programs.
pub fn processes(rows: usize, first: usize, programs: usize) -> EventBatch {
    let catalog = Catalog::builtin();
    let dataset = catalog.dataset("windows.sysmon").expect("shipped");
    let mut builder = BatchBuilder::new(dataset.clone(), Arc::new(BatchOptions::default()));
    for row in 0..rows {
        let number = first + row;
        let program = number % programs;
        let image = format!(r"C:\Program Files\Vendor {program}\program-{program:03}.exe");
        // Numbers scattered, so that neighbours have little in common.
        let scattered = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let command =
            format!(r#""{image}" --job {number} --token {scattered:016x} --output C:\Temp\{number}.log"#);
        builder.begin();
        for (field, value) in [
            ("EventID", Value::Int(1)),
            ("Channel", "Microsoft-Windows-Sysmon/Operational".into()),
            ("Image", image.as_str().into()),
            ("CommandLine", command.as_str().into()),
            ("ParentImage", r"C:\Windows\explorer.exe".into()),
            ("User", r"ACME\a.tanaka".into()),
        ] {
            builder.field(field, value);
        }
        builder.commit(EventMeta {
            time: Some(1_763_600_000_000_000 + number as i64),
            fallback_time: 0,
            event_id: number as u128,
            path: "events.ndjson",
            offset: number as u64,
            raw: b"",
        });
    }
    builder.finish().expect("rows were written")
}

/// Rules made of one detection each, for process creations.
pub fn compiled(detections: impl IntoIterator<Item = String>) -> Arc<CompiledRules> {
    let mut loader = Loader::new();
    let mut count = 0;
    for (number, detection) in detections.into_iter().enumerate() {
        let head = format!("title: Rule {number}\nid: 00000000-0000-4000-8000-{number:012x}\nstatus: test\n");
        let rule = format!(
            "{head}logsource: {{product: windows, category: process_creation}}\ndetection:\n{detection}"
        );
        loader.add_text(format!("rule-{number}.yml"), &rule);
        count += 1;
    }
    let report = loader.finish();
    assert_eq!(report.detections.len(), count, "{:?}", report.problems);
    Arc::new(CompiledRules::compile(report.detections, &Catalog::builtin()).0)
}
