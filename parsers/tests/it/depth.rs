//! However deeply a sender nests, nothing overflows the stack, every event or reject is accounted for, and
//! what is kept of an event can be read.

use borzoi_parsers::formats::{DecodeOptions, Format};
use borzoi_parsers::frame::FrameOptions;

use crate::support::{Event, decode, fixed};

fn decode_line(line: &str) -> Result<Event, &'static str> {
    let (mut events, rejects) = decode(line.as_bytes(), 1 << 20, FrameOptions::default(), fixed());
    match (events.pop(), rejects.first()) {
        (Some(event), None) => Ok(event),
        (None, Some(reject)) => Err(reject.reason),
        other => panic!("an event or a reject, not {other:?}"),
    }
}

fn nested(open: &str, depth: usize, inner: &str, close: &str) -> String {
    format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
}

/// A value of `depth` levels in the places of an event that are walked in their own ways.
fn documents(depth: usize) -> Vec<String> {
    let objects = nested(r#"{"a":"#, depth, "1", "}");
    let arrays = nested("[", depth, "1", "]");
    let attributes = nested(r##"{"#attributes":"##, depth, "1", "}");
    let mut documents = Vec::new();
    for value in [objects, arrays, attributes] {
        documents.push(format!(r#"{{"other":[{{"b":1}}],"deep":{value}}}"#));
        documents.push(format!(
            r#"{{"EventID":1,"Channel":"Security","other":[{{"b":1}}],"EventData":{value}}}"#
        ));
        documents.push(format!(
            r#"{{"Event":{{"System":{{"EventID":1,"Channel":"Security","Execution":{value}}},"EventData":{{"other":[{{"b":1}}],"Data":[{value},{value}],"deep":{value}}}}}}}"#
        ));
        documents.push(format!(
            r#"{{"winlog":{{"channel":"Security","event_id":1,"event_data":{value}}},"other":[{{"b":1}}],"deep":{value}}}"#
        ));
    }
    documents
}

#[test]
fn deep_values_are_kept_as_text_and_hide_no_other() {
    for depth in [60, 100, 200, 480] {
        for document in documents(depth) {
            let event = decode_line(&document).unwrap_or_else(|reason| panic!("{reason}: depth {depth}"));
            let unmapped = event["unmapped"].as_object().expect("an object");
            let other = unmapped.iter().find(|(name, _)| name.ends_with("other"));
            assert_eq!(other.expect("kept").1[0]["b"], 1);
        }
    }
    let event = decode_line(&documents(200)[0]).expect("kept");
    assert_eq!(event["error.type"], "nested_too_deep");
    let event = decode_line(&documents(30)[0]).expect("kept");
    assert!(!event.contains_key("error.type"));
}

#[test]
fn documents_are_read_to_a_depth_that_is_the_same_on_every_way() {
    for (depth, wanted) in [
        (510, Ok(())),
        (511, Ok(())),
        (512, Err("too_deep")),
        (513, Err("too_deep")),
        (3000, Err("too_deep")),
    ] {
        for value in ["1", r#""\ud800""#, "123456789012345678901234567890"] {
            let document = format!(r#"{{"deep":{}}}"#, nested("[", depth, value, "]"));
            assert_eq!(
                decode_line(&document).map(drop),
                wanted,
                "{depth} levels around {value}"
            );
        }
    }
}

#[test]
fn long_rows_of_brackets_cost_themselves_alone() {
    const MANY: usize = 1 << 20;
    let good = r#"{"a":1}"#;
    let rows =
        ["{", "]", r#"{"a":"#, r#"{"a":["#, r#"{"a":{"b":1},"c":["#].map(|row| row.repeat(MANY / row.len()));
    // Closed again, so that the line looks like a document.
    let closed = nested(r#"{"a":"#, MANY, "1", "}");
    for row in rows.into_iter().chain([closed, "[".repeat(10 << 20)]) {
        let bytes = format!("{good}\n{row}\n{good}\n");
        let (events, rejects) = decode(bytes.as_bytes(), 1 << 20, FrameOptions::default(), fixed());
        assert_eq!((events.len(), rejects.len()), (2, 1), "{}", &row[..10]);
        assert_eq!(rejects[0].offset, good.len() as u64 + 1);
        assert_eq!(rejects[0].length, row.len() as u64, "{}", &row[..10]);
    }
}

#[test]
fn deep_xml_is_refused() {
    let options = || DecodeOptions {
        format: Some(Format::Xml),
        ..fixed()
    };
    let frames = || FrameOptions {
        format: Some(Format::Xml),
        ..FrameOptions::default()
    };
    for element in ["<a>", "<EventData>", "<Data Name='x'>"] {
        let xml = format!("<Event>{}", element.repeat((1 << 20) / element.len()));
        for (xml, reason) in [(format!("{xml}</Event>"), "too_deep"), (xml, "truncated_xml")] {
            let (events, rejects) = decode(xml.as_bytes(), 1 << 20, frames(), options());
            assert_eq!(
                (events.len(), rejects.len(), rejects[0].reason),
                (0, 1, reason),
                "{element}"
            );
        }
    }
    // Starts without an end are each given up at the next one, at once.
    let (events, rejects) = decode("<Event>".repeat(1 << 17).as_bytes(), 1 << 20, frames(), options());
    assert_eq!((events.len(), rejects.len()), (0, 1 << 17));
}
