use std::io::Write;
use std::time::Duration;

use super::*;

fn read_all(input: &Input, options: &InputOptions) -> (Vec<u8>, Option<InputError>) {
    let mut source = input.open(options).expect("opens");
    let mut bytes = Vec::new();
    let mut error = None;
    loop {
        match source.next(None) {
            Next::Chunk(chunk) => bytes.extend(chunk.bytes),
            Next::End => return (bytes, error),
            Next::Error(e) => error = Some(e),
            Next::Idle => {}
        }
    }
}

fn file_with(bytes: &[u8]) -> (tempfile::TempDir, Input) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("sample");
    std::fs::write(&path, bytes).expect("writes");
    let input = Input::file(&path);
    (folder, input)
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).expect("in memory");
    encoder.finish().expect("in memory")
}

#[test]
fn folders_globs_and_repeats_expand_once_in_order() {
    let folder = tempfile::tempdir().expect("temporary folder");
    for name in ["b.log", "a.log", "sub/c.log"] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("has one")).expect("creates");
        std::fs::write(path, "x").expect("writes");
    }
    let root = folder.path().to_string_lossy().into_owned();
    let set = InputSet::expand(&[
        format!("{root}/b*.log"),
        root.clone(),
        "-".into(),
        "-".into(),
        format!("{root}/none*"),
        format!("{root}/missing"),
    ]);
    let names: Vec<String> = set.inputs.iter().map(|i| i.path.replace(&root, "")).collect();
    assert_eq!(names, ["/b.log", "/a.log", "/sub/c.log", "-"]);
    assert_eq!(set.errors.len(), 2);
    assert_eq!(set.errors[1].reason, "no such file or folder");
    assert_eq!(set.total_size(), None);
}

#[test]
fn compressed_files_are_read_as_what_they_hold() {
    let text = "one\ntwo\n".repeat(1000);
    let (first, second) = text.as_bytes().split_at(1234);
    let members = [gzip(first), gzip(second)].concat();
    let zst = zstd::encode_all(text.as_bytes(), 1).expect("in memory");
    for bytes in [members, zst, text.clone().into_bytes()] {
        let (_folder, input) = file_with(&bytes);
        for chunk_bytes in [16, 1 << 20] {
            let (read, error) = read_all(&input, &InputOptions { chunk_bytes });
            assert_eq!((read.as_slice(), error), (text.as_bytes(), None));
        }
    }
}

#[test]
fn truncated_gzip_gives_what_came_before_and_an_error() {
    let text: String = (0..20_000)
        .map(|i| format!("line {i} {}\n", i * 7919 % 1000))
        .collect();
    let mut bytes = gzip(text.as_bytes());
    bytes.truncate(bytes.len() / 2);
    let (_folder, input) = file_with(&bytes);
    let (read, error) = read_all(&input, &InputOptions::default());
    assert!(read.len() > 1000 && text.as_bytes().starts_with(&read));
    assert!(error.expect("reported").reason.contains("breaks off"));
}

#[test]
fn byte_order_marks_and_utf16_are_gone() {
    let text = "{\"a\":\"ü\"}\r\n";
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked: Vec<u8> = [
        vec![0xfe, 0xff],
        text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
    ]
    .concat();
    let utf8 = [b"\xef\xbb\xbf", text.as_bytes()].concat();
    for bytes in [little, marked, utf8] {
        let (_folder, input) = file_with(&bytes);
        let (read, error) = read_all(&input, &InputOptions { chunk_bytes: 17 });
        assert_eq!((String::from_utf8(read).as_deref(), error), (Ok(text), None));
    }
}

#[test]
fn a_quiet_stream_is_idle_and_then_goes_on() {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let mut source = ChunkSource::from_reader("-", reader, &InputOptions::default());
    assert!(matches!(source.next(Some(Duration::from_millis(20))), Next::Idle));
    writer.write_all(b"{\"a\":1}\n").expect("writes");
    let Next::Chunk(chunk) = source.next(Some(Duration::from_secs(10))) else {
        panic!("the line should have come")
    };
    assert!(b"{\"a\":1}\n".starts_with(&chunk.bytes));
    drop(writer);
    loop {
        match source.next(None) {
            Next::Chunk(_) => {}
            Next::End => break,
            other => panic!("unexpected {other:?}"),
        }
    }
}
