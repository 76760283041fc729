//! The engine as one value: rules, lake and catalog together, for embedding.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::input::InputSet;
use borzoi_rules::{LoadReport, Loader};

use crate::alert::Alert;
use crate::hunt::{Hunt, HuntError, HuntOptions, HuntResult};
use crate::indicators::{self, IndicatorSet};
use crate::lake::{Lake, LakeError, LakeWriter, WriterOptions};
use crate::matcher::CompiledRules;
use crate::scan::{Scan, ScanError, ScanOptions, ScanSink, ScanSummary};

/// What to read.
#[derive(Debug, Clone)]
pub struct Input {
    arguments: Vec<String>,
}

impl Input {
    /// A file, a folder (recursively), or a glob.
    pub fn path(path: impl AsRef<Path>) -> Self {
        Input {
            arguments: vec![path.as_ref().to_string_lossy().into_owned()],
        }
    }

    /// Several of them, read in this order.
    pub fn paths<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Self {
        Input {
            arguments: paths
                .into_iter()
                .map(|path| path.as_ref().to_string_lossy().into_owned())
                .collect(),
        }
    }

    /// Standard input, to its end.
    pub fn stdin() -> Self {
        Input {
            arguments: vec!["-".into()],
        }
    }
}

/// Why an [`Engine`] could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Rules that did not load: the rules' author can mend them. The text shows file, line and reason.
    #[error("{failed} rules did not load; the first: {first}")]
    Rules {
        /// How many.
        failed: usize,
        /// The first problem, as shown to people.
        first: String,
    },
    /// No rule under the paths given.
    #[error("no rule found under {}", .0.display())]
    NoRules(PathBuf),
    /// A list of indicators that cannot be read to its end. The text shows file, line and reason.
    #[error("a list of indicators cannot be read: {0}")]
    Indicators(String),
    /// The lake cannot be opened or written.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// The scan ended early.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// The query failed.
    #[error(transparent)]
    Hunt(#[from] HuntError),
    /// [`Engine::hunt`] without [`EngineBuilder::lake`].
    #[error("no lake to hunt in; give the engine one with `.lake(path)`")]
    NoLake,
    /// The runtime ended while work was under way.
    #[error("the work was cancelled: {0}")]
    Cancelled(#[source] tokio::task::JoinError),
}

/// Puts an [`Engine`] together.
#[derive(Debug, Default)]
pub struct EngineBuilder {
    catalog: Option<Arc<Catalog>>,
    rules: Vec<LoadReport>,
    indicators: Option<Arc<IndicatorSet>>,
    lake: Option<PathBuf>,
    options: ScanOptions,
    writer: WriterOptions,
}

impl EngineBuilder {
    /// Loads Sigma rules from a file or a folder; may be called several times. Rules are strict here: for
    /// leniency load them with [`Loader`] and pass the report to [`EngineBuilder::loaded_rules`].
    ///
    /// # Errors
    /// If a rule does not load, or there is none.
    pub fn rules(self, path: impl AsRef<Path>) -> Result<Self, EngineError> {
        let path = path.as_ref();
        let report = Loader::new().load([path]);
        if let Some(first) = report.errors().next() {
            return Err(EngineError::Rules {
                failed: report.errors().count(),
                first: first.to_string(),
            });
        }
        if report.detections.is_empty() && report.queries.is_empty() && report.sql.is_empty() {
            return Err(EngineError::NoRules(path.to_owned()));
        }
        Ok(self.loaded_rules(report))
    }

    /// Looks for the indicators in these lists, files or folders of them ([`crate::indicators`]): each list is a rule that
    /// alerts wherever one of its values is met. A second call replaces the lists of the first. Entries that are none
    /// cost themselves alone and are logged. [`Engine::hunt`] has `indicator` and `indicator_of` then. Correlations in
    /// rule files refer to those rules only if both are loaded together ([`Loader::add_rule`]).
    ///
    /// # Errors
    /// If a list cannot be read at all.
    pub fn indicators<P: AsRef<Path>>(
        mut self,
        paths: impl IntoIterator<Item = P>,
    ) -> Result<Self, EngineError> {
        let loaded = indicators::load(paths);
        for problem in loaded.problems() {
            tracing::warn!("{problem}");
        }
        if let Some(file) = loaded.files.iter().find(|file| file.failed) {
            let problem = file.problems.last();
            let first = problem.map_or_else(|| file.path.display().to_string(), ToString::to_string);
            return Err(EngineError::Indicators(first));
        }
        self.indicators = Some(loaded.set);
        Ok(self)
    }

    /// Takes rules that are loaded already; what failed in the report is the caller's to tell.
    pub fn loaded_rules(mut self, report: LoadReport) -> Self {
        self.rules.push(report);
        self
    }

    /// Stores events and alerts in this folder of Delta tables, and hunts there. It is made if it is not
    /// there.
    ///
    /// # Errors
    /// If the path cannot be a lake.
    pub fn lake(mut self, path: impl AsRef<Path>) -> Result<Self, EngineError> {
        Lake::create(path.as_ref())?;
        self.lake = Some(path.as_ref().to_owned());
        Ok(self)
    }

    /// Uses a catalog other than the shipped one.
    pub fn catalog(mut self, catalog: Arc<Catalog>) -> Self {
        self.catalog = Some(catalog);
        self
    }

    /// Sets threads, tenant, time zone and the like.
    pub fn options(mut self, options: ScanOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets when buffered events are stored, and in what files.
    pub fn writer_options(mut self, options: WriterOptions) -> Self {
        self.writer = options;
        self
    }

    /// Compiles the rules.
    ///
    /// # Errors
    /// None today; the signature leaves room for rules that only compiling shows to be wrong.
    pub fn build(self) -> Result<Engine, EngineError> {
        let catalog = self.catalog.unwrap_or_else(Catalog::builtin);
        let reports = || self.rules.iter();
        let detections: Vec<_> = reports()
            .flat_map(|report| report.detections.iter().cloned())
            .chain(
                self.indicators
                    .iter()
                    .flat_map(|set| indicators::rules(set).into_iter().map(Arc::new)),
            )
            .collect();
        let correlations: Vec<_> = reports()
            .flat_map(|report| report.correlations.iter().cloned())
            .collect();
        let queries: Vec<_> = reports()
            .flat_map(|report| report.queries.iter().cloned())
            .collect();
        let sql: Vec<_> = reports().flat_map(|report| report.sql.iter().cloned()).collect();
        let silent = reports()
            .flat_map(|report| report.referenced_only.iter().cloned())
            .collect();
        let rules = (!(detections.is_empty() && queries.is_empty() && sql.is_empty())).then(|| {
            let (compiled, warnings) = CompiledRules::compile_with_queries(detections, queries, &catalog);
            for warning in warnings {
                tracing::info!("{warning}");
            }
            let (compiled, not_run) = compiled.with_correlations(&correlations, &silent);
            for rule in not_run {
                tracing::warn!("{rule}");
            }
            let (compiled, not_run) = compiled.with_sql(&sql, &catalog, self.indicators.as_ref());
            for rule in not_run {
                tracing::warn!("{rule}");
            }
            Arc::new(compiled)
        });
        Ok(Engine {
            catalog,
            rules,
            indicators: self.indicators,
            lake: self.lake,
            options: self.options,
            writer: self.writer,
        })
    }
}

/// Rules, catalog and lake. Cheap to share; every call works on its own.
#[derive(Debug)]
pub struct Engine {
    catalog: Arc<Catalog>,
    rules: Option<Arc<CompiledRules>>,
    indicators: Option<Arc<IndicatorSet>>,
    lake: Option<PathBuf>,
    options: ScanOptions,
    writer: WriterOptions,
}

impl Engine {
    /// Starts putting one together.
    pub fn builder() -> EngineBuilder {
        EngineBuilder::default()
    }

    /// Reads the inputs to their end, matches the rules, stores events and alerts if there is a lake, and
    /// gives the alerts back. Storing the same input again stores nothing twice.
    ///
    /// All alerts are held in memory; for more than that use [`Engine::ingest_with`].
    ///
    /// # Errors
    /// If the lake cannot be written. Inputs that cannot be read are logged and cost themselves alone.
    pub async fn ingest(&self, input: Input) -> Result<Vec<Alert>, EngineError> {
        let (alerts, summary) = self.ingest_with(input, Vec::new()).await?;
        for error in &summary.errors {
            tracing::warn!("{error}");
        }
        Ok(alerts)
    }

    /// As [`Engine::ingest`], with alerts, events and rejects handed to `sink` as they come; the sink and
    /// the totals are given back.
    ///
    /// # Errors
    /// If the lake or the sink fails.
    pub async fn ingest_with<S: ScanSink + Send + 'static>(
        &self,
        input: Input,
        mut sink: S,
    ) -> Result<(S, ScanSummary), EngineError> {
        let lake = match &self.lake {
            Some(path) => Some(LakeWriter::new(Lake::open(path)?, self.writer.clone())),
            None => None,
        };
        let scan = Scan {
            catalog: self.catalog.clone(),
            options: self.options.clone(),
            rules: self.rules.clone(),
            lake,
            stop: Arc::new(AtomicBool::new(false)),
        };
        let work = tokio::task::spawn_blocking(move || {
            let inputs = InputSet::expand(&input.arguments);
            scan.run(&inputs, &mut sink).map(|summary| (sink, summary))
        });
        Ok(work.await.map_err(EngineError::Cancelled)??)
    }

    /// Asks the lake a question in SQL.
    ///
    /// # Errors
    /// If there is no lake, or the query is wrong: the message names the place and the nearest name.
    pub async fn hunt(&self, sql: &str) -> Result<HuntResult, EngineError> {
        let path = self.lake.as_ref().ok_or(EngineError::NoLake)?;
        let options = HuntOptions {
            indicators: self.indicators.clone(),
            ..HuntOptions::default()
        };
        let hunt = Hunt::open(&Lake::open(path)?, options).await?;
        Ok(hunt.sql(sql).await?)
    }
}
