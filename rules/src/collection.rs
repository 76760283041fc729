//! Several documents in one file: `action: global`, `repeat` and `reset`.

use crate::problem::{Sink, nearest};
use crate::yaml::{Data, Node};

/// The state while reading the documents of one file.
#[derive(Debug, Default)]
pub(crate) struct Collection<'a> {
    /// Merged content of the `global` documents since the last `reset`.
    global: Option<Node<'a>>,
    /// The rule before, as merged: what `repeat` changes.
    previous: Option<Node<'a>>,
}

/// What a document turned out to be.
#[derive(Debug)]
pub(crate) enum Step<'a> {
    /// An `action:` that makes no rule of its own.
    Consumed,
    /// A rule, with everything merged that it inherits.
    Rule {
        node: Node<'a>,
        /// Whether its `id` comes from another document.
        inherited_id: bool,
    },
}

impl<'a> Collection<'a> {
    /// Takes the next document of the file.
    pub fn step(&mut self, mut node: Node<'a>, sink: &mut Sink<'_>) -> Step<'a> {
        let action = take_action(&mut node);
        let own_id = node.get("id").is_some();
        match action {
            None => {
                let node = match &self.global {
                    Some(global) => merge(global.clone(), node),
                    None => node,
                };
                self.previous = Some(node.clone());
                Step::Rule {
                    node,
                    inherited_id: !own_id,
                }
            }
            Some(action) => match action.text().map(str::to_ascii_lowercase).as_deref() {
                Some("global") => {
                    self.global = Some(match self.global.take() {
                        Some(global) => merge(global, node),
                        None => node,
                    });
                    Step::Consumed
                }
                Some("reset") => {
                    self.global = None;
                    Step::Consumed
                }
                Some("repeat") => match self.previous.take() {
                    Some(previous) => {
                        let node = merge(previous, node);
                        self.previous = Some(node.clone());
                        Step::Rule {
                            node,
                            inherited_id: !own_id,
                        }
                    }
                    None => {
                        sink.error(action.at, "bad-action", "`action: repeat` has no rule before it");
                        Step::Consumed
                    }
                },
                other => {
                    let word = other.unwrap_or("?");
                    sink.error_near(
                        action.at,
                        "bad-action",
                        format!("unknown action `{word}`, it is `global`, `repeat` or `reset`"),
                        nearest(word, ["global", "repeat", "reset"]),
                    );
                    Step::Consumed
                }
            },
        }
    }
}

fn take_action<'a>(node: &mut Node<'a>) -> Option<Node<'a>> {
    let Data::Map(entries) = &mut node.data else {
        return None;
    };
    let position = entries.iter().position(|(key, _)| key.text() == Some("action"))?;
    Some(entries.remove(position).1)
}

/// Maps are merged key by key; anything else of `over` replaces what `base` has.
fn merge<'a>(base: Node<'a>, over: Node<'a>) -> Node<'a> {
    match (base.data, over.data) {
        (Data::Map(mut entries), Data::Map(others)) => {
            for (key, value) in others {
                match entries.iter().position(|(own, _)| own.text() == key.text()) {
                    Some(position) => {
                        let (_, old) = entries.swap_remove(position);
                        entries.push((key, merge(old, value)));
                        let last = entries.len() - 1;
                        entries.swap(position, last);
                    }
                    None => entries.push((key, value)),
                }
            }
            Node {
                at: over.at,
                data: Data::Map(entries),
            }
        }
        (_, data) => Node { at: over.at, data },
    }
}

/// An id for a rule that has none: its content, hashed (FNV-1a, 128 bits) and written as a UUID of
/// version 8, which is meant for such.
pub(crate) fn content_id(node: &Node<'_>) -> String {
    let mut hash = FNV_START;
    feed(node, &mut hash);
    as_uuid(hash)
}

/// The same for a text.
pub(crate) fn text_id(text: &str) -> String {
    let mut hash = FNV_START;
    feed_bytes(text.as_bytes(), &mut hash);
    as_uuid(hash)
}

const FNV_START: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;

fn feed_bytes(bytes: &[u8], hash: &mut u128) {
    for byte in bytes {
        *hash = (*hash ^ u128::from(*byte)).wrapping_mul(0x0100_0000_0000_0000_0000_013b);
    }
}

fn as_uuid(hash: u128) -> String {
    let hash = (hash & !(0xf << 76) & !(0x3 << 62)) | (0x8 << 76) | (0x2 << 62);
    let digits = format!("{hash:032x}");
    format!(
        "{}-{}-{}-{}-{}",
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..]
    )
}

fn feed(node: &Node<'_>, hash: &mut u128) {
    let mut bytes = |bytes: &[u8]| feed_bytes(bytes, hash);
    match &node.data {
        Data::Scalar { text, .. } => {
            bytes(b"s");
            bytes(&(text.len() as u64).to_le_bytes());
            bytes(text.as_bytes());
        }
        Data::List(items) => {
            bytes(b"l");
            bytes(&(items.len() as u64).to_le_bytes());
            items.iter().for_each(|item| feed(item, hash));
        }
        Data::Map(entries) => {
            bytes(b"m");
            bytes(&(entries.len() as u64).to_le_bytes());
            for (key, value) in entries {
                feed(key, hash);
                feed(value, hash);
            }
        }
    }
}
