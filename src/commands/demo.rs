//! `borzoi demo`: a generated day, the attacks found in it, questions asked of it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use borzoi::demo::{self, Hunt as ExampleHunt, Judge, Options, Truth, Verdict};
use borzoi_engine::alert::Alert;
use borzoi_engine::hunt::output::{AnswerWriter, Format, Layout};
use borzoi_engine::hunt::{Hunt, HuntOptions};
use borzoi_engine::lake::Lake;
use borzoi_engine::matcher::CompiledRules;
use borzoi_engine::scan::{Progress, Scan, ScanOptions, ScanSink, ScanSummary};
use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::input::{InputError, InputSet};
use borzoi_rules::Placeholders;

use super::load;
use super::scan::writer;
use crate::cli::DemoArgs;
use crate::exit::{Exit, Failure};
use crate::ui::table::{self, Cell};
use crate::ui::{progress, style};

/// Runs the command. It fails if an attack of the day was missed: the demo is also a test.
pub fn run(args: &DemoArgs, quiet: bool) -> Result<Exit, Failure> {
    let started = Instant::now();
    let mut out = super::stdout();
    let dir = folder(args)?;
    heading(&mut out, "1. A day of logs")?;
    let truth = generate(args, &dir)?;
    let logs = dir.join("logs");
    writeln!(
        out,
        "Two companies, {} attacks hidden in the day, written to {} in {:.1} s",
        truth.attacks.len(),
        logs.display(),
        started.elapsed().as_secs_f64()
    )?;
    out.flush()?;

    heading(&mut out, "2. Scan: rules over the logs, everything into the lake")?;
    let lake = dir.join("lake");
    let mut judge = Judge::new(&truth);
    let mut totals = Totals::default();
    let (rules, catalog) = pack()?;
    for tenant in &truth.tenants {
        let summary = scan(
            &logs.join(tenant),
            tenant,
            &lake,
            (&rules, &catalog),
            &mut judge,
            quiet,
        )?;
        writeln!(
            out,
            "{tenant:<8} {:>9} events of {} datasets, {:>4} alerts, {:>8} stored, in {:.1} s",
            table::thousands(summary.decode.events),
            summary.datasets.len(),
            table::thousands(summary.alerts),
            table::bytes(summary.lake.bytes),
            summary.elapsed.as_secs_f64()
        )?;
        out.flush()?;
        totals.add(&summary);
    }
    writeln!(
        out,
        "{} events, {} rules, {} events/s with storing",
        table::thousands(totals.events),
        rules.all_rules(),
        table::thousands((totals.events as f64 / totals.seconds.max(1e-6)) as u64)
    )?;

    heading(&mut out, "3. What was found")?;
    let verdict = judge.verdict();
    found(&mut out, &truth, &verdict)?;

    heading(&mut out, "4. Questions to the lake")?;
    hunts(&mut out, &lake, &demo::hunts())?;

    heading(&mut out, "5. Your turn")?;
    next_steps(&mut out, &logs, &lake)?;
    writeln!(out, "\nAll of it took {:.1} s.", started.elapsed().as_secs_f64())?;
    out.flush()?;
    Ok(if verdict.missed.is_empty() {
        Exit::Done
    } else {
        Exit::Failed
    })
}

/// The folder of the demo, emptied of what an earlier demo wrote there.
fn folder(args: &DemoArgs) -> Result<PathBuf, Failure> {
    let dir = match &args.dir {
        Some(dir) => dir.clone(),
        None => std::env::temp_dir().join(format!("borzoi-demo-{}", args.seed)),
    };
    for part in ["logs", "lake"] {
        let path = dir.join(part);
        if path.exists() {
            // Only a folder that a demo made is emptied.
            if !dir.join("truth.json").exists() {
                return Err(Failure::new(format!(
                    "{} exists and is not from a demo; choose another folder with --dir",
                    path.display()
                )));
            }
            std::fs::remove_dir_all(&path)?;
        }
    }
    std::fs::create_dir_all(&dir)
        .map_err(|error| Failure::new(format!("cannot make the folder {}: {error}", dir.display())))?;
    Ok(dir)
}

fn generate(args: &DemoArgs, dir: &Path) -> Result<Truth, Failure> {
    let options = Options {
        seed: args.seed,
        events: args.events,
        ..Options::default()
    };
    demo::generate(dir, &options).map_err(Failure::new)
}

fn pack() -> Result<(Arc<CompiledRules>, Arc<Catalog>), Failure> {
    let catalog = Catalog::builtin();
    let report = load::rules(&[], Placeholders::default());
    if let Some(problem) = report.errors().next() {
        return Err(Failure::new(format!("the shipped pack does not load: {problem}")));
    }
    let (detections, correlations, queries) = (report.detections, report.correlations, report.queries);
    let (rules, _) = CompiledRules::compile_with_queries(detections, queries, &catalog);
    let (rules, not_run) = rules.with_correlations(&correlations, &report.referenced_only);
    if let Some(not_run) = not_run.first() {
        return Err(Failure::new(format!("the shipped pack does not run: {not_run}")));
    }
    let (rules, not_run) = rules.with_sql(&report.sql, &catalog, None);
    if let Some(not_run) = not_run.first() {
        return Err(Failure::new(format!("the shipped pack does not run: {not_run}")));
    }
    Ok((Arc::new(rules), catalog))
}

fn scan(
    logs: &Path,
    tenant: &str,
    lake: &Path,
    (rules, catalog): (&Arc<CompiledRules>, &Arc<Catalog>),
    judge: &mut Judge,
    quiet: bool,
) -> Result<ScanSummary, Failure> {
    let inputs = InputSet::expand(&[logs.to_string_lossy()]);
    let mut options = ScanOptions::default();
    options.decode.tenant = Arc::from(tenant);
    let mut sink = DemoSink {
        judge,
        bar: progress::Progress::new(inputs.total_size().unwrap_or(0), quiet),
    };
    let scan = Scan {
        catalog: catalog.clone(),
        options,
        rules: Some(rules.clone()),
        lake: Some(writer(lake, 60, 250_000)?),
        stop: Arc::default(),
    };
    let outcome = scan.run(&inputs, &mut sink);
    sink.bar.finish();
    outcome.map_err(Failure::from_scan)
}

struct DemoSink<'a> {
    judge: &'a mut Judge,
    bar: progress::Progress,
}

impl ScanSink for DemoSink<'_> {
    fn wants_events(&self) -> bool {
        false
    }

    fn alert(&mut self, alert: &Alert) -> io::Result<()> {
        self.judge.alert(alert);
        Ok(())
    }

    fn input_error(&mut self, error: &InputError) {
        self.bar
            .note(&format!("{}error:{:#} {error}", style::ERROR, style::ERROR));
    }

    fn progress(&mut self, progress: &Progress) -> io::Result<()> {
        self.bar
            .update(progress.raw_bytes, progress.events, progress.alerts);
        Ok(())
    }
}

#[derive(Default)]
struct Totals {
    events: u64,
    seconds: f64,
}

impl Totals {
    fn add(&mut self, summary: &ScanSummary) {
        self.events += summary.decode.events;
        self.seconds += summary.elapsed.as_secs_f64();
    }
}

fn found(out: &mut dyn Write, truth: &Truth, verdict: &Verdict) -> io::Result<()> {
    let rows: Vec<Vec<Cell>> = truth
        .attacks
        .iter()
        .map(|attack| {
            let rules = verdict.found.get(&attack.id);
            let (mark, by) = match rules {
                Some(rules) => {
                    let more = if rules.len() > 1 {
                        format!(" +{}", rules.len() - 1)
                    } else {
                        String::new()
                    };
                    let first = rules.first().map_or("", String::as_str);
                    (Cell::new("found").styled(style::GOOD), format!("{first}{more}"))
                }
                None => (Cell::new("MISSED").styled(style::ERROR), String::new()),
            };
            vec![
                mark,
                Cell::new(&attack.tenant),
                Cell::new(&attack.name),
                Cell::new(attack.techniques.join(" ")),
                Cell::new(by),
            ]
        })
        .collect();
    table::print(out, &["", "TENANT", "ATTACK", "ATT&CK", "BY"], &rows, 60)?;
    writeln!(
        out,
        "\n{} of {} attacks found; {} false alerts",
        verdict.found.len(),
        truth.attacks.len(),
        verdict.false_alerts.iter().map(|alert| alert.count).sum::<u64>()
    )?;
    for alert in &verdict.false_alerts {
        writeln!(out, "  {} × {}", alert.count, alert.title)?;
    }
    Ok(())
}

fn hunts(out: &mut dyn Write, lake: &Path, questions: &[ExampleHunt]) -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new()?;
    let lake = Lake::open(lake).map_err(Failure::new)?;
    let hunt = runtime
        .block_on(Hunt::open(&lake, HuntOptions::default()))
        .map_err(Failure::new)?;
    let (head, dim) = (style::HEADING, style::DIM);
    for question in questions {
        let result = runtime.block_on(hunt.sql(&question.sql)).map_err(Failure::new)?;
        writeln!(
            out,
            "{head}{}{head:#}\n{dim}{}{dim:#}",
            question.question, question.sql
        )?;
        let mut text = Vec::new();
        let mut answer = AnswerWriter::new(&mut text, Format::Table, &result.schema, Layout::default())
            .map_err(Failure::new)?;
        for batch in &result.batches {
            answer.write(batch).map_err(Failure::new)?;
        }
        answer.finish().map_err(Failure::new)?;
        out.write_all(&text)?;
        writeln!(
            out,
            "{dim}{} rows in {:.0} ms{dim:#}\n",
            result.stats.rows,
            result.stats.elapsed.as_secs_f64() * 1e3
        )?;
    }
    Ok(())
}

fn next_steps(out: &mut dyn Write, logs: &Path, lake: &Path) -> io::Result<()> {
    let command = style::COMMAND;
    let steps = [
        (
            "ask your own questions",
            format!("borzoi hunt --lake {}", lake.display()),
        ),
        (
            "see the alerts as a page",
            format!("borzoi scan {} --report report.html", logs.display()),
        ),
        (
            "look at what is stored",
            format!("borzoi lake status --lake {}", lake.display()),
        ),
        (
            "scan your own export",
            "borzoi scan Security.evtx --rules ~/sigma/rules".to_owned(),
        ),
        (
            "follow a log",
            "tail -n 0 -F /var/log/auth.log | borzoi scan -".to_owned(),
        ),
    ];
    for (what, line) in steps {
        writeln!(out, "{what:<26}{command}{line}{command:#}")?;
    }
    Ok(())
}

fn heading(out: &mut dyn Write, text: &str) -> io::Result<()> {
    let head = style::HEADING;
    writeln!(out, "\n{head}{text}{head:#}")
}
