//! Texts taken apart: URLs, paths, accounts, hashes, command lines.

use crate::formats::host_port;

/// The parts of an URL as it stands in a log: absolute, without a scheme (`host/path`), or only a path.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Url<'a> {
    pub(super) scheme: Option<&'a str>,
    pub(super) domain: Option<&'a str>,
    pub(super) port: Option<&'a str>,
    pub(super) path: Option<&'a str>,
    pub(super) query: Option<&'a str>,
    pub(super) full: Option<&'a str>,
}

impl<'a> Url<'a> {
    pub(super) fn of(text: &'a str) -> Self {
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
pub(super) fn split_path(path: &str) -> (Option<&str>, Option<&str>) {
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
pub(super) fn registry(path: &str) -> (Option<&str>, Option<&str>) {
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
pub(super) fn account(text: &str) -> [Option<&str>; 3] {
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

/// The words of a command line. Blanks between double quotes separate none; the quotes stay.
pub(super) fn words(text: &str) -> Vec<&str> {
    let mut quoted = false;
    text.split(|c: char| {
        quoted ^= c == '"';
        !quoted && c.is_whitespace()
    })
    .filter(|word| !word.is_empty())
    .collect()
}

/// Whether a text is a path, and not only a name.
pub(super) fn is_path(text: &str) -> bool {
    let path = text.split("://").last().unwrap_or(text);
    path.contains(['/', '\\']) && !path.starts_with(' ') && registry(text).0.is_none()
}

/// Whether a text is one mail address.
pub(super) fn is_mailbox(text: &str) -> bool {
    let domain = text.rsplit_once('@').map_or("", |(_, domain)| domain);
    domain.contains('.') && !text.contains(' ')
}

/// The numbers of ATT&CK in `text` that start with `kind` and at least four digits, each once.
pub(super) fn attack_ids<'t>(text: &'t str, kind: &str) -> Vec<&'t str> {
    let mut ids = Vec::new();
    for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '.') {
        let word = word.trim_end_matches('.');
        let digits = word.strip_prefix(kind).unwrap_or_default();
        let is_id = digits.len() >= 4 && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if is_id && !ids.contains(&word) {
            ids.push(word);
        }
    }
    ids
}

/// `x` of `<x>`, `{x}`, `"x"` and `somebody <x>`.
pub(super) fn bare(text: &str) -> &str {
    let inner = match text.rsplit_once('<') {
        Some((_, rest)) => rest.split('>').next().unwrap_or(rest),
        None => text,
    };
    inner.trim_matches(['"', ' ', '{', '}'])
}

/// The outcome that a flag states, or the bits of the audit keywords, as the mask is written in XML and (as a signed number) by NXLog.
pub(super) fn audit_outcome(keywords: &str) -> Option<&'static str> {
    const SUCCESS: u64 = 0x20_0000_0000_0000;
    const FAILURE: u64 = 0x10_0000_0000_0000;
    let mask = match keywords.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => keywords.parse::<i64>().ok().map(|signed| signed as u64),
    };
    match mask {
        Some(mask) if mask & SUCCESS != 0 => Some("success"),
        Some(mask) if mask & FAILURE != 0 => Some("failure"),
        Some(_) => None,
        None if keywords == "true" => Some("success"),
        None if keywords == "false" => Some("failure"),
        None if keywords.eq_ignore_ascii_case("audit success")
            || keywords.eq_ignore_ascii_case("audit_success") =>
        {
            Some("success")
        }
        None if keywords.eq_ignore_ascii_case("audit failure")
            || keywords.eq_ignore_ascii_case("audit_failure") =>
        {
            Some("failure")
        }
        None => None,
    }
}

/// The hash of this name and of so many digits among `NAME=HASH` or `NAME:HASH`, separated.
pub(super) fn hash<'t>(text: &'t str, name: &str, digits: usize) -> Option<&'t str> {
    let end_of_part = |text: &str| memchr::memchr3(b',', b';', b' ', text.as_bytes());
    let mut rest = text;
    loop {
        if let Some((key, value)) = rest.split_at_checked(name.len())
            && key.eq_ignore_ascii_case(name)
            && let Some(value) = value.strip_prefix(['=', ':'])
        {
            let value = &value[..end_of_part(value).unwrap_or(value.len())];
            if value.len() == digits && value.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Some(value);
            }
        }
        rest = &rest[end_of_part(rest)? + 1..];
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
