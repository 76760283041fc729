//! Names of fields.

use std::fmt;

/// A step into an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PathPart {
    /// A member of this name.
    Name(String),
    /// The element at this position, from 0.
    Index(usize),
}

/// The name of a field: `process.name`, `?dll.path`, `process.args[0]`, `` `my-field` ``.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FieldPath {
    parts: Vec<PathPart>,
    optional: bool,
    column: String,
}

impl FieldPath {
    /// A path of these parts. `optional`: written with `?`, so that it may be unknown to every event.
    pub fn new(parts: Vec<PathPart>, optional: bool) -> Self {
        let names: Vec<&str> = parts
            .iter()
            .map_while(|part| match part {
                PathPart::Name(name) => Some(name.as_str()),
                PathPart::Index(_) => None,
            })
            .collect();
        let column = names.join(".");
        Self {
            parts,
            optional,
            column,
        }
    }

    /// A path from its dotted name.
    pub fn dotted(name: &str) -> Self {
        Self::new(
            name.split('.')
                .map(|part| PathPart::Name(part.to_owned()))
                .collect(),
            false,
        )
    }

    /// All its parts.
    pub fn parts(&self) -> &[PathPart] {
        &self.parts
    }

    /// Whether it was written with `?`.
    pub fn optional(&self) -> bool {
        self.optional
    }

    /// The names up to the first index, with dots between: the column to read.
    pub fn column(&self) -> &str {
        &self.column
    }

    /// What follows the column: the first index and all after it. Empty for most fields.
    pub fn inside(&self) -> &[PathPart] {
        let names = self
            .parts
            .iter()
            .take_while(|part| matches!(part, PathPart::Name(_)))
            .count();
        &self.parts[names..]
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.optional {
            f.write_str("?")?;
        }
        for (index, part) in self.parts.iter().enumerate() {
            match part {
                PathPart::Name(name) if index > 0 => write!(f, ".{name}")?,
                PathPart::Name(name) => f.write_str(name)?,
                PathPart::Index(at) => write!(f, "[{at}]")?,
            }
        }
        Ok(())
    }
}
