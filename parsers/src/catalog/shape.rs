//! The shape of a catalog file. The build script reads it too: a shipped file of another shape is a build error.

use std::collections::BTreeMap;
use std::fmt;

use super::Take;

/// How a column is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// A string (dictionary-encoded in memory where its values repeat).
    Keyword,
    /// `i64`.
    Integer,
    /// `f64`.
    Float,
    /// `true` / `false`.
    Boolean,
    /// Microseconds since the Unix epoch, UTC.
    Timestamp,
    /// A list of strings.
    List,
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ColumnType::Keyword => "keyword",
            ColumnType::Integer => "integer",
            ColumnType::Float => "float",
            ColumnType::Boolean => "boolean",
            ColumnType::Timestamp => "timestamp",
            ColumnType::List => "list",
        })
    }
}

/// How events are assigned to a dataset by what they say of themselves. All lists are compared without
/// case.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Selector {
    /// Windows event log channels.
    pub channels: Vec<String>,
    /// Windows event providers, used where no channel is known.
    pub providers: Vec<String>,
    /// Syslog program names (`sshd`).
    pub programs: Vec<String>,
    /// Zeek log paths (`conn`).
    pub zeek_paths: Vec<String>,
    /// JSON keys (top-level or dotted) which, all present, identify the dataset.
    pub json_keys: Vec<String>,
    /// What some of `json_keys` must say: one of these values.
    pub json_values: BTreeMap<String, Vec<String>>,
    /// Further sets of keys, each of which, all present, identifies the dataset as well. `key=value` asks for what the
    /// key says too.
    pub json_any: Vec<Vec<String>>,
    /// Names of columns which, all in the header of a table, identify the dataset.
    pub header: Vec<String>,
    /// Further sets of such names, each of which does as well.
    pub header_any: Vec<Vec<String>>,
    /// Writers of CEF and LEEF lines as their headers name them: `Vendor`, or `Vendor|Product` for the products whose name
    /// starts so. Of several the longest product wins.
    pub writers: Vec<String>,
    /// Paths of files that are of it, whatever they hold: see [`crate::pins`].
    pub paths: Vec<String>,
    /// Addresses, networks and hosts' names: what they send is of it.
    pub hosts: Vec<String>,
    /// Ports of ours: what comes in there is of it.
    pub ports: Vec<u16>,
    /// Values of `event.dataset` / `event.module` that other shippers write for it.
    pub aliases: Vec<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FieldFile {
    pub(super) native: String,
    pub(super) column: String,
    #[serde(default)]
    pub(super) also: Vec<String>,
    #[serde(rename = "type")]
    pub(super) column_type: Option<ColumnType>,
    #[serde(default)]
    pub(super) exact: bool,
}

/// One of `fill:` and of `show:`, see [`super::fill`].
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FillFile {
    pub(super) column: String,
    #[serde(default)]
    pub(super) from: Vec<String>,
    pub(super) has: Option<String>,
    pub(super) is: Option<String>,
    pub(super) take: Option<Take>,
    pub(super) split: Option<String>,
    #[serde(default)]
    pub(super) at: isize,
    pub(super) value: Option<String>,
    #[serde(rename = "type")]
    pub(super) column_type: Option<ColumnType>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SigmaFile {
    pub(super) product: Option<String>,
    pub(super) category: Option<String>,
    pub(super) service: Option<String>,
    #[serde(default)]
    pub(super) when: BTreeMap<String, Vec<serde_json::Value>>,
    #[serde(default)]
    pub(super) names: BTreeMap<String, String>,
}

/// One of `sentences:`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SentenceFile {
    pub(super) from: String,
    pub(super) shapes: Vec<Box<str>>,
}

/// `lines:`, see [`super::lines`].
#[derive(serde::Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LinesFile {
    pub(super) patterns: Vec<String>,
    pub(super) definitions: BTreeMap<String, String>,
    pub(super) time: Option<String>,
    pub(super) pairs: Option<PairsFile>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PairsFile {
    #[serde(rename = "in")]
    pub(super) field: String,
    pub(super) assign: Option<String>,
    pub(super) between: Option<String>,
}

/// One of `tests:`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TestFile {
    pub(super) line: String,
    #[serde(default)]
    pub(super) expect: BTreeMap<String, serde_json::Value>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DatasetFile {
    pub(super) dataset: Option<String>,
    pub(super) base: Option<String>,
    pub(super) extends: Option<String>,
    #[serde(default)]
    pub(super) title: String,
    #[serde(default)]
    pub(super) groups: Vec<String>,
    pub(super) prefix: Option<String>,
    #[serde(default)]
    pub(super) select: Selector,
    #[serde(default)]
    pub(super) sigma: Vec<SigmaFile>,
    #[serde(default)]
    pub(super) fields: Vec<FieldFile>,
    #[serde(default)]
    pub(super) plain: Vec<String>,
    #[serde(default)]
    pub(super) strip: Vec<String>,
    #[serde(default)]
    pub(super) open: Vec<String>,
    #[serde(default)]
    pub(super) lines: LinesFile,
    #[serde(default)]
    pub(super) tests: Vec<TestFile>,
    #[serde(default)]
    pub(super) loose: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub(super) wrappers: Vec<String>,
    #[serde(default)]
    pub(super) fill: Vec<FillFile>,
    #[serde(default)]
    pub(super) show: Vec<FillFile>,
    pub(super) show_native: Option<String>,
    #[serde(default)]
    pub(super) exclusive: bool,
    pub(super) pairs: Option<String>,
    #[serde(default)]
    pub(super) sentences: Vec<SentenceFile>,
}
