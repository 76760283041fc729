//! When the state of a scan is saved, and what of it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use borzoi_parsers::input::Input;

use super::state::{Position, Positions, Reached, Resume, StateError, StateFolder, StateOptions};
use crate::correlate::alerts::Correlator;
use crate::eql::run::QueryRun;
use crate::sql_rules::run::SqlRun;

/// Keeps the state from which the next scan goes on.
pub(super) struct Keeper {
    pub(super) options: StateOptions,
    folder: StateFolder,
    positions: Positions,
    /// When it was saved last.
    saved: Instant,
}

impl Keeper {
    pub(super) fn open(options: StateOptions) -> Result<Keeper, StateError> {
        Ok(Keeper {
            folder: StateFolder::open(&options.folder)?,
            options,
            positions: Positions::new(),
            saved: Instant::now(),
        })
    }

    /// Takes up what was saved; gives the ids of rules of which what was known is lost.
    pub(super) fn take_up(
        &mut self,
        correlator: Option<&mut Correlator>,
        queries: Option<&mut QueryRun>,
        sql: Option<&mut SqlRun>,
    ) -> Result<Vec<String>, StateError> {
        let saved = self.folder.load()?;
        self.positions = saved.positions;
        let now = Instant::now();
        let mut lost = Vec::new();
        if let (Some(saved), Some(correlator)) = (saved.correlator, correlator) {
            lost.extend(correlator.restore(saved, now));
        }
        if let (Some(saved), Some(queries)) = (saved.queries, queries) {
            lost.extend(queries.restore(saved, now));
        }
        if let (Some(saved), Some(sql)) = (saved.sql, sql) {
            let restored = sql.restore(saved, now);
            lost.extend(restored.map_err(|error| StateError::Sql(error.strip_backtrace()))?);
        }
        Ok(lost)
    }

    /// What is left to do of each input.
    pub(super) fn resumes(&self, inputs: &[Input]) -> Vec<Resume> {
        let resume = |input: &Input| match self.positions.get(&input.path) {
            Some(position) if input.size.is_some() => position.resume(&input.path, input.size),
            _ => Resume::Whole,
        };
        inputs.iter().map(resume).collect()
    }

    /// A file was opened to be read, from its start if it is not known or another one than it was.
    /// Whether it goes on.
    pub(super) fn opened(&mut self, path: &Arc<str>) -> bool {
        let size = fs::metadata(&**path).ok().map(|file| file.len());
        let known = self.positions.get(path);
        if let Some(Resume::After(_)) = known.map(|known| known.resume(path, size)) {
            return true;
        }
        self.positions.insert(path.clone(), Position::at_start(path));
        false
    }

    /// Forgets files that are gone.
    pub(super) fn tidy(&mut self) {
        self.positions.retain(|path, _| Path::new(&**path).exists());
    }

    /// A block of a file was read.
    pub(super) fn reached(&mut self, path: &str, reached: Reached) {
        if let Some(position) = self.positions.get_mut(path) {
            position.add(reached);
        }
    }

    /// A file was read to its end, so many bytes.
    pub(super) fn ended(&mut self, path: &str, bytes: u64) {
        if let Some(position) = self.positions.get_mut(path) {
            position.end(path, bytes);
        }
    }

    /// Whether the state was not saved for long.
    pub(super) fn is_due(&self) -> bool {
        self.saved.elapsed() >= self.options.every
    }

    /// Saves how far the scan has come.
    pub(super) fn save(
        &mut self,
        correlator: Option<&Correlator>,
        queries: Option<&QueryRun>,
        sql: Option<&mut SqlRun>,
    ) -> Result<(), StateError> {
        if self.options.read_only {
            return Ok(());
        }
        let sql = sql.map(SqlRun::save).transpose();
        let sql = sql.map_err(|error| StateError::Sql(error.strip_backtrace()))?;
        self.folder
            .save(&self.positions, correlator, queries, sql.as_ref())?;
        self.saved = Instant::now();
        Ok(())
    }
}
