//! From what was typed to what the engine takes: inputs, options, rules, lake.

use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use borzoi_engine::indicators::{IndicatorSet, Loaded};
use borzoi_engine::matcher::CompiledRules;
use borzoi_engine::scan::{ScanOptions, StoredEvents};
use borzoi_parsers::catalog::{Catalog, Dataset, ServedLogSource};
use borzoi_parsers::enrich::{DerivedColumn, Enrichment, Family, Network, columns as derived_columns};
use borzoi_parsers::formats::{DecodeOptions, Format};
use borzoi_parsers::frame::FrameOptions;
use borzoi_parsers::pins::Pins;
use borzoi_rules::correlation::CorrelationRule;
use borzoi_rules::ir::{DetectionRule, Expression, Level, Matcher};
use borzoi_rules::query::{Language, QueryRule};
use borzoi_rules::{LoadReport, Loader, Placeholders};

use super::lists::{self, Lists};
use crate::cli::{InputArgs, RuleArgs};
use crate::exit::Failure;
use crate::ui::style;

/// The shipped catalog, with the user's folder on top if one is named.
pub fn catalog(dir: Option<&PathBuf>) -> Result<Arc<Catalog>, Failure> {
    match dir {
        None => Ok(Catalog::builtin()),
        Some(dir) => {
            let catalog = Catalog::with_dir(dir).map_err(Failure::new)?;
            for warning in catalog.warnings() {
                anstream::eprintln!("{}warning:{:#} {warning}", style::WARNING, style::WARNING);
            }
            Ok(catalog)
        }
    }
}

/// The dataset of this name.
pub fn dataset(name: &str, catalog: &Catalog) -> Result<Arc<Dataset>, Failure> {
    catalog.dataset(name).cloned().ok_or_else(|| {
        let nearest = catalog.nearest_dataset(name);
        let hint = nearest
            .map(|near| format!("; did you mean `{near}`?"))
            .unwrap_or_default();
        Failure::usage(format!(
            "no dataset `{name}`{hint} (`borzoi datasets` lists them)"
        ))
    })
}

/// Which columns are derived from others.
fn enrichment(args: &InputArgs) -> Result<Enrichment, Failure> {
    let mut families = Vec::new();
    for name in &args.enrich {
        match (name.as_str(), Family::of_name(name)) {
            ("all", _) => families.extend(Family::ALL),
            ("none", _) => {}
            (_, Some(family)) => families.push(family),
            (_, None) => {
                let known = Family::ALL.map(Family::name).join(", ");
                return Err(Failure::usage(format!(
                    "no family of columns `{name}`; there are: {known}; or all, or none"
                )));
            }
        }
    }
    Ok(Enrichment {
        families,
        own_networks: networks(&args.own_networks)?,
    })
}

/// Networks of one's own.
pub fn networks(texts: &[String]) -> Result<Vec<Network>, Failure> {
    let networks = texts.iter().map(|text| Network::parse(text));
    networks.collect::<Result<_, _>>().map_err(Failure::usage)
}

/// How many rules look at columns that are not derived, since `enrich` leaves their families out.
pub fn blind_rules(rules: &CompiledRules, enrich: &Enrichment, catalog: &Catalog) -> usize {
    let missing: Vec<&DerivedColumn> = derived_columns()
        .iter()
        .filter(|derived| !enrich.families.contains(&derived.family.whole()))
        .collect();
    let looks = |rule: &DetectionRule| {
        let source = &rule.log_source;
        let served = catalog.datasets_for(
            source.product.as_deref(),
            source.category.as_deref(),
            source.service.as_deref(),
        );
        served.iter().any(|(dataset, entries)| {
            let entries: Vec<Option<&ServedLogSource>> = match entries.is_empty() {
                true => vec![None],
                false => entries.iter().map(|entry| Some(*entry)).collect(),
            };
            let is_missing = |name: &str| {
                entries.iter().any(|entry| {
                    let sql = dataset.resolve(name, *entry).column().sql.clone();
                    missing.iter().any(|derived| {
                        derived.column.sql == sql && derived.is_open_in(dataset) && !dataset.is_filled(&sql)
                    })
                })
            };
            let mut searches = rule.searches.iter();
            searches.any(|search| mentions(&search.expression, &is_missing))
        })
    };
    match missing.is_empty() {
        true => 0,
        false => {
            let columns: Vec<&str> = missing.iter().map(|derived| &*derived.column.sql).collect();
            let in_sql = rules.sql().map_or(0, |sql| sql.asking_for(&columns));
            in_sql + rules.rules().iter().filter(|rule| looks(rule)).count()
        }
    }
}

/// Whether an expression asks about a field of which `is` holds.
fn mentions(expression: &Expression, is: &impl Fn(&str) -> bool) -> bool {
    match expression {
        Expression::All(parts) | Expression::Any(parts) => parts.iter().any(|part| mentions(part, is)),
        Expression::Not(part) => mentions(part, is),
        // Not looked for where they are made of other values: those are looked up themselves.
        Expression::Field {
            matcher: Matcher::Listed(_),
            ..
        } => false,
        Expression::Field { name, .. } => is(name),
        Expression::Keyword(_) => false,
    }
}

/// The options of a scan.
pub fn scan_options(args: &InputArgs, catalog: &Catalog) -> Result<ScanOptions, Failure> {
    let format = match &args.format {
        None => None,
        Some(name) => format(name)?,
    };
    let dataset = match &args.dataset {
        None => None,
        Some(name) => Some(dataset(name, catalog)?),
    };
    let timezone = args
        .timezone
        .as_ref()
        .map(|zone| {
            zone.parse().map_err(|_| {
                Failure::usage(format!(
                    "no time zone `{zone}`; use a name as in Europe/Berlin or UTC"
                ))
            })
        })
        .transpose()?;
    let tenant = args.tenant.as_deref().unwrap_or("default");
    borzoi_engine::lake::check_tenant(tenant).map_err(Failure::usage)?;
    let mut options = ScanOptions {
        decode: DecodeOptions {
            format,
            dataset,
            pins: Arc::new(Pins::parse(&args.pins, catalog).map_err(Failure::usage)?),
            timezone,
            tenant: Arc::from(tenant),
            keep_original: args.keep_original,
            ..DecodeOptions::default()
        },
        frame: FrameOptions {
            batch_rows: args.batch_rows.max(1),
            ..FrameOptions::default()
        },
        enrich: enrichment(args)?,
        ..ScanOptions::default()
    };
    if let Some(threads) = args.threads {
        options.threads =
            NonZeroUsize::new(threads).ok_or_else(|| Failure::usage("--threads must be at least 1"))?;
    }
    Ok(options)
}

fn format(name: &str) -> Result<Option<Format>, Failure> {
    if name == "auto" {
        return Ok(None);
    }
    Format::NAMES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, format)| Some(*format))
        .ok_or_else(|| {
            let known: Vec<&str> = Format::NAMES.iter().map(|(name, _)| *name).collect();
            Failure::usage(format!(
                "no format `{name}`; there are auto, {}",
                known.join(", ")
            ))
        })
}

/// The placeholders of a file.
pub fn placeholders(file: Option<&PathBuf>) -> Result<Placeholders, Failure> {
    let Some(file) = file else {
        return Ok(Placeholders::default());
    };
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::new(format!("cannot read {}: {error}", file.display())))?;
    Placeholders::parse(&text).map_err(|error| Failure::new(format!("{}: {error}", file.display())))
}

/// Loads rules: those named, or the shipped pack.
pub fn rules(paths: &[PathBuf], placeholders: Placeholders) -> LoadReport {
    rules_with(paths, placeholders, Vec::new())
}

/// The same with rules that stand in no file.
fn rules_with(paths: &[PathBuf], placeholders: Placeholders, more: Vec<DetectionRule>) -> LoadReport {
    let mut loader = Loader::new().placeholders(placeholders);
    if paths.is_empty() {
        borzoi_rules::pack::add_to(&mut loader);
    }
    for rule in more {
        loader.add_rule(rule);
    }
    loader.load(paths)
}

/// Rules as [`rules`] loads them, together with those of lists, and what rules in SQL look into.
pub fn rules_and_lists(
    paths: &[PathBuf],
    values: Option<&PathBuf>,
    lists: &[PathBuf],
) -> Result<(LoadReport, Option<Arc<IndicatorSet>>), Failure> {
    let lists = lists::load(lists, true)?;
    let set = lists.as_ref().map(|lists| lists.loaded.set.clone());
    let lists = lists.map_or_else(Vec::new, |lists| lists.rules());
    Ok((rules_with(paths, placeholders(values)?, lists), set))
}

/// Prints what kept rules from loading.
pub fn show_errors(report: &LoadReport) {
    for problem in report.errors() {
        anstream::eprintln!("{problem}");
    }
}

/// Fails where there was no file to read: a check or a test of nothing must not pass. Paths that could not
/// be read are errors of the report already.
pub fn some_file(report: &LoadReport) -> Result<(), Failure> {
    if report.files.is_empty() && report.errors().next().is_none() {
        return Err(Failure::new(
            "no rule file found; name Sigma files (.yml, .yaml) or folders of them",
        ));
    }
    Ok(())
}

/// Rules ready to run, and whether all of them loaded.
pub struct ReadyRules {
    /// Compiled.
    pub compiled: Arc<CompiledRules>,
    /// Whether a rule failed to load.
    pub losses: bool,
    /// The lists of indicators, if there are any.
    pub lists: Option<Lists>,
}

/// Loads, filters by level and compiles; problems go to standard error.
pub fn ready_rules(args: &RuleArgs, catalog: &Arc<Catalog>, quiet: bool) -> Result<ReadyRules, Failure> {
    let lists = lists::load(&args.indicators, quiet)?;
    let report = rules_with(
        &args.rules,
        placeholders(args.placeholders.as_ref())?,
        lists.as_ref().map_or_else(Vec::new, Lists::rules),
    );
    const SHOWN: usize = 10;
    let errors = report.errors().count();
    for problem in report.errors().take(SHOWN) {
        anstream::eprintln!("{problem}");
    }
    if errors > SHOWN {
        anstream::eprintln!("… and {} more; `borzoi rules check` shows all", errors - SHOWN);
    }
    if report.detections.is_empty() && report.queries.is_empty() && report.sql.is_empty() {
        return Err(Failure::new(if errors > 0 {
            "no rule loaded; the problems are above"
        } else {
            "no rule found; --rules takes Sigma files (.yml) or folders of them"
        }));
    }
    let waiting = report.waiting().count();
    if !quiet && waiting > 0 {
        anstream::eprintln!(
            "{}note:{:#} {waiting} rules wait for values of placeholders (--placeholders FILE; `borzoi rules check` names them)",
            style::WARNING,
            style::WARNING,
        );
    }
    let level = args.min_level.map(Level::from).unwrap_or_default();
    let named = !args.rules.is_empty() && !quiet;
    let loaded = lists.as_ref().map(|lists| &lists.loaded);
    let ready = compiled(&report, level, loaded, catalog, named);
    Ok(ReadyRules { lists, ..ready })
}

/// Compiles what was loaded, rules of at least `level`; what keeps rules from running goes to standard error. With `hints`,
/// also that there is something that can match nothing.
pub fn compiled(
    report: &LoadReport,
    level: Level,
    indicators: Option<&Loaded>,
    catalog: &Arc<Catalog>,
    hints: bool,
) -> ReadyRules {
    let errors = report.errors().count();
    let (chosen, correlations, silent) = chosen(report, level);
    let queries = report.queries.iter().filter(|rule| rule.meta.level >= level);
    let (compiled, warnings) =
        CompiledRules::compile_with_queries(chosen, queries.cloned().collect(), catalog);
    for warning in &warnings {
        tracing::info!("{warning}");
    }
    if hints && !warnings.is_empty() {
        anstream::eprintln!(
            "{}note:{:#} {} log sources, fields or expressions of rules match nothing Borzoi knows; `borzoi rules check` shows them",
            style::WARNING,
            style::WARNING,
            warnings.len()
        );
    }
    let (compiled, not_run) = compiled.with_correlations(&correlations, &silent);
    for rule in &not_run {
        anstream::eprintln!("{}warning:{:#} {rule}", style::WARNING, style::WARNING);
    }
    let queries = compiled.queries().map_or(&[][..], |queries| queries.not_run());
    for query in queries {
        anstream::eprintln!("{}warning:{:#} {query}", style::WARNING, style::WARNING);
    }
    let errors = errors + not_run.len() + queries.len();
    let sql: Vec<_> = report
        .sql
        .iter()
        .filter(|rule| rule.meta.level >= level)
        .cloned()
        .collect();
    let set = indicators.map(|loaded| &loaded.set);
    let (compiled, not_run) = compiled.with_sql(&sql, catalog, set);
    for rule in &not_run {
        anstream::eprintln!("{rule}");
    }
    let errors = errors + not_run.len();
    ReadyRules {
        compiled: Arc::new(compiled),
        losses: errors > 0 || indicators.is_some_and(Loaded::has_losses),
        lists: None,
    }
}

/// Says which datasets of a lake no rule can be about.
pub fn tell_unknown(stored: &StoredEvents) {
    for dataset in stored.unknown_datasets() {
        anstream::eprintln!(
            "{}warning:{:#} the lake has events of {dataset}, which no catalog describes; they are left out (--catalog)",
            style::WARNING,
            style::WARNING
        );
    }
}

/// One query as all the rules there are.
pub fn query_alone(
    language: Language,
    text: &str,
    cased: bool,
    catalog: &Catalog,
) -> Result<ReadyRules, Failure> {
    let mut query = QueryRule::ad_hoc(language, text)
        .map_err(|error| Failure::usage(format!("--{}: {error}", language.name())))?;
    query.settings.cased = cased;
    let (compiled, warnings) =
        CompiledRules::compile_with_queries(Vec::new(), vec![Arc::new(query)], catalog);
    for warning in &warnings {
        tracing::info!("{warning}");
    }
    if let Some(not_run) = compiled.queries().and_then(|queries| queries.not_run().first()) {
        return Err(Failure::usage(format!(
            "--{}: {}",
            language.name(),
            not_run.reason
        )));
    }
    Ok(ReadyRules {
        compiled: Arc::new(compiled),
        losses: false,
        lists: None,
    })
}

/// Rules of at least `level` with those that they read, and the ids of those that do not alert.
fn chosen(report: &LoadReport, level: Level) -> (Vec<Arc<DetectionRule>>, Vec<Arc<CorrelationRule>>, Ids) {
    let mut silent = report.referenced_only.clone();
    let by_id: HashMap<&str, &Arc<CorrelationRule>> = report
        .correlations
        .iter()
        .map(|rule| (&*rule.meta.id, rule))
        .collect();
    // What correlations read, they read whatever its level.
    let mut wanted: Vec<&Arc<CorrelationRule>> = report
        .correlations
        .iter()
        .filter(|rule| rule.meta.level >= level && !report.referenced_only.contains(&rule.meta.id))
        .collect();
    let (mut read, mut read_ids) = (Ids::new(), Ids::new());
    while let Some(rule) = wanted.pop() {
        if read.insert(rule.meta.id.clone()) {
            read_ids.extend(rule.rules.iter().cloned());
            wanted.extend(rule.rules.iter().filter_map(|id| by_id.get(&**id)));
        }
    }
    let metas = report.detections.iter().map(|rule| &rule.meta);
    let metas = metas.chain(report.correlations.iter().map(|rule| &rule.meta));
    silent.extend(
        metas
            .filter(|meta| meta.level < level)
            .map(|meta| meta.id.clone()),
    );
    let detections = report.detections.iter();
    let detections =
        detections.filter(|rule| !silent.contains(&rule.meta.id) || read_ids.contains(&rule.meta.id));
    let correlations = report
        .correlations
        .iter()
        .filter(|rule| read.contains(&rule.meta.id));
    let (detections, correlations) = (detections.cloned().collect(), correlations.cloned().collect());
    (detections, correlations, silent)
}

/// Ids of rules.
type Ids = BTreeSet<Arc<str>>;

/// A flag that the first Ctrl-C (or termination request) sets; the second ends the process at once.
pub fn stop_flag() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = stop.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            loop {
                interrupted().await;
                if flag.swap(true, Ordering::Relaxed) {
                    std::process::exit(130);
                }
                anstream::eprintln!("stopping; what was read is being stored (again to end at once)");
            }
        });
    });
    Ok(stop)
}

/// Waits for Ctrl-C or, where there is one, a termination request; for ever if the system tells of none.
async fn interrupted() {
    let interrupt = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::warn!("Ctrl-C will end the process at once: {error}");
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => tokio::select! {
                () = interrupt => {}
                _ = terminate.recv() => {}
            },
            Err(error) => {
                tracing::warn!("a termination request will end the process at once: {error}");
                interrupt.await;
            }
        }
    }
    #[cfg(not(unix))]
    interrupt.await;
}
