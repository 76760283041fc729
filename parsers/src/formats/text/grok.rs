//! Patterns in the notation of grok: regular expressions with `%{NAME:field}` in them.
//!
//! `%{NAME}` stands for a named pattern, `%{NAME:field}` for one whose text becomes the field. A third part
//! (`%{INT:port:int}`) is taken and ignored: the catalog gives a column its type. Everything else is a regular expression
//! of the crate `regex`; groups of it that are named (`(?<field>…)`) are fields as well.
//!
//! The names are those that Logstash users know; what they stand for is written anew, without look-around, so that all
//! patterns of a catalog can be one automaton.

use std::collections::BTreeMap;

use crate::catalog::nearest;

/// Named patterns: name, what it stands for.
const LIBRARY: &[(&str, &str)] = &[
    ("WORD", r"\w+"),
    ("NOTSPACE", r"\S+"),
    ("SPACE", r"\s*"),
    ("DATA", r".*?"),
    ("GREEDYDATA", r".*"),
    ("QUOTEDSTRING", r#"(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"#),
    ("QS", "%{QUOTEDSTRING}"),
    ("INT", r"[+-]?\d+"),
    ("POSINT", r"[1-9]\d*"),
    ("NONNEGINT", r"\d+"),
    ("NUMBER", r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"),
    ("BASE10NUM", "%{NUMBER}"),
    ("BASE16NUM", r"(?:0[xX])?[0-9A-Fa-f]+"),
    ("UUID", r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}"),
    ("USERNAME", r"[A-Za-z0-9._-]+"),
    ("USER", "%{USERNAME}"),
    ("EMAILLOCALPART", r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}"),
    ("EMAILADDRESS", "%{EMAILLOCALPART}@%{HOSTNAME}"),
    (
        "MAC",
        r"(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}|(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}",
    ),
    (
        "IPV4",
        r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)",
    ),
    (
        "IPV6",
        r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){1,6}(?::[0-9A-Fa-f]{0,4}|:%{IPV4})(?:%[A-Za-z0-9]+)?",
    ),
    ("IP", "%{IPV6}|%{IPV4}"),
    (
        "HOSTNAME",
        r"[0-9A-Za-z_](?:[0-9A-Za-z_-]{0,62})(?:\.[0-9A-Za-z_](?:[0-9A-Za-z_-]{0,62}))*\.?",
    ),
    ("IPORHOST", "%{IP}|%{HOSTNAME}"),
    ("HOSTPORT", "%{IPORHOST}:%{POSINT}"),
    ("UNIXPATH", r"/[^\s\x00]*"),
    ("WINPATH", r#"(?:[A-Za-z]:|\\)(?:\\[^\\/:*?"<>|\r\n]*)+"#),
    ("PATH", "%{UNIXPATH}|%{WINPATH}"),
    ("URIPROTO", r"[A-Za-z][A-Za-z0-9+.-]*"),
    ("URIHOST", r"%{IPORHOST}(?::%{POSINT})?"),
    ("URIPATH", r"/[^\s?#]*"),
    ("URIPARAM", r"\?[^\s#]*"),
    ("URIPATHPARAM", "%{URIPATH}(?:%{URIPARAM})?"),
    (
        "URI",
        r"%{URIPROTO}://(?:[^\s/@]*@)?(?:%{URIHOST})?(?:%{URIPATHPARAM})?(?:#\S*)?",
    ),
    (
        "LOGLEVEL",
        r"(?i:trace|debug|info(?:rmation)?|notice|warn(?:ing)?|err(?:or)?|crit(?:ical)?|fatal|severe|alert|emerg(?:ency)?)",
    ),
    ("PROG", r"[\x21-\x5a\x5c\x5e-\x7e]+"),
    (
        "SYSLOGPROG",
        r"%{PROG:process.name}(?:\[%{POSINT:process.pid}\])?",
    ),
    ("SYSLOGHOST", "%{IPORHOST}"),
    (
        "MONTH",
        r"(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*",
    ),
    ("MONTHNUM", r"0?[1-9]|1[0-2]"),
    ("MONTHDAY", r"0[1-9]|[12]\d|3[01]|[1-9]"),
    ("DAY", r"(?i:mon|tue|wed|thu|fri|sat|sun)[a-z]*"),
    ("YEAR", r"\d{4}|\d\d"),
    ("HOUR", r"2[0-3]|[01]?\d"),
    ("MINUTE", r"[0-5]\d"),
    ("SECOND", r"(?:[0-5]\d|60)(?:[.,:]\d+)?"),
    ("TIME", r"(?:%{HOUR}):(?:%{MINUTE})(?::%{SECOND})?"),
    ("ISO8601_TIMEZONE", r"Z|[+-](?:%{HOUR}):?(?:%{MINUTE})?"),
    ("TZ", r"[A-Z]{3,5}"),
    ("DATE_US", r"(?:%{MONTHNUM})[/-](?:%{MONTHDAY})[/-](?:%{YEAR})"),
    ("DATE_EU", r"(?:%{MONTHDAY})[./-](?:%{MONTHNUM})[./-](?:%{YEAR})"),
    ("DATE", "%{DATE_US}|%{DATE_EU}"),
    ("DATESTAMP", "(?:%{DATE})[ -](?:%{TIME})"),
    (
        "TIMESTAMP_ISO8601",
        r"\d{4}-(?:%{MONTHNUM})-(?:%{MONTHDAY})[T ](?:%{HOUR}):?(?:%{MINUTE})(?::?%{SECOND})?(?:%{ISO8601_TIMEZONE})?",
    ),
    ("SYSLOGTIMESTAMP", r"%{MONTH} +(?:%{MONTHDAY}) (?:%{TIME})"),
    ("HTTPDATE", r"(?:%{MONTHDAY})/%{MONTH}/\d{4}:%{TIME} [+-]\d{4}"),
];

/// Patterns may name each other this deep.
const MAX_DEPTH: usize = 16;
/// A pattern may become as long as this.
const MAX_LENGTH: usize = 64 << 10;

/// A pattern as a regular expression.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Expanded {
    /// The expression. Each field is a group of its own, named `f0`, `f1`, … .
    pub(crate) regex: String,
    /// The fields in the order of their groups. A field may come more than once (in alternatives).
    pub(crate) fields: Vec<String>,
}

/// `pattern` as a regular expression; `own` are named patterns that stand before the shipped ones.
///
/// # Errors
///
/// What is wrong with it, for the pattern's author.
pub(crate) fn expand(pattern: &str, own: &BTreeMap<String, String>) -> Result<Expanded, String> {
    let mut expanded = Expanded::default();
    append(pattern, own, 0, &mut expanded)?;
    Ok(expanded)
}

fn append(
    pattern: &str,
    own: &BTreeMap<String, String>,
    depth: usize,
    expanded: &mut Expanded,
) -> Result<(), String> {
    let mut rest = pattern;
    while let Some(at) = next_mark(rest) {
        expanded.regex.push_str(&rest[..at]);
        let marked = &rest[at..];
        if marked.starts_with("(?<=") || marked.starts_with("(?<!") {
            return Err(format!(
                "`{pattern}` looks behind itself, which no pattern here can"
            ));
        }
        if let Some(name) = marked.strip_prefix("(?<").or_else(|| marked.strip_prefix("(?P<")) {
            let (name, after) = name
                .split_once('>')
                .ok_or_else(|| format!("`{pattern}` has the name of a group that is not closed"))?;
            open_group(name, expanded);
            rest = after;
            continue;
        }
        let (inside, after) = marked[2..]
            .split_once('}')
            .ok_or_else(|| format!("`{pattern}` has a `%{{` that nothing closes"))?;
        rest = after;
        let mut parts = inside.splitn(3, ':');
        let name = parts.next().unwrap_or_default();
        let meaning = match own.get(name) {
            Some(text) => text.as_str(),
            None => shipped(name).ok_or_else(|| {
                let known = LIBRARY
                    .iter()
                    .map(|(known, _)| *known)
                    .chain(own.keys().map(String::as_str));
                let near = nearest(name, known);
                let hint = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                format!("there is no pattern `{name}`{hint}")
            })?,
        };
        if depth == MAX_DEPTH {
            return Err(format!("pattern `{name}` names itself"));
        }
        match parts.next().filter(|field| !field.is_empty()) {
            Some(field) => open_group(field, expanded),
            None => expanded.regex.push_str("(?:"),
        }
        append(meaning, own, depth + 1, expanded)?;
        expanded.regex.push(')');
        if expanded.regex.len() > MAX_LENGTH {
            return Err(format!(
                "`{name}` makes the pattern longer than {MAX_LENGTH} bytes"
            ));
        }
    }
    expanded.regex.push_str(rest);
    Ok(())
}

fn open_group(field: &str, expanded: &mut Expanded) {
    expanded
        .regex
        .push_str(&format!("(?<f{}>", expanded.fields.len()));
    expanded.fields.push(field.to_owned());
}

/// The next `%{`, `(?<name` or `(?P<name` that no backslash escapes.
fn next_mark(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'%' if bytes.get(at + 1) == Some(&b'{') => return Some(at),
            b'(' if bytes[at..].starts_with(b"(?<") || bytes[at..].starts_with(b"(?P<") => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

fn shipped(name: &str) -> Option<&'static str> {
    LIBRARY
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, pattern)| *pattern)
}

#[cfg(test)]
mod tests {
    use regex_automata::meta::Regex;

    use super::*;

    fn whole(name: &str, text: &str) -> bool {
        let expanded = expand(&format!("^(?:%{{{name}}})$"), &BTreeMap::new()).expect("a shipped pattern");
        Regex::new(&expanded.regex).expect("a regex").is_match(text)
    }

    #[test]
    fn every_shipped_pattern_is_a_regex() {
        for (name, _) in LIBRARY {
            let expanded = expand(&format!("%{{{name}}}"), &BTreeMap::new()).unwrap();
            Regex::new(&expanded.regex).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }

    #[test]
    fn patterns_mean_what_they_are_called() {
        for (name, yes, no) in [
            ("IP", "192.0.2.1", "192.0.2.256"),
            ("IP", "2001:db8::1", "2001"),
            ("IP", "::1", "x"),
            ("IPORHOST", "dc-1.example.com", "a b"),
            ("NUMBER", "-1.5e3", "1.2.3"),
            ("UUID", "01234567-89ab-cdef-0123-456789abcdef", "0123"),
            ("MAC", "00:11:22:aa:bb:cc", "00:11:22"),
            ("QS", r#""a \" b""#, "\"open"),
            ("TIMESTAMP_ISO8601", "2026-03-01T10:00:00.123Z", "2026-03-01"),
            ("SYSLOGTIMESTAMP", "Mar  1 10:00:00", "10:00:00"),
            ("HTTPDATE", "01/Mar/2026:10:00:00 +0100", "01/03/2026"),
            ("LOGLEVEL", "WARN", "loud"),
            ("URI", "https://u@example.com:8443/a?b=c#d", "/a"),
            ("WINPATH", r"C:\Windows\System32", "C:"),
        ] {
            assert!(whole(name, yes), "{name} takes {yes}");
            assert!(!whole(name, no), "{name} does not take {no}");
        }
    }

    #[test]
    fn own_patterns_come_first_and_mistakes_are_named() {
        let own = BTreeMap::from([
            ("BADGE".to_owned(), r"[A-Z]{3}\d+".to_owned()),
            ("LOOP".to_owned(), "%{LOOP}".to_owned()),
        ]);
        let expanded = expand(r"\%{x} %{BADGE:badge} (?<gate>\d)", &own).unwrap();
        assert_eq!(expanded.regex, r"\%{x} (?<f0>[A-Z]{3}\d+) (?<f1>\d)");
        assert_eq!(expanded.fields, ["badge", "gate"]);
        assert_eq!(expand("%{NOPE}", &own), Err("there is no pattern `NOPE`".into()));
        assert_eq!(expand("%{LOOP}", &own), Err("pattern `LOOP` names itself".into()));
        assert!(expand("%{WORD", &own).is_err());
    }
}
