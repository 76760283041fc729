//! Sentences with values in them, as the documentation of a product prints them.
//!
//! ```text
//! Deny {=proto} src {S} dst {D}[ (type {#type}, code {#code})] by access-group "{rule}"*
//! ```
//!
//! | in a shape | in the text |
//! |---|---|
//! | a space | one or more spaces |
//! | `~` | any number of spaces |
//! | `[…]` | the same, or nothing; with what it holds is tried first |
//! | `*` at the end | anything |
//! | `\x` | the character `x` itself |
//! | `{=name}` | a word: up to a space, or to the character that follows in the shape |
//! | `{#name}` | a whole number |
//! | `{@name}` | an address or a host's name |
//! | `{name}` | any text, as little of it as the rest of the shape allows |
//! | `{>name}` | any text, as much of it as the rest allows: for what a stranger chose, in front of what the writer adds |
//! | any other character | itself, in either case |
//!
//! A capture of one capital or small letter is of a kind that the product's own reader knows: see [`Reader`]. The text
//! must be used up, but for a full stop or quote at its end.
//!
//! A shape is walked as it stands: most lines match their first or second one, so that nothing is worth compiling.

/// How a product writes what the captures of one letter stand for: gives the length of such a text at the front of
/// the given one, 0 if there is none.
pub(crate) type Reader = fn(letter: u8, text: &str) -> usize;

/// Names and texts of the captures of a shape.
pub(crate) type Found<'a> = Vec<(&'static str, &'a str)>;

/// Steps that one line may cost: hostile lines could otherwise make a shape with several texts try all splits.
pub(super) const STEPS: u32 = 4096;

/// Bytes that a product's own reader sees. It looks for the end of what it reads, at every step anew.
pub(super) const SEEN: usize = 1024;

/// Whether `text` has this shape; its captures are then in `found`, without those that are empty.
pub(crate) fn matches<'s, 'a>(
    shape: &'s str,
    text: &'a str,
    read: Reader,
    found: &mut Vec<(&'s str, &'a str)>,
) -> bool {
    found.clear();
    // Sentences are short; steps count looks, not bytes.
    if text.len() > 64 << 10 {
        return false;
    }
    let mut walk = Walk {
        read,
        found,
        steps: STEPS,
    };
    walk.on(shape, text, None)
}

/// What of the shape comes after the brackets.
struct After<'s, 'n> {
    shape: &'s str,
    then: Option<&'n After<'s, 'n>>,
}

struct Walk<'s, 'a, 'f> {
    read: Reader,
    found: &'f mut Vec<(&'s str, &'a str)>,
    steps: u32,
}

impl<'s, 'a> Walk<'s, 'a, '_> {
    fn on(&mut self, mut shape: &'s str, mut text: &'a str, mut then: Option<&After<'s, '_>>) -> bool {
        loop {
            let Some(left) = self.steps.checked_sub(1) else {
                return false;
            };
            self.steps = left;
            let Some(&first) = shape.as_bytes().first() else {
                match then {
                    Some(after) => {
                        (shape, then) = (after.shape, after.then);
                        continue;
                    }
                    None => return text.trim_end_matches([' ', '.', '"', '\r', '\n']).is_empty(),
                }
            };
            match first {
                b'*' if shape.len() == 1 => return true,
                b'~' => {
                    shape = &shape[1..];
                    text = text.trim_start_matches(' ');
                }
                b' ' => {
                    let rest = text.trim_start_matches(' ');
                    if rest.len() == text.len() {
                        return false;
                    }
                    shape = &shape[1..];
                    text = rest;
                }
                b'[' => {
                    let (inner, outer) = brackets(shape);
                    let kept = self.found.len();
                    let after = After { shape: outer, then };
                    if self.on(inner, text, Some(&after)) {
                        return true;
                    }
                    self.found.truncate(kept);
                    shape = outer;
                }
                b'{' => {
                    let (name, outer) = capture(shape);
                    let kind = name.as_bytes().first().copied().unwrap_or_default();
                    let length = match kind {
                        b'=' | b'#' | b'@' => fixed(kind, text, outer),
                        letter if name.len() == 1 => {
                            (self.read)(letter, &text[..text.floor_char_boundary(SEEN)])
                        }
                        _ => return self.free(name, outer, text, then),
                    };
                    if length == 0 {
                        return false;
                    }
                    let Some((value, rest)) = text.split_at_checked(length) else {
                        return false;
                    };
                    self.found.push((name.trim_start_matches(['=', '#', '@']), value));
                    (shape, text) = (outer, rest);
                }
                b'\\' => {
                    let (Some(wanted), Some(got)) = (shape.as_bytes().get(1), text.as_bytes().first()) else {
                        return false;
                    };
                    if !wanted.eq_ignore_ascii_case(got) {
                        return false;
                    }
                    (shape, text) = (&shape[2..], &text[1..]);
                }
                _ => {
                    let run = shape
                        .bytes()
                        .position(|b| matches!(b, b'*' | b'~' | b' ' | b'[' | b'{' | b'\\'))
                        .unwrap_or(shape.len())
                        // An asterisk inside is a letter as any other.
                        .max(1);
                    let (wanted, after) = shape.split_at(run);
                    let got = text.as_bytes().get(..run);
                    if !got.is_some_and(|got| got.eq_ignore_ascii_case(wanted.as_bytes())) {
                        return false;
                    }
                    (shape, text) = (after, &text[run..]);
                }
            }
        }
    }

    /// A capture of any text, in front of `shape`.
    fn free(
        &mut self,
        name: &'s str,
        mut shape: &'s str,
        text: &'a str,
        mut then: Option<&After<'s, '_>>,
    ) -> bool {
        let greedy = name.starts_with('>');
        let name = name.trim_start_matches('>');
        let kept = self.found.len();
        loop {
            let stop = match shape.as_bytes() {
                [b'[', b'[' | b'{', ..] => return false,
                [b'~', b'\\', stop, ..]
                | [b'~', stop, ..]
                | [b'[', b'\\', stop, ..]
                | [b'[', stop, ..]
                | [b'\\', stop, ..]
                | [stop, ..] => *stop,
                [] => match then {
                    Some(after) => {
                        (shape, then) = (after.shape, after.then);
                        continue;
                    }
                    None => {
                        self.keep(name, text.trim_end());
                        return true;
                    }
                },
            };
            let mut limit = text.len();
            let mut from = 0;
            loop {
                let at = match greedy {
                    false => memchr::memchr(stop, &text.as_bytes()[from..]).map(|at| from + at),
                    true => memchr::memrchr(stop, &text.as_bytes()[..limit]),
                };
                let Some(at) = at else { break };
                self.keep(name, &text[..at]);
                if self.on(shape, &text[at..], then) {
                    return true;
                }
                self.found.truncate(kept);
                (from, limit) = (at + 1, at);
            }
            // With what the brackets hold it did not go; without them, the text ends at what follows them.
            if shape.starts_with('[') {
                shape = brackets(shape).1;
            } else {
                return false;
            }
        }
    }

    fn keep(&mut self, name: &'s str, value: &'a str) {
        let value = value.trim_matches(' ');
        if !value.is_empty() && !name.is_empty() {
            self.found.push((name, value));
        }
    }
}

/// What the brackets that `shape` starts with hold, and what follows them.
pub(super) fn brackets(shape: &str) -> (&str, &str) {
    let mut depth = 0;
    let mut bytes = shape.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'[' => depth += 1,
            b']' => {
                depth -= 1;
                if depth == 0 {
                    return (&shape[1..at], &shape[at + 1..]);
                }
            }
            _ => {}
        }
    }
    (&shape[1..], "")
}

/// The name in the braces that `shape` starts with, and what follows them.
pub(super) fn capture(shape: &str) -> (&str, &str) {
    shape[1..].split_once('}').unwrap_or((&shape[1..], ""))
}

/// Length of the word, number or host that `text` starts with, in front of `shape`.
fn fixed(kind: u8, text: &str, shape: &str) -> usize {
    let next = shape.as_bytes().first().copied().unwrap_or(b' ');
    match kind {
        b'#' => number(text),
        b'@' => host(text, next == b':'),
        _ => {
            let stop = match next {
                b'[' | b'~' | b'*' | b'{' => b' ',
                b'\\' => shape.as_bytes().get(1).copied().unwrap_or(b' '),
                other => other,
            };
            word(text, stop, shape.is_empty() || next == b'[' || next == b'*')
        }
    }
}

/// Length of the number that `text` starts with.
pub(super) fn number(text: &str) -> usize {
    let bytes = text.as_bytes();
    let sign = usize::from(bytes.first() == Some(&b'-'));
    let digits = bytes[sign..].iter().take_while(|b| b.is_ascii_digit()).count();
    if digits == 0 { 0 } else { sign + digits }
}

/// Length of the address or name that `text` starts with; if `parted`, the last colon parts it from what follows.
pub(super) fn host(text: &str, parted: bool) -> usize {
    const PLAIN: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte = 0;
        while byte < 256 {
            let b = byte as u8;
            table[byte] = b.is_ascii_alphanumeric() || matches!(b, b'.' | b':' | b'-' | b'_' | b'%');
            byte += 1;
        }
        table
    };
    let run = text.bytes().take_while(|b| PLAIN[usize::from(*b)]).count();
    let host = match parted {
        true => text[..run].rfind(':').unwrap_or(run),
        false => run,
    };
    text[..host].trim_end_matches(['.', ':', '-']).len()
}

/// Length of the word that `text` starts with, up to a space or `stop`; if `ends`, without what ends a sentence.
pub(super) fn word(text: &str, stop: u8, ends: bool) -> usize {
    let word = text.bytes().take_while(|&b| b != b' ' && b != stop).count();
    match ends {
        true => text[..word].trim_end_matches(['.', ',', ';', '"']).len(),
        false => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(_: u8, text: &str) -> usize {
        text.bytes().take_while(u8::is_ascii_digit).count()
    }

    fn of<'a>(shape: &'static str, text: &'a str) -> Option<Found<'a>> {
        let mut found = Found::new();
        matches(shape, text, digits, &mut found).then_some(found)
    }

    #[test]
    fn captures() {
        let shape = "Deny {=proto} src {@ip}/{#port}[ (type {#type})] by \"{rule}\"*";
        assert_eq!(
            of(shape, "deny TCP  src 192.0.2.1/80 by \"a b\" [0x0]"),
            Some(vec![
                ("proto", "TCP"),
                ("ip", "192.0.2.1"),
                ("port", "80"),
                ("rule", "a b")
            ])
        );
        assert_eq!(
            of(shape, "Deny icmp src 2001:db8::1/0 (type 3) by \"r\"").map(|found| found[3]),
            Some(("type", "3"))
        );
        assert_eq!(of(shape, "Deny tcp src 192.0.2.1 by \"r\""), None);
        assert_eq!(
            of(r"\[{what}\] at {@ip}:{#port}", "[ x y] at 2001:db8::1:500."),
            Some(vec![("what", "x y"), ("ip", "2001:db8::1"), ("port", "500")])
        );
        assert_eq!(of("n {n}", "n 12"), Some(vec![("n", "12")]));
        assert_eq!(of("n {n}", "n x"), None);
    }

    #[test]
    fn the_writers_own_words_stand_last() {
        let shape = "user = {>user}[ : IP = {@ip}]";
        assert_eq!(
            of(shape, "user = x : IP = 192.0.2.9 : IP = 192.0.2.1"),
            Some(vec![("user", "x : IP = 192.0.2.9"), ("ip", "192.0.2.1")])
        );
        assert_eq!(of(shape, "user = é "), Some(vec![("user", "é")]));
        assert_eq!(
            of(
                "bytes {#bytes}[ {reason}][ from {=side}][ ({>user})]",
                "bytes 1 TCP Reset from inside (a)"
            ),
            Some(vec![
                ("bytes", "1"),
                ("reason", "TCP Reset"),
                ("side", "inside"),
                ("user", "a")
            ])
        );
        assert_eq!(
            of(
                "bytes {#bytes}[ {reason}][ from {=side}][ ({>user})]",
                "bytes 1 TCP FINs"
            ),
            Some(vec![("bytes", "1"), ("reason", "TCP FINs")])
        );
    }

    #[test]
    fn a_hostile_line_costs_no_more_than_its_steps() {
        let long = "a ".repeat(20_000);
        assert_eq!(of("{>x} a {>y} a {>z} a {>v} b", &long), None);
    }

    proptest::proptest! {
        #[test]
        fn no_line_panics(text in "[a-zé ()\\[\\]\"/:.=0-9]{0,60}") {
            for shape in ["{=a}[ ({>b})] {c}[, {#d}]*", "{@h}:{#p}[:{x}]", "a[b[c]d]{>x}", "{x}[[a]]", "[", "{", "\\"] {
                let _ = of(shape, &text);
            }
        }
    }

    #[test]
    fn what_is_read_is_seen_a_piece_at_a_time() {
        fn longest(_: u8, text: &str) -> usize {
            assert!(text.len() <= SEEN, "{} bytes", text.len());
            text.len()
        }
        let mut found = Found::new();
        let text = format!("x {}", "\u{e9}".repeat(20_000));
        assert!(!matches("{a} {S} end", &text, longest, &mut found));
    }
}
