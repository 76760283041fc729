//! JSON as people's tools write it, mended into JSON as the standard has it.
//!
//! The fast parser refuses a document for a number of more than 64 bits, an unpaired surrogate or a raw
//! control character in a string. None of them leaves a doubt about what was meant: such a number becomes
//! a string of its digits (kept exactly), the surrogate U+FFFD, the control character its escape.

use super::Reject;

/// Deeper nesting is refused. What walks a document calls itself once a level: this bounds the stack.
pub(super) const MAX_DEPTH: usize = 512;

/// `frame` as standard JSON.
///
/// # Errors
///
/// `truncated_json` if it ends too early, `too_deep`, `not_json` otherwise; the detail says where.
pub(super) fn repair(frame: &[u8]) -> Result<Vec<u8>, Reject> {
    let mut repair = Repair {
        input: frame,
        position: 0,
        out: Vec::with_capacity(frame.len() + 16),
    };
    repair.document()?;
    repair.skip_space();
    if repair.position < frame.len() {
        return Err(repair.wrong("the end of the document"));
    }
    Ok(repair.out)
}

struct Repair<'a> {
    input: &'a [u8],
    position: usize,
    out: Vec<u8>,
}

impl Repair<'_> {
    fn wrong(&self, expected: &str) -> Reject {
        if self.position >= self.input.len() {
            Reject::new("truncated_json", format!("ends where {expected} should come"))
        } else {
            Reject::new(
                "not_json",
                format!("expected {expected} at byte {}", self.position),
            )
        }
    }

    fn skip_space(&mut self) {
        while self.input.get(self.position).is_some_and(u8::is_ascii_whitespace) {
            self.position += 1;
        }
    }

    fn peek(&mut self) -> Option<u8> {
        self.skip_space();
        self.input.get(self.position).copied()
    }

    fn take(&mut self, byte: u8) {
        self.out.push(byte);
        self.position += 1;
    }

    fn document(&mut self) -> Result<(), Reject> {
        // Open brackets, `true` for objects. An explicit stack: depth is the sender's choice.
        let mut open: Vec<bool> = Vec::new();
        loop {
            // A value.
            match self.peek() {
                Some(bracket @ (b'{' | b'[')) => {
                    if open.len() >= MAX_DEPTH {
                        return Err(Reject::new("too_deep", format!("nested deeper than {MAX_DEPTH}")));
                    }
                    self.take(bracket);
                    let close = if bracket == b'{' { b'}' } else { b']' };
                    if self.peek() == Some(close) {
                        self.take(close);
                    } else {
                        open.push(bracket == b'{');
                        if bracket == b'{' {
                            self.key()?;
                        }
                        continue;
                    }
                }
                Some(b'"') => self.string()?,
                Some(b'-' | b'0'..=b'9') => self.number()?,
                Some(_) => self.word()?,
                None => return Err(self.wrong("a value")),
            }
            // What follows a value.
            loop {
                let Some(&in_object) = open.last() else {
                    return Ok(());
                };
                match self.peek() {
                    Some(b',') => {
                        self.take(b',');
                        if in_object {
                            self.key()?;
                        }
                        break;
                    }
                    Some(b'}') if in_object => self.take(b'}'),
                    Some(b']') if !in_object => self.take(b']'),
                    _ => return Err(self.wrong(if in_object { "`,` or `}`" } else { "`,` or `]`" })),
                }
                open.pop();
            }
        }
    }

    fn key(&mut self) -> Result<(), Reject> {
        if self.peek() != Some(b'"') {
            return Err(self.wrong("a key"));
        }
        self.string()?;
        if self.peek() != Some(b':') {
            return Err(self.wrong("`:`"));
        }
        self.take(b':');
        Ok(())
    }

    fn word(&mut self) -> Result<(), Reject> {
        let rest = &self.input[self.position..];
        for word in [b"true".as_slice(), b"false", b"null"] {
            if rest.starts_with(word) {
                self.out.extend_from_slice(word);
                self.position += word.len();
                return Ok(());
            }
            if word.starts_with(rest) {
                self.position = self.input.len();
            }
        }
        Err(self.wrong("a value"))
    }

    fn number(&mut self) -> Result<(), Reject> {
        let rest = &self.input[self.position..];
        let length = rest
            .iter()
            .take_while(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
            .count();
        let text = std::str::from_utf8(&rest[..length]).unwrap_or_default();
        let exact = match text.contains(['.', 'e', 'E']) {
            true => text.parse::<f64>().is_ok_and(f64::is_finite),
            false => text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok(),
        };
        // A number that the fast parser takes too; it decides about leading zeroes and the like.
        if exact {
            self.out.extend_from_slice(text.as_bytes());
        } else if text.parse::<f64>().is_ok() {
            self.out.push(b'"');
            self.out.extend_from_slice(text.as_bytes());
            self.out.push(b'"');
        } else {
            return Err(self.wrong("a number"));
        }
        self.position += length;
        Ok(())
    }

    fn string(&mut self) -> Result<(), Reject> {
        self.take(b'"');
        loop {
            let Some(&byte) = self.input.get(self.position) else {
                return Err(self.wrong("the end of a string"));
            };
            match byte {
                b'"' => {
                    self.take(b'"');
                    return Ok(());
                }
                b'\\' => self.escape()?,
                0..0x20 => {
                    self.out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
                    self.position += 1;
                }
                _ => self.take(byte),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Reject> {
        let rest = &self.input[self.position..];
        match rest.get(1) {
            Some(b'u') => {}
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.out.extend_from_slice(&rest[..2]);
                self.position += 2;
                return Ok(());
            }
            Some(_) => {
                // `\x` or `\U`, as tools write Windows paths without escaping: a backslash was meant.
                self.out.extend_from_slice(b"\\\\");
                self.position += 1;
                return Ok(());
            }
            None => {
                self.position = self.input.len();
                return Err(self.wrong("the end of an escape"));
            }
        }
        let Some(unit) = hex_unit(&rest[2..]) else {
            if rest.len() < 6 {
                self.position = self.input.len();
                return Err(self.wrong("the end of an escape"));
            }
            self.out.extend_from_slice(b"\\\\");
            self.position += 1;
            return Ok(());
        };
        let low = rest
            .get(6..)
            .filter(|next| next.starts_with(b"\\u"))
            .and_then(|next| hex_unit(&next[2..]));
        let length = match (unit, low) {
            (0xd800..0xdc00, Some(0xdc00..0xe000)) => 12,
            (0xd800..0xe000, _) => {
                self.out.extend_from_slice(b"\\ufffd");
                self.position += 6;
                return Ok(());
            }
            _ => 6,
        };
        self.out.extend_from_slice(&rest[..length]);
        self.position += length;
        Ok(())
    }
}

fn hex_unit(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.get(..4)?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(text: &str) -> String {
        let out = repair(text.as_bytes()).expect("can be mended");
        String::from_utf8(out).expect("stays text")
    }

    #[test]
    fn what_is_plain_is_mended() {
        assert_eq!(
            mended(r#"{"n": 123456789012345678901234567890}"#),
            r#"{"n":"123456789012345678901234567890"}"#
        );
        assert_eq!(
            mended(r#"["\ud800x", "\ud83d\ude00"]"#),
            r#"["\ufffdx","\ud83d\ude00"]"#
        );
        assert_eq!(mended("[\"a\tb\",{},[]]"), "[\"a\\u0009b\",{},[]]");
        assert_eq!(mended(r#"["C:\Users"]"#), r#"["C:\\Users"]"#);
    }

    #[test]
    fn what_is_not_says_why() {
        let reason = |text: &str| repair(text.as_bytes()).map_err(|reject| reject.reason);
        for truncated in [
            r#"{"a"#,
            r#"{"a":"#,
            r#"{"a":1"#,
            r#"{"a":tru"#,
            r#"["\u00"#,
            "[1,",
        ] {
            assert_eq!(reason(truncated), Err("truncated_json"), "{truncated}");
        }
        for wrong in ["{a:1}", r#"{"a" 1}"#, "[1 2]", "{} x", "nope"] {
            assert_eq!(reason(wrong), Err("not_json"), "{wrong}");
        }
        assert_eq!(reason(&"[".repeat(100_000)), Err("too_deep"));
    }
}
