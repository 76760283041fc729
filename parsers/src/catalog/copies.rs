//! Columns that repeat what members of a JSON document say: `copies` of a catalog file.
//!
//! A field of a document is stored once, under its own column. What products say each in their own place (who, from
//! where, with what outcome) is stored once more under the ECS column, if it stands in one of several places, is
//! part of a value, or has a column of the product's own that rules know:
//!
//! ```yaml
//! copies:
//!   - {column: user.name, from: [actor.alternateId, actor.displayName]}       # the first that has a value
//!   - {column: user.target.name, from: ["target[type=User].alternateId"]}     # of an array's elements
//!   - {column: cloud.region, from: [webaclId], split: ":", at: 3}             # a piece of the value
//!   - {column: user.email, from: [UserId], has: "@"}                          # only if it has this in it
//!   - {column: event.outcome, from: [errorCode], is: "0", value: success}     # this, if the member says that
//! ```
//!
//! A path is the dotted name that the reader gives to a value, letter for letter: elements of an array have the
//! path of the array, an entry of a list of names and values that of the list and its name; an object's own path
//! stands for its JSON text. `at` counts pieces from 0, from the end where it is negative; a value without the
//! separator has no pieces. A column that a field of the event has filled stays as it is, and so does one that an
//! earlier entry has filled.

use hashbrown::HashMap;

use super::file::CopyFile;
use super::{CatalogError, ColumnType, Dataset};

/// The `copies` of one dataset.
#[derive(Debug, Clone, Default)]
pub struct Copies {
    columns: Vec<CopiedColumn>,
    /// Path → its number.
    numbers: HashMap<String, usize>,
    /// Path of an array → what is wanted of some of its elements.
    chosen: HashMap<String, Vec<Chosen>>,
    count: usize,
}

/// A column that repeats members.
#[derive(Debug, Clone)]
pub struct CopiedColumn {
    /// Its dotted name.
    pub column: String,
    /// Its type.
    pub column_type: ColumnType,
    /// Numbers of the paths whose values it repeats: the first that has one.
    pub from: Vec<usize>,
    /// What the value has in it; another is not repeated.
    pub has: Option<String>,
    /// What the value is, compared without case; another is not repeated.
    pub is: Option<String>,
    /// What stands in the column instead of the value.
    pub value: Option<String>,
    /// The piece of the value that is meant, if it is not all of it.
    pub piece: Option<Piece>,
}

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    separator: String,
    at: isize,
}

/// A value that is wanted of those elements of an array of which another member says something.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// The member that chooses.
    pub key: String,
    /// What it says, compared without case.
    pub says: String,
    /// The path of the value in the element.
    pub rest: String,
    /// Its number.
    pub number: usize,
}

impl Copies {
    /// The columns in the order of the file.
    pub fn columns(&self) -> &[CopiedColumn] {
        &self.columns
    }

    /// How many paths are wanted; their numbers are below that.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The number of `path`, if it is wanted.
    #[inline]
    pub fn number(&self, path: &str) -> Option<usize> {
        match self.numbers.is_empty() {
            true => None,
            false => self.numbers.get(path).copied(),
        }
    }

    /// What is wanted of elements of the array at `path`.
    pub fn chosen(&self, path: &str) -> &[Chosen] {
        match self.chosen.is_empty() {
            true => &[],
            false => self.chosen.get(path).map_or(&[], Vec::as_slice),
        }
    }

    fn add(&mut self, path: &str) -> Option<usize> {
        let next = self.count;
        let number = match path.split_once('[') {
            None => *self.numbers.entry(path.to_owned()).or_insert(next),
            Some((array, rest)) => {
                let (choice, rest) = rest.split_once("].")?;
                let (key, says) = choice.split_once('=')?;
                self.chosen.entry(array.to_owned()).or_default().push(Chosen {
                    key: key.to_owned(),
                    says: says.to_owned(),
                    rest: rest.to_owned(),
                    number: next,
                });
                next
            }
        };
        self.count = self.count.max(number + 1);
        Some(number)
    }
}

impl CopiedColumn {
    /// What is repeated of a value, if anything is.
    pub fn of<'t>(&'t self, text: &'t str) -> Option<&'t str> {
        let has = self.has.as_deref().is_none_or(|part| text.contains(part));
        let is = self
            .is
            .as_deref()
            .is_none_or(|whole| text.eq_ignore_ascii_case(whole));
        if !has || !is {
            return None;
        }
        let piece = match &self.piece {
            None => Some(text),
            Some(piece) => piece.of(text),
        };
        piece.map(|piece| self.value.as_deref().unwrap_or(piece))
    }
}

impl Piece {
    /// The piece of `text`; `None` if there is none or it is empty.
    ///
    /// ```
    /// use borzoi_parsers::catalog::Piece;
    /// assert_eq!(Piece::new("\\", -1).of(r"CORP\ann"), Some("ann"));
    /// assert_eq!(Piece::new("\\", 0).of("ann"), None);
    /// ```
    pub fn of<'t>(&self, text: &'t str) -> Option<&'t str> {
        if !text.contains(&self.separator) {
            return None;
        }
        let piece = match usize::try_from(self.at) {
            Ok(at) => text.split(&self.separator).nth(at),
            Err(_) => text.rsplit(&self.separator).nth(self.at.unsigned_abs() - 1),
        };
        piece.filter(|piece| !piece.is_empty())
    }

    /// The piece at `at` of what `separator` separates.
    pub fn new(separator: &str, at: isize) -> Self {
        Piece {
            separator: separator.to_owned(),
            at,
        }
    }
}

/// Reads the entries of the dataset's own file and of the one it extends, in this order.
pub(super) fn copies<'f>(
    file: &str,
    dataset: &Dataset,
    entries: impl Iterator<Item = &'f CopyFile>,
) -> Result<Copies, CatalogError> {
    let shape = |reason: String| CatalogError::Shape {
        file: file.to_owned(),
        reason,
    };
    let mut copies = Copies::default();
    for entry in entries {
        let column = dataset.column_of_native(&entry.column);
        if *column.dotted != *entry.column {
            return Err(shape(format!(
                "`{}` in `copies` is no column of the dataset, which calls it `{}`",
                entry.column, column.dotted
            )));
        }
        if entry.from.is_empty() {
            return Err(shape(format!(
                "`{}` in `copies` has nothing in `from`",
                entry.column
            )));
        }
        let from = entry
            .from
            .iter()
            .map(|path| {
                let error = || shape(format!("`{path}` is no path: write array[key=value].member"));
                copies.add(path).ok_or_else(error)
            })
            .collect::<Result<_, _>>()?;
        copies.columns.push(CopiedColumn {
            column: entry.column.clone(),
            column_type: column.column_type,
            from,
            has: entry.has.clone(),
            is: entry.is.clone(),
            value: entry.value.clone(),
            piece: entry.split.as_deref().map(|text| Piece::new(text, entry.at)),
        });
    }
    Ok(copies)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces() {
        let region = Piece::new(":", 3);
        assert_eq!(region.of("arn:aws:wafv2:eu-west-1:1:webacl"), Some("eu-west-1"));
        assert_eq!(region.of("arn:aws:s3:::bucket"), None, "an empty piece is none");
        assert_eq!(Piece::new("@", -1).of("ann@example.org"), Some("example.org"));
        assert_eq!(Piece::new("@", 0).of("ann"), None, "no separator, no piece");
        assert_eq!(Piece::new("@", -3).of("a@b"), None);
    }

    #[test]
    fn paths_are_numbered_once() {
        let mut copies = Copies::default();
        assert_eq!(copies.add("a.b"), Some(0));
        assert_eq!(copies.add("t[type=User].id"), Some(1));
        assert_eq!(copies.add("a.b"), Some(0));
        assert_eq!(copies.add("t[type]"), None);
        assert_eq!((copies.number("a.b"), copies.number("a")), (Some(0), None));
        assert_eq!(copies.chosen("t")[0].rest, "id");
        assert_eq!(copies.count(), 2);
    }
}
