//! Whatever the bytes are, nothing panics, and how they were cut makes no difference.

use borzoi_parsers::frame::FrameOptions;
use proptest::prelude::*;

use crate::support::{decode, fixed};

/// Pieces that parsers stumble over, to be strung together.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"{\"a\":1}".to_vec()),
        Just(b"{\"EventID\":1,\"Channel\":\"x\",".to_vec()),
        Just(b"{\"Event\":{\"System\":{\"EventID\":1},\"EventData\":{\"Data\":[\"".to_vec()),
        Just(b"{\"Records\":[".to_vec()),
        Just(b"[\n  {\"b\":".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"]}".to_vec()),
        Just(b"\"\\ud83d".to_vec()),
        Just(b"<Event><System><EventID>1</EventID></System>".to_vec()),
        Just(b"</Event>".to_vec()),
        Just(b"<34>1 2024-01-01T00:00:00Z h a - - - m".to_vec()),
        Just(b"type=SYSCALL msg=audit(1.1:2): a=b".to_vec()),
        Just(b"#separator \\x09\n#fields\ta\tb\n".to_vec()),
        Just(b"ElfChnk\0".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..12),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn cutting_does_not_matter(bytes in pieces(), chunk in 1usize..40, max_frame in 8usize..200) {
        let frames = || FrameOptions { max_frame, ..FrameOptions::default() };
        let whole = decode(&bytes, usize::MAX, frames(), fixed());
        prop_assert_eq!(decode(&bytes, chunk, frames(), fixed()), whole);
    }

    #[test]
    fn damaged_chunks_do_not_panic(body in proptest::collection::vec(any::<u8>(), 0..400), at in 8usize..70_000) {
        let mut bytes = b"ElfFile\0".to_vec();
        bytes.resize(4096, 0);
        bytes.extend_from_slice(b"ElfChnk\0");
        bytes.resize(4096 + at, 0);
        bytes.extend_from_slice(&body);
        let (events, _) = decode(&bytes, 5000, FrameOptions::default(), fixed());
        prop_assert!(events.is_empty());
    }
}

/// The line of an element began in what was too long: its indentation is not that of its neighbours, however it came.
#[test]
fn the_rest_of_a_line_says_nothing_about_indentation() {
    let bytes = b"[\n  {\"a\":\"too long\n  {\"b\":]}[\n  {\"b\":";
    let frames = || FrameOptions {
        max_frame: 11,
        ..FrameOptions::default()
    };
    let whole = decode(bytes, usize::MAX, frames(), fixed());
    for chunk in 1..bytes.len() {
        assert_eq!(decode(bytes, chunk, frames(), fixed()), whole, "{chunk}");
    }
}
