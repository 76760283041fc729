//! Putting the records of one audit event together, while framing.

use std::collections::VecDeque;

use memchr::memmem;

/// Events that may be open at once; more, and the oldest is let go.
const MOST_OPEN: usize = 64;
/// Bytes that one event may have; more, and it is let go. The kernel cuts a record at 8,970 bytes, and the longest command
/// lines come in some hundred of them.
const MOST_BYTES: usize = 4 << 20;
/// Bytes that all open events may have together; more, and the oldest is let go.
const MOST_TOGETHER: usize = 16 << 20;
/// An event is complete when a record arrives that is this much younger (milliseconds). The audit tools use
/// two seconds.
const PATIENCE: i64 = 2_000;
/// Identities of complete events that are remembered for late end records.
const REMEMBERED: usize = 64;

/// A whole event: its lines joined by `\n`, and the offset of the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assembled {
    /// Offset of the first record.
    pub offset: u64,
    /// The records, joined by `\n`.
    pub frame: Vec<u8>,
    /// It was let go to keep within bounds: records of it may follow as events of their own.
    pub truncated: bool,
}

/// Groups records by node, time and serial number.
///
/// An event is complete with its `EOE` or `PROCTITLE` record (the kernel writes them last), at once if it is
/// of a kind that has one record only (what programs report: `USER_*`, `CRED_*`, `SERVICE_*`, …), when a
/// record arrives that is two seconds younger, or when more than 64 are open, or it has more than 4 MiB, or all open ones
/// more than 16 MiB. What is let go for its size is marked: `error.type` is `truncated`. An `EOE` that follows a
/// `PROCTITLE` says nothing and is dropped; it would be the event's last line and nothing else.
///
/// *Cost*: one substring search a line, and a look through the open events (usually one or two).
#[derive(Debug, Default)]
pub struct Assembler {
    /// In the order of their first records.
    open: VecDeque<Open>,
    /// Bytes of all open events.
    bytes: usize,
    complete: VecDeque<Vec<u8>>,
}

#[derive(Debug)]
struct Open {
    id: Vec<u8>,
    /// Milliseconds since the epoch.
    time: i64,
    event: Assembled,
}

impl Assembler {
    /// An assembler without open events.
    pub fn new() -> Self {
        Assembler::default()
    }

    /// Takes the next line (without its line end); events that are complete now are appended to `done`. A
    /// line that is no audit record comes out at once, alone.
    pub fn push(&mut self, line: &[u8], offset: u64, done: &mut Vec<Assembled>) {
        let Some(head) = Head::of(line) else {
            if !line.trim_ascii().is_empty() {
                done.push(Assembled {
                    offset,
                    frame: line.to_vec(),
                    truncated: false,
                });
            }
            return;
        };
        self.let_go_before(head.time - PATIENCE, done);
        let id = head.id();
        let found = self.open.iter().position(|open| open.id == id);
        let last = matches!(head.kind, b"EOE" | b"1320" | b"PROCTITLE" | b"1327");
        match found {
            Some(index) => {
                let open = &mut self.open[index];
                open.event.frame.push(b'\n');
                open.event.frame.extend_from_slice(line);
                self.bytes += 1 + line.len();
                let too_long = !last && open.event.frame.len() > MOST_BYTES;
                open.event.truncated |= too_long;
                if last || too_long {
                    self.complete(index, done);
                }
            }
            None if matches!(head.kind, b"EOE" | b"1320") && self.complete.contains(&id) => {}
            None => {
                let event = Assembled {
                    offset,
                    frame: line.to_vec(),
                    truncated: false,
                };
                if last || head.is_alone() {
                    self.remember(id);
                    done.push(event);
                    return;
                }
                if self.open.len() >= MOST_OPEN {
                    self.complete(0, done);
                }
                self.bytes += line.len();
                self.open.push_back(Open {
                    id,
                    time: head.time,
                    event,
                });
            }
        }
        while self.bytes > MOST_TOGETHER && self.open.len() > 1 {
            self.open[0].event.truncated = true;
            self.complete(0, done);
        }
    }

    /// All events that are still open, in the order of their first records: at the end of a source, or when
    /// a stream has been silent for a while.
    pub fn flush(&mut self, done: &mut Vec<Assembled>) {
        while !self.open.is_empty() {
            self.complete(0, done);
        }
    }

    /// Whether any event waits for more records.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    fn let_go_before(&mut self, time: i64, done: &mut Vec<Assembled>) {
        let mut index = 0;
        while index < self.open.len() {
            if self.open[index].time < time {
                self.complete(index, done);
            } else {
                index += 1;
            }
        }
    }

    fn complete(&mut self, index: usize, done: &mut Vec<Assembled>) {
        if let Some(open) = self.open.remove(index) {
            self.bytes -= open.event.frame.len();
            self.remember(open.id);
            done.push(open.event);
        }
    }

    fn remember(&mut self, id: Vec<u8>) {
        if self.complete.len() >= REMEMBERED {
            self.complete.pop_front();
        }
        self.complete.push_back(id);
    }
}

/// The start of a record, as far as grouping needs it.
struct Head<'a> {
    node: &'a [u8],
    kind: &'a [u8],
    stamp: &'a [u8],
    time: i64,
}

impl<'a> Head<'a> {
    fn of(line: &'a [u8]) -> Option<Head<'a>> {
        let at = memmem::find(line, b"audit(")?;
        let (head, rest) = (&line[..at], &line[at + b"audit(".len()..]);
        let stamp = &rest[..memchr::memchr(b')', rest)?];
        let head = head.strip_suffix(b"msg=").unwrap_or(head).trim_ascii_end();
        let kind = &head[memmem::rfind(head, b"type=")? + b"type=".len()..];
        let node = match memmem::find(head, b"node=") {
            Some(at) => head[at + b"node=".len()..]
                .split(|b| *b == b' ')
                .next()
                .unwrap_or_default(),
            None => b"",
        };
        let text = std::str::from_utf8(stamp).ok()?;
        let (time, _serial) = text.rsplit_once(':')?;
        let time = crate::time::epoch(time)? / 1000;
        Some(Head {
            node,
            kind,
            stamp,
            time,
        })
    }

    fn id(&self) -> Vec<u8> {
        [self.stamp, b" ", self.node].concat()
    }

    /// Whether the type is one that programs, not the kernel, write: always a single record.
    fn is_alone(&self) -> bool {
        const STARTS: [&[u8]; 19] = [
            b"USER_",
            b"CRED_",
            b"SERVICE_",
            b"ADD_",
            b"DEL_",
            b"GRP_",
            b"ROLE_",
            b"DAEMON_",
            b"CRYPTO_",
            b"SOFTWARE_",
            b"SYSTEM_",
            b"TRUSTED_APP",
            b"VIRT_",
            b"ACCT_",
            b"CHGRP_ID",
            b"CHUSER_ID",
            b"LABEL_",
            b"FS_RELABEL",
            b"TEST",
        ];
        STARTS.iter().any(|start| self.kind.starts_with(start))
            // 1100 to 1299: the same, by number.
            || (self.kind.len() == 4 && (self.kind.starts_with(b"11") || self.kind.starts_with(b"12")))
    }
}
