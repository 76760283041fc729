//! What is crafted must not cost more than what is not: it is refused, and the record after it is read.

use std::time::{Duration, Instant};

use super::compare::Both;
use super::writer::{
    ChunkWriter, Instance, Value, Xml, element, named_data, string, text, usual_event, utf16, with_attributes,
};

/// A chunk with a crafted record, and a usual one after it.
fn read(write: impl FnOnce(&mut ChunkWriter)) -> (usize, Vec<&'static str>) {
    let mut writer = ChunkWriter::new();
    write(&mut writer);
    let data = named_data(&[("Image", string("C:\\a.exe"))]);
    writer.record(99, &usual_event("Security", "ws1", 4688, 99, data));
    let chunk = writer.finish().expect("small enough");
    let start = Instant::now();
    let outcome = Both::new().read([chunk.as_slice()].into_iter());
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "it took {:?}",
        start.elapsed()
    );
    let lines = outcome.lines();
    let last: serde_json::Value =
        serde_json::from_str(lines.last().expect("the usual record is read")).expect("JSON");
    assert_eq!(last["log.offset"], 99);
    let reasons = outcome
        .rejects
        .iter()
        .map(|(_, reject, _)| reject.reason)
        .collect();
    (lines.len(), reasons)
}

fn nested(depth: usize) -> Xml {
    (0..depth).fold(text("x"), |inner, _| element("A", vec![inner]))
}

#[test]
fn deep_elements() {
    assert_eq!(read(|writer| writer.plain_record(1, &nested(300))), (2, vec![]));
    assert_eq!(read(|writer| writer.plain_record(1, &nested(512))), (2, vec![]));
    for depth in [513, 2000] {
        assert_eq!(
            read(|writer| writer.plain_record(1, &nested(depth))),
            (1, vec!["evtx_bad_record"])
        );
    }
    let template = |depth| Instance {
        template: nested(depth),
        values: vec![],
    };
    assert_eq!(read(|writer| writer.record(1, &template(500))), (2, vec![]));
    assert_eq!(
        read(|writer| writer.record(1, &template(2000))),
        (1, vec!["evtx_bad_record"])
    );
}

#[test]
fn deep_values() {
    let wrap = |inner: Value| {
        Value::Instance(Instance {
            template: element("A", vec![Xml::Slot(0, false)]),
            values: vec![inner],
        })
    };
    let nested = |depth: usize| match (0..depth).fold(string("x"), |inner, _| wrap(inner)) {
        Value::Instance(instance) => instance,
        _ => unreachable!("wrapped"),
    };
    assert_eq!(read(|writer| writer.record(1, &nested(40))), (2, vec![]));
    assert_eq!(
        read(|writer| writer.record(1, &nested(200))),
        (1, vec!["evtx_bad_record"])
    );
}

#[test]
fn a_template_that_holds_itself() {
    let template = element("A", vec![Xml::Itself, Xml::Itself]);
    let values = vec![];
    assert_eq!(
        read(|writer| writer.record(1, &Instance { template, values })),
        (1, vec!["evtx_bad_record"])
    );
}

#[test]
fn arrays_that_multiply() {
    let items = Value::Raw(
        0x81,
        (0..60).flat_map(|_| [utf16("x"), vec![0, 0]].concat()).collect(),
    );
    let children = (0..4).map(|slot| Xml::Slot(slot, false)).collect();
    let template = element("Event", vec![element("A", children)]);
    let values = vec![items; 4];
    assert_eq!(
        read(|writer| writer.record(1, &Instance { template, values })),
        (1, vec!["evtx_bad_record"])
    );
}

#[test]
fn values_that_are_repeated() {
    // A long value in as many places as a template has room for, in many records.
    let long = string(&"x".repeat(10_000));
    let data = (0..700).map(|field| {
        let name = format!("Field{field}");
        with_attributes("Data", &[("Name", text(&name))], vec![Xml::Slot(0, false)])
    });
    let data = Instance {
        template: element("EventData", data.collect()),
        values: vec![long],
    };
    let (events, reasons) = read(|writer| writer.record(1, &usual_event("Security", "ws1", 1, 1, data)));
    assert_eq!((events, reasons), (2, vec![]));
}
