//! Lines of text that some product wrote, alone or behind a syslog header.
//!
//! A [`Grammar`] reads the lines of one product: [`Line`] in, [`Event`] out, or nothing if the line is not its own. It
//! says what a line of its own must hold (*marks*, or the program that the header names), so that only the few grammars
//! whose marks stand in a line are asked, however many there are: [`Grammars`] finds them all in one pass.
//!
//! Order decides between grammars that could both read a line: the stricter stands first.
//!
//! A grammar answers for log injection: what a stranger chose (a user name, a path, a header) must not become a field that
//! the writer of the line would have set. So it anchors at text that only the writer can have written, from the ends
//! inwards, and never searches a line for the first thing that looks like an address.

pub(crate) mod cells;
pub(crate) mod compiled;
pub(super) mod described;
pub(crate) mod grok;
pub(crate) mod keys;
pub(crate) mod layout;
pub(crate) mod once;
pub(crate) mod pairs;
pub(crate) mod parts;
pub(crate) mod search;
pub(crate) mod shape;
pub(crate) mod url;

use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

use aho_corasick::automaton::Automaton;
use aho_corasick::dfa::DFA;
use aho_corasick::{Anchored, MatchKind};
use bumpalo::Bump;
use hashbrown::HashMap;

use self::described::Described;
use self::keys::PairKeys;
use super::fields::Fields;
use super::syslog::{Header, header::full_tag, write_header};
use super::vendors::{CefRole, FortigateRole, cef_meaning};
use super::{EventSink, FrameContext, Reject, commit};
use crate::catalog::{Catalog, Dataset};
use crate::value::Value;

/// A frame of text as a grammar sees it.
pub(crate) struct Line<'a> {
    /// The whole frame, without the line feed.
    pub(crate) raw: &'a str,
    /// What the syslog header says; empty where there is none.
    pub(crate) header: &'a Header<'a>,
    /// The text behind the header and its tag; all of it where there is none.
    pub(crate) body: &'a str,
    /// Where the frame was read, the zone of its times, the year of those that have none.
    pub(crate) context: &'a FrameContext<'a>,
    /// Room for texts that do not stand in the frame as they are meant.
    pub(crate) arena: &'a Bump,
    /// The keys that lines before had.
    pub(crate) keys: &'a NumberedKeys,
}

/// The keys of products that write pairs, each kind by itself.
pub(crate) struct NumberedKeys {
    pub(crate) cef: RefCell<PairKeys<CefRole>>,
    pub(crate) fortigate: RefCell<PairKeys<FortigateRole>>,
}

impl Default for NumberedKeys {
    fn default() -> Self {
        const TABLES: u32 = 2;
        NumberedKeys {
            cef: RefCell::new(PairKeys::new(CefRole::of, cef_meaning, 0, TABLES)),
            fortigate: RefCell::new(PairKeys::new(FortigateRole::of, |name| name, 1, TABLES)),
        }
    }
}

impl<'a> Line<'a> {
    /// The program that the header names, or nothing.
    pub(crate) fn program(&self) -> &'a str {
        self.header.program().unwrap_or_default()
    }

    /// Program, process id and message: of the header, or of a tag that the line starts with where there is no header
    /// or its tag was not seen. Without either, all is the message.
    pub(crate) fn tagged(&self) -> (&'a str, Option<&'a str>, &'a str) {
        match self.header.program() {
            Some(program) => (program, self.header.process_id, self.body),
            None => match full_tag(self.body) {
                Some((tag, process_id, message)) => (tag, process_id, message),
                None => ("", None, self.body),
            },
        }
    }

    /// Keeps a text that was put together for as long as the frame.
    pub(crate) fn keep(&self, text: impl AsRef<str>) -> &'a str {
        self.arena.alloc_str(text.as_ref())
    }

    /// `stem` and `name` as one name.
    pub(crate) fn name(&self, stem: &str, name: &str) -> &'a str {
        let mut text = bumpalo::collections::String::with_capacity_in(stem.len() + name.len(), self.arena);
        text.push_str(stem);
        text.push_str(name);
        text.into_bump_str()
    }
}

/// What a grammar made of a line.
#[derive(Debug)]
pub(crate) struct Event<'a> {
    /// Name of the dataset.
    pub(crate) dataset: &'a str,
    /// Event time in microseconds since the epoch; `None`: the header's.
    pub(crate) time: Option<i64>,
    /// The fields, by ECS names or by native names that the catalog knows. Without a `message`, the body is it.
    pub(crate) fields: Fields<'a>,
    /// The line has no syslog header, though its beginning looks like one (`2026-03-01T10:00:00Z info vpxd[7]: …`):
    /// nothing of it is kept.
    pub(crate) headless: bool,
}

impl<'a> Event<'a> {
    /// An event of `dataset` without fields.
    pub(crate) fn new(dataset: &'a str) -> Self {
        Event {
            dataset,
            time: None,
            fields: Fields::new(),
            headless: false,
        }
    }

    /// As [`Event::new`], for a line whose beginning is no syslog header.
    pub(crate) fn headless(dataset: &'a str) -> Self {
        Event {
            headless: true,
            ..Event::new(dataset)
        }
    }
}

/// How the lines of one product are recognised and read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grammar {
    /// For `--explain` and for people.
    pub(crate) name: &'static str,
    /// Texts one of which stands among the first [`MARKED`] bytes of every line of the product. Case counts.
    pub(crate) marks: &'static [&'static str],
    /// Programs (in the syslog header, lower case) whose lines are asked for as well; about their lines, no grammar is
    /// asked that does not name them. A grammar with neither marks nor programs is asked about every line of the others.
    pub(crate) programs: &'static [&'static str],
    /// Reads a line, if it is one of the product's.
    pub(crate) read: for<'a> fn(&Line<'a>) -> Option<Event<'a>>,
}

/// Programs whose messages no mark makes another product's.
const SETTLED: &[&str] = &[
    "sshd",
    "sshd-session",
    "sshd-auth",
    "dropbear",
    "sudo",
    "su",
    "login",
    "cron",
    "CRON",
    "crond",
    "useradd",
    "userdel",
    "usermod",
    "groupadd",
    "passwd",
    "systemd-logind",
];

/// Programs that write what strangers sent them (names, paths, headers) and are read elsewhere or not at all: no mark makes
/// their messages another product's either. The same holds for all programs that a grammar names.
const STRANGERS: &[&str] = &[
    "nginx",
    "httpd",
    "apache",
    "apache2",
    "apache_access",
    "lighttpd",
    "caddy",
    "traefik",
    "varnish",
    "varnishncsa",
    "haproxy",
    "squid",
    "tomcat",
    "catalina",
    "uwsgi",
    "gunicorn",
    "node",
    "wordpress",
    "opendkim",
    "opendmarc",
    "rspamd",
    "amavis",
    "clamd",
    "saslauthd",
    "cyrus",
    "imapd",
    "pop3d",
    "ntpd",
    "chronyd",
    "snmpd",
    "telnetd",
    "in.telnetd",
    "rsyslogd",
    "systemd",
    "polkitd",
    "doas",
    "pkexec",
    "runuser",
];

/// Marks stand among this many first bytes of a line.
pub(crate) const MARKED: usize = 2048;

/// What is known of a program's lines.
#[derive(Default)]
struct Program {
    /// See [`SETTLED`].
    settled: bool,
    /// No marks are sought in its messages.
    unmarked: bool,
    /// Grammars that name it.
    named: Vec<usize>,
}

/// All grammars, ready to be asked; made once for all decoders.
struct Table {
    /// Grammars that a line's first bytes decide for.
    first: Vec<Grammar>,
    grammars: Vec<Grammar>,
    marks: DFA,
    /// Grammar of each mark.
    marked: Vec<usize>,
    programs: HashMap<&'static str, Program>,
    /// Those asked about every line, as a set.
    always: Vec<u64>,
}

/// All grammars, and what reading lines takes.
pub(super) struct Grammars {
    table: &'static Table,
    /// Scratch: which grammars are to be asked about a line, one bit each.
    asked: Vec<u64>,
    /// Formats of catalog files, asked before all others: whoever describes a line means it.
    described: Option<Described>,
    arena: Bump,
    keys: NumberedKeys,
    /// The dataset of the last event.
    named: Option<Named>,
    /// Who read the last line.
    reader: Reader,
}

/// A dataset, and what named it.
struct Named {
    name: String,
    /// The vendor and product of a CEF or LEEF line whose dataset the catalog names.
    writer: [String; 2],
    dataset: Arc<Dataset>,
}

/// Who read a line, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// A grammar, by name.
    Grammar(&'static str),
    /// A pattern of the event's dataset in the catalog, from 0.
    Pattern(usize),
}

/// Whether it is known what `program` writes, or that it writes what strangers sent it.
pub(super) fn is_known(program: &str) -> bool {
    let programs = &Table::shipped().programs;
    programs.contains_key(program) || programs.contains_key(program.to_ascii_lowercase().as_str())
}

impl Table {
    /// The grammars of `first`, which are asked about every line before marks are sought in it, and those of `groups`,
    /// in this order.
    fn new(first: &[&[Grammar]], groups: &[&[Grammar]]) -> Self {
        let grammars: Vec<Grammar> = groups.concat();
        let mut marks = Vec::new();
        let mut marked = Vec::new();
        let mut programs: HashMap<&'static str, Program> = HashMap::new();
        for &program in SETTLED {
            let program = programs.entry(program).or_default();
            (program.settled, program.unmarked) = (true, true);
        }
        for &program in STRANGERS {
            programs.entry(program).or_default().unmarked = true;
        }
        let mut always = vec![0; grammars.len().div_ceil(64)];
        for (index, grammar) in grammars.iter().enumerate() {
            for mark in grammar.marks {
                marks.push(*mark);
                marked.push(index);
            }
            for program in grammar.programs {
                let program = programs.entry(program).or_default();
                program.named.push(index);
                program.unmarked = true;
            }
            if grammar.marks.is_empty() && grammar.programs.is_empty() {
                insert(&mut always, index);
            }
        }
        // Every line goes through it: a dense table reads a byte in a nanosecond.
        let marks = DFA::builder()
            .match_kind(MatchKind::Standard)
            .build(marks)
            .expect("marks are few and short");
        Table {
            first: first.concat(),
            grammars,
            marks,
            marked,
            programs,
            always,
        }
    }

    fn shipped() -> &'static Table {
        static TABLE: OnceLock<Table> = OnceLock::new();
        TABLE.get_or_init(|| Table::new(super::vendors::FIRST, super::vendors::GROUPS))
    }

    /// Inserts the grammars whose marks stand in `head`.
    fn insert_marked(&self, head: &[u8], asked: &mut [u64]) {
        let marks = &self.marks;
        let Ok(mut state) = marks.start_state(Anchored::No) else {
            return;
        };
        for &byte in head {
            state = marks.next_state(Anchored::No, state, byte);
            if marks.is_special(state) && marks.is_match(state) {
                for found in 0..marks.match_len(state) {
                    insert(asked, self.marked[marks.match_pattern(state, found).as_usize()]);
                }
            }
        }
    }

    /// The event of `line`, and the grammar that reads it. Of a line that is pinned to a dataset, a grammar of that dataset
    /// is taken before one that is asked earlier.
    fn read<'a>(&self, line: &Line<'a>, asked: &mut [u64]) -> Option<(&Grammar, Event<'a>)> {
        let Some(dataset) = line.context.dataset else {
            return self.read_as(line, asked, |_| true);
        };
        let meant = |event: &Event<'a>| *event.dataset == *dataset.name;
        let read = self.read_as(line, asked, meant);
        read.or_else(|| self.read_as(line, asked, |_| true))
    }

    /// As [`Table::read`], for the first event that is `taken`.
    fn read_as<'a>(
        &self,
        line: &Line<'a>,
        asked: &mut [u64],
        taken: impl Fn(&Event<'a>) -> bool,
    ) -> Option<(&Grammar, Event<'a>)> {
        let program = line.header.program().unwrap_or_default();
        let known = self.programs.get(program);
        // What these programs write is known; whatever else seems to stand in it, a stranger may have typed.
        let settled = known.is_some_and(|known| known.settled);
        for grammar in &self.first {
            // A form without a mark of its own is no program's that signs its lines.
            if settled && grammar.marks.is_empty() {
                continue;
            }
            if let Some(event) = (grammar.read)(line).filter(&taken) {
                return Some((grammar, event));
            }
        }
        asked.fill(0);
        let mut named = known.map_or(&[][..], |known| known.named.as_slice());
        let mut unmarked = known.is_some_and(|known| known.unmarked);
        if named.is_empty()
            && program.bytes().any(|b| b.is_ascii_uppercase())
            && let Some(known) = self.programs.get(program.to_ascii_lowercase().as_str())
            && !known.named.is_empty()
        {
            named = &known.named;
            unmarked = true;
        }
        if !unmarked {
            asked.copy_from_slice(&self.always);
            let head = &line.raw.as_bytes()[..line.raw.len().min(MARKED)];
            self.insert_marked(head, asked);
        }
        for &index in named {
            insert(asked, index);
        }
        for (word, &bits) in asked.iter().enumerate() {
            let mut bits = bits;
            while bits != 0 {
                let grammar = &self.grammars[word * 64 + bits.trailing_zeros() as usize];
                if let Some(event) = (grammar.read)(line).filter(&taken) {
                    return Some((grammar, event));
                }
                bits &= bits - 1;
            }
        }
        None
    }
}

fn insert(set: &mut [u64], index: usize) {
    set[index / 64] |= 1 << (index % 64);
}

impl Grammars {
    /// The shipped grammars, and what `catalog` describes.
    pub(super) fn new(catalog: &Catalog) -> Self {
        let table = Table::shipped();
        Grammars {
            asked: table.always.clone(),
            table,
            described: Described::new(catalog),
            arena: Bump::new(),
            keys: NumberedKeys::default(),
            named: None,
            reader: Reader::Grammar("none"),
        }
    }

    /// Writes the event of a line that some grammar reads. `None`: no grammar reads it.
    pub(super) fn decode(
        &mut self,
        raw: &str,
        header: Option<&Header<'_>>,
        context: &FrameContext<'_>,
        sink: &mut EventSink,
    ) -> Option<Result<(), Reject>> {
        self.arena.reset();
        let none = Header::default();
        let line = Line {
            raw,
            header: header.unwrap_or(&none),
            body: header.map_or(raw, |header| header.message),
            context,
            arena: &self.arena,
            keys: &self.keys,
        };
        if let Some(described) = &mut self.described
            && let Some((number, event)) = described.read(&line)
        {
            self.reader = Reader::Pattern(number);
            return Some(write(event, &line, header.is_some(), &mut self.named, sink));
        }
        let (grammar, event) = self.table.read(&line, &mut self.asked)?;
        self.reader = Reader::Grammar(grammar.name);
        Some(write(event, &line, header.is_some(), &mut self.named, sink))
    }

    /// Writes the event of a line that a pattern of `dataset` reads; `context` says that the line is of it.
    pub(super) fn decode_described(
        &mut self,
        raw: &str,
        header: Option<&Header<'_>>,
        context: &FrameContext<'_>,
        sink: &mut EventSink,
    ) -> Option<Result<(), Reject>> {
        self.arena.reset();
        let none = Header::default();
        let line = Line {
            raw,
            header: header.unwrap_or(&none),
            body: header.map_or(raw, |header| header.message),
            context,
            arena: &self.arena,
            keys: &self.keys,
        };
        let (number, event) = self.described.as_mut()?.read(&line)?;
        self.reader = Reader::Pattern(number);
        Some(write(event, &line, header.is_some(), &mut self.named, sink))
    }

    /// Whether the catalog describes lines of its own.
    pub(super) fn describes(&self) -> bool {
        self.described.is_some()
    }

    /// The grammars that were asked about the last line because of what stands in it.
    pub(super) fn asked(&self) -> Vec<&'static str> {
        let table = self.table;
        let is_asked = |index: &usize| {
            let word = self.asked[index / 64] & !table.always[index / 64];
            word & (1 << (index % 64)) != 0
        };
        let asked = (0..table.grammars.len()).filter(is_asked);
        let mut names: Vec<&str> = asked.map(|index| table.grammars[index].name).collect();
        names.dedup();
        names
    }

    /// Who read the last line that was read here.
    pub(super) fn reader(&self) -> Reader {
        self.reader
    }
}

/// The dataset called `name`; of a CEF or LEEF line of nobody's that its writer names. The one of the line before is most
/// often the one of this line too.
fn dataset_of(
    name: &str,
    fields: &Fields<'_>,
    named: &mut Option<Named>,
    catalog: &Catalog,
) -> Result<Arc<Dataset>, Reject> {
    let writer = match name {
        "generic.cef" | "generic.leef" => {
            ["observer.vendor", "observer.product"].map(|part| fields.text_of(part).unwrap_or_default())
        }
        _ => ["", ""],
    };
    if let Some(last) = named
        && last.name == name
        && last.writer == writer
    {
        return Ok(Arc::clone(&last.dataset));
    }
    let by_writer = match writer {
        ["", ""] => None,
        [vendor, product] => catalog.dataset_of_writer(vendor, product),
    };
    let dataset = by_writer
        .or_else(|| catalog.dataset(name))
        .cloned()
        .ok_or_else(|| {
            let detail = format!("the catalog has no dataset `{name}`, add it");
            Reject::new("no_dataset", detail)
        })?;
    *named = Some(Named {
        name: name.to_owned(),
        writer: writer.map(str::to_owned),
        dataset: Arc::clone(&dataset),
    });
    Ok(dataset)
}

fn write(
    event: Event<'_>,
    line: &Line<'_>,
    has_header: bool,
    named: &mut Option<Named>,
    sink: &mut EventSink,
) -> Result<(), Reject> {
    let Event {
        dataset,
        time,
        mut fields,
        headless,
    } = event;
    let dataset = match line.context.dataset {
        Some(pinned) => Arc::clone(pinned),
        None => dataset_of(dataset, &fields, named, sink.catalog())?,
    };
    let builder = sink.begin(&dataset);
    let of_line = line.raw.as_bytes().as_ptr_range();
    let doubts = fields.take_doubts();
    let asides = fields.take_asides();
    // A name that stands in the line may be a stranger's: only the producer's own fields are called so.
    builder.write_fields(fields.all(), |name| of_line.contains(&name.as_ptr()));
    for (name, value) in &asides {
        builder.keep_aside(name, value);
    }
    if !doubts.is_empty() {
        builder.watch_doubts();
        for (name, value) in &doubts {
            builder.doubt(name, value);
        }
        builder.settle_doubts();
    }
    let has_header = has_header && !headless;
    if has_header {
        write_header(line.header, builder);
    } else {
        let text = if headless { line.raw } else { line.body };
        builder.field_if_absent("message", Value::Str(text));
    }
    let header_time = line.header.time.filter(|_| has_header);
    let time = time.or(builder.pending_time()).or(header_time);
    commit(builder, line.context, line.raw.as_bytes(), 0, time);
    Ok(())
}
