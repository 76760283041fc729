//! `borzoi parse`: events as ECS JSON lines.

use std::io::{self, Write};

use borzoi_engine::alert::Alert;
use borzoi_engine::scan::{Progress, Scan, ScanSink};
use borzoi_parsers::batch::EventBatch;
use borzoi_parsers::frame::RejectRecord;
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
            let writer = EventWriter::new(&batch.events, self.style);
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
