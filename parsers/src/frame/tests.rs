mod limits;

use super::*;
use crate::input::Chunk;

/// Offset and bytes.
type Frames = Vec<(u64, Vec<u8>)>;
/// Offset and reason.
type Refused = Vec<(u64, &'static str)>;

fn frames_of(text: &[u8], chunk: usize, options: &FrameOptions) -> (Frames, Refused) {
    let source = Arc::new(Source {
        path: "-".into(),
        reference_time: 0,
        ..Source::default()
    });
    let mut framer = Framer::new(source, options.clone());
    let (mut frames, mut rejects) = (Vec::new(), Vec::new());
    let mut offset = 0;
    for bytes in text.chunks(chunk.max(1)) {
        framer.push(Chunk {
            offset,
            bytes: bytes.to_vec(),
        });
        offset += bytes.len() as u64;
    }
    framer.finish();
    while let Some(block) = framer.pop() {
        frames.extend(
            block
                .frames
                .iter()
                .map(|&span| (span.offset, block.frame(span).to_vec())),
        );
        rejects.extend(block.rejects.iter().map(|reject| (reject.offset, reject.reason)));
    }
    (frames, rejects)
}

fn texts(text: &str) -> (Vec<String>, Vec<&'static str>) {
    let whole = frames_of(text.as_bytes(), usize::MAX, &FrameOptions::default());
    for chunk in [1, 2, 3, 7, 16] {
        assert_eq!(
            frames_of(text.as_bytes(), chunk, &FrameOptions::default()),
            whole,
            "chunks of {chunk}"
        );
    }
    for (offset, frame) in &whole.0 {
        assert_eq!(&text.as_bytes()[*offset as usize..][..frame.len()], frame);
    }
    let frames = whole
        .0
        .into_iter()
        .map(|(_, frame)| String::from_utf8(frame).expect("a text"))
        .collect();
    (frames, whole.1.into_iter().map(|(_, reason)| reason).collect())
}

fn check(text: &str, frames: &[&str], rejects: &[&str]) {
    let (found, refused) = texts(text);
    assert_eq!(found, frames, "frames of {text:?}");
    assert_eq!(refused, rejects, "rejects of {text:?}");
}

#[test]
fn lines_end_with_a_line_feed_a_pair_or_the_input() {
    check("one\r\n\n  \ntwo\nthree", &["one", "two", "three"], &[]);
    check("", &[], &[]);
}

#[test]
fn holes_of_zeroes_are_nothing() {
    check("\0\0one\ntw\0o\n\0\0\0", &["one", "tw\0o"], &[]);
    check("one\0\0\r\n\0\r\ntwo\n\0", &["one", "two"], &[]);
    check(
        "\0\0{\"a\":1}\n{\"b\":2}\n\0\0\0",
        &["{\"a\":1}", "{\"b\":2}"],
        &[],
    );
    let options = FrameOptions {
        max_frame: 50,
        ..FrameOptions::default()
    };
    let text = format!("{}one\ntwo\n{}", "\0".repeat(10_000), "\0".repeat(300));
    for chunk in [7, 100, usize::MAX] {
        let (frames, rejects) = frames_of(text.as_bytes(), chunk, &options);
        let offsets: Vec<u64> = frames.iter().map(|(offset, _)| *offset).collect();
        assert_eq!(
            (offsets, rejects),
            (vec![10_000, 10_004], Vec::new()),
            "chunks of {chunk}"
        );
    }
}

#[test]
fn json_in_all_arrangements() {
    let (a, b) = (r#"{"a":1}"#, r#"{"b":{"c":[2]}}"#);
    check(&format!("{a}\n{b}\r\n\n{a}"), &[a, b, a], &[]);
    check(&format!("{a}{b} {a}"), &[a, b, a], &[]);
    check(&format!("[{a},{b}]"), &[a, b], &[]);
    check(&format!("[\n  {a},\n  {b}\n]\n"), &[a, b], &[]);
    check(
        &format!("{{\"Records\": [{a}, {b}]}}\n{{\"Records\":[{a}]}}"),
        &[a, b, a],
        &[],
    );
    check(
        &format!("{{\"@odata.context\":\"x\",\"value\":[{a}],\"n\":{b}}}"),
        &[a],
        &[],
    );
    check(
        "{\n  \"a\": 1\n}\n{\n  \"b\": 2\n}\n",
        &["{\n  \"a\": 1\n}", "{\n  \"b\": 2\n}"],
        &[],
    );
    check(
        &format!("{a}\n{{\n\"b\": 2\n}}\n{a}\n"),
        &[a, "{\n\"b\": 2\n}", a],
        &[],
    );
    check("{\"events\":[]}\n[]\n", &[], &[]);
    check(
        r#"{"kind":"x","events":[{"a":1}]}"#,
        &[r#"{"kind":"x","events":[{"a":1}]}"#],
        &[],
    );
}

#[test]
fn broken_json_costs_itself_alone() {
    let a = r#"{"a":1}"#;
    check(
        &format!("{a}\n{{\"b\":\"half\n{a}\n"),
        &[a, "{\"b\":\"half", a],
        &[],
    );
    check(&format!("{{\"b\":\"half\n{a}\n"), &["{\"b\":\"half", a], &[]);
    check(
        &format!("{a}\n{{\"b\":2,\"c\":\n{a}\n"),
        &[a, "{\"b\":2,\"c\":", a],
        &[],
    );
    check(&format!("{a}\n{{\"b\":\"half"), &[a], &["truncated_json"]);
    check(&format!("{a}\nnoise\n{a}\n"), &[a, "noise", a], &[]);
    check(
        "{\n \"a\": 1\n}\n{\n \"b\": \"x\n}\n{\n \"c\": 1\n}\n",
        &["{\n \"a\": 1\n}", "{\n \"c\": 1\n}"],
        &["broken_json"],
    );
    check(
        "[\n  {\n    \"a\": 1\n  },\n  {\n    \"b\": [1\n  },\n  {\n    \"c\": 1\n  }\n]\n",
        &["{\n    \"a\": 1\n  }", "{\n    \"c\": 1\n  }"],
        &["broken_json"],
    );
    check(
        "[{\"a\":1},{\"b\":]},{\"c\":1}]",
        &["{\"a\":1}", "{\"c\":1}"],
        &["broken_json"],
    );
}

#[test]
fn event_elements_are_cut_from_any_surroundings() {
    let event = |n: u8| format!("<Event xmlns='x'><EventID>{n}</EventID></Event>");
    let (one, two) = (event(1), event(2));
    check(&format!("{one}{two}\n"), &[&one, &two], &[]);
    check(
        &format!("<?xml version=\"1.0\"?>\r\n<Events>\n{one}\n{two}</Events>"),
        &[&one, &two],
        &[],
    );
    check(
        &format!("{one}<Event><EventID>3{two}"),
        &[&one, &two],
        &["truncated_xml"],
    );
    check(&format!("{one}<Event><Ev"), &[&one], &["truncated_xml"]);
    check(&format!("{one}<Other/>{two}"), &[&one, &two], &["not_an_event"]);
}

#[test]
fn the_first_element_says_what_xml_is() {
    let document = "<?xml version=\"1.0\"?>\n <EPOevent><Event><EventID>1</EventID></Event></EPOevent>";
    check(
        &format!("{document}\n{document}"),
        &[document.split_once("\n ").unwrap().1; 2],
        &[],
    );
    // Where a name further on decides, it depends on the cuts what was there already.
    let text = "<?xml version='1.0'?>\n<Events><Event><a  <EPOevent>";
    check(text, &[], &["truncated_xml"]);
    check("<?xml version='1.0'?>\n<Events><EPOeven", &[], &["not_an_event"]);
}

#[test]
fn too_long_frames_are_refused_and_too_long_lines_cut() {
    let options = FrameOptions {
        max_frame: 50,
        ..FrameOptions::default()
    };
    let long = "x".repeat(120);
    for (text, good, refused) in [
        (
            format!("short\n{long}\nlast\n"),
            vec!["short", &long[..50], "last"],
            vec![],
        ),
        (
            format!("2026-02-03 04:05:06 INFO a\n b\n{long}\nlast\n{long}"),
            vec!["2026-02-03 04:05:06 INFO a\n b", &long[..50], "last", &long[..50]],
            vec![],
        ),
        (
            format!("2026-02-03 04:05:06 INFO a\n {}\n c\n", &long[..30]),
            vec![
                "2026-02-03 04:05:06 INFO a",
                " xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n c",
            ],
            vec![],
        ),
        (
            format!("{{\"a\":1}}\n{{\"b\":\"{long}\"}}\n{{\"c\":1}}\n"),
            vec!["{\"a\":1}", "{\"c\":1}"],
            vec!["frame_too_long"],
        ),
    ] {
        let whole = frames_of(text.as_bytes(), usize::MAX, &options);
        let frames: Vec<&str> = whole
            .0
            .iter()
            .map(|(_, f)| std::str::from_utf8(f).expect("text"))
            .collect();
        assert_eq!(frames, good);
        assert_eq!(whole.1.iter().map(|r| r.1).collect::<Vec<_>>(), refused);
        for chunk in [1, 7, 60, 100] {
            assert_eq!(
                frames_of(text.as_bytes(), chunk, &options),
                whole,
                "chunks of {chunk}"
            );
        }
    }
}

#[test]
fn blocks_keep_to_their_limits() {
    let source = Arc::new(Source {
        path: "-".into(),
        reference_time: 0,
        ..Source::default()
    });
    let options = FrameOptions {
        batch_rows: 2,
        ..FrameOptions::default()
    };
    let mut framer = Framer::new(source, options);
    framer.push(Chunk {
        offset: 0,
        bytes: b"a\nb\nc\nd".to_vec(),
    });
    let first = framer.pop().expect("two lines");
    assert_eq!((first.sequence, first.frames.len()), (0, 2));
    assert!(framer.pop().is_none());
    framer.flush(true);
    let second = framer.pop().expect("flushed");
    assert_eq!(
        (
            second.sequence,
            second.frames.len(),
            second.frame(second.frames[0])
        ),
        (1, 1, b"c".as_slice())
    );
    assert_eq!(second.place, first.place);
    framer.finish();
    let last = framer.pop().expect("the rest");
    assert_eq!(
        (last.frames[0].offset, last.frame(last.frames[0])),
        (6, b"d".as_slice())
    );
}

#[test]
fn a_stream_hands_out_a_line_before_it_is_silent_or_ended() {
    use std::io::Write as _;
    use std::time::{Duration, Instant};

    use crate::input::{ChunkSource, InputOptions};

    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let chunks = ChunkSource::from_reader("-", reader, &InputOptions::default());
    let mut blocks = BlockReader::new(chunks, FrameOptions::default());
    writer.write_all(b"{\"a\":1}\n{\"b\"").expect("writes");
    let start = Instant::now();
    let block = loop {
        match blocks.next(Some(Duration::from_millis(50))) {
            Read::Block(block) => break block,
            Read::Idle => assert!(start.elapsed() < Duration::from_secs(10), "nothing came"),
            other => panic!("unexpected {other:?}"),
        }
    };
    assert_eq!(block.frames.len(), 1);
    writer.write_all(b":2}\n").expect("writes");
    drop(writer);
    let Read::Block(rest) = blocks.next(None) else {
        panic!("the second line should have come")
    };
    assert_eq!(rest.frame(rest.frames[0]), b"{\"b\":2}");
    assert_eq!(rest.frames[0].offset, 8);
    assert!(matches!(blocks.next(None), Read::End));
}

#[test]
fn what_is_refused_fills_no_memory_and_is_not_lost() {
    // Chunks of an EVTX file that are none: each is refused with all of its 64 KiB.
    let mut framer = Framer::new(
        Arc::new(Source {
            path: "-".into(),
            reference_time: 0,
            ..Source::default()
        }),
        FrameOptions::default(),
    );
    let mut bytes = b"ElfFile\0".to_vec();
    bytes.resize(4096, 0);
    let (mut offset, mut found) = (0, 0);
    for number in 0..100_u8 {
        bytes.resize(bytes.len() + (64 << 10), number + 1);
        let length = bytes.len() as u64;
        framer.push(Chunk {
            offset,
            bytes: std::mem::take(&mut bytes),
        });
        offset += length;
        if number == 99 {
            framer.finish();
        }
        while let Some(block) = framer.pop() {
            let kept: usize = block.rejects.iter().map(|reject| reject.raw.len()).sum();
            assert!(kept <= BLOCK_REJECT_BYTES + REJECT_BYTES, "{kept} bytes kept");
            for reject in &block.rejects {
                found += 1;
                assert_eq!(reject.raw, vec![found; 64 << 10]);
                assert_eq!(reject.length, 64 << 10);
            }
        }
    }
    assert_eq!(found, 100);
}

#[test]
fn what_is_skipped_is_not_kept_behind_a_block() {
    let options = FrameOptions {
        block_bytes: 1 << 16,
        max_frame: 1 << 10,
        ..FrameOptions::default()
    };
    for (text, skipped) in [
        ("first\n", b'\n'),
        ("first\n", b'x'),
        ("{\"a\":1}\n{\"b\":\"", b'x'),
    ] {
        let source = Arc::new(Source {
            path: "-".into(),
            reference_time: 0,
            ..Source::default()
        });
        let mut framer = Framer::new(source, options.clone());
        framer.push(Chunk {
            offset: 0,
            bytes: text.as_bytes().to_vec(),
        });
        let mut offset = text.len() as u64;
        for _ in 0..100 {
            framer.push(Chunk {
                offset,
                bytes: vec![skipped; 4096],
            });
            offset += 4096;
        }
        let held = framer.buffer_bytes();
        assert!(
            held <= 2 * options.block_bytes,
            "{held} bytes held after {text:?}"
        );
        // Of a line that is too long, its beginning is handed out too.
        let frames = framer.pop().expect("handed out").frames;
        assert!(!frames[0].truncated && frames[1..].iter().all(|frame| frame.truncated));
        assert_eq!(
            frames.len(),
            if skipped == b'x' && text == "first\n" {
                2
            } else {
                1
            }
        );
    }
}

#[test]
fn statements_keep_their_lines() {
    let banner =
        "/usr/sbin/mysqld, Version: 8.0.36 (MySQL). started with:\nTcp port: 3306\nTime   Id Command";
    let one = "# Time: 2026-02-03T04:05:06.000000Z\n# User@Host: a[a] @  [192.0.2.1]  Id:     9\n# Query_time: 2.0\nSET timestamp=1;\nSELECT 1,\n\n2;";
    let two = "# User@Host: a[a] @  [192.0.2.1]  Id:     9\n# Query_time: 3.0\nSELECT 3;";
    check(&format!("{banner}\n{one}\r\n\n{two}\n"), &[banner, one, two], &[]);
}

#[test]
fn traces_belong_to_their_line() {
    let one = "2026-02-03 04:05:06,123 ERROR [main] failed\njava.io.IOException: gone\n\tat a.B.c(D.java:1)\nCaused by: x.Y: z\n\t... 3 more";
    let two = "2026-02-03 04:05:07,123 INFO [main] goes on";
    check(&format!("{one}\n{two}\nplain\n"), &[one, two, "plain"], &[]);
    let one = "2026-02-03 04:05:06.123 UTC [9] u@d ERROR:  syntax error";
    let two = "2026-02-03 04:05:06.123 UTC [9] u@d STATEMENT:  SELECT\n\t\tnothing\n\tFROM x";
    check(&format!("{one}\n{two}\n{one}"), &[one, two, one], &[]);
    // Without a first line that says so, a line is a line.
    check("one\n\ttwo\n", &["one", "\ttwo"], &[]);
    let one =
        "2026/02/03 04:05:06 [error] 1#1: *2 FastCGI sent: \"PHP message: a\nPHP message: b\" while reading";
    let two = "2026/02/03 04:05:07 [error] 1#1: *3 x";
    check(&format!("{one}\n{two}\n"), &[one, two], &[]);
}

#[test]
fn wrapped_events_are_one() {
    let one = "CEF:0|Vendor|Pro\nduct|1|2|3|4|\n  src=192.0.2.1\n  msg=one\n  two";
    let two = "CEF:0|Vendor|Product|1|2|3|4|src=192.0.2.2 \nmsg=x";
    let three = "<13>Feb  3 04:05:06 host app: x";
    let four = "Feb 13 04:05:06 host CEF:0|a|b|c|d|e|f|";
    check(
        &format!("{one}\n{two}\r\n{three}\n{four}\n"),
        &[one, two, three, four],
        &[],
    );
    // Behind a header a line is a line.
    check(&format!("{four}\nmsg=x\n"), &[four, "msg=x"], &[]);
}

#[test]
fn events_of_windows_as_text() {
    let pairs = |id: u8| {
        format!(
            "03/12/2026 10:48:14 AM\nLogName=Security\nEventCode={id}\nMessage=It was.\n\nSubject:\n\tAccount Name:\tx"
        )
    };
    let (one, two) = (pairs(1), pairs(2));
    check(&format!("{one}\r\n\r\n{two}\n"), &[&one, &two], &[]);
    let one = "An account was logged off.\n\nSubject:\n\tAccount Name:\tx\n\nThis event is generated.";
    let two = "The screen saver was dismissed.\nSubject:\n\tAccount Name:\ty";
    check(&format!("{one}\n\n{two}\n"), &[one, two], &[]);
}

#[test]
fn counts_and_zeroes_end_records() {
    let (one, two) = ("19 <34>1 - - - - - a\nb", "16 <1>1 - - - - - -");
    check(&format!("{one}{two}\n{two}{one}"), &[one, two, two, one], &[]);
    // Too small and too large a count: the line feed ends the record.
    let (small, large) = ("5 <34>1 - - - - - abc", "40 <34>1 - - - - - abc");
    check(
        &format!("{two}\n{small}\n{large}\n{two}\n"),
        &[two, small, large, two],
        &[],
    );
    check(
        &format!("{two}\nplain\n99999999 <3>x\n{large}"),
        &[two, "plain", "99999999 <3>x", large],
        &[],
    );
    check("<34>a\nb\0<34>c\n\0\0<34>d", &["<34>a", "b\0<34>c", "<34>d"], &[]);
    check("<34>a\0<34>b\nc\0\n<34>d", &["<34>a", "<34>b\nc", "<34>d"], &[]);
}

#[test]
fn a_silent_stream_gives_the_record_at_hand() {
    let source = Arc::new(Source {
        path: "-".into(),
        reference_time: 0,
        ..Source::default()
    });
    let mut framer = Framer::new(source, FrameOptions::default());
    framer.push(Chunk {
        offset: 0,
        bytes: b"2026-02-03 04:05:06 ERROR a\n at b\n at".to_vec(),
    });
    framer.flush(false);
    assert!(framer.pop().is_none());
    framer.flush(true);
    let block = framer.pop().expect("the record");
    assert_eq!(
        block.frame(block.frames[0]),
        b"2026-02-03 04:05:06 ERROR a\n at b"
    );
    framer.finish();
    let block = framer.pop().expect("the rest");
    assert_eq!(block.frame(block.frames[0]), b" at");
}
