//! Lists from files and folders.
//!
//! | what | how it is told |
//! |---|---|
//! | plain list | a value a line; `#`, `;` and `//` start comments; what stands behind a value describes it; lines of hosts files (`0.0.0.0 name`) |
//! | CSV | `.csv`, `.tsv`, or a line with the names of columns (also in a comment, as abuse.ch writes it); see [`fields`] |
//! | JSON | `{` or `[` first: objects with the names of [`fields`], texts, one document or one a line |
//! | STIX 2.1 | objects with `"type": "indicator"`, in a bundle or not: [`stix`] |
//! | MISP | `Event`, `Attribute`: [`misp`] |
//!
//! Files may be packed (`.gz`, `.zst`) or in UTF-16. A list is called as its file without its endings. In plain lists and
//! CSV a comment may say more: `# borzoi: name=…`, `level=…`, `tags=a,b`, `description=…`, `exact`.
//!
//! What cannot be read costs itself alone: it is counted, and the first [`MOST_PROBLEMS`] of a file are told with their
//! lines. A line is at most [`LONGEST_LINE`] long; files are read piece by piece, but an event of MISP, and an object of
//! any JSON, is held whole.

mod csv;
pub mod fields;
mod json;
mod lines;
pub mod misp;
pub mod stix;

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use borzoi_parsers::input::{ChunkSource, Input, InputOptions, Next};
use borzoi_rules::ir::Level;
use walkdir::WalkDir;

use super::build::{Added, SetBuilder};
use super::set::{About, IndicatorSet, ListNumber, Settings};
use super::value::Value;

/// Problems that are told of one file; all are counted.
pub const MOST_PROBLEMS: usize = 10;

/// The longest line or row, in bytes.
pub const LONGEST_LINE: usize = 1 << 20;

/// The longest list, in bytes as it is read: unpacked, where it is packed. Some fifty million addresses, one a line.
pub const LONGEST_LIST: u64 = 1 << 30;

/// Descriptions are cut here.
const LONGEST_DESCRIPTION: usize = 512;

/// What was read.
#[derive(Debug)]
pub struct Loaded {
    /// All indicators.
    pub set: Arc<IndicatorSet>,
    /// What became of each file.
    pub files: Vec<FileReport>,
}

impl Loaded {
    /// Whether something that should be an indicator is none, or a file was not read to its end.
    pub fn has_losses(&self) -> bool {
        self.files.iter().any(|file| file.refused > 0 || file.failed)
    }

    /// The problems that are told, in the order of the files.
    pub fn problems(&self) -> impl Iterator<Item = &Problem> {
        self.files.iter().flat_map(|file| &file.problems)
    }
}

/// What became of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileReport {
    /// The file.
    pub path: PathBuf,
    /// The list that its indicators are in.
    pub list: String,
    /// What it was taken for.
    pub form: &'static str,
    /// Indicators that are in the list now.
    pub added: u64,
    /// Indicators that the list had already.
    pub again: u64,
    /// Entries that are no indicators, or not understood.
    pub refused: u64,
    /// Entries that are not for matching: of other kinds (mail addresses, file names), withdrawn, or marked so.
    pub passed_over: u64,
    /// Whether it was not read to its end.
    pub failed: bool,
    /// The first of what went wrong.
    pub problems: Vec<Problem>,
}

/// Something in a file that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1; 0 for the whole file.
    pub line: u64,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path.display(), self.message),
            line => write!(f, "{}:{line}: {}", self.path.display(), self.message),
        }
    }
}

/// Reads files, and of folders the files of the known endings, in the order of their names.
pub fn load<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Loaded {
    load_within(paths, LONGEST_LIST)
}

/// The same for lists of at most so many bytes each.
pub(super) fn load_within<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>, longest: u64) -> Loaded {
    let mut builder = SetBuilder::new();
    let mut files = Vec::new();
    for path in paths {
        let path = path.as_ref();
        if !path.is_dir() {
            files.push(load_file(path, &mut builder, longest));
            continue;
        }
        let before = files.len();
        for entry in WalkDir::new(path).follow_links(true).sort_by_file_name() {
            match entry {
                Ok(entry) if entry.file_type().is_file() && is_list(entry.path()) => {
                    files.push(load_file(entry.path(), &mut builder, longest));
                }
                Ok(_) => {}
                Err(error) => {
                    let place = error.path().unwrap_or(path);
                    files.push(failed(place, format!("cannot read: {error}")));
                }
            }
        }
        if files.len() == before {
            let message = format!("no list in this folder; lists end in .{}", ENDINGS.join(", ."));
            files.push(failed(path, message));
        }
    }
    Loaded {
        set: Arc::new(builder.finish()),
        files,
    }
}

/// Reads one text as a file called `path`; for tests and for lists that are no files.
pub fn load_text(path: impl Into<PathBuf>, text: impl Read) -> Loaded {
    let mut builder = SetBuilder::new();
    let report = read(&path.into(), text, &mut builder);
    Loaded {
        set: Arc::new(builder.finish()),
        files: vec![report],
    }
}

/// Endings of lists, of those in folders.
const ENDINGS: [&str; 13] = [
    "csv", "tsv", "txt", "list", "lst", "ioc", "iocs", "netset", "ipset", "json", "jsonl", "ndjson", "hosts",
];

fn is_list(path: &Path) -> bool {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .to_ascii_lowercase();
    let name = unpacked(&name);
    !name.starts_with('.')
        && name
            .rsplit_once('.')
            .is_some_and(|(_, ending)| ENDINGS.contains(&ending))
}

fn unpacked(name: &str) -> &str {
    [".gz", ".zst"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending))
        .unwrap_or(name)
}

fn failed(path: &Path, message: String) -> FileReport {
    FileReport {
        path: path.to_owned(),
        list: list_name(path),
        failed: true,
        problems: vec![Problem {
            path: path.to_owned(),
            line: 0,
            message,
        }],
        ..FileReport::default()
    }
}

/// The name of the list in a file.
fn list_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = unpacked(&name);
    match name.rsplit_once('.') {
        Some((stem, ending))
            if !stem.is_empty() && ENDINGS.contains(&ending.to_ascii_lowercase().as_str()) =>
        {
            stem.to_owned()
        }
        _ if name.is_empty() => "indicators".to_owned(),
        _ => name.to_owned(),
    }
}

fn load_file(path: &Path, builder: &mut SetBuilder, longest: u64) -> FileReport {
    match Input::file(path).open(&InputOptions::default()) {
        Err(error) => failed(path, error.reason),
        Ok(source) => {
            let chunks = Chunks {
                source,
                chunk: Vec::new(),
                at: 0,
                longest,
                left: longest,
            };
            read(path, chunks, builder)
        }
    }
}

/// An input as a reader.
struct Chunks {
    source: ChunkSource,
    chunk: Vec<u8>,
    at: usize,
    longest: u64,
    /// So many bytes may come yet.
    left: u64,
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.chunk.len() {
            match self.source.next(None) {
                Next::Chunk(chunk) => {
                    // Some kilobytes can unpack to any length.
                    let left = self.left.checked_sub(chunk.bytes.len() as u64);
                    self.left = left.ok_or_else(|| too_large(self.longest))?;
                    (self.chunk, self.at) = (chunk.bytes, 0);
                }
                Next::Idle => {}
                Next::End => return Ok(0),
                Next::Error(error) => return Err(io::Error::other(error.reason)),
            }
        }
        let length = buffer.len().min(self.chunk.len() - self.at);
        buffer[..length].copy_from_slice(&self.chunk[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}

fn too_large(longest: u64) -> io::Error {
    io::Error::other(format!(
        "longer than {longest} bytes unpacked; split the list into several files"
    ))
}

/// How many bytes are looked at to tell what a file is.
const LOOKED_AT: usize = 64 << 10;

fn read(path: &Path, mut text: impl Read, builder: &mut SetBuilder) -> FileReport {
    let mut head = Vec::new();
    let looked = text.by_ref().take(LOOKED_AT as u64).read_to_end(&mut head);
    let list = list_name(path);
    if !builder.room_for_list() {
        return failed(
            path,
            "there are 65,535 lists already; put several into one file".to_owned(),
        );
    }
    let number = builder.list(&list, &Settings::default());
    let mut sink = Sink {
        builder,
        list: number,
        exact: false,
        report: FileReport {
            path: path.to_owned(),
            list,
            ..FileReport::default()
        },
    };
    if let Err(error) = looked {
        sink.fail(0, format!("cannot read on: {error}"));
        return sink.report;
    }
    let start = if head.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let form = Form::of(path, &head[start..]);
    sink.report.form = form.name();
    head.drain(..start);
    let whole = BufReader::new(io::Cursor::new(head).chain(text));
    match form {
        Form::Json => json::read(whole, &mut sink),
        Form::Csv(separator) => csv::read(whole, separator, &mut sink),
        Form::Lines => lines::read(whole, &mut sink),
    }
    sink.report
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Csv(u8),
    Lines,
}

impl Form {
    fn name(self) -> &'static str {
        match self {
            Form::Json => "JSON",
            Form::Csv(_) => "CSV",
            Form::Lines => "plain list",
        }
    }

    fn of(path: &Path, head: &[u8]) -> Form {
        let name = path.to_string_lossy().to_ascii_lowercase();
        let ending = unpacked(&name)
            .rsplit_once('.')
            .map_or("", |(_, ending)| ending)
            .to_owned();
        let trimmed = head.trim_ascii_start();
        // `[` may also begin an address.
        let is_json = match trimmed.split_first() {
            Some((b'{', _)) => true,
            Some((b'[', rest)) => matches!(
                rest.trim_ascii_start().first(),
                None | Some(b'{' | b'[' | b'"' | b']')
            ),
            _ => false,
        };
        if is_json {
            return Form::Json;
        }
        match csv::separator_of(head) {
            Some(separator) => Form::Csv(separator),
            None if ending == "csv" => Form::Csv(b','),
            None if ending == "tsv" => Form::Csv(b'\t'),
            None => Form::Lines,
        }
    }
}

/// Where entries go.
struct Sink<'b> {
    builder: &'b mut SetBuilder,
    list: ListNumber,
    /// Whether domains of the list are only themselves.
    exact: bool,
    report: FileReport,
}

impl Sink<'_> {
    fn add(&mut self, line: u64, value: Value, about: &About<'_>, valid_until: Option<i64>) {
        let value = if self.exact { value.exactly() } else { value };
        let short = cut(about.description);
        let about = About {
            description: short,
            ..about.clone()
        };
        match self.builder.add(self.list, &value, &about, valid_until) {
            Added::New => self.report.added += 1,
            Added::Again => self.report.again += 1,
            Added::Full => self.refuse(line, "there is no room for more indicators"),
        }
    }

    /// Counts an entry that is no indicator.
    fn refuse(&mut self, line: u64, message: impl Into<String>) {
        self.report.refused += 1;
        self.tell(line, message.into());
    }

    /// The file cannot be read any further.
    fn fail(&mut self, line: u64, message: impl Into<String>) {
        self.report.failed = true;
        // This one is always told.
        self.report.problems.truncate(MOST_PROBLEMS - 1);
        self.tell(line, message.into());
    }

    fn tell(&mut self, line: u64, message: String) {
        if self.report.problems.len() < MOST_PROBLEMS {
            self.report.problems.push(Problem {
                path: self.report.path.clone(),
                line,
                message,
            });
        }
    }

    /// What a comment says, if it speaks to us.
    fn directive(&mut self, line: u64, comment: &str) {
        let Some(said) = comment.trim().strip_prefix("borzoi:") else {
            return;
        };
        let said = said.trim();
        let (word, value) = said
            .split_once('=')
            .map_or((said, ""), |(word, value)| (word.trim(), value.trim()));
        match (word, value) {
            ("exact", "") => self.exact = true,
            ("name", name) if !name.is_empty() => self.rename(line, name),
            ("level", name) => match level(name) {
                Some(level) => self.builder.settings_mut(self.list).level = level,
                None => self.refuse(
                    line,
                    format!("no level `{name}`; there are informational, low, medium, high and critical"),
                ),
            },
            ("tags", tags) => {
                let tags = tags.split(',').map(str::trim).filter(|tag| !tag.is_empty());
                self.builder.settings_mut(self.list).tags = tags.map(str::to_owned).collect();
            }
            ("description", text) => {
                self.builder.settings_mut(self.list).description = Some(cut(text).to_owned());
            }
            _ => self.refuse(
                line,
                format!(
                    "`{said}` says nothing; there are name=, level=, tags=, description= and exact, one in a comment"
                ),
            ),
        }
    }

    fn rename(&mut self, line: u64, name: &str) {
        if self.report.added + self.report.again > 0 {
            return self.refuse(line, "the name of a list stands before its first entry");
        }
        self.builder.drop_list_if_empty(self.list);
        self.list = self.builder.list(name, &Settings::default());
        self.report.list = name.to_owned();
    }
}

/// A word for how bad something is.
pub(super) fn level(word: &str) -> Option<Level> {
    Some(match word.trim().to_ascii_lowercase().as_str() {
        "informational" | "info" | "none" | "undefined" => Level::Informational,
        "low" => Level::Low,
        "medium" | "moderate" => Level::Medium,
        "high" | "severe" => Level::High,
        "critical" | "very high" | "very-high" => Level::Critical,
        _ => return None,
    })
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONGEST_DESCRIPTION)]
}

/// The next line without its end, and whether it was longer than [`LONGEST_LINE`] (then only its start is there); `None`
/// at the end.
fn next_line<'l>(reader: &mut impl BufRead, line: &'l mut Vec<u8>) -> io::Result<Option<(&'l [u8], bool)>> {
    line.clear();
    let mut any = false;
    loop {
        let buffer = match reader.fill_buf() {
            Ok(buffer) => buffer,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if buffer.is_empty() {
            break;
        }
        any = true;
        let end = memchr::memchr(b'\n', buffer);
        let part = &buffer[..end.unwrap_or(buffer.len())];
        let room = (LONGEST_LINE + 1).saturating_sub(line.len());
        line.extend_from_slice(&part[..part.len().min(room)]);
        let used = end.map_or(buffer.len(), |end| end + 1);
        reader.consume(used);
        if end.is_some() {
            break;
        }
    }
    let is_long = line.len() > LONGEST_LINE;
    Ok(any.then(|| (line.strip_suffix(b"\r").unwrap_or(line), is_long)))
}
