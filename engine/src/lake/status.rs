//! What a table holds, from its log.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use borzoi_parsers::value::parse_timestamp;
use deltalake_core::DeltaTable;
use deltalake_core::kernel::LogicalFileView;
use serde_json::Value;

use super::dedupe::{StoredFile, parse_id};
use super::error::LakeError;
use super::ranges::{ALERT_EVENT_ID_TAG, EVENT_ID_TAG, IdRanges};
use super::{DAY, LakeTable, load};

/// One line of `borzoi lake status`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TableStatus {
    /// Whose it is.
    pub tenant: String,
    /// What it holds.
    pub dataset: String,
    /// Its folder.
    pub path: String,
    /// The newest version: every commit adds one.
    pub version: u64,
    /// Events.
    pub rows: u64,
    /// Data files.
    pub files: u64,
    /// Bytes of the data files.
    pub bytes: u64,
    /// Days with events.
    pub days: u64,
    /// Columns.
    pub columns: u64,
    /// Time of the earliest event, RFC 3339.
    pub first_time: Option<String>,
    /// Time of the latest event, RFC 3339.
    pub last_time: Option<String>,
    /// Data files in the folder that no version in the log names: a busy writer's, or a killed one's.
    pub unreferenced_files: u64,
    /// Their bytes.
    pub unreferenced_bytes: u64,
}

pub(super) async fn of(table: &LakeTable) -> Result<TableStatus, LakeError> {
    let failed = |e| LakeError::delta(&table.path, e);
    let delta = load(&table.path).await?;
    let state = delta.snapshot().map_err(failed)?;
    let mut status = TableStatus {
        tenant: table.tenant.clone(),
        dataset: table.dataset.clone(),
        path: table.path.display().to_string(),
        version: state.version(),
        rows: 0,
        files: 0,
        bytes: 0,
        days: 0,
        columns: state.schema().fields().len() as u64,
        first_time: None,
        last_time: None,
        unreferenced_files: 0,
        unreferenced_bytes: 0,
    };
    let (mut first, mut last) = (None::<i64>, None::<i64>);
    let mut days = BTreeSet::new();
    let mut named = HashSet::new();
    for view in state.log_data().iter() {
        status.files += 1;
        status.bytes += u64::try_from(view.size()).unwrap_or_default();
        status.rows += view.num_records().unwrap_or_default() as u64;
        let file = stored_file(&view);
        days.insert(file.day);
        first = first.into_iter().chain(file.first).min();
        last = last.into_iter().chain(file.last).max();
        named.insert(file.path);
    }
    status.days = days.len() as u64;
    let text = |micros: i64| {
        chrono::DateTime::from_timestamp_micros(micros)
            .map(|time| time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true))
    };
    status.first_time = first.and_then(text);
    status.last_time = last.and_then(text);
    count_unreferenced(table, &named, &mut status)?;
    Ok(status)
}

/// Looks one folder deep, where our files lie.
fn count_unreferenced(
    table: &LakeTable,
    named: &HashSet<String>,
    status: &mut TableStatus,
) -> Result<(), LakeError> {
    for folder in super::folders(&table.path)? {
        if !folder.starts_with(&format!("{DAY}=")) {
            continue;
        }
        let path = table.path.join(&folder);
        let failed = |e| LakeError::io("list", &path, e);
        for entry in std::fs::read_dir(&path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".parquet") && !named.contains(&format!("{folder}/{name}")) {
                status.unreferenced_files += 1;
                // It may be gone by now: a writer that lost a race removes its files.
                status.unreferenced_bytes += entry.metadata().map_or(0, |found| found.len());
            }
        }
    }
    Ok(())
}

/// The days of a table and the bytes of their files.
pub(super) fn days(table: &DeltaTable, path: &Path) -> Result<BTreeMap<Option<i32>, u64>, LakeError> {
    let state = table.snapshot().map_err(|e| LakeError::delta(path, e))?;
    let mut days = BTreeMap::new();
    for view in state.log_data().iter() {
        *days.entry(day_of(&view)).or_default() += u64::try_from(view.size()).unwrap_or_default();
    }
    Ok(days)
}

/// The day of a file's events.
fn day_of(view: &LogicalFileView) -> Option<i32> {
    let day = view.partition_values_map().get(DAY).cloned().flatten()?;
    let date = day.parse::<chrono::NaiveDate>().ok()?;
    i32::try_from((date - chrono::NaiveDate::default()).num_days()).ok()
}

/// What dedupe wants to know of a file.
pub(super) fn stored_file(view: &LogicalFileView) -> StoredFile {
    let day = day_of(view);
    let stats: Value = view
        .stats()
        .and_then(|stats| serde_json::from_str(&stats).ok())
        .unwrap_or_default();
    let bound = |side: &str| stats[side]["time"].as_str().and_then(parse_timestamp);
    let id = |side: &str| stats[side]["event_id"].as_str().and_then(parse_id);
    #[expect(deprecated, reason = "there is no other way to a file's tags")]
    let tags = view.add_action().tags.unwrap_or_default();
    let ranges = |tag: &str| tags.get(tag)?.as_deref().and_then(IdRanges::parse);
    StoredFile {
        path: view.path().into_owned(),
        day,
        first: bound("minValues"),
        last: bound("maxValues"),
        ids: ranges(EVENT_ID_TAG),
        alert_event_ids: ranges(ALERT_EVENT_ID_TAG),
        bounds: id("minValues")
            .zip(id("maxValues"))
            .map(|(low, high)| IdRanges::between(low, high)),
    }
}
