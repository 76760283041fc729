//! Where texts of strangers stand in a line.

use std::borrow::Cow;

use crate::support::Event;

/// Columns that hold what people and programs from elsewhere choose: ends of names.
const STRANGERS: &[&str] = &[
    "user_agent.original",
    "url.original",
    "url.full",
    "url.path",
    "url.query",
    "http.request.referrer",
    "user.name",
    "user.full_name",
    "file.name",
    "file.path",
    "process.command_line",
    "email.subject",
    "dns.question.name",
    "tls.client.server_name",
    "source.domain",
    "wlan.ssid",
    "log.message",
    "error.message",
    "database.statement",
    "query",
];

/// How the writer of a line would write a text there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// In a JSON string.
    Json,
    /// In XML.
    Xml,
    /// In an extension of CEF, or a value of LEEF.
    Cef,
    /// In quotes, with backslashes before quotes.
    Quoted,
    /// In quotes of a table, where quotes are doubled.
    Cell,
    /// In a table of words, or a name of the DNS: what is no part of a word is encoded.
    Word,
    /// In a table with commas or tabs: those are not part of a cell.
    Plain,
    /// As it is.
    Bare,
}

/// A text in a line that is a stranger's.
#[derive(Debug, Clone)]
pub struct Place {
    /// The column that holds it.
    pub column: String,
    /// Where it ends in the line.
    end: usize,
    /// How it stands there.
    pub writing: Writing,
    /// Columns that hold parts of it, or that it is a part of.
    shares: Vec<String>,
}

/// Tables of words: their writers encode blanks.
const WORDS: &[&str] = &[
    "aws.",
    "microsoft.iis",
    "broadcom.proxysg",
    "squid.access",
    "cisco.web_appliance",
];

/// Texts shorter than this stand in too many places.
const SHORTEST: usize = 3;

/// More places than these of one text say nothing new.
const MOST: usize = 2;

/// The places of strangers' texts in `line`, whose event is `event`.
pub fn of(line: &str, event: &Event) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    for (name, value) in event {
        let is_strangers = STRANGERS
            .iter()
            .any(|end| name == end || name.ends_with(end) && name[..name.len() - end.len()].ends_with('.'));
        let Some(text) = value.as_str() else { continue };
        if !is_strangers || text.len() < SHORTEST {
            continue;
        }
        let shares: Vec<String> = event
            .iter()
            .filter(|(_, other)| {
                other
                    .as_str()
                    .is_some_and(|other| other.contains(text) || other.len() > 1 && text.contains(other))
            })
            .map(|(name, _)| name.clone())
            .collect();
        let mut found = 0;
        for (start, _) in line.match_indices(text) {
            let end = start + text.len();
            // A part of a longer word is something else.
            let inner = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
            let bytes = line.as_bytes();
            if inner(bytes.get(end)) || start > 0 && inner(bytes.get(start - 1)) {
                continue;
            }
            if found == MOST || places.iter().any(|place| place.end == end) {
                break;
            }
            found += 1;
            places.push(Place {
                column: name.clone(),
                end,
                writing: match writing(line, start) {
                    Writing::Bare if encodes(event, name) => Writing::Word,
                    Writing::Bare if is_cell(line, start, end) => Writing::Plain,
                    other => other,
                },
                shares: shares.clone(),
            });
        }
    }
    places
}

/// Whether the writer of an event encodes what stands in the column `name`.
fn encodes(event: &Event, name: &str) -> bool {
    let dataset = event
        .get("event.dataset")
        .and_then(|name| name.as_str())
        .unwrap_or_default();
    WORDS.iter().any(|words| dataset.starts_with(words))
        || name.starts_with("dns.question.")
        || name == "source.domain"
}

/// Whether a text behind `before` may be a cell's: domains and folders stand in front of names.
fn begins(before: u8, between: u8) -> bool {
    before == between || before == b'\\'
}

/// Whether a text is a cell of a table.
fn is_cell(line: &str, start: usize, end: usize) -> bool {
    let bytes = line.as_bytes();
    [b',', b'\t', b'|', b';'].iter().any(|&between| {
        let beside = |b: Option<&u8>| b.is_none_or(|&b| b == between);
        let many = bytes.iter().filter(|&&b| b == between).count() > 3;
        many && beside(bytes.get(end))
            && (between == b'\t' || start == 0 || begins(bytes[start - 1], between))
    })
}

/// How a text at `start` of `line` is written.
fn writing(line: &str, start: usize) -> Writing {
    let quotes = |text: &str| {
        let (mut open, mut escaped) = (false, false);
        for b in text.bytes() {
            match b {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => open = !open,
                _ => {}
            }
        }
        open
    };
    let whole = line.trim_end();
    let brace = line.find(['{', '[']);
    let front = line[..start].rsplit('\n').next().unwrap_or_default();
    if line.trim_start().starts_with('<') && line.contains("</") {
        return Writing::Xml;
    }
    if whole.ends_with(['}', ']'])
        && let Some(brace) = brace.filter(|brace| *brace < start)
        && line[brace..].contains("\":")
        && quotes(&line[brace..start])
    {
        return Writing::Json;
    }
    if line.contains("CEF:") || line.contains("LEEF:") {
        return Writing::Cef;
    }
    match quotes(front) {
        true if !line.contains("=\"") && (front.contains("\",") || front.contains(",\"")) => Writing::Cell,
        true => Writing::Quoted,
        false => Writing::Bare,
    }
}

impl Place {
    /// `line` with `text` behind what stands here, as the writer would write it.
    pub fn with(&self, line: &str, text: &str) -> String {
        let (before, behind) = line.split_at(self.end);
        [before, &self.written(text), behind].concat()
    }

    fn written<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.writing {
            Writing::Json => {
                let json = serde_json::Value::from(text).to_string();
                Cow::Owned(json[1..json.len() - 1].to_owned())
            }
            Writing::Xml => Cow::Owned(
                text.replace('&', "&amp;")
                    .replace('<', "&lt;")
                    .replace('>', "&gt;")
                    .replace('"', "&quot;")
                    .replace('\n', "&#10;"),
            ),
            Writing::Cef => Cow::Owned(
                text.replace('\\', "\\\\")
                    .replace('=', "\\=")
                    .replace('|', "\\|")
                    .replace('\n', "\\n")
                    .replace(['\t', '^'], " "),
            ),
            Writing::Quoted => Cow::Owned(
                text.replace('\\', "\\\\")
                    .replace('"', "\\\"")
                    .replace('\n', "\\n"),
            ),
            Writing::Cell => Cow::Owned(text.replace('"', "\"\"").replace('\n', " ")),
            Writing::Word => Cow::Owned(
                text.chars()
                    .map(|c| match c.is_ascii_alphanumeric() || "-._=&:/?".contains(c) {
                        true => c.to_string(),
                        false => format!("%{:02x}", u32::from(c)),
                    })
                    .collect(),
            ),
            Writing::Plain => Cow::Owned(text.replace(['\n', ',', '\t', '|', ';', '"'], " ")),
            Writing::Bare => Cow::Owned(text.replace('\n', "#012")),
        }
    }

    /// Whether the column `name` may be a part of the text.
    pub fn may_change(&self, name: &str) -> bool {
        // What a text says in parts, and what is kept of all of it.
        const PARTS: &[(&str, &[&str])] = &[
            ("url.", &["url."]),
            ("user_agent.", &["user_agent."]),
            (
                "file.",
                &["file.name", "file.path", "file.directory", "file.extension"],
            ),
            (
                "process.",
                &["process.args", "process.args_count", "process.command_line"],
            ),
            ("dns.", &["dns.question."]),
            ("user.name", &["user.domain", "user.email", "user.full_name"]),
        ];
        let of_part = PARTS.iter().any(|(column, parts)| {
            self.column.contains(column) && parts.iter().any(|part| name.contains(part))
        });
        let is_kept = [
            "message",
            "event.original",
            "related.",
            "unmapped",
            "error.message",
            "kv.",
            "event.reason",
        ]
        .iter()
        .any(|kept| name.starts_with(kept));
        is_kept || of_part || self.shares.iter().any(|shared| shared == name)
    }
}
