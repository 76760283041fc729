//! Names that mean the same whoever writes them, in whatever spelling: `src_ip`, `srcIp`, `SRC-IP`, `event.src_ip`.
//!
//! A catalog file lists them under `loose`, per column. They are compared without case and without separators, and
//! behind any number of *wrappers*: objects that only hold an event together (`data`, `properties`). A name below any
//! other object (`victim.user_name`) is another thing and is left alone, unless it is listed with it (`target_user_name`).
//!
//! Declared names and ECS fields come first; a loose name is only asked where they have no answer.

use hashbrown::{HashMap, HashSet};

use super::Column;

/// The loose names of one dataset.
#[derive(Debug, Default)]
pub(super) struct LooseNames {
    /// Folded name → column.
    columns: HashMap<String, Column>,
    /// Folded wrappers.
    wrappers: HashSet<String>,
}

impl LooseNames {
    /// Adds `name`; `false` if it means another column already.
    pub(super) fn add(&mut self, name: &str, column: &Column) -> bool {
        self.add_folded(fold(name), column)
    }

    /// As [`add`](LooseNames::add), for a name that is [folded](fold).
    pub(super) fn add_folded(&mut self, name: String, column: &Column) -> bool {
        let known = self.columns.entry(name).or_insert_with(|| column.clone());
        known == column
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// Whether a [folded](fold) name means something.
    pub(super) fn has(&self, name: &str) -> bool {
        self.columns.contains_key(name)
    }

    pub(super) fn add_wrapper(&mut self, name: &str) {
        self.wrappers.insert(fold(name));
    }

    /// Whether objects called `name` only hold an event together.
    pub(super) fn wraps(&self, name: &str) -> bool {
        !self.wrappers.is_empty() && name.len() <= 1024 && self.wrappers.contains(&fold(name))
    }

    /// The column of `name`.
    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        if self.is_empty() || name.len() > 1024 {
            return None;
        }
        let mut name = name;
        loop {
            if let Some(column) = self.columns.get(&fold(name)) {
                return Some(column);
            }
            let (head, rest) = name.split_once('.')?;
            if !self.wrappers.contains(&fold(head)) {
                return None;
            }
            name = rest;
        }
    }
}

/// `name` without case and separators.
pub(super) fn fold(name: &str) -> String {
    if name.is_ascii() {
        let mut folded = String::with_capacity(name.len());
        let letters = name
            .bytes()
            .filter(|byte| !matches!(byte, b'_' | b'-' | b'.' | b' '));
        letters.for_each(|letter| folded.push(char::from(letter.to_ascii_lowercase())));
        return folded;
    }
    name.chars()
        .filter(|c| !matches!(c, '_' | '-' | '.' | ' '))
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::ColumnType;

    fn column(dotted: &str) -> Column {
        Column {
            dotted: dotted.into(),
            sql: crate::names::sql_name(dotted).into(),
            column_type: ColumnType::Keyword,
        }
    }

    #[test]
    fn spellings_and_wrappers() {
        let mut names = LooseNames::default();
        assert!(names.add("src_ip", &column("source.ip")));
        assert!(names.add("hostname", &column("host.name")));
        assert!(names.add("srcIP", &column("source.ip")), "said twice");
        assert!(!names.add("SRC-IP", &column("client.ip")), "another column");
        names.add_wrapper("event");
        names.add_wrapper("raw_data");
        let found = |name: &str| names.column(name).map(|column| column.dotted.to_string());
        for name in [
            "src_ip",
            "SrcIp",
            "src ip",
            "src.ip",
            "event.srcIp",
            "rawData.event.SRC_IP",
        ] {
            assert_eq!(found(name).as_deref(), Some("source.ip"), "{name}");
        }
        assert_eq!(found("event.host.name").as_deref(), Some("host.name"));
        for name in [
            "target.src_ip",
            "event.parent.hostname",
            "event",
            "",
            ".",
            "event.",
        ] {
            assert_eq!(found(name), None, "{name}");
        }
    }
}
