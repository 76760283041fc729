//! `borzoi parse`: events as ECS JSON lines.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::Arc;

use borzoi_engine::alert::Alert;
use borzoi_engine::scan::{Progress, Scan, ScanOptions, ScanSink};
use borzoi_parsers::batch::EventBatch;
use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::explain::{COLUMNS_OF_OURS, Explained, Explainer};
use borzoi_parsers::frame::{BlockReader, FrameOptions, Read, RejectRecord};
use borzoi_parsers::input::{InputError, InputSet};
use borzoi_parsers::output::{EventWriter, JsonStyle};

use super::load;
use super::scan::{lost_input, report};
use super::scan_output::Rejects;
use crate::cli::ParseArgs;
use crate::exit::{Exit, Failure};
use crate::ui::{progress, style};

/// Runs the command.
pub fn run(args: &ParseArgs, quiet: bool) -> Result<Exit, Failure> {
    let catalog = load::catalog(args.input.catalog.as_ref())?;
    let options = load::scan_options(&args.input, &catalog)?;
    let inputs = InputSet::expand(&args.input.paths);
    if args.explain {
        return explain(&inputs, catalog, options);
    }
    let mut sink = EventLines {
        out: super::json_stdout(),
        style: if args.flat {
            JsonStyle::Flat
        } else {
            JsonStyle::Nested
        },
        line: String::new(),
        rejects: Rejects::new(args.input.rejects.as_deref())?,
        bar: progress::Progress::new(inputs.total_size().unwrap_or(0), quiet),
    };
    let scan = Scan {
        catalog,
        options,
        rules: None,
        lake: None,
        stop: load::stop_flag()?,
    };
    let outcome = scan.run(&inputs, &mut sink);
    sink.bar.finish();
    let summary = outcome.map_err(Failure::from_scan)?;
    sink.out.flush()?;
    sink.rejects.finish()?;
    if !quiet {
        report(&summary, &sink.rejects);
    }
    Ok(if lost_input(&summary) {
        Exit::WithLosses
    } else {
        Exit::Done
    })
}

/// Says of every record what became of it.
fn explain(inputs: &InputSet, catalog: Arc<Catalog>, options: ScanOptions) -> Result<Exit, Failure> {
    let mut out = super::stdout();
    let frame = FrameOptions {
        format: options.decode.format,
        tenant: options.decode.tenant.clone(),
        ..options.frame
    };
    let mut explainer = Explainer::new(catalog, options.decode);
    let mut errors = inputs.errors.clone();
    let mut refused = false;
    for input in &inputs.inputs {
        let chunks = match input.open(&options.input) {
            Ok(chunks) => chunks,
            Err(error) => {
                errors.push(error);
                continue;
            }
        };
        let mut blocks = BlockReader::new(chunks, frame.clone());
        loop {
            match blocks.next(None) {
                Read::Block(block) => {
                    for record in explainer.explain(&block) {
                        refused |= record.reject.is_some();
                        write_explained(&record, &mut out)?;
                    }
                }
                Read::Error(error) => errors.push(error),
                Read::Idle => {}
                Read::End => break,
            }
        }
    }
    out.flush()?;
    for error in &errors {
        eprintln!("{}error:{:#} {error}", style::ERROR, style::ERROR);
    }
    Ok(if errors.is_empty() && !refused {
        Exit::Done
    } else {
        Exit::WithLosses
    })
}

/// One record for people: where it is, who took it, a line per column, what is left over.
fn write_explained(record: &Explained, out: &mut dyn Write) -> io::Result<()> {
    let (head, bad) = (style::HEADING, style::ERROR);
    writeln!(
        out,
        "{head}{}:{}{head:#} {}",
        record.path,
        record.offset,
        shown(record.raw.trim_end())
    )?;
    if let Some(reject) = &record.reject {
        writeln!(out, "  {bad}refused{bad:#}   {reject}")?;
    }
    for event in &record.events {
        let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        writeln!(out, "  parser    {}", record.parser)?;
        let pinned = if record.pinned { " (pinned)" } else { "" };
        writeln!(out, "  dataset   {}{pinned}", text("event.dataset"))?;
        for (name, value) in event.as_object().into_iter().flatten() {
            if !COLUMNS_OF_OURS.contains(&name.as_str()) {
                writeln!(out, "    {name} = {value}")?;
            }
        }
    }
    if let Some(why) = &record.not_read {
        writeln!(out, "  not read  {}", shown(why))?;
    }
    if !record.left_over.is_empty() {
        writeln!(out, "  left over {}", shown(&record.left_over.join(" | ")))?;
    }
    writeln!(out)
}

/// A log's text for a terminal, which must not take orders from it.
fn shown(text: &str) -> Cow<'_, str> {
    match text.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t')) {
        false => Cow::Borrowed(text),
        true => text
            .chars()
            .map(|c| match c.is_control() && !matches!(c, '\n' | '\t') {
                true => c.escape_default().to_string(),
                false => c.to_string(),
            })
            .collect::<String>()
            .into(),
    }
}

struct EventLines<W> {
    out: W,
    style: JsonStyle,
    line: String,
    rejects: Rejects,
    bar: progress::Progress,
}

impl<W: Write> ScanSink for EventLines<W> {
    fn alert(&mut self, _alert: &Alert) -> io::Result<()> {
        Ok(())
    }

    fn events(&mut self, batches: &[EventBatch]) -> io::Result<()> {
        for batch in batches {
            let writer = EventWriter::of(batch, self.style);
            for row in 0..batch.len() {
                self.line.clear();
                writer.write(row, &mut self.line);
                self.line.push('\n');
                self.out.write_all(self.line.as_bytes())?;
            }
        }
        Ok(())
    }

    fn reject(&mut self, reject: &RejectRecord) -> io::Result<()> {
        self.rejects.add(reject, &self.bar)
    }

    fn input_error(&mut self, error: &InputError) {
        self.bar
            .note(&format!("{}error:{:#} {error}", style::ERROR, style::ERROR));
    }

    fn progress(&mut self, progress: &Progress) -> io::Result<()> {
        self.bar.update(progress.raw_bytes, progress.events, 0);
        self.out.flush()
    }
}
