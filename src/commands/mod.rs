//! One file per command.

pub mod hunt;

use crate::cli::Cli;
use crate::exit::{Exit, Failure};

/// Runs what was typed.
pub fn run(_cli: Cli) -> Result<Exit, Failure> {
    Ok(Exit::Done)
}
