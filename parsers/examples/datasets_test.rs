//! Runs the test lines of catalog files as they are on disk, without a build: `datasets_test [--show] [DIR] [NAME…]`.
//! DIR is read over the shipped catalog; NAME limits to datasets of that name, or to a group of them (`linux.`).
//! What fails is printed with the event that came instead; with `--show` every event is.

use std::path::Path;
use std::sync::Arc;

use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::check;
use borzoi_parsers::formats::{DecodeOptions, Decoder};
use borzoi_parsers::frame::{FrameOptions, Framer, Source};
use borzoi_parsers::input::Chunk;
use borzoi_parsers::output::{EventWriter, JsonStyle};

fn main() -> std::io::Result<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let show = arguments.iter().any(|argument| argument == "--show");
    arguments.retain(|argument| !argument.starts_with("--"));
    let folder = arguments.first().filter(|first| Path::new(first).is_dir());
    let catalog = match folder {
        Some(folder) => Catalog::with_dir(folder.as_ref()).map_err(std::io::Error::other)?,
        None => Catalog::builtin(),
    };
    let names = &arguments[usize::from(folder.is_some())..];
    let chosen =
        |dataset: &str| names.is_empty() || names.iter().any(|name| dataset.starts_with(name.as_str()));
    let (mut run, mut failed) = (0, 0);
    for outcome in check::run(&catalog, None).iter().filter(|it| chosen(&it.dataset)) {
        run += 1;
        failed += usize::from(!outcome.mistakes.is_empty());
        if outcome.mistakes.is_empty() && !show {
            continue;
        }
        println!("{} {}: {}", outcome.dataset, outcome.test, outcome.line);
        for mistake in &outcome.mistakes {
            println!("  ! {mistake}");
        }
        for (name, value) in events(&catalog, &outcome.line) {
            println!("    {name} = {value}");
        }
    }
    println!("{run} tests, {failed} failed");
    Ok(())
}

/// The columns of all events of `text`.
fn events(catalog: &Arc<Catalog>, text: &str) -> Vec<(String, serde_json::Value)> {
    let mut decoder = Decoder::new(catalog.clone(), DecodeOptions::default());
    let source = Arc::new(Source {
        path: Arc::from("-"),
        reference_time: chrono::Utc::now().timestamp_micros(),
        ..Source::default()
    });
    let mut framer = Framer::new(source, FrameOptions::default());
    framer.push(Chunk {
        offset: 0,
        bytes: text.as_bytes().to_vec(),
    });
    framer.finish();
    let mut columns = Vec::new();
    while let Some(block) = framer.pop() {
        for batch in &decoder.decode(block).batches {
            let writer = EventWriter::of(batch, JsonStyle::Flat);
            for event in (0..batch.len()).filter_map(|row| writer.value(row).ok()) {
                columns.extend(event.as_object().cloned().unwrap_or_default());
            }
        }
    }
    columns
}
