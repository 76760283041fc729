//! [Shapes](super::shape) made ready once, for products whose every line is a sentence.
//!
//! What a shape says letter by letter is a step here: a text to compare, spaces, a capture and where it may end. What brackets
//! hold stands in line with the rest, behind a note of where to go on if it does not fit. A test holds both ways of matching
//! to the same answers.

use super::shape::{Found, Reader, SEEN, STEPS, brackets, capture, host, number, word};

/// A shape, ready to be compared with texts.
pub(crate) struct Compiled {
    steps: Vec<Step>,
}

enum Step {
    /// This text, in either case.
    Text(&'static [u8]),
    /// One or more spaces.
    Spaces,
    /// Any number of spaces.
    Gap,
    /// What follows, or else from this step on.
    Try(usize),
    /// A word up to a space or `stop`; if `ends`, without what ends a sentence.
    Word(&'static str, u8, bool),
    /// A whole number.
    Number(&'static str),
    /// An address or a host's name; if `true`, the last colon is not its own.
    Host(&'static str, bool),
    /// What the product's own reader knows.
    Own(&'static str, u8),
    /// Any text that ends in one of these ways.
    Free(Free),
    /// Anything.
    All,
    /// Nothing but what ends a sentence.
    End,
    /// Nothing matches.
    Never,
}

struct Free {
    name: &'static str,
    /// As much as the rest allows, not as little.
    greedy: bool,
    /// Bytes in front of which it may end, and from which step on the rest must match then.
    stops: Vec<(u8, usize)>,
    /// It may also be all the rest.
    last: bool,
}

/// A shape on its way to steps.
struct Making {
    shape: &'static str,
    steps: Vec<Step>,
    /// Which step each place of the shape begins with.
    step_at: Vec<usize>,
    /// The rest of the shape behind each open bracket.
    behind: Vec<(usize, usize)>,
}

impl Compiled {
    /// Makes a shape ready.
    pub(crate) fn new(shape: &'static str) -> Self {
        let mut making = Making {
            shape,
            steps: Vec::new(),
            step_at: vec![0; shape.len() + 1],
            behind: Vec::new(),
        };
        making.add(0, shape.len());
        making.steps.push(Step::End);
        let Making {
            mut steps, step_at, ..
        } = making;
        for step in &mut steps {
            if let Step::Free(free) = step {
                for (_, at) in &mut free.stops {
                    *at = step_at[*at];
                }
            }
        }
        Compiled { steps }
    }

    /// As [`matches`](super::shape::matches).
    pub(crate) fn matches<'a>(&self, text: &'a str, read: Reader, found: &mut Found<'a>) -> bool {
        found.clear();
        if text.len() > 64 << 10 {
            return false;
        }
        let mut walk = Walk {
            steps: &self.steps,
            read,
            found,
            left: STEPS,
        };
        walk.on(0, text)
    }
}

impl Making {
    /// Adds the steps of a part of the shape.
    fn add(&mut self, start: usize, end: usize) {
        let shape = self.shape;
        let mut at = start;
        while at < end {
            self.step_at[at] = self.steps.len();
            let rest = &shape[at..end];
            at = match rest.as_bytes()[0] {
                b'*' if rest.len() == 1 => self.push(Step::All, at + 1),
                b'~' => self.push(Step::Gap, at + 1),
                b' ' => self.push(Step::Spaces, at + 1),
                b'[' => {
                    let (inner, outer) = brackets(rest);
                    let behind = end - outer.len();
                    let tried = self.steps.len();
                    self.steps.push(Step::Never);
                    self.behind.push((behind, end));
                    self.add(at + 1, at + 1 + inner.len());
                    self.behind.pop();
                    self.steps[tried] = Step::Try(self.steps.len());
                    behind
                }
                b'{' => {
                    let (name, outer) = capture(rest);
                    let step = self.capture(name, outer, end);
                    self.push(step, end - outer.len())
                }
                b'\\' => match rest.len() {
                    1 => self.push(Step::Never, end),
                    _ => self.push(Step::Text(&shape.as_bytes()[at + 1..at + 2]), at + 2),
                },
                _ => {
                    let run = rest
                        .bytes()
                        .position(|b| matches!(b, b'*' | b'~' | b' ' | b'[' | b'{' | b'\\'))
                        .unwrap_or(rest.len())
                        // An asterisk inside is a letter as any other.
                        .max(1);
                    self.push(Step::Text(&shape.as_bytes()[at..at + run]), at + run)
                }
            };
        }
        self.step_at[end] = self.steps.len();
    }

    fn push(&mut self, step: Step, next: usize) -> usize {
        self.steps.push(step);
        next
    }

    /// The capture called `name`, in front of `outer`, the end of a part that ends at `end`.
    fn capture(&self, name: &'static str, outer: &'static str, end: usize) -> Step {
        let bare = name.trim_start_matches(['=', '#', '@']);
        let next = outer.as_bytes().first().copied().unwrap_or(b' ');
        match name.as_bytes() {
            [b'=', ..] => {
                let stop = match next {
                    b'[' | b'~' | b'*' | b'{' => b' ',
                    b'\\' => outer.as_bytes().get(1).copied().unwrap_or(b' '),
                    other => other,
                };
                Step::Word(bare, stop, outer.is_empty() || next == b'[' || next == b'*')
            }
            [b'#', ..] => Step::Number(bare),
            [b'@', ..] => Step::Host(bare, next == b':'),
            [letter] => Step::Own(name, *letter),
            _ => {
                let (stops, last) = self.ways((end - outer.len(), end));
                Step::Free(Free {
                    name: name.trim_start_matches('>'),
                    greedy: name.starts_with('>'),
                    stops,
                    last,
                })
            }
        }
    }

    /// Where a text may end in front of a part of the shape, and whether it may be the last.
    fn ways(&self, mut part: (usize, usize)) -> (Vec<(u8, usize)>, bool) {
        let mut stops = Vec::new();
        let mut behind = self.behind.iter().rev();
        loop {
            let (start, end) = part;
            let stop = match &self.shape.as_bytes()[start..end] {
                [b'[', b'[' | b'{', ..] => return (stops, false),
                [b'~', b'\\', stop, ..]
                | [b'~', stop, ..]
                | [b'[', b'\\', stop, ..]
                | [b'[', stop, ..]
                | [b'\\', stop, ..]
                | [stop, ..] => *stop,
                [] => match behind.next() {
                    Some(outer) => {
                        part = *outer;
                        continue;
                    }
                    None => return (stops, true),
                },
            };
            stops.push((stop, start));
            // With what the brackets hold it may not go; without them, the text ends at what follows them.
            let rest = &self.shape[start..end];
            if !rest.starts_with('[') {
                return (stops, false);
            }
            part.0 = end - brackets(rest).1.len();
        }
    }
}

struct Walk<'c, 'a, 'f> {
    steps: &'c [Step],
    read: Reader,
    found: &'f mut Found<'a>,
    left: u32,
}

impl<'a> Walk<'_, 'a, '_> {
    fn on(&mut self, mut step: usize, mut text: &'a str) -> bool {
        loop {
            let Some(left) = self.left.checked_sub(1) else {
                return false;
            };
            self.left = left;
            let steps = self.steps;
            let Some(now) = steps.get(step) else {
                return false;
            };
            step += 1;
            let (name, length) = match now {
                Step::Text(wanted) => {
                    let got = text.as_bytes().get(..wanted.len());
                    if !got.is_some_and(|got| got == *wanted || got.eq_ignore_ascii_case(wanted)) {
                        return false;
                    }
                    let Some(rest) = text.get(wanted.len()..) else {
                        return false;
                    };
                    text = rest;
                    continue;
                }
                Step::Spaces => match text.as_bytes() {
                    [b' ', next, ..] if *next != b' ' => {
                        text = &text[1..];
                        continue;
                    }
                    [b' ', ..] => {
                        text = text.trim_start_matches(' ');
                        continue;
                    }
                    _ => return false,
                },
                Step::Gap => {
                    if text.as_bytes().first() == Some(&b' ') {
                        text = text.trim_start_matches(' ');
                    }
                    continue;
                }
                Step::Try(otherwise) => {
                    let kept = self.found.len();
                    if self.on(step, text) {
                        return true;
                    }
                    self.found.truncate(kept);
                    step = *otherwise;
                    continue;
                }
                Step::Word(name, stop, ends) => (*name, word(text, *stop, *ends)),
                Step::Number(name) => (*name, number(text)),
                Step::Host(name, parted) => (*name, host(text, *parted)),
                Step::Own(name, letter) => {
                    let seen = match text.len() > SEEN {
                        true => &text[..text.floor_char_boundary(SEEN)],
                        false => text,
                    };
                    (*name, (self.read)(*letter, seen))
                }
                Step::Free(free) => return self.free(free, text),
                Step::All => return true,
                Step::End => return text.trim_end_matches([' ', '.', '"', '\r', '\n']).is_empty(),
                Step::Never => return false,
            };
            if length == 0 {
                return false;
            }
            let Some((value, rest)) = text.split_at_checked(length) else {
                return false;
            };
            self.found.push((name, value));
            text = rest;
        }
    }

    fn free(&mut self, free: &Free, text: &'a str) -> bool {
        let kept = self.found.len();
        for &(stop, step) in &free.stops {
            let mut limit = text.len();
            let mut from = 0;
            loop {
                let at = match free.greedy {
                    false => memchr::memchr(stop, &text.as_bytes()[from..]).map(|at| from + at),
                    true => memchr::memrchr(stop, &text.as_bytes()[..limit]),
                };
                let Some(at) = at else { break };
                self.keep(free.name, &text[..at]);
                if self.on(step, &text[at..]) {
                    return true;
                }
                self.found.truncate(kept);
                (from, limit) = (at + 1, at);
            }
        }
        if free.last {
            self.keep(free.name, text.trim_end());
        }
        free.last
    }

    fn keep(&mut self, name: &'static str, value: &'a str) {
        let value = value.trim_matches(' ');
        if !value.is_empty() && !name.is_empty() {
            self.found.push((name, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::shape;
    use super::*;

    const SHAPES: &[&str] = &[
        "Deny {=proto} src {@ip}/{#port}[ (type {#type})] by \"{rule}\"*",
        r"\[{what}\] at {@ip}:{#port}",
        "n {n}",
        "user = {>user}[ : IP = {@ip}]",
        "bytes {#bytes}[ {reason}][ from {=side}][ ({>user})]",
        "{>x} a {>y} a {>z} a {>v} b",
        "{=a}[ ({>b})] {c}[, {#d}]*",
        "{@h}:{#p}[:{x}]",
        "a[b[c]d]{>x}",
        "{x}[[a]]",
        "[a {x}]b[ {y}]",
        "{x}~[:]~[,]~b~=~{y}",
        "{x}[ {}][ b]",
        "a*b {S} {s}*",
        "[",
        "{",
        "\\",
        "a[b*]c",
    ];

    fn letters(_: u8, text: &str) -> usize {
        text.bytes().take_while(u8::is_ascii_lowercase).count()
    }

    #[track_caller]
    fn agree(text: &str) {
        for shape in SHAPES {
            let (mut one, mut other) = (Found::new(), Found::new());
            let walked = shape::matches(shape, text, letters, &mut one);
            let compiled = Compiled::new(shape).matches(text, letters, &mut other);
            assert_eq!(walked, compiled, "{shape} of {text}");
            if walked {
                assert_eq!(one, other, "{shape} of {text}");
            }
        }
    }

    #[test]
    fn as_walked() {
        for text in [
            "deny TCP  src 192.0.2.1/80 by \"a b\" [0x0]",
            "Deny icmp src 2001:db8::1/0 (type 3) by \"r\"",
            "[ x y] at 2001:db8::1:500.",
            "n 12",
            "user = x : IP = 192.0.2.9 : IP = 192.0.2.1",
            "bytes 1 TCP Reset from inside (a)",
            "bytes 1 TCP FINs",
            "a b c",
            "b c",
            "x : b = y",
            "abcdx",
            "a*b abc d e",
        ] {
            agree(text);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_as_walked(text in "[a-dxn ()\\[\\]\"/:.=0-9é,]{0,30}") {
            agree(&text);
        }

        #[test]
        fn any_sentence_as_walked(
            words in proptest::collection::vec(
                "( |  |)(Deny|src|dst|user|bytes|IP|a|b|c|x|tcp|192\\.0\\.2\\.1|::1|/80|:500|:|=|,|\\(type 3\\)|\\(|\\)|by|\"r\"|from|12|\\.|é)",
                0..12,
            ),
        ) {
            agree(&words.concat());
        }
    }
}
