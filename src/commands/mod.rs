//! One file per command.

pub mod datasets;
pub mod demo;
mod expected;
pub mod hunt;
mod hunt_found;
mod hunt_prompt;
pub mod lake;
mod learn;
pub mod lists;
pub mod load;
pub mod parse;
pub mod rules;
mod rules_check;
mod rules_explain;
mod rules_explain_series;
pub mod rules_test;
pub mod scan;
pub mod scan_output;

use std::io::Write;

use clap::CommandFactory;

use crate::cli::{Cli, Command};
use crate::exit::{Exit, Failure};

/// Runs what was typed.
pub fn run(cli: Cli) -> Result<Exit, Failure> {
    match cli.command {
        Command::Demo(args) => demo::run(&args, cli.quiet),
        Command::Scan(args) => scan::run(&args, cli.quiet),
        Command::Learn(args) => learn::learn(&args, cli.quiet),
        Command::Baselines(args) => learn::baselines(&args, cli.quiet),
        Command::Expected(command) => expected::run(&command),
        Command::Parse(args) => parse::run(&args, cli.quiet),
        Command::Hunt(args) => hunt::run(&args, cli.quiet),
        Command::Rules(command) => rules::run(&command),
        Command::Datasets(args) => datasets::run(&args),
        Command::Lake(command) => lake::run(&command),
        Command::Completions { shell } => {
            // The generator takes no failure of what it writes to, which may be a pipe that nobody reads on.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "borzoi", &mut script);
            std::io::stdout().write_all(&script)?;
            Ok(Exit::Done)
        }
        Command::Man { dir } => {
            std::fs::create_dir_all(&dir)?;
            clap_mangen::generate_to(Cli::command(), &dir)?;
            Ok(Exit::Done)
        }
    }
}

/// Standard output with colours where it is a terminal, buffered.
pub fn stdout() -> impl Write {
    std::io::BufWriter::with_capacity(1 << 16, anstream::stdout().lock())
}

/// Standard output for JSON, buffered: every byte as it is. What takes colours away elsewhere would look at
/// each byte, and take away the control character U+007F, which JSON leaves as it is.
pub fn json_stdout() -> impl Write {
    std::io::BufWriter::with_capacity(1 << 16, std::io::stdout().lock())
}
