//! Fields that the values of others say besides, as the catalog asks for (`derive`, `constants`).
//!
//! They are filled last and only where the event says nothing itself: an event that names its file beside the file's
//! path keeps that name.

use std::sync::Arc;

use super::fields::{address, host_port, is_nothing};
use super::text::pairs::{Pair, Style, pairs, unescaped};
use super::text::shape;
use crate::batch::BatchBuilder;
use crate::catalog::{Derivation, Parts};
use crate::value::Value;

/// Adds to the event begun on `builder` what its dataset derives and what holds for all of its events.
pub(super) fn derive(builder: &mut BatchBuilder) {
    let dataset = builder.dataset();
    if dataset.derive.is_empty() && dataset.constants.is_empty() {
        return;
    }
    let dataset = dataset.clone();
    let mut value = String::new();
    for derivation in &dataset.derive {
        value.clear();
        if builder.text_of(&derivation.from, &mut value) && !is_nothing(&value) {
            take_apart(derivation, &value, builder);
        }
    }
    for (column, value) in &dataset.constants {
        builder.field_if_absent(column, Value::Str(value));
    }
}

/// Adds the event's time, where another value of it says when it was and nothing else has.
pub(super) fn derive_time(builder: &mut BatchBuilder) {
    let dataset = builder.dataset().clone();
    let mut value = String::new();
    let times = |derivation: &&Derivation| matches!(derivation.parts, Parts::Time | Parts::Flow);
    for derivation in dataset.derive.iter().filter(times) {
        value.clear();
        if builder.pending_time().is_none() && builder.text_of(&derivation.from, &mut value) {
            take_apart(derivation, &value, builder);
        }
    }
}

fn take_apart(derivation: &Derivation, value: &str, builder: &mut BatchBuilder) {
    match derivation.parts {
        Parts::Url => {
            let url = Url::of(value);
            let parts = [url.scheme, url.domain, url.port, url.path, url.query, url.full];
            put(&derivation.targets, &parts, builder);
        }
        Parts::Path => {
            let (folder, name) = split_path(value);
            put(&derivation.targets, &[name, folder], builder);
        }
        Parts::Registry => {
            let (hive, key) = registry(value);
            put(&derivation.targets, &[hive, key, hive.map(|_| value)], builder);
        }
        Parts::Account => put(&derivation.targets, &account(value), builder),
        Parts::Endpoint => {
            let (host, port) = host_port(value);
            let parts = match address(host) {
                Some(ip) => [Some(ip), None, port],
                None => [None, Some(host).filter(|host| !host.contains(' ')), port],
            };
            put(&derivation.targets, &parts, builder);
        }
        Parts::Severity => {
            let number = value.parse::<i64>().is_ok();
            let parts = [Some(value).filter(|_| number), Some(value).filter(|_| !number)];
            put(&derivation.targets, &parts, builder);
        }
        Parts::Addresses => {
            let hosts = value
                .split([' ', ',', ';'])
                .map(|one| one.split('/').next().unwrap_or(one));
            let found: Vec<Value<'_>> = hosts.filter_map(address).map(Value::Str).collect();
            if !found.is_empty() {
                builder.field_if_absent(&derivation.targets[0], Value::List(found));
            }
        }
        Parts::Tactics => put_list(&derivation.targets, attack_ids(value, "TA"), builder),
        Parts::Techniques => put_list(&derivation.targets, attack_ids(value, "T"), builder),
        Parts::Arguments => {
            let words = words(value).into_iter().map(Value::Str).collect();
            builder.field_if_absent(&derivation.targets[0], Value::List(words));
        }
        Parts::Pairs => write_pairs(value, builder),
        Parts::Sentence => write_captures(&derivation.shapes, value, builder),
        Parts::Flow => {
            let parts: Vec<Option<&str>> = value.split(',').map(Some).collect();
            put(&derivation.targets, &parts, builder);
        }
        parts => put(&derivation.targets, &[one_part(parts, value)], builder),
    }
}

/// What is to be had of `value` where that is one text at most.
fn one_part(parts: Parts, value: &str) -> Option<&str> {
    match parts {
        Parts::Address => address(value),
        Parts::Name => Some(value).filter(|value| address(value).is_none()),
        Parts::File => {
            let path = value.split("://").last().unwrap_or(value);
            let is_file = path.contains(['/', '\\']) && !path.starts_with(' ');
            Some(value).filter(|_| is_file && registry(value).0.is_none())
        }
        Parts::Mailbox => {
            let domain = value.rsplit_once('@').map_or("", |(_, domain)| domain);
            Some(value).filter(|value| domain.contains('.') && !value.contains(' '))
        }
        Parts::Bare => {
            let inner = match value.rsplit_once('<') {
                Some((_, rest)) => rest.split('>').next().unwrap_or(rest),
                None => value,
            };
            Some(inner.trim_matches(['"', ' ', '{', '}']))
        }
        Parts::Prefix => value.split(['_', ':']).next(),
        Parts::Version => {
            let version = value.trim_start_matches(|c: char| !c.is_ascii_digit());
            Some(version).filter(|version| !version.is_empty())
        }
        Parts::Success => match value {
            "true" | "AUDIT_SUCCESS" => Some("success"),
            "false" | "AUDIT_FAILURE" => Some("failure"),
            _ => None,
        },
        _ => Some(value),
    }
}

/// The numbers of ATT&CK in `text` that start with `kind` and at least four digits, each once.
fn attack_ids<'v>(text: &'v str, kind: &str) -> Vec<Value<'v>> {
    let mut ids: Vec<Value<'v>> = Vec::new();
    for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '.') {
        let word = word.trim_end_matches('.');
        let digits = word.strip_prefix(kind).unwrap_or_default();
        let is_id = digits.len() >= 4 && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if is_id && !ids.contains(&Value::Str(word)) {
            ids.push(Value::Str(word));
        }
    }
    ids
}

/// The words of a command line. Blanks between double quotes separate none; the quotes stay.
fn words(text: &str) -> Vec<&str> {
    let mut quoted = false;
    text.split(|c: char| {
        quoted ^= c == '"';
        !quoted && c.is_whitespace()
    })
    .filter(|word| !word.is_empty())
    .collect()
}

/// Writes the pairs of `text` as fields of their own, where it has no other text before them: those whose names the
/// dataset declares, and which say the same wherever they stand. A value may hold what looks like pairs.
fn write_pairs(text: &str, builder: &mut BatchBuilder) {
    let starts_with_a_name = text.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    });
    if !starts_with_a_name {
        return;
    }
    let dataset = builder.dataset().clone();
    let found: Vec<Pair<'_>> = pairs(text, Style::COMMAS).collect();
    for pair in &found {
        let certain = found
            .iter()
            .all(|other| other.key != pair.key || other.value == pair.value);
        if is_nothing(pair.value) || !certain || dataset.declared_type(pair.key).is_none() {
            continue;
        }
        match pair.escaped {
            true => builder.field_if_absent(pair.key, Value::Str(&unescaped(pair.value))),
            false => builder.field_if_absent(pair.key, Value::Str(pair.value)),
        }
    }
}

/// Writes what the first of `shapes` that `text` has captures, by the names of the captures. A host that is no address
/// goes from `x.ip` to `x.domain`.
fn write_captures(shapes: &[Box<str>], text: &str, builder: &mut BatchBuilder) {
    let mut found = Vec::new();
    if !shapes
        .iter()
        .any(|shape| shape::matches(shape, text, |_, _| 0, &mut found))
    {
        return;
    }
    for (name, value) in found {
        match name.strip_suffix(".ip") {
            Some(stem) if address(value).is_none() => {
                builder.field_if_absent(&format!("{stem}.domain"), Value::Str(value));
            }
            Some(_) => builder.field_if_absent(name, Value::Str(address(value).unwrap_or(value))),
            None => builder.field_if_absent(name, Value::Str(value)),
        }
    }
}

fn put_list(targets: &[Arc<str>], values: Vec<Value<'_>>, builder: &mut BatchBuilder) {
    if let Some(target) = targets.first().filter(|_| !values.is_empty()) {
        builder.field_if_absent(target, Value::List(values));
    }
}

fn put(targets: &[Arc<str>], parts: &[Option<&str>], builder: &mut BatchBuilder) {
    for (target, part) in targets.iter().zip(parts) {
        if let Some(part) = part.filter(|part| !part.is_empty() && !target.is_empty()) {
            builder.field_if_absent(target, Value::Str(part));
        }
    }
}

/// The parts of an URL as it stands in a log: absolute, without a scheme (`host/path`), or only a path.
#[derive(Debug, Default, PartialEq)]
struct Url<'a> {
    scheme: Option<&'a str>,
    domain: Option<&'a str>,
    port: Option<&'a str>,
    path: Option<&'a str>,
    query: Option<&'a str>,
    full: Option<&'a str>,
}

impl<'a> Url<'a> {
    fn of(text: &'a str) -> Self {
        let mut url = Url::default();
        let is_scheme = |scheme: &str| {
            scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
        };
        let rest = match text.split_once("://") {
            Some((scheme, rest)) if is_scheme(scheme) => {
                url.scheme = Some(scheme);
                url.full = Some(text);
                rest
            }
            _ => text,
        };
        let (rest, _fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query)),
            None => (rest, None),
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        // Whatever stands before an `@` is a name for the host behind it.
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (host, port) = host_port(host);
        let is_host = url.scheme.is_some()
            || host.contains(['.', ':'])
                && host
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b".-_:".contains(&b));
        if !is_host && !authority.is_empty() {
            return Url::default();
        }
        url.domain = Some(host);
        url.port = port;
        url.path = Some(path);
        url.query = query;
        url
    }
}

/// A path's folder and the name in it. A path from the root (`/…`) knows no other separator; elsewhere a backslash is
/// one too.
fn split_path(path: &str) -> (Option<&str>, Option<&str>) {
    let is_separator = |c: char| c == '/' || c == '\\';
    let at = match path.starts_with('/') {
        true => path.rfind('/'),
        false => path.rfind(is_separator),
    };
    match at {
        Some(at) => (Some(&path[..at]), Some(&path[at + 1..])),
        None => (None, Some(path)),
    }
}

/// A registry path's hive, by its short name, and the key below it.
fn registry(path: &str) -> (Option<&str>, Option<&str>) {
    let Some((root, key)) = path.split_once('\\') else {
        return (None, None);
    };
    let hive = match root {
        "HKEY_LOCAL_MACHINE" | "HKLM" => "HKLM",
        "HKEY_CURRENT_USER" | "HKCU" => "HKCU",
        "HKEY_CLASSES_ROOT" | "HKCR" => "HKCR",
        "HKEY_USERS" | "HKU" => "HKU",
        "HKEY_CURRENT_CONFIG" | "HKCC" => "HKCC",
        _ => return (None, None),
    };
    (Some(hive), Some(key))
}

/// Name, domain and mail address of an account.
fn account(text: &str) -> [Option<&str>; 3] {
    if let Some((domain, name)) = text.split_once('\\') {
        return [Some(name.trim_start_matches('\\')), Some(domain), None];
    }
    match text.rsplit_once('@') {
        Some((name, domain)) if !name.is_empty() && !text.contains(' ') => {
            [Some(name), Some(domain), Some(text)]
        }
        _ => [Some(text), None, None],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let url = Url::of("https://jane:pw@www.example.org:8443/a/b?x=1&y=@z#top");
        assert_eq!(url.scheme, Some("https"));
        assert_eq!(url.domain, Some("www.example.org"));
        assert_eq!(url.port, Some("8443"));
        assert_eq!(url.path, Some("/a/b"));
        assert_eq!(url.query, Some("x=1&y=@z"));
        assert!(url.full.is_some());
        let url = Url::of("www.example.org/index.html");
        assert_eq!(
            (url.domain, url.path),
            (Some("www.example.org"), Some("/index.html"))
        );
        assert_eq!((url.scheme, url.full), (None, None));
        let url = Url::of("/only/path?q=http://other.example/");
        assert_eq!((url.domain, url.path), (Some(""), Some("/only/path")));
        assert_eq!(url.query, Some("q=http://other.example/"));
        assert_eq!(Url::of("http://[2001:db8::1]:80/").domain, Some("2001:db8::1"));
        // A path in front of a scheme is no scheme.
        assert_eq!(Url::of("/x://evil.example/").scheme, None);
        for text in ["", "no url at all", "word", "ключ/дверь"] {
            assert_eq!(
                Url::of(text).domain.filter(|domain| !domain.is_empty()),
                None,
                "{text}"
            );
        }
    }

    #[test]
    fn single_parts() {
        let part = one_part;
        assert_eq!(part(Parts::Address, "192.0.2.1"), Some("192.0.2.1"));
        assert_eq!(part(Parts::Address, "PVWA"), None);
        assert_eq!(part(Parts::Name, "PVWA"), Some("PVWA"));
        assert_eq!(part(Parts::Name, "2001:db8::1"), None);
        assert_eq!(part(Parts::File, r"Root\a.xml"), Some(r"Root\a.xml"));
        assert_eq!(part(Parts::File, "a.xml"), None);
        assert_eq!(part(Parts::Bare, "<1@example.org>"), Some("1@example.org"));
        assert_eq!(
            part(Parts::Bare, "\"Jane <x>\" <jane@example.org>"),
            Some("jane@example.org")
        );
        assert_eq!(part(Parts::Bare, "jane@example.org"), Some("jane@example.org"));
        assert_eq!(part(Parts::Bare, "{0-1}"), Some("0-1"));
        assert_eq!(part(Parts::Prefix, "SSH_LOGIN_ATTEMPT"), Some("SSH"));
        assert_eq!(part(Parts::Version, "HTTP/1.1"), Some("1.1"));
        assert_eq!(part(Parts::Version, "NONE"), None);
        assert_eq!(part(Parts::Success, "true"), Some("success"));
        assert_eq!(part(Parts::Success, "maybe"), None);
        assert_eq!(part(Parts::Whole, "x"), Some("x"));
    }

    #[test]
    fn words_of_command_lines() {
        let line = r#""C:\Program Files\a.exe"  -x "y z" --k="v w" end"#;
        let wanted = [
            r#""C:\Program Files\a.exe""#,
            "-x",
            r#""y z""#,
            r#"--k="v w""#,
            "end",
        ];
        assert_eq!(words(line), wanted);
        assert_eq!(words(r#"a "b c"#), ["a", r#""b c"#], "a quote that never ends");
        assert_eq!(words("  "), [""; 0]);
    }

    #[test]
    fn paths_and_accounts() {
        assert_eq!(split_path(r"C:\a b\c.exe"), (Some(r"C:\a b"), Some("c.exe")));
        assert_eq!(split_path(r"/tmp/a\b"), (Some("/tmp"), Some(r"a\b")));
        assert_eq!(split_path("c.exe"), (None, Some("c.exe")));
        assert_eq!(split_path(r"D:\"), (Some("D:"), Some("")));
        assert_eq!(
            registry(r"HKEY_USERS\S-1-5-18\Run"),
            (Some("HKU"), Some(r"S-1-5-18\Run"))
        );
        assert_eq!(registry(r"C:\Run"), (None, None));
        assert_eq!(account(r"CORP\jane"), [Some("jane"), Some("CORP"), None]);
        assert_eq!(
            account("jane@example.org"),
            [Some("jane"), Some("example.org"), Some("jane@example.org")]
        );
        assert_eq!(account("jane"), [Some("jane"), None, None]);
        assert_eq!(account("see @ home"), [Some("see @ home"), None, None]);
    }
}
