//! Which columns there are, and what they are made of.

use std::sync::{Arc, OnceLock};

use crate::catalog::{Column, ColumnType, Dataset};
use crate::names::sql_name;

/// What is asked of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// Program, system and device of a user agent.
    UserAgent,
    /// Parts of an URL.
    Url,
    /// The extension of an URL's path; goes with [`Family::Url`].
    Extension,
    /// Registered domain, public suffix and what stands below.
    Domain,
    /// Which way a connection goes.
    Direction,
    /// What command lines and scripts hide.
    Decoded,
}

impl Family {
    /// The families that can be named.
    pub const ALL: [Family; 5] = [
        Family::UserAgent,
        Family::Url,
        Family::Domain,
        Family::Direction,
        Family::Decoded,
    ];

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Family::UserAgent => "user-agent",
            Family::Url | Family::Extension => "url",
            Family::Domain => "domain",
            Family::Direction => "direction",
            Family::Decoded => "decoded",
        }
    }

    /// The family of this name.
    ///
    /// ```
    /// use borzoi_parsers::enrich::Family;
    /// assert_eq!(Family::of_name("user-agent"), Some(Family::UserAgent));
    /// assert_eq!(Family::of_name("weather"), None);
    /// ```
    pub fn of_name(name: &str) -> Option<Family> {
        Family::ALL.into_iter().find(|family| family.name() == name)
    }

    /// The family that is named where this one is meant.
    pub fn whole(self) -> Family {
        match self {
            Family::Extension => Family::Url,
            family => family,
        }
    }
}

/// A column that is a function of others.
#[derive(Debug, Clone)]
pub struct DerivedColumn {
    /// The column.
    pub column: Column,
    /// What it says.
    pub family: Family,
    /// Dotted names of what it is made of: the first of these that has a value, or all for a direction.
    pub from: Vec<Arc<str>>,
    /// Their names in SQL.
    pub from_sql: Vec<Arc<str>>,
    /// Which part of what its family makes of a value.
    pub(super) part: usize,
    /// Numbers of the derived columns that it may be made of.
    pub(super) made_of: Vec<usize>,
}

impl DerivedColumn {
    /// Whether it is made for events of `dataset`: not if the dataset has a field of its own there.
    pub fn is_open_in(&self, dataset: &Dataset) -> bool {
        dataset
            .fields
            .iter()
            .all(|field| field.column.sql != self.column.sql)
    }
}

const AGENT: &[&str] = &[
    "name",
    "version",
    "os.name",
    "os.version",
    "os.full",
    "device.name",
];
const URL: &[&str] = &["scheme", "domain", "port", "path", "query", "fragment"];
const DOMAIN: &[&str] = &["registered_domain", "top_level_domain", "subdomain"];

/// Column → what it hides stands in the same column with [`DECODED`] behind its name.
const HIDING: &[(&str, &[&str])] = &[
    // The audit daemon's title of a process is its command line; older PowerShell names its own in each event.
    (
        "process.command_line",
        &[
            "process.command_line",
            "process.title",
            "winlog.event_data.HostApplication",
        ],
    ),
    ("process.parent.command_line", &["process.parent.command_line"]),
    (
        "powershell.file.script_block_text",
        &["powershell.file.script_block_text"],
    ),
    // What a new service starts.
    ("winlog.event_data.ImagePath", &["winlog.event_data.ImagePath"]),
];
const DECODED: &str = "_decoded";

/// All derived columns: those of one source next to each other, and behind the columns they are made of.
pub fn columns() -> &'static [DerivedColumn] {
    static COLUMNS: OnceLock<Vec<DerivedColumn>> = OnceLock::new();
    COLUMNS.get_or_init(|| {
        let mut all = Vec::new();
        let mut add = |family: Family, dotted: String, part: usize, from: &[&str]| {
            let column_type = match dotted.as_str() {
                "url.port" => ColumnType::Integer,
                _ => ColumnType::Keyword,
            };
            all.push(DerivedColumn {
                column: Column {
                    sql: sql_name(&dotted).into(),
                    dotted: dotted.into(),
                    column_type,
                },
                family,
                from: from.iter().map(|&name| name.into()).collect(),
                from_sql: from.iter().map(|name| sql_name(name).into()).collect(),
                part,
                made_of: Vec::new(),
            });
        };
        for (number, part) in AGENT.iter().enumerate() {
            let from = &["user_agent.original"];
            add(Family::UserAgent, format!("user_agent.{part}"), number, from);
        }
        for (number, part) in URL.iter().enumerate() {
            let from = &["url.original", "url.full"];
            add(Family::Url, format!("url.{part}"), number, from);
        }
        add(Family::Extension, "url.extension".to_owned(), 0, &["url.path"]);
        for (parent, name) in [
            ("url", "url.domain"),
            ("dns.question", "dns.question.name"),
            ("source", "source.domain"),
            ("destination", "destination.domain"),
            ("client", "client.domain"),
            ("server", "server.domain"),
        ] {
            for (number, part) in DOMAIN.iter().enumerate() {
                add(Family::Domain, format!("{parent}.{part}"), number, &[name]);
            }
        }
        let ends = ["source.ip", "destination.ip"];
        add(Family::Direction, "network.direction".to_owned(), 0, &ends);
        for (column, from) in HIDING {
            add(Family::Decoded, format!("{column}{DECODED}"), 0, from);
        }
        let numbers = |from: &[Arc<str>]| -> Vec<usize> {
            let is_one = |derived: &DerivedColumn| from.contains(&derived.column.dotted);
            (0..all.len()).filter(|&number| is_one(&all[number])).collect()
        };
        let made_of: Vec<Vec<usize>> = all.iter().map(|derived| numbers(&derived.from)).collect();
        for (derived, numbers) in all.iter_mut().zip(made_of) {
            derived.made_of = numbers;
        }
        all
    })
}

/// The derived column of this SQL name.
pub fn derived(sql: &str) -> Option<&'static DerivedColumn> {
    columns().iter().find(|derived| &*derived.column.sql == sql)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn ecs_columns_have_their_types_and_the_others_are_known_by_name() {
        let catalog = Catalog::builtin();
        let sysmon = catalog.dataset("windows.sysmon").unwrap();
        for derived in columns() {
            let column = &derived.column;
            if derived.family != Family::Decoded {
                assert_eq!(
                    catalog.types().get(&column.dotted),
                    Some(column.column_type),
                    "{}",
                    column.dotted
                );
            }
            assert_eq!(
                sysmon.resolve(&column.dotted, None).column().sql,
                column.sql,
                "{}",
                column.dotted
            );
        }
    }

    #[test]
    fn what_a_column_is_made_of_comes_before_it() {
        let all = columns();
        for (at, derived) in all.iter().enumerate() {
            for from in &derived.from {
                assert!(
                    all[at..].iter().all(|later| later.column.dotted != *from),
                    "{from}"
                );
            }
        }
        assert_eq!(
            derived("url_port").map(|d| d.column.column_type),
            Some(ColumnType::Integer)
        );
        assert!(derived("process_command_line").is_none());
    }
}
