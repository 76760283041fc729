//! YAML with positions.
//!
//! A tree of nodes that remember where they start, built straight from the parser's events. Two things
//! that a general loader does not give are needed here: a mistake in one document of a file must not
//! take the others with it (so the text is cut at its `---` lines first), and scalars must keep their
//! text (`contains: 007` means the three characters), so they are resolved only when asked.

use std::borrow::Cow;
use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

/// How deep collections may nest. Deeper ones are an attack or an accident.
const MAX_DEPTH: usize = 64;
/// How many nodes all aliases of a document may stand for (nested anchors grow exponentially).
const MAX_ALIAS_NODES: usize = 20_000;

/// A place in the text; line and column count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord)]
pub(crate) struct Spot {
    pub line: usize,
    pub column: usize,
}

/// A value and where it starts.
#[derive(Debug, Clone)]
pub(crate) struct Node<'a> {
    pub at: Spot,
    pub data: Data<'a>,
}

/// What a node holds.
#[derive(Debug, Clone)]
pub(crate) enum Data<'a> {
    /// The text of a scalar; `plain` if no quotes, block or `!!str` made it a string.
    Scalar {
        text: Cow<'a, str>,
        style: Style,
    },
    List(Vec<Node<'a>>),
    Map(Vec<(Node<'a>, Node<'a>)>),
}

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Without quotes: may be a number, a boolean or null.
    Plain,
    /// In quotes on one line: positions inside can be computed.
    Quoted,
    /// A block (`|`, `>`).
    Block,
}

/// What a scalar means by YAML's core schema.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Resolved {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text,
}

impl<'a> Node<'a> {
    /// The text of a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The value of this key, if the node is a map and has it.
    pub fn get(&self, key: &str) -> Option<&Node<'a>> {
        self.entry(key).map(|(_, value)| value)
    }

    /// Key and value of this key.
    pub fn entry(&self, key: &str) -> Option<&(Node<'a>, Node<'a>)> {
        match &self.data {
            Data::Map(entries) => entries.iter().find(|(k, _)| k.text() == Some(key)),
            _ => None,
        }
    }

    /// Whether it is YAML's null.
    pub fn is_null(&self) -> bool {
        matches!(&self.data, Data::Scalar { text, style } if resolve(text, *style) == Resolved::Null)
    }

    /// What kind of value it is, for messages.
    pub fn kind(&self) -> &'static str {
        match &self.data {
            Data::List(_) => "a list",
            Data::Map(_) => "a map",
            Data::Scalar { text, style } => match resolve(text, *style) {
                Resolved::Null => "null",
                Resolved::Bool(_) => "a boolean",
                Resolved::Int(_) | Resolved::Float(_) => "a number",
                Resolved::Text => "a string",
            },
        }
    }
}

/// What `text` means (YAML 1.2 core schema).
pub(crate) fn resolve(text: &str, style: Style) -> Resolved {
    if style != Style::Plain {
        return Resolved::Text;
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Resolved::Null,
        "true" | "True" | "TRUE" => return Resolved::Bool(true),
        "false" | "False" | "FALSE" => return Resolved::Bool(false),
        _ => {}
    }
    let first = text.as_bytes()[0];
    if !(first.is_ascii_digit() || matches!(first, b'+' | b'-' | b'.')) {
        return Resolved::Text;
    }
    let radix = |digits: &str, radix| match digits.bytes().next() {
        Some(b'+' | b'-') | None => None,
        _ => i64::from_str_radix(digits, radix).ok(),
    };
    if let Some(number) = text.strip_prefix("0x").and_then(|d| radix(d, 16)) {
        return Resolved::Int(number);
    }
    if let Some(number) = text.strip_prefix("0o").and_then(|d| radix(d, 8)) {
        return Resolved::Int(number);
    }
    if let Ok(number) = text.parse::<i64>() {
        return Resolved::Int(number);
    }
    let looks_like_float = text
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'))
        && text.bytes().any(|b| b.is_ascii_digit());
    if looks_like_float && let Ok(number) = text.parse::<f64>() {
        // A run of digits too long for 64 bits is an identifier; as a float it would lose digits.
        let digits_only = text.bytes().all(|b| b.is_ascii_digit());
        if !digits_only && number.is_finite() {
            return Resolved::Float(number);
        }
    }
    Resolved::Text
}

/// Why a document could not be read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SyntaxError {
    pub at: Spot,
    pub code: &'static str,
    pub message: String,
}

/// One document of a file: its tree (absent if it is empty) or why there is none.
pub(crate) type Document<'a> = Result<Option<Node<'a>>, SyntaxError>;

/// Reads all documents of a text. A mistake costs its own document only.
pub(crate) fn read(text: &str) -> Vec<Document<'_>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut documents = Vec::new();
    for (first_line, chunk) in split_documents(text) {
        match read_chunk(chunk, first_line) {
            Ok(nodes) => documents.extend(nodes.into_iter().map(|node| Ok(Some(node)))),
            Err(error) => documents.push(Err(explain(chunk, first_line, error))),
        }
    }
    documents
}

/// Cuts a text before every line that starts with `---`: by YAML's grammar such a line is a document
/// marker even inside block scalars. Gives the number of the first line with each piece.
fn split_documents(text: &str) -> Vec<(usize, &str)> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut start_line = 1;
    let mut offset = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let is_marker = line
            .strip_prefix("---")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']));
        if is_marker && offset > start {
            pieces.push((start_line, &text[start..offset]));
            start = offset;
            start_line = index + 1;
        }
        offset += line.len();
    }
    if offset > start {
        pieces.push((start_line, &text[start..]));
    }
    // Directives (`%YAML`) and comments before the first marker are no document.
    pieces.retain(|(_, piece)| {
        piece.lines().any(|line| {
            let line = line.trim();
            !line.is_empty() && !line.starts_with('#') && !line.starts_with('%')
        })
    });
    pieces
}

struct Open<'a> {
    at: Spot,
    anchor: usize,
    kind: OpenKind<'a>,
}

enum OpenKind<'a> {
    List(Vec<Node<'a>>),
    Map(Vec<(Node<'a>, Node<'a>)>, Option<Node<'a>>),
}

fn read_chunk(chunk: &str, first_line: usize) -> Result<Vec<Node<'_>>, SyntaxError> {
    let mut parser = Parser::new_from_str(chunk);
    let mut stack: Vec<Open<'_>> = Vec::new();
    let mut anchors: HashMap<usize, Node<'_>> = HashMap::new();
    let mut alias_nodes = 0;
    let mut roots = Vec::new();
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| SyntaxError {
            at: Spot {
                line: error.marker().line() + first_line - 1,
                column: error.marker().col() + 1,
            },
            code: "yaml-syntax",
            message: error.info().to_owned(),
        })?;
        let at = Spot {
            line: span.start.line() + first_line - 1,
            column: span.start.col() + 1,
        };
        let (node, anchor) = match event {
            Event::SequenceStart(anchor, _) => {
                stack.push(Open {
                    at,
                    anchor,
                    kind: OpenKind::List(Vec::new()),
                });
                check_depth(&stack, at)?;
                continue;
            }
            Event::MappingStart(anchor, _) => {
                stack.push(Open {
                    at,
                    anchor,
                    kind: OpenKind::Map(Vec::new(), None),
                });
                check_depth(&stack, at)?;
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = stack.pop() else { continue };
                let data = match open.kind {
                    OpenKind::List(items) => Data::List(items),
                    OpenKind::Map(entries, _) => Data::Map(finish_map(entries)?),
                };
                (Node { at: open.at, data }, open.anchor)
            }
            Event::Scalar(text, style, anchor, tag) => (
                Node {
                    at,
                    data: Data::Scalar {
                        text,
                        style: style_of(style, tag.as_deref()),
                    },
                },
                anchor,
            ),
            Event::Alias(anchor) => {
                let Some(node) = anchors.get(&anchor) else {
                    return Err(SyntaxError {
                        at,
                        code: "yaml-syntax",
                        message: "alias inside its own anchor".to_owned(),
                    });
                };
                alias_nodes += count(node);
                if alias_nodes > MAX_ALIAS_NODES {
                    return Err(SyntaxError {
                        at,
                        code: "yaml-syntax",
                        message: format!("aliases stand for more than {MAX_ALIAS_NODES} values"),
                    });
                }
                (node.clone(), 0)
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => continue,
        };
        if anchor > 0 {
            anchors.insert(anchor, node.clone());
        }
        match stack.last_mut().map(|open| &mut open.kind) {
            None => roots.push(node),
            Some(OpenKind::List(items)) => items.push(node),
            Some(OpenKind::Map(entries, key)) => match key.take() {
                None => *key = Some(node),
                Some(key) => entries.push((key, node)),
            },
        }
    }
    roots.retain(|node| !node.is_null());
    Ok(roots)
}

fn check_depth(stack: &[Open<'_>], at: Spot) -> Result<(), SyntaxError> {
    if stack.len() > MAX_DEPTH {
        return Err(SyntaxError {
            at,
            code: "yaml-syntax",
            message: format!("nested more than {MAX_DEPTH} levels deep"),
        });
    }
    Ok(())
}

fn style_of(style: ScalarStyle, tag: Option<&Tag>) -> Style {
    match style {
        ScalarStyle::Plain => match tag {
            Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => Style::Block,
            _ => Style::Plain,
        },
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
        ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
    }
}

fn count(node: &Node<'_>) -> usize {
    match &node.data {
        Data::Scalar { .. } => 1,
        Data::List(items) => 1 + items.iter().map(count).sum::<usize>(),
        Data::Map(entries) => 1 + entries.iter().map(|(k, v)| count(k) + count(v)).sum::<usize>(),
    }
}

/// Refuses duplicate keys, folds merge keys (`<<`) in.
fn finish_map<'a>(entries: Vec<(Node<'a>, Node<'a>)>) -> Result<Vec<(Node<'a>, Node<'a>)>, SyntaxError> {
    let mut has_merge = false;
    for (index, (key, _)) in entries.iter().enumerate() {
        let Some(text) = key.text() else {
            return Err(SyntaxError {
                at: key.at,
                code: "yaml-key",
                message: format!("a key must be a string, this is {}", key.kind()),
            });
        };
        has_merge |= text == "<<";
        // Maps of rules are small; comparing all pairs beats hashing.
        if let Some((first, _)) = entries[..index]
            .iter()
            .find(|(other, _)| other.text() == Some(text))
        {
            return Err(SyntaxError {
                at: key.at,
                code: "duplicate-key",
                message: format!("key `{text}` stands here twice, first on line {}", first.at.line),
            });
        }
    }
    if !has_merge {
        return Ok(entries);
    }
    let (merges, mut own): (Vec<_>, Vec<_>) =
        entries.into_iter().partition(|(key, _)| key.text() == Some("<<"));
    for (_, value) in merges {
        let sources = match value.data {
            Data::List(items) => items,
            _ => vec![value],
        };
        for source in sources {
            let Data::Map(extra) = source.data else {
                return Err(SyntaxError {
                    at: source.at,
                    code: "yaml-key",
                    message: "`<<` takes a map".to_owned(),
                });
            };
            for (key, value) in extra {
                if !own.iter().any(|(other, _)| other.text() == key.text()) {
                    own.push((key, value));
                }
            }
        }
    }
    Ok(own)
}

/// Says plainly what a scanner's complaint comes from where that is known: a tab in the indentation. A
/// complaint past the end (something was never closed) is moved to the last line of the document.
fn explain(chunk: &str, first_line: usize, mut error: SyntaxError) -> SyntaxError {
    if error.code != "yaml-syntax" {
        return error;
    }
    let lines = chunk.trim_end().lines().count();
    if error.at.line >= first_line + lines {
        let last = chunk.trim_end().lines().next_back().unwrap_or_default();
        error.at = Spot {
            line: first_line + lines.saturating_sub(1),
            column: last.chars().count() + 1,
        };
    }
    let last = error.at.line.saturating_sub(first_line) + 1;
    for (index, line) in chunk.lines().enumerate().take(last) {
        let indentation = line.len() - line.trim_start_matches([' ', '\t']).len();
        if let Some(tab) = line[..indentation].find('\t')
            && indentation < line.len()
        {
            return SyntaxError {
                at: Spot {
                    line: first_line + index,
                    column: tab + 1,
                },
                code: "yaml-tab",
                message: "tab in the indentation, YAML takes spaces only".to_owned(),
            };
        }
    }
    error
}
