//! Events of the named files as JSON lines with dotted names, one line per event; rejects go to standard error.
//! Stands in for `borzoi parse --flat` where only this crate is built: `flat [parse] [--flat] [--each] FILE…`.
//! `--page` prints the page of datasets instead.
//! With `--each` the events of every file come after a line `== FILE`; `--catalog=DIR` is read over the shipped catalog.

use std::io::Write as _;
use std::sync::Arc;

use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::input::InputSet;
use borzoi_parsers::output::{EventWriter, JsonStyle};
use borzoi_parsers::{ParseOptions, parse_all};

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let each = arguments.iter().any(|argument| argument == "--each");
    let folder = arguments
        .iter()
        .find_map(|argument| argument.strip_prefix("--catalog="));
    let catalog = match folder {
        Some(folder) => Catalog::with_dir(folder.as_ref()).map_err(std::io::Error::other)?,
        None => Catalog::builtin(),
    };
    if arguments.iter().any(|argument| argument == "--page") {
        return std::io::stdout().write_all(borzoi_parsers::catalog::page(&catalog).as_bytes());
    }
    let files: Vec<String> = arguments
        .iter()
        .skip_while(|argument| *argument == "parse")
        .filter(|argument| !argument.starts_with("--"))
        .cloned()
        .collect();
    let groups: Vec<&[String]> = match each {
        true => files.chunks(1).collect(),
        false => vec![&files],
    };
    let mut lines = String::new();
    let mut problems = String::new();
    for files in groups {
        if each {
            lines += &format!("== {}\n", files[0]);
        }
        read(&catalog, &InputSet::expand(files), &mut lines, &mut problems);
    }
    std::io::stdout().write_all(lines.as_bytes())?;
    std::io::stderr().write_all(problems.as_bytes())
}

fn read(catalog: &Arc<Catalog>, inputs: &InputSet, lines: &mut String, problems: &mut String) {
    let errors = parse_all(inputs, catalog, &ParseOptions::default(), |decoded| {
        for batch in &decoded.batches {
            let writer = EventWriter::of(batch, JsonStyle::Flat);
            for row in 0..batch.len() {
                writer.write(row, lines);
                lines.push('\n');
            }
        }
        for reject in &decoded.rejects {
            *problems += &format!(
                "{}:{}: {}: {}\n",
                reject.path, reject.offset, reject.reason, reject.detail
            );
        }
    });
    for error in errors {
        *problems += &format!("{error}\n");
    }
}
