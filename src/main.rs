//! The command line: a thin caller of the library.

mod cli;
mod commands;
mod exit;
mod ui;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    ui::log::start(cli.verbose, cli.quiet);
    match commands::run(cli) {
        Ok(code) => code.into(),
        Err(failure) => failure.report(),
    }
}
