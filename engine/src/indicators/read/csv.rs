//! CSV with the names of its columns, or with values in the first one.

use std::io::BufRead;

use super::super::value::Value;
use super::fields::{Record, Role, role_of};
use super::lines::too_long;
use super::{LONGEST_LINE, Sink, next_line};

const SEPARATORS: [u8; 4] = [b',', b'\t', b';', b'|'];

/// The separator of a table with known names of columns among the first lines; `None` if there is none.
pub(super) fn separator_of(head: &[u8]) -> Option<u8> {
    let head = String::from_utf8_lossy(head);
    for line in head.lines().take(200) {
        let names = |separator: &u8| header(line, *separator).is_some_and(|roles| roles.len() > 1);
        let found = SEPARATORS.into_iter().find(names);
        if found.is_some() {
            return found;
        }
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            // A first value in quotes, or one of abuse.ch's without any header.
            return (line.starts_with('"') && line.contains("\",")).then_some(b',');
        }
    }
    None
}

/// The roles of the columns, if the line names them.
fn header(line: &str, separator: u8) -> Option<Vec<Option<Role>>> {
    let line = line.trim().trim_start_matches('#');
    let cells = cells(line, separator);
    let roles: Vec<Option<Role>> = cells.iter().map(|cell| role_of(cell)).collect();
    let has_value = roles.iter().flatten().any(|role| matches!(role, Role::Value(_)));
    // A word like those may also stand in a comment, or in a row (`domain,evil.example`).
    let is_name = |(cell, role): (&String, &Option<Role>)| {
        let cell = cell.trim();
        !cell.is_empty() && cell.len() <= 40 && (role.is_some() || Value::read(cell).is_err())
    };
    (has_value && cells.iter().zip(&roles).all(is_name)).then_some(roles)
}

/// The cells of a row.
fn cells(row: &str, separator: u8) -> Vec<String> {
    let separator = char::from(separator);
    let mut cells = Vec::new();
    let mut rest = row;
    loop {
        let trimmed = rest.trim_start_matches(' ');
        let (cell, behind) = match trimmed.strip_prefix('"') {
            Some(quoted) => {
                let (cell, behind) = unquoted(quoted);
                let end = behind.find(separator).unwrap_or(behind.len());
                (cell, &behind[end..])
            }
            None => {
                let end = rest.find(separator).unwrap_or(rest.len());
                (rest[..end].trim().to_owned(), &rest[end..])
            }
        };
        cells.push(cell);
        match behind.strip_prefix(separator) {
            Some(more) => rest = more,
            None => return cells,
        }
    }
}

/// What stands in quotes, and what behind them.
fn unquoted(text: &str) -> (String, &str) {
    let mut cell = String::new();
    let mut rest = text;
    loop {
        let Some((before, behind)) = rest.split_once('"') else {
            cell.push_str(rest);
            return (cell, "");
        };
        cell.push_str(before);
        match behind.strip_prefix('"') {
            Some(more) => {
                cell.push('"');
                rest = more;
            }
            None => return (cell, behind),
        }
    }
}

/// A row that goes on over more lines than this has a quote that nobody closed.
const MOST_LINES: usize = 64;

/// Where in a row one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    #[default]
    CellStart,
    Cell,
    Quoted,
    /// Behind a quote that may have been closed, or be the first of two.
    Behind,
    /// Where no row gets to whose quotes are right.
    Wrong,
}

impl Place {
    fn after(self, text: &str, separator: u8) -> Place {
        text.bytes().fold(self, |place, byte| match (place, byte) {
            (Place::CellStart | Place::Behind, b'"') => Place::Quoted,
            (Place::Quoted, b'"') => Place::Behind,
            (Place::Quoted, _) => Place::Quoted,
            (Place::CellStart | Place::Cell | Place::Behind, byte) if byte == separator => Place::CellStart,
            (Place::CellStart, b' ') => Place::CellStart,
            (Place::Behind, b' ') => Place::Behind,
            (Place::Behind | Place::Wrong, _) => Place::Wrong,
            _ => Place::Cell,
        })
    }
}

/// What is read of a table.
struct Table {
    separator: u8,
    roles: Option<Vec<Option<Role>>>,
    /// Whether the names of the columns, or a row, were read: then what looks like names is a row.
    any: bool,
    /// The lines of a row that is not closed.
    open: Vec<String>,
    begun: u64,
    place: Place,
}

pub(super) fn read(mut reader: impl BufRead, separator: u8, sink: &mut Sink<'_>) {
    let mut buffer = Vec::new();
    let mut table = Table {
        separator,
        roles: None,
        any: false,
        open: Vec::new(),
        begun: 0,
        place: Place::CellStart,
    };
    let mut number = 0;
    loop {
        number += 1;
        match next_line(&mut reader, &mut buffer) {
            Ok(Some((_, true))) => {
                table.give_up(sink);
                sink.refuse(number, too_long());
            }
            Ok(Some((line, false))) => match std::str::from_utf8(line) {
                Ok(line) => table.line(number, line, sink),
                Err(_) => {
                    table.give_up(sink);
                    sink.refuse(number, "not UTF-8 text; save the file as UTF-8");
                }
            },
            Ok(None) => return table.give_up(sink),
            Err(error) => {
                table.give_up(sink);
                return sink.fail(number, format!("cannot read on: {error}"));
            }
        }
    }
}

impl Table {
    fn line(&mut self, number: u64, line: &str, sink: &mut Sink<'_>) {
        if self.open.is_empty() {
            if line.trim().is_empty() {
                return;
            }
            if !self.any
                && let Some(found) = header(line, self.separator)
            {
                // Of those in comments the last counts.
                self.any = !line.trim_start().starts_with('#');
                self.roles = Some(found);
                return;
            }
            if let Some(comment) = line.trim_start().strip_prefix('#') {
                return sink.directive(number, comment);
            }
            self.begun = number;
            self.place = Place::CellStart;
        }
        self.place = self.place.after(line, self.separator);
        if self.place != Place::Quoted && self.open.is_empty() {
            return self.row(number, line, sink);
        }
        self.open.push(line.to_owned());
        if self.place == Place::Wrong {
            self.reconsider(sink);
        } else if self.place != Place::Quoted {
            let row = std::mem::take(&mut self.open).join("\n");
            self.row(self.begun, &row, sink);
        } else if self.open.len() > MOST_LINES
            || self.open.iter().map(String::len).sum::<usize>() > LONGEST_LINE
        {
            self.reconsider(sink);
        }
    }

    /// Leaves out the first line of a row that is not closed, or wrongly, and reads the others as if it were not there.
    fn reconsider(&mut self, sink: &mut Sink<'_>) {
        let lines = std::mem::take(&mut self.open);
        let begun = self.begun;
        if lines.is_empty() {
            return;
        }
        sink.refuse(begun, "a quote in this row is not closed; the row is left out");
        for (number, line) in (begun..).zip(lines).skip(1) {
            self.line(number, &line, sink);
        }
    }

    /// Nothing follows that could close a row.
    fn give_up(&mut self, sink: &mut Sink<'_>) {
        while !self.open.is_empty() {
            self.reconsider(sink);
        }
    }

    fn row(&mut self, line: u64, row: &str, sink: &mut Sink<'_>) {
        if row.trim().is_empty() {
            return;
        }
        self.any = true;
        entry(line, row, self.separator, self.roles.as_deref(), sink);
    }
}

fn entry(line: u64, row: &str, separator: u8, roles: Option<&[Option<Role>]>, sink: &mut Sink<'_>) {
    let cells = cells(row, separator);
    let mut record = Record::default();
    match roles {
        Some(roles) => {
            for (role, cell) in roles.iter().zip(&cells) {
                if let Some(role) = role {
                    record.take(*role, cell);
                }
            }
        }
        None => {
            if let Some(first) = cells.first() {
                record.take(Role::Value(None), first);
            }
        }
    }
    if !record.has_value() {
        return sink.refuse(line, "there is no value in this row");
    }
    record.add_to(line, sink);
}
