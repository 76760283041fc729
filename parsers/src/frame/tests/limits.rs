//! What is long, damaged or repeated costs itself alone, and no more than its bytes.

use super::*;

#[test]
fn a_long_counted_record_costs_itself_alone() {
    let long = "x".repeat(3 << 20);
    let text = format!(
        "16 <1>1 - - - - - -{} <2>{long}16 <3>1 - - - - - a\n16 <4>1 - - - - - b",
        long.len() + 3
    );
    for chunk in [1 << 16, usize::MAX] {
        let (frames, rejects) = frames_of(text.as_bytes(), chunk, &FrameOptions::default());
        let lengths: Vec<usize> = frames.iter().map(|(_, frame)| frame.len()).collect();
        assert_eq!(lengths, [19, 1 << 20, 19, 19], "chunks of {chunk}");
        assert!(frames[2].1.starts_with(b"16 <3>") && rejects.is_empty());
    }
    // The same where a frame may be shorter than the record.
    let options = FrameOptions {
        max_frame: 50,
        ..FrameOptions::default()
    };
    let text = format!("16 <1>1 - - - - - -103 <2>{}16 <3>1 - - - - - a", &long[..100]);
    for chunk in [1, 7, 60, usize::MAX] {
        let (frames, _) = frames_of(text.as_bytes(), chunk, &options);
        let lengths: Vec<usize> = frames.iter().map(|(_, frame)| frame.len()).collect();
        assert_eq!(lengths, [19, 50, 19], "chunks of {chunk}");
    }
}

#[test]
fn a_count_that_is_not_borne_out_is_not_handed_out() {
    let source = Arc::new(Source {
        path: "-".into(),
        reference_time: 0,
        ..Source::default()
    });
    let mut framer = Framer::new(source, FrameOptions::default());
    let mut offset = 0;
    let mut push = |framer: &mut Framer, text: &str| {
        framer.push(Chunk {
            offset,
            bytes: text.as_bytes().to_vec(),
        });
        offset += text.len() as u64;
    };
    push(
        &mut framer,
        "16 <1>1 - - - - - -16 <1>1 - - - - - -\n16 <2>1 - - - - - a",
    );
    // What follows contradicts the last count: the record goes on to a line feed.
    push(&mut framer, "bc");
    framer.flush(true);
    push(&mut framer, "d\n");
    framer.finish();
    let mut frames = Vec::new();
    while let Some(block) = framer.pop() {
        frames.extend(block.frames.iter().map(|&span| block.frame(span).to_vec()));
    }
    let last = frames.last().expect("frames");
    assert_eq!(String::from_utf8_lossy(last), "16 <2>1 - - - - - abcd");
}

#[test]
fn a_long_message_before_a_zero_costs_itself_alone() {
    let options = FrameOptions {
        max_frame: 50,
        ..FrameOptions::default()
    };
    let long = "x".repeat(70);
    let text = format!("<34>a\0<34>{long}\n{long}\0<34>b\0<34>c\n");
    for chunk in [1, 7, 60, usize::MAX] {
        let (frames, rejects) = frames_of(text.as_bytes(), chunk, &options);
        let lengths: Vec<usize> = frames.iter().map(|(_, frame)| frame.len()).collect();
        assert_eq!(
            (lengths, rejects),
            (vec![5, 50, 5, 5], Vec::new()),
            "chunks of {chunk}"
        );
    }
}

#[test]
fn bytes_of_no_character_are_cut_like_others() {
    let options = FrameOptions {
        max_frame: 50,
        ..FrameOptions::default()
    };
    let mut text = vec![0x80_u8; 1000];
    text.extend_from_slice(b"\nlast\n");
    for chunk in [1, 7, 60, usize::MAX] {
        let (frames, rejects) = frames_of(&text, chunk, &options);
        let lengths: Vec<usize> = frames.iter().map(|(_, frame)| frame.len()).collect();
        assert_eq!((lengths, rejects), (vec![50, 4], Vec::new()), "chunks of {chunk}");
    }
}

/// The blocks of a source.
fn blocks_of(text: &str) -> Vec<FrameBlock> {
    let source = Arc::new(Source {
        path: "-".into(),
        reference_time: 0,
        ..Source::default()
    });
    let mut framer = Framer::new(source, FrameOptions::default());
    framer.push(Chunk {
        offset: 0,
        bytes: text.as_bytes().to_vec(),
    });
    framer.finish();
    std::iter::from_fn(|| framer.pop()).collect()
}

#[test]
fn a_header_that_is_repeated_is_one_header() {
    let names: String = (0..5000).map(|column| format!("\tcolumn{column}")).collect();
    let head = format!("#separator \\x09\n#path\tmine\n#fields{names}\n#types\ttime\n");
    let mut text = head.clone();
    for row in 0..1000 {
        text.push_str(&format!("#open\t{row}\nrow{row}\n"));
    }
    text.push_str(&head);
    text.push_str("row\n#path\tother\nrow\n");
    let blocks = blocks_of(&text);
    let rows: Vec<usize> = blocks.iter().map(|block| block.frames.len()).collect();
    assert_eq!(rows, [1001, 1]);

    let text = "a,b,c\n1,2,3\n\na,b,c\n4,5,6\n".repeat(20);
    let blocks = blocks_of(&text);
    assert_eq!((blocks.len(), blocks[0].frames.len()), (1, 40));
    assert_eq!(blocks[0].framing, Framing::Table);
}

#[test]
fn rows_of_tables() {
    check(
        "time,a,b\n1,2,3\n4,\"5\r\n\n6\",7\r\ntime,a,b\n8,9\n",
        &["1,2,3", "4,\"5\r\n\n6\",7", "8,9"],
        &[],
    );
    check(
        "#Fields: a b\n\n1 2\n#Date: x\n3 \"4\n5 6\"\n",
        &["1 2", "3 \"4", "5 6\""],
        &[],
    );
    // A quote that does not close merges nothing.
    check(
        "a,b,c\n1,2,3\n4,\"5,6\n7,8,9\n",
        &["1,2,3", "4,\"5,6", "7,8,9"],
        &[],
    );
    // A header alone, or words with commas, are lines.
    check("a,b,c\n", &["a,b,c"], &[]);
    check(
        "one, two, three\nfour, five, six\n",
        &["one, two, three", "four, five, six"],
        &[],
    );
}

#[test]
fn a_quote_that_does_not_close_is_looked_for_once() {
    let rows = 400_000;
    let mut text = String::from("a,b,c\n1,2,3\n");
    for _ in 0..rows {
        text.push_str("1,\"x,3\n");
    }
    let start = std::time::Instant::now();
    let (frames, _) = frames_of(text.as_bytes(), 1 << 16, &FrameOptions::default());
    assert_eq!(frames.len(), rows + 1);
    // A look at a mebibyte for each of them takes many minutes.
    assert!(start.elapsed().as_secs() < 60);
}
