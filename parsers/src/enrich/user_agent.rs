//! Who a user agent says it is: program, version, operating system, device.
//!
//! What a client sends here is its own choice; the answer is what it *claims*. Three shapes are known:
//!
//! ```text
//! curl/7.88.1                                         a program's own token, all that most tools send
//! Mozilla/5.0 (X11; Linux x86_64) … Chrome/120.0 …    browsers: the most telling token, in order of `MARKS`
//! Mozilla/5.0 (compatible; Nmap Scripting Engine; …)  programs that hide in a browser's clothes, by name
//! ```
//!
//! Names are those of the table in `agents`, or the program's own token as it stands. Browsers and systems are called as
//! the ua-parser project calls them, which is what Elastic's `user_agent` processor writes. Nothing is
//! guessed: where an agent says nothing of a thing, there is no value.

use std::borrow::Cow;
use std::sync::OnceLock;

use aho_corasick::AhoCorasick;
use memchr::memmem;

use super::agents::{Kind, MARKS};

/// Longer agents are looked at this far.
pub(super) const LONGEST: usize = 1024;
/// Longer names are no names.
const LONGEST_NAME: usize = 64;

/// What an agent says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct UserAgent<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) version: Option<&'a str>,
    pub(super) os_name: Option<&'static str>,
    pub(super) os_version: Option<Cow<'a, str>>,
    pub(super) device: Option<&'a str>,
}

fn marks() -> &'static AhoCorasick {
    static MACHINE: OnceLock<AhoCorasick> = OnceLock::new();
    MACHINE.get_or_init(|| {
        AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(MARKS.iter().map(|(mark, _, _)| mark))
            .expect("so few marks make no automaton that is too large")
    })
}

impl<'a> UserAgent<'a> {
    /// What `text` says.
    pub(super) fn of(text: &'a str) -> Self {
        let text = text.trim_matches([' ', '"', '\'']);
        let text = &text[..text.floor_char_boundary(LONGEST)];
        if text.is_empty() || text == "-" {
            return UserAgent::default();
        }
        let dressed = starts_with(text, "mozilla/") || starts_with(text, "opera/");
        let found = marks()
            .find_overlapping_iter(text)
            .filter(|found| dressed || MARKS[found.pattern().as_usize()].2 != Kind::Browser)
            .min_by_key(|found| (found.pattern(), found.start()));
        let (os_name, os_version) = system(text);
        let mut agent = UserAgent {
            os_name,
            os_version,
            ..UserAgent::default()
        };
        match found {
            Some(found) => {
                let (_, name, kind) = MARKS[found.pattern().as_usize()];
                agent.name = Some(name);
                agent.version = version(&text[found.end()..]);
                match kind {
                    Kind::Browser => agent.refine(text, name),
                    Kind::Bot => agent.device = Some("Spider"),
                    Kind::Tool => {}
                }
            }
            None if dressed => (agent.name, agent.version) = undressed(text),
            None => (agent.name, agent.version) = token(text),
        }
        if agent.device.is_none() {
            agent.device = device(text);
        }
        agent
    }

    /// Tells browsers apart that share a token.
    fn refine(&mut self, text: &'a str, name: &'static str) {
        let has = |mark: &str| memmem::find(text.as_bytes(), mark.as_bytes()).is_some();
        let version_of = |mark: &str| after(text, mark).and_then(version);
        match name {
            "Chrome" if has("; wv)") => self.name = Some("Chrome Mobile WebView"),
            "Chrome" if has(" Mobile ") => self.name = Some("Chrome Mobile"),
            "Firefox" if has("Android") || has("(Mobile;") => self.name = Some("Firefox Mobile"),
            "Edge" if has("Mobile") => self.name = Some("Edge Mobile"),
            "Opera" if has(" Mobi") => self.name = Some("Opera Mobile"),
            "Safari" => {
                self.version = version_of("Version/");
                if has("Android") {
                    self.name = Some("Android");
                } else if has("Mobile/") {
                    self.name = Some("Mobile Safari");
                }
            }
            "IE" => self.version = version_of("MSIE ").or_else(|| version_of("rv:")),
            _ => {}
        }
        if name == "Opera" {
            self.version = version_of("Version/").or(self.version);
        }
    }
}

/// Whether `text` begins with `start`, which is in lower case.
fn starts_with(text: &str, start: &str) -> bool {
    text.get(..start.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(start))
}

fn after<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    let at = memmem::find(text.as_bytes(), mark.as_bytes())?;
    text.get(at + mark.len()..)
}

/// The version at the front of `text`, behind `/`, a blank, `-`, `v` or nothing.
fn version(text: &str) -> Option<&str> {
    let text = text.strip_prefix(['/', ' ', '-', ':']).unwrap_or(text);
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    let version = text[..end].trim_end_matches(['.', '-']);
    let fits = version.len() <= LONGEST_NAME && version.starts_with(|c: char| c.is_ascii_digit());
    fits.then_some(version)
}

/// A program's own token at the front: `name/version`, or one word.
fn token(text: &str) -> (Option<&str>, Option<&str>) {
    let head = text.split(['(', ';', ',']).next().unwrap_or(text).trim_end();
    if let Some((name, rest)) = head.split_once('/') {
        return match is_name(name) {
            true => (Some(name), version(rest)),
            false => (None, None),
        };
    }
    // `WPScan v3.8`, `Ruby`.
    let (name, rest) = head.split_once(' ').unwrap_or((head, ""));
    match (is_name(name), version(rest)) {
        // `or 1=1` is none.
        (true, Some(version)) if version.contains('.') => (Some(name), Some(version)),
        (true, None) if rest.is_empty() => (Some(name), None),
        _ => (None, None),
    }
}

fn is_name(name: &str) -> bool {
    let is_part = |b: u8| b.is_ascii_alphanumeric() || b" ._+-!".contains(&b);
    (2..=LONGEST_NAME).contains(&name.len())
        && name.bytes().any(|b| b.is_ascii_alphabetic())
        && name.bytes().all(is_part)
        && !name.contains("  ")
}

/// The program behind `Mozilla/5.0`: that which is `compatible`, or the first token that is no browser's engine.
fn undressed(text: &str) -> (Option<&str>, Option<&str>) {
    if let Some(rest) = after(text, "compatible; ") {
        let piece = rest.split([';', ')', ',']).next().unwrap_or(rest).trim();
        return token(piece);
    }
    let behind = match text.split_once(')') {
        Some((_, behind)) => behind,
        None => text.split_once(' ').map_or("", |(_, behind)| behind),
    };
    let engines = ["AppleWebKit", "Gecko", "KHTML", "Mobile", "Version"];
    behind
        .split(' ')
        .filter(|piece| piece.contains('/'))
        .map(token)
        .find(|(name, _)| name.is_some_and(|name| !engines.contains(&name)))
        .unwrap_or_default()
}

/// Name and version of the operating system.
fn system(text: &str) -> (Option<&'static str>, Option<Cow<'_, str>>) {
    let number = |mark: &str| after(text, mark).and_then(version);
    let dotted = |version: &str| match version.contains('_') {
        true => Cow::Owned(version.replace('_', ".")),
        false => Cow::Owned(version.to_owned()),
    };
    let has = |mark: &str| memmem::find(text.as_bytes(), mark.as_bytes()).is_some();
    if has("Windows Phone") {
        return (Some("Windows Phone"), number("Windows Phone ").map(Cow::Borrowed));
    }
    if let Some(behind) = after(text, "Windows") {
        let version = match number("Windows NT ") {
            Some(kernel) => release(kernel),
            None => version(behind),
        };
        return (Some("Windows"), version.map(Cow::Borrowed));
    }
    if let Some(version) = number("iPhone OS ").or_else(|| number("CPU OS ")) {
        return (Some("iOS"), Some(dotted(version)));
    }
    if has("iPhone") || has("iPad") {
        return (Some("iOS"), None);
    }
    if has("Mac OS X") || has("Macintosh") {
        return (Some("Mac OS X"), number("Mac OS X").map(dotted));
    }
    if has("Android") {
        return (Some("Android"), number("Android").map(Cow::Borrowed));
    }
    if let Some(behind) = after(text, "CrOS ") {
        let behind = behind.split_once(' ').map_or("", |(_, behind)| behind);
        return (Some("Chrome OS"), version(behind).map(Cow::Borrowed));
    }
    const OTHERS: &[&str] = &[
        "Ubuntu", "Fedora", "Debian", "CentOS", "Tizen", "FreeBSD", "OpenBSD", "NetBSD", "SunOS", "Darwin",
        "Linux",
    ];
    match OTHERS.iter().find(|name| has(name)) {
        Some(name) => {
            let behind = after(text, name).filter(|behind| behind.starts_with('/'));
            (Some(name), behind.and_then(version).map(Cow::Borrowed))
        }
        None if has("linux") => (Some("Linux"), None),
        None => (None, None),
    }
}

/// What the release of a Windows kernel is called.
fn release(kernel: &str) -> Option<&'static str> {
    Some(match kernel {
        "10.0" => "10",
        "6.4" => "10",
        "6.3" => "8.1",
        "6.2" => "8",
        "6.1" => "7",
        "6.0" => "Vista",
        "5.2" | "5.1" => "XP",
        "5.0" | "5.01" => "2000",
        _ if kernel.starts_with("10.0") => "10",
        _ => return None,
    })
}

fn device(text: &str) -> Option<&str> {
    let has = |mark: &str| memmem::find(text.as_bytes(), mark.as_bytes()).is_some();
    for device in ["iPhone", "iPad", "iPod"] {
        if has(device) {
            return Some(device);
        }
    }
    if has("Macintosh") {
        return Some("Mac");
    }
    // (Linux; U; Android 10; en-us; SM-G960F Build/QP1A; wv)
    let behind = after(text, "Android")?;
    let comment = behind.split(')').next().unwrap_or(behind);
    comment
        .split(';')
        .skip(1)
        .map(|piece| piece.split(" Build/").next().unwrap_or(piece).trim())
        .find(|piece| is_model(piece))
}

/// Whether a piece of an Android's comment is its model: no language, no kind of device, no version of the engine.
fn is_model(piece: &str) -> bool {
    let is_language = matches!(piece.as_bytes(), [a, b, b'-' | b'_', c, d]
        if [a, b, c, d].iter().all(|b| b.is_ascii_alphabetic()));
    (2..=LONGEST_NAME).contains(&piece.len())
        && !is_language
        && !["wv", "Mobile", "Tablet"].contains(&piece)
        && !piece.starts_with("rv:")
        && !piece.starts_with("Build/")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// name version | system version | device
    fn said(text: &str) -> String {
        let agent = UserAgent::of(text);
        let or = |part: Option<&str>| part.unwrap_or("-").to_owned();
        format!(
            "{} {} | {} {} | {}",
            or(agent.name),
            or(agent.version),
            or(agent.os_name),
            or(agent.os_version.as_deref()),
            or(agent.device)
        )
    }

    #[test]
    fn programs_name_themselves() {
        for (text, wanted) in [
            ("curl/8.5.0", "curl 8.5.0 | - - | -"),
            ("Wget/1.21.4 (linux-gnu)", "Wget 1.21.4 | Linux - | -"),
            ("python-requests/2.31.0", "python-requests 2.31.0 | - - | -"),
            ("Go-http-client/1.1", "Go-http-client 1.1 | - - | -"),
            ("Microsoft BITS/7.8", "Microsoft BITS 7.8 | - - | -"),
            ("Microsoft-CryptoAPI/10.0", "Microsoft-CryptoAPI 10.0 | - - | -"),
            ("Java/1.8.0_392", "Java 1.8.0_392 | - - | -"),
            (
                "aws-cli/2.13.0 Python/3.11.4 Linux/5.15.0 exe/x86_64",
                "aws-cli 2.13.0 | Linux 5.15.0 | -",
            ),
            (
                "kubectl/v1.29.2 (linux/amd64) kubernetes/4b8e819",
                "kubectl 1.29.2 | Linux - | -",
            ),
            ("Ruby", "Ruby - | - - | -"),
            ("libwww-perl/6.67", "libwww-perl 6.67 | - - | -"),
            (
                "Dalvik/2.1.0 (Linux; U; Android 12; Pixel 6 Build/SD1A)",
                "Dalvik 2.1.0 | Android 12 | Pixel 6",
            ),
        ] {
            assert_eq!(said(text), wanted, "{text}");
        }
    }

    #[test]
    fn scanners_and_shells() {
        for (text, wanted) in [
            (
                "sqlmap/1.7.2#stable (https://sqlmap.org)",
                "sqlmap 1.7.2 | - - | -",
            ),
            (
                "Mozilla/5.00 (Nikto/2.5.0) (Evasions:None) (Test:Port Check)",
                "Nikto 2.5.0 | - - | -",
            ),
            (
                "Mozilla/5.0 (compatible; Nmap Scripting Engine; https://nmap.org/book/nse.html)",
                "Nmap Scripting Engine - | - - | -",
            ),
            (
                "masscan/1.3 (https://github.com/robertdavidgraham/masscan)",
                "masscan 1.3 | - - | -",
            ),
            ("Mozilla/5.0 zgrab/0.x", "zgrab 0.x | - - | -"),
            (
                "Nuclei - Open-source project (github.com/projectdiscovery/nuclei)",
                "Nuclei - | - - | -",
            ),
            ("gobuster/3.6", "gobuster 3.6 | - - | -"),
            ("Fuzz Faster U Fool v2.1.0-dev", "ffuf 2.1.0-dev | - - | -"),
            (
                "WPScan v3.8.25 (https://wpscan.com/wordpress-security-scanner)",
                "WPScan 3.8.25 | - - | -",
            ),
            (
                "Mozilla/5.0 (Windows NT; Windows NT 10.0; de-DE) WindowsPowerShell/5.1.19041.3930",
                "WindowsPowerShell 5.1.19041.3930 | Windows 10 | -",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Microsoft Windows 10.0.22631; en-US) PowerShell/7.4.1",
                "PowerShell 7.4.1 | Windows 10 | -",
            ),
            (
                "Mozilla/4.0 (compatible; Win32; WinHttp.WinHttpRequest.5)",
                "WinHttpRequest - | - - | -",
            ),
            (
                "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
                "Googlebot 2.1 | - - | Spider",
            ),
            (
                "Mozilla/5.0 (compatible; SomeBot/3.2; +https://bot.example)",
                "SomeBot 3.2 | - - | -",
            ),
        ] {
            assert_eq!(said(text), wanted, "{text}");
        }
    }

    #[test]
    fn browsers() {
        let webkit = "AppleWebKit/537.36 (KHTML, like Gecko)";
        for (text, wanted) in [
            (
                format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {webkit} Chrome/121.0.0.0 Safari/537.36"),
                "Chrome 121.0.0.0 | Windows 10 | -",
            ),
            (
                format!("Mozilla/5.0 (Windows NT 6.1) {webkit} Chrome/109.0.0.0 Safari/537.36 Edg/109.0.1518.78"),
                "Edge 109.0.1518.78 | Windows 7 | -",
            ),
            (
                format!("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {webkit} Chrome/121.0.0.0 Safari/537.36"),
                "Chrome 121.0.0.0 | Chrome OS 14541.0.0 | -",
            ),
            (
                format!("Mozilla/5.0 (Linux; Android 13; SM-A536B) {webkit} Chrome/121.0.0.0 Mobile Safari/537.36"),
                "Chrome Mobile 121.0.0.0 | Android 13 | SM-A536B",
            ),
            (
                format!("Mozilla/5.0 (Windows NT 10.0) {webkit} HeadlessChrome/120.0.6099.28 Safari/537.36"),
                "HeadlessChrome 120.0.6099.28 | Windows 10 | -",
            ),
            (
                "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:122.0) Gecko/20100101 Firefox/122.0".to_owned(),
                "Firefox 122.0 | Ubuntu - | -",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.2 \
                 Safari/605.1.15"
                    .to_owned(),
                "Safari 17.2 | Mac OS X 10.15.7 | Mac",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 Version/17.2 Mobile/15E148 Safari/604.1"
                    .to_owned(),
                "Mobile Safari 17.2 | iOS 17.2.1 | iPhone",
            ),
            (
                "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 5.1; Trident/4.0)".to_owned(),
                "IE 8.0 | Windows XP | -",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko".to_owned(),
                "IE 11.0 | Windows 10 | -",
            ),
            ("Opera/9.80 (X11; Linux i686) Presto/2.12 Version/12.16".to_owned(), "Opera 12.16 | Linux - | -"),
        ] {
            assert_eq!(said(&text), wanted, "{text}");
        }
    }

    #[test]
    fn nothing_is_made_of_nothing() {
        for text in [
            "",
            "-",
            "\"-\"",
            "Mozilla/5.0",
            "()",
            "${jndi:ldap://x/a}",
            "' or 1=1--",
            "ключ",
            "/",
        ] {
            assert_eq!(said(text), "- - | - - | -", "{text}");
        }
        // A stranger's text is cut between characters, not inside one.
        let long = format!("x/{}", "é".repeat(2000));
        assert_eq!(said(&long), "- - | - - | -");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived_and_parts_are_pieces_of_it(text in "\\PC{0,200}") {
            let agent = UserAgent::of(&text);
            if let Some(version) = agent.version {
                proptest::prop_assert!(text.contains(version));
            }
        }

        #[test]
        fn a_token_is_found_whatever_stands_behind(
            name in "[a-z]{3,10}-[a-z]{3,10}", version in "[0-9]{1,2}\\.[0-9]{1,3}", rest in " \\([a-z ;]{0,20}\\)"
        ) {
            let text = format!("{name}/{version}{rest}");
            let agent = UserAgent::of(&text);
            proptest::prop_assert_eq!(agent.version, Some(version.as_str()));
            proptest::prop_assert!(agent.name == Some(name.as_str()) || MARKS.iter().any(|(mark, ..)| text.contains(mark)));
        }
    }
}
