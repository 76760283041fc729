//! Where a JSON document ends, without parsing it.
//!
//! [`DocumentScan`] follows strings and brackets only. It can stop at any byte and go on when more bytes
//! have come, and it notices early that a document is broken, so that a half-written object does not
//! swallow its neighbours: an unescaped line feed inside a string, a bracket that closes another kind,
//! or a line that starts like a new document where no value may start.

/// How far a scan came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scan {
    /// The document ends before this position.
    Complete(usize),
    /// More bytes are needed.
    Unfinished,
    /// The document is broken; the next one may start at this position or after it.
    Broken(usize),
}

/// A scan of one document, to be given a growing slice that starts with the document.
#[derive(Debug, Default)]
pub(super) struct DocumentScan {
    position: usize,
    /// The open brackets, `true` for an object. Deeper than [`MAX_DEPTH`] counts as broken.
    open: Vec<bool>,
    in_string: bool,
    /// The last byte outside of strings that is no white space.
    last: u8,
}

/// No log nests deeper; bounded so that garbage costs no memory.
const MAX_DEPTH: usize = 4096;

impl DocumentScan {
    /// A scan that starts inside an object that is already open.
    pub(super) fn inside_object() -> Self {
        DocumentScan {
            open: vec![true],
            last: b',',
            ..Default::default()
        }
    }

    /// Goes on in `bytes`. `indent` is what stands between a line feed and the opening brace of a
    /// neighbouring document; `None` where neighbours do not start lines.
    pub(super) fn scan(&mut self, bytes: &[u8], indent: Option<&[u8]>) -> Scan {
        while self.position < bytes.len() {
            if self.in_string {
                match self.string_end(bytes) {
                    Some(Scan::Broken(at)) => return Scan::Broken(at),
                    Some(_) => continue,
                    None => return Scan::Unfinished,
                }
            }
            let at = self.position;
            let byte = bytes[at];
            match byte {
                b'"' => {
                    self.in_string = true;
                    self.last = byte;
                }
                b'{' | b'[' => {
                    if byte == b'{'
                        && let Some(indent) = indent
                        && self.is_neighbour(bytes, indent)
                    {
                        return Scan::Broken(at - indent.len());
                    }
                    if self.open.len() >= MAX_DEPTH {
                        return Scan::Broken(at + 1);
                    }
                    self.open.push(byte == b'{');
                    self.last = byte;
                }
                b'}' | b']' => {
                    if self.open.pop() != Some(byte == b'}') {
                        return Scan::Broken(at + 1);
                    }
                    self.last = byte;
                    if self.open.is_empty() {
                        self.position += 1;
                        return Scan::Complete(self.position);
                    }
                }
                b' ' | b'\t' | b'\r' | b'\n' => {}
                _ => self.last = byte,
            }
            self.position += 1;
        }
        Scan::Unfinished
    }

    /// Moves behind the end of the current string. `None`: it is not in `bytes` yet.
    fn string_end(&mut self, bytes: &[u8]) -> Option<Scan> {
        loop {
            let rest = &bytes[self.position..];
            let Some(found) = memchr::memchr3(b'"', b'\\', b'\n', rest) else {
                self.position = bytes.len();
                return None;
            };
            let at = self.position + found;
            match bytes[at] {
                b'"' => {
                    self.in_string = false;
                    self.position = at + 1;
                    return Some(Scan::Unfinished);
                }
                b'\n' => return Some(Scan::Broken(at + 1)),
                _ if at + 1 < bytes.len() => self.position = at + 2,
                _ => {
                    self.position = at;
                    return None;
                }
            }
        }
    }

    /// Whether the brace at the current position starts a line as a neighbouring document would, in a
    /// place where this document cannot go on with one.
    fn is_neighbour(&self, bytes: &[u8], indent: &[u8]) -> bool {
        let Some(in_object) = self.open.last() else {
            return false;
        };
        let Some(line) = self.position.checked_sub(indent.len() + 1) else {
            return false;
        };
        let starts_line = bytes[line] == b'\n' && &bytes[line + 1..self.position] == indent;
        starts_line && (*in_object || !matches!(self.last, b'[' | b','))
    }
}

/// Keys whose array value holds the events, where such an object wraps them.
const WRAPPERS: &[&str] = &["Records", "records", "value", "events", "Events", "items"];

/// Whether a document is an object around an array of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrapper {
    /// It is; the first element comes at or after this position.
    Elements(usize),
    /// It is not.
    No,
    /// More bytes are needed to tell.
    Unknown,
}

/// Looks at the beginning of a document. Only an array of objects (or nothing) under one of the
/// [`WRAPPERS`] counts, and only in the first place: an event may well have a list called `events`.
/// OData annotations (`@odata.context`) may come before it.
pub(super) fn wrapper(bytes: &[u8]) -> Wrapper {
    let mut rest = Cursor { bytes, position: 0 };
    if !rest.eat(b'{') {
        return rest.unless_short();
    }
    loop {
        let Some(key) = rest.string() else {
            return rest.unless_short();
        };
        if !rest.eat(b':') {
            return rest.unless_short();
        }
        if key.starts_with(b"@odata.") {
            if rest.string().is_none() || !rest.eat(b',') {
                return rest.unless_short();
            }
            continue;
        }
        if !WRAPPERS.iter().any(|wrapper| wrapper.as_bytes() == key) || !rest.eat(b'[') {
            return rest.unless_short();
        }
        let elements = rest.position;
        return if rest.eat(b'{') || rest.eat(b']') {
            Wrapper::Elements(elements)
        } else {
            rest.unless_short()
        };
    }
}

struct Cursor<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Cursor<'a> {
    fn eat(&mut self, wanted: u8) -> bool {
        while self.bytes.get(self.position).is_some_and(u8::is_ascii_whitespace) {
            self.position += 1;
        }
        let there = self.bytes.get(self.position) == Some(&wanted);
        self.position += usize::from(there);
        there
    }

    /// A string without escapes; `None` leaves the position at the end if the bytes ran out.
    fn string(&mut self) -> Option<&'a [u8]> {
        if !self.eat(b'"') {
            return None;
        }
        let rest = &self.bytes[self.position..];
        match memchr::memchr2(b'"', b'\n', rest) {
            Some(end) if rest[end] == b'"' => {
                self.position += end + 1;
                Some(&rest[..end])
            }
            Some(_) => None,
            None => {
                self.position = self.bytes.len();
                None
            }
        }
    }

    fn unless_short(&self) -> Wrapper {
        if self.position >= self.bytes.len() {
            Wrapper::Unknown
        } else {
            Wrapper::No
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Scan {
        DocumentScan::default().scan(text.as_bytes(), Some(b""))
    }

    #[test]
    fn documents_end_at_their_closing_bracket() {
        assert_eq!(whole(r#"{"a":"}\"","b":[{}]} {"#), Scan::Complete(20));
        assert_eq!(whole("{\"a\":\n{\n}\n"), Scan::Broken(6));
        assert_eq!(whole("{\"a\":[\n{\n}\n,\n{}]}"), Scan::Complete(17));
        assert_eq!(whole(r#"{"a":"\"#), Scan::Unfinished);
    }

    #[test]
    fn broken_documents_are_noticed_at_their_neighbour() {
        assert_eq!(whole("{\"a\":\"half\n{\"b\":1}"), Scan::Broken(11));
        assert_eq!(whole("{\"a\":1,\"b\"\n{\"b\":1}"), Scan::Broken(11));
        assert_eq!(whole("{\"a\":[1}"), Scan::Broken(8));
    }

    #[test]
    fn any_chunking_scans_the_same() {
        let text = br#"{"a":"x\\\"}","b":{"c":[1,2]}}"#;
        let mut scan = DocumentScan::default();
        for length in 0..text.len() {
            assert_eq!(scan.scan(&text[..length], Some(b"")), Scan::Unfinished);
        }
        assert_eq!(scan.scan(text, Some(b"")), Scan::Complete(text.len()));
    }

    #[test]
    fn only_leading_arrays_of_objects_wrap() {
        assert_eq!(wrapper(br#"{"Records": [ {"a":1}]}"#), Wrapper::Elements(13));
        assert_eq!(
            wrapper(br#"{"@odata.context":"x","value":[{}]}"#),
            Wrapper::Elements(31)
        );
        assert_eq!(wrapper(br#"{"value":["a"]}"#), Wrapper::No);
        assert_eq!(wrapper(br#"{"kind":"x","events":[{}]}"#), Wrapper::No);
        assert_eq!(wrapper(br#"{"Records"#), Wrapper::Unknown);
    }
}
