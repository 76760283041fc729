//! `key=value` pairs, as half of all products write them.
//!
//! ```text
//! date=2026-03-01 devname="FW 1" msg='x "y"' empty= flag
//! ```
//!
//! A key is a word without spaces, quotes and separators, directly before the sign. A value is a quoted text (a backslash
//! takes the meaning from the next character where [`Style::escapes`] says so), or it ends where the next pair begins.

use super::keys::{LONGEST, Numbered, PairKeys};
use super::search::{near, near2};

/// How a product writes its pairs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    /// The sign between key and value.
    pub(crate) assign: u8,
    /// What stands between pairs. With a space, runs of it count as one.
    pub(crate) between: u8,
    /// Quotes hold values in which anything may stand.
    pub(crate) quotes: &'static [u8],
    /// A backslash in quotes takes the meaning from the next character.
    pub(crate) escapes: bool,
    /// A value without quotes goes on until the next ` key=`: products that quote nothing.
    pub(crate) open_values: bool,
}

impl Style {
    /// `a=1 b="two words"`
    pub(crate) const SPACED: Style = Style {
        assign: b'=',
        between: b' ',
        quotes: b"\"",
        escapes: true,
        open_values: false,
    };
    /// `a=1,b="x, y"`
    pub(crate) const COMMAS: Style = Style {
        between: b',',
        ..Style::SPACED
    };
    /// `a=one word b=two words`
    pub(crate) const OPEN: Style = Style {
        open_values: true,
        ..Style::SPACED
    };
}

/// One pair, as it stands in the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pair<'a> {
    /// The key.
    pub(crate) key: &'a str,
    /// The value, without its quotes; with escapes if `escaped`.
    pub(crate) value: &'a str,
    /// There are backslashes in a quoted value; see [`unescaped`].
    pub(crate) escaped: bool,
}

/// The pairs of `text`, in order. Words that are no pair are passed over.
pub(crate) fn pairs(text: &str, style: Style) -> Pairs<'_> {
    let mut ends_key = [false; 256];
    // No product has more than two kinds of quotes.
    for &end in [style.assign, style.between, b' ']
        .iter()
        .chain(style.quotes.iter().take(2))
    {
        ends_key[usize::from(end)] = true;
    }
    // No text holds such a byte.
    let quote = |number| style.quotes.get(number).copied().unwrap_or(u8::MAX);
    Pairs {
        rest: text,
        style,
        quotes: [quote(0), quote(1)],
        ends_key,
    }
}

/// See [`pairs`].
#[derive(Debug, Clone)]
pub(crate) struct Pairs<'a> {
    rest: &'a str,
    style: Style,
    quotes: [u8; 2],
    /// What no key holds.
    ends_key: [bool; 256],
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Pair<'a>;

    fn next(&mut self) -> Option<Pair<'a>> {
        self.next_where(|_| None)
    }
}

impl<'a> Pairs<'a> {
    /// The next pair, and the number of its key.
    #[inline(always)]
    pub(crate) fn next_numbered<R: Copy>(
        &mut self,
        keys: &mut PairKeys<R>,
    ) -> Option<(Pair<'a>, Numbered<R>)> {
        let all = self.rest.as_bytes();
        let start = usize::from(all.first() == Some(&self.style.between));
        if let Some((numbered, length)) = all.get(start..).and_then(|text| keys.guess(text)) {
            let rest = &self.rest[start..];
            return Some((self.pair(rest, length), numbered));
        }
        self.next_unforeseen(keys)
    }

    /// As [`next_numbered`](Pairs::next_numbered), where the key is another than was guessed, or more stands before it.
    #[inline(never)]
    fn next_unforeseen<R: Copy>(&mut self, keys: &mut PairKeys<R>) -> Option<(Pair<'a>, Numbered<R>)> {
        let mut numbered = None;
        let assign = self.style.assign;
        let pair = self.next_where(|text| {
            let (key, length) = keys.guess(text)?;
            numbered = Some(key);
            Some(length)
        })?;
        let key = match numbered {
            Some(key) => key,
            None => {
                let mut spelled = [0; LONGEST + 1];
                let length = pair.key.len();
                match spelled.get_mut(..=length) {
                    Some(spelled) => {
                        spelled[..length].copy_from_slice(pair.key.as_bytes());
                        spelled[length] = assign;
                        keys.find(pair.key, spelled)
                    }
                    None => keys.unnumbered(pair.key),
                }
            }
        };
        Some((pair, key))
    }

    /// The next pair. `length_of_key` is asked how long the key is that a text begins with, if it knows; behind that stands
    /// the sign then, and no byte of it ends a key.
    #[inline(always)]
    fn next_where(&mut self, mut length_of_key: impl FnMut(&[u8]) -> Option<usize>) -> Option<Pair<'a>> {
        let Style {
            assign,
            between,
            quotes,
            escapes,
            ..
        } = self.style;
        loop {
            let all = self.rest.as_bytes();
            let mut start = 0;
            while all.get(start).is_some_and(|&b| b == b' ' || b == between) {
                start += 1;
            }
            let rest = &self.rest[start..];
            let bytes = rest.as_bytes();
            let known = length_of_key(bytes);
            let found = known.or_else(|| bytes.iter().position(|&b| self.ends_key[usize::from(b)]));
            let Some(at) = found else {
                self.rest = "";
                return None;
            };
            if bytes[at] != assign || at == 0 {
                // A word of its own; a quoted one is passed over as a whole.
                let end = match quotes.contains(&bytes[at]) {
                    true => closing(&bytes[at..], escapes).map_or(bytes.len(), |(end, _)| at + end + 1),
                    false => at + 1,
                };
                self.rest = rest.get(end..).unwrap_or_default();
                continue;
            }
            return Some(self.pair(rest, at));
        }
    }

    /// The pair that `rest` begins with, whose sign stands at `at`.
    #[inline(always)]
    fn pair(&mut self, rest: &'a str, at: usize) -> Pair<'a> {
        let Style {
            between,
            escapes,
            open_values,
            ..
        } = self.style;
        let (key, value) = (&rest[..at], &rest[at + 1..]);
        let first = value.as_bytes().first();
        let quoted = first.is_some_and(|b| *b == self.quotes[0] || *b == self.quotes[1]);
        if quoted && let Some((end, slashed)) = closing(value.as_bytes(), escapes) {
            self.rest = &value[end + 1..];
            return Pair {
                key,
                value: &value[1..end],
                escaped: escapes && slashed,
            };
        }
        let end = match open_values {
            true => end_of_open_value(value, self.style),
            false => near(between, value.as_bytes()).unwrap_or(value.len()),
        };
        self.rest = &value[end..];
        Pair {
            key,
            value: match value.as_bytes().get(end.wrapping_sub(1)) {
                Some(b' ') => value[..end].trim_end_matches(' '),
                _ => &value[..end],
            },
            escaped: false,
        }
    }
}

/// Where the quote that `bytes` start with is closed, and whether there are backslashes in between.
#[inline(always)]
fn closing(bytes: &[u8], escapes: bool) -> Option<(usize, bool)> {
    let (&quote, inner) = bytes.split_first()?;
    let at = 1 + near2(quote, b'\\', inner)?;
    match bytes[at] == quote {
        true => Some((at, false)),
        false => closing_behind(bytes, at, quote, escapes),
    }
}

/// As [`closing`]; the first backslash stands at `at`.
fn closing_behind(bytes: &[u8], mut at: usize, quote: u8, escapes: bool) -> Option<(usize, bool)> {
    let mut slashed = false;
    while let Some(found) = near2(quote, b'\\', &bytes[at..]) {
        at += found;
        match bytes[at] == b'\\' && escapes && quote != b'\\' {
            true => at = (at + 2).min(bytes.len()),
            false if bytes[at] == quote => return Some((at, slashed)),
            false => at += 1,
        }
        slashed = true;
    }
    None
}

/// Where a value ends that goes on until the next separator followed by `key=`.
fn end_of_open_value(value: &str, style: Style) -> usize {
    let bytes = value.as_bytes();
    let mut from = 0;
    while let Some(at) = memchr::memchr(style.assign, &bytes[from..]).map(|at| from + at) {
        let key = bytes[..at]
            .iter()
            .rev()
            .take_while(|&&b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'[' | b']'))
            .count();
        let start = at - key;
        let separated = start > 0 && (bytes[start - 1] == style.between || bytes[start - 1] == b' ');
        if key > 0 && separated {
            return start - 1;
        }
        if key > 0 && start == 0 {
            // An empty value: its separator is the sign's own space, already passed over.
            return 0;
        }
        from = at + 1;
    }
    value.len()
}

/// A quoted value with its escapes undone: `\n`, `\t`, `\r` are what they say, any other character stands for itself.
pub(crate) fn unescaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some('r') => text.push('\r'),
                Some(other) => {
                    // A path of Windows is written as it is as often as it is escaped.
                    if other != '"' && other != '\\' && other != '\'' {
                        text.push('\\');
                    }
                    text.push(other);
                }
                None => text.push('\\'),
            },
            _ => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str, style: Style) -> Vec<(&str, &str)> {
        pairs(text, style).map(|pair| (pair.key, pair.value)).collect()
    }

    #[test]
    fn quoted_and_bare() {
        assert_eq!(
            all(r#"a=1  b="two words" noise c= d="x \"y\"" e"#, Style::SPACED),
            [("a", "1"), ("b", "two words"), ("c", ""), ("d", r#"x \"y\""#)]
        );
        assert_eq!(
            all("a=1,b=\"x, y\",c=z", Style::COMMAS),
            [("a", "1"), ("b", "x, y"), ("c", "z")]
        );
        assert_eq!(all("a=\"open", Style::SPACED), [("a", "\"open")]);
        assert_eq!(all("", Style::SPACED), []);
        assert_eq!(all("=x a=1", Style::SPACED), [("a", "1")]);
    }

    proptest::proptest! {
        #[test]
        fn numbered_keys_are_the_same_keys(
            lines in proptest::collection::vec((
                r#"((a|b|bb|a,b|key|a_longer_key_than_one_word|the_name_of_this_key_is_longer_than_any_look_at_it)=(x|"y b=1"|) ?){0,6}[a ="]{0,3} {0,40}"#,
                0..3_usize,
            ), 1..6),
        ) {
            let mut keys = PairKeys::new(str::len, |name| name, 1, 3);
            let mut numbers = std::collections::HashMap::new();
            for (line, style) in &lines {
                let style = [Style::SPACED, Style::COMMAS, Style::OPEN][*style];
                keys.restart();
                let mut numbered = pairs(line, style);
                let mut plain = pairs(line, style);
                while let Some((pair, key)) = numbered.next_numbered(&mut keys) {
                    assert_eq!(Some(pair), plain.next(), "{line}");
                    assert_eq!(key.role, pair.key.len());
                    if let Some(number) = key.key.index() {
                        assert_eq!(*numbers.entry(number).or_insert(pair.key), pair.key);
                        assert_eq!(number % 3, 1);
                    }
                }
                assert_eq!(plain.next(), None, "{line}");
            }
        }
    }

    #[test]
    fn values_that_go_on() {
        assert_eq!(
            all("act=one word src=192.0.2.1 msg=x = y last=", Style::OPEN),
            [
                ("act", "one word"),
                ("src", "192.0.2.1"),
                ("msg", "x = y"),
                ("last", "")
            ]
        );
    }

    #[test]
    fn escapes() {
        assert_eq!(unescaped(r#"x \"y\" C:\Temp a\\b"#), "x \"y\" C:\\Temp a\\b");
    }
}
