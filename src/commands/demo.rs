//! `borzoi demo`.

use crate::cli::DemoArgs;
use crate::exit::{Exit, Failure};

/// Runs the command.
pub fn run(_args: &DemoArgs, _quiet: bool) -> Result<Exit, Failure> {
    Err(Failure::new("the scenario is not part of this build"))
}
