//! `borzoi hunt`: SQL and rules over the lake.

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use borzoi_engine::hunt::output::{AnswerWriter, Format, Layout};
use borzoi_engine::hunt::{Hunt, HuntError, HuntOptions, HuntStats, statements};
use borzoi_engine::indicators::{Loaded, rules};
use borzoi_engine::lake::Lake;
use borzoi_rules::LoadReport;
use tokio::runtime::Runtime;

use super::{hunt_found, hunt_prompt};
use crate::cli::{Time, parse_time};
use crate::exit::{Exit, Failure};
use crate::ui::{style, table};

/// What is asked when a rule is given and no SQL.
const MATCHES: &str = "select * from matches order by time";

/// The same of rules over several events.
const FOUND: &str = "select * from found order by time, rule_id, alert_id";

/// `borzoi hunt`
#[derive(Debug, clap::Args)]
pub struct HuntArgs {
    /// The question; without one (and without --rule) a prompt opens, or statements separated by ; are
    /// read from standard input if that is no terminal
    pub sql: Option<String>,
    /// The lake's folder
    #[arg(long, value_name = "DIR", default_value = "lake")]
    pub lake: PathBuf,
    /// Folder with dataset descriptions of your own, as given to scan
    #[arg(long, value_name = "DIR")]
    pub catalog: Option<PathBuf>,
    /// Run a rule over the lake: the events that a Sigma rule matches are the table `matches`, what a correlation, a statistic,
    /// a query (EQL, KQL) or a rule in SQL finds is the table `found`; shown unless SQL asks something else; may be repeated
    #[arg(long = "rule", value_name = "FILE")]
    pub rules: Vec<PathBuf>,
    /// With --rule or --indicators: only events at or after this time (2026-11-01, 2026-11-01T10:00:00Z)
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub from: Option<Time>,
    /// With --rule or --indicators: only events before this time
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub to: Option<Time>,
    /// A list of indicators, a folder of them or a URL, for `indicator(…)` in SQL; without SQL, the events that they are met in;
    /// may be repeated
    #[arg(long, value_name = "PATH")]
    pub indicators: Vec<PathBuf>,
    /// Only events of this tenant; may be repeated
    #[arg(long = "tenant", value_name = "TENANT")]
    pub tenants: Vec<String>,
    /// table, json, jsonl, csv or parquet
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: Format,
    /// Write the answer to this file; parquet needs one
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// At most this many rows
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Show how the question would be answered instead of answering it
    #[arg(long)]
    pub explain: bool,
    /// A network of your own beside the private ones, for network.direction; repeat it for more
    #[arg(long = "own-network", value_name = "CIDR")]
    pub own_networks: Vec<String>,
    /// Megabytes that sorting and grouping may use before they spill to disk
    #[arg(long, value_name = "MB", default_value_t = 2048)]
    pub memory: usize,
}

/// Runs the command.
pub fn run(args: &HuntArgs, quiet: bool) -> Result<Exit, Failure> {
    if args.output == Format::Parquet && args.out.is_none() {
        return Err(Failure::usage("--output parquet needs --out FILE"));
    }
    for tenant in &args.tenants {
        borzoi_engine::lake::check_tenant(tenant).map_err(Failure::usage)?;
    }
    let has_rules = !args.rules.is_empty() || !args.indicators.is_empty();
    if !has_rules && (args.from.is_some() || args.to.is_some()) {
        return Err(Failure::usage(
            "--from and --to are for --rule; in SQL say where time >= '2026-11-01'",
        ));
    }
    let lake = Lake::open(&args.lake).map_err(Failure::new)?;
    let indicators = super::lists::load(&args.indicators, true)?.map(|lists| lists.loaded);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::new)?;
    let options = HuntOptions {
        tenants: (!args.tenants.is_empty()).then(|| args.tenants.clone()),
        memory_limit: Some(args.memory << 20),
        catalog: Some(super::load::catalog(args.catalog.as_ref())?),
        own_networks: super::load::networks(&args.own_networks)?,
        indicators: indicators.as_ref().map(|loaded| loaded.set.clone()),
        ..HuntOptions::default()
    };
    let report = rules_of(&args.rules, indicators.as_ref())?;
    let several = hunt_found::looks_at_several(&report);
    let (mut hunt, losses) = match several {
        true => hunt_found::hunt(
            &runtime,
            &lake,
            options,
            (&report, indicators.as_ref()),
            args,
            quiet,
        )?,
        false => (
            runtime.block_on(Hunt::open(&lake, options)).map_err(failure)?,
            false,
        ),
    };
    if !report.detections.is_empty() {
        let (from, to) = (args.from.map(|time| time.0), args.to.map(|time| time.0));
        match hunt.add_rules_within(&report.detections, from, to) {
            // What was found is there all the same.
            Err(error) if several => tracing::warn!("no table `matches`: {error}"),
            added => added.map_err(failure)?,
        }
    }
    let hunt = Arc::new(hunt);
    match &args.sql {
        Some(sql) if sql != "-" => answer_all(&runtime, &hunt, sql, args)?,
        None if several => answer_all(&runtime, &hunt, FOUND, args)?,
        None if has_rules => answer_all(&runtime, &hunt, MATCHES, args)?,
        None if std::io::stdin().is_terminal() => {
            hunt_prompt::run(&runtime, &hunt, args.output, args.limit)?;
        }
        _ => {
            let mut sql = String::new();
            std::io::stdin().read_to_string(&mut sql)?;
            answer_all(&runtime, &hunt, &sql, args)?;
        }
    }
    Ok(if losses { Exit::WithLosses } else { Exit::Done })
}

fn rules_of(paths: &[PathBuf], indicators: Option<&Loaded>) -> Result<LoadReport, Failure> {
    let mut loader = borzoi_rules::Loader::new();
    for rule in indicators.iter().flat_map(|loaded| rules(&loaded.set)) {
        loader.add_rule(rule);
    }
    let report = loader.load(paths);
    if let Some(problem) = report.errors().next() {
        return Err(Failure::new(problem));
    }
    if !paths.is_empty() && report.detections.is_empty() && !hunt_found::looks_at_several(&report) {
        return Err(Failure::new("no rule in the files given with --rule"));
    }
    Ok(report)
}

/// Answers statement after statement; the first error ends it.
fn answer_all(runtime: &Runtime, hunt: &Arc<Hunt>, sql: &str, args: &HuntArgs) -> Result<(), Failure> {
    let all = statements(sql);
    if all.is_empty() {
        return Err(Failure::usage("nothing asked: give a SQL statement"));
    }
    if all.len() > 1 && args.out.is_some() {
        return Err(Failure::usage("--out takes the answer to one statement"));
    }
    for statement in all {
        let statement = match args.explain {
            true => format!("explain {statement}"),
            false => statement.to_owned(),
        };
        match &args.out {
            Some(path) => {
                let file = File::create(path)
                    .map_err(|error| Failure::new(format!("cannot create {}: {error}", path.display())))?;
                let layout = Layout::default();
                answer(runtime, hunt, &statement, args, BufWriter::new(file), layout)?;
            }
            None => {
                let stdout = std::io::stdout();
                let layout = Layout {
                    width: screen_width(),
                    hide_empty: false,
                };
                answer(runtime, hunt, &statement, args, BufWriter::new(stdout), layout)?;
            }
        }
    }
    Ok(())
}

fn answer(
    runtime: &Runtime,
    hunt: &Arc<Hunt>,
    sql: &str,
    args: &HuntArgs,
    out: impl Write + Send,
    layout: Layout,
) -> Result<HuntStats, Failure> {
    let answering = async {
        let mut stream = hunt.stream(sql, args.limit).await?;
        let layout = Layout {
            hide_empty: stream.wildcard(),
            ..layout
        };
        let mut writer = AnswerWriter::new(out, args.output, &stream.schema(), layout)?;
        while let Some(batch) = stream.next().await {
            writer.write(&batch?)?;
        }
        let hidden = writer.finish()?;
        if hidden > 0 && std::io::stderr().is_terminal() {
            anstream::eprintln!("({hidden} columns without a value are not shown)");
        }
        let stats = stream.stats();
        if stats.unreadable_json > 0 {
            anstream::eprintln!(
                "{}warning:{:#} json_get met {} texts that are no JSON it can read; they gave null",
                style::WARNING,
                style::WARNING,
                table::thousands(stats.unreadable_json)
            );
        }
        Ok(stats)
    };
    runtime.block_on(answering).map_err(failure)
}

/// Width of the terminal that standard output is; `None` if it is none.
pub fn screen_width() -> Option<usize> {
    std::io::stdout()
        .is_terminal()
        .then(|| terminal_size::terminal_size().map_or(120, |(width, _)| usize::from(width.0)))
}

pub fn failure(error: HuntError) -> Failure {
    match error {
        HuntError::Output(error) => Failure::from(error),
        other => Failure::new(other),
    }
}
