//! `borzoi lake …`.

use std::io::Write;

use borzoi_engine::lake::{Lake, TableStatus};

use crate::cli::LakeCommand;
use crate::exit::{Exit, Failure};
use crate::ui::style;
use crate::ui::table::{self, Cell};

/// Runs the command.
pub fn run(command: &LakeCommand) -> Result<Exit, Failure> {
    let LakeCommand::Status { lake, output } = command;
    let lake = Lake::open(lake).map_err(Failure::new)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let rows = runtime.block_on(lake.status()).map_err(Failure::new)?;
    let mut out = super::stdout();
    if !table::machine(&mut out, &rows, *output)? {
        status(&mut out, &rows)?;
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn status(out: &mut dyn Write, rows: &[TableStatus]) -> std::io::Result<()> {
    let cells: Vec<Vec<Cell>> = rows
        .iter()
        .map(|row| {
            vec![
                Cell::new(&row.tenant),
                Cell::new(&row.dataset),
                Cell::number(row.rows),
                Cell::number(row.files),
                Cell::new(table::bytes(row.bytes)),
                Cell::number(row.days),
                Cell::new(row.first_time.clone().unwrap_or_default()),
                Cell::new(row.last_time.clone().unwrap_or_default()),
                Cell::number(row.columns),
                Cell::number(row.version),
            ]
        })
        .collect();
    let heading = [
        "TENANT", "DATASET", "ROWS", "FILES", "SIZE", "DAYS", "FIRST", "LAST", "COLUMNS", "VERSION",
    ];
    table::print(out, &heading, &cells, 40)?;
    let leftover: u64 = rows.iter().map(|row| row.unreferenced_files).sum();
    if leftover > 0 {
        let dim = style::DIM;
        writeln!(
            out,
            "{dim}{leftover} files belong to no version: a writer is at work, or one was killed{dim:#}"
        )?;
    }
    Ok(())
}
