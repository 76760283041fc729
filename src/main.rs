//! The command line: a thin caller of the library.

mod cli;
mod commands;
mod exit;
mod ui;

use std::process::ExitCode;

use clap::Parser;

/// Rules, plans and alerts are many small pieces: a sixth less time to load rules than with glibc's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    ui::log::start(cli.verbose, cli.quiet);
    match commands::run(cli) {
        Ok(code) => code.into(),
        Err(failure) => failure.report(),
    }
}
