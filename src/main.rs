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

/// How long memory that is free stays with the program, in milliseconds. Batches and pages of a lake come and go; with the
/// second that is the allocator's own measure, one page in two of what they take would be handed back and asked for again.
const KEPT_FREE: std::ffi::c_long = 10_000;

/// `mi_option_purge_delay`, which has no name in the crate: it stands before this one.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = libmimalloc_sys::mi_option_use_numa_nodes - 1;

/// Tells the allocator; what the environment says (`MIMALLOC_PURGE_DELAY`) goes before it.
fn keep_free_memory() {
    // SAFETY: sets a number in a table, no other thread runs yet.
    unsafe { libmimalloc_sys::mi_option_set_default(PURGE_DELAY, KEPT_FREE) };
}

fn main() -> ExitCode {
    keep_free_memory();
    let cli = cli::Cli::parse();
    ui::log::start(cli.verbose, cli.quiet);
    match commands::run(cli) {
        Ok(code) => code.into(),
        Err(failure) => failure.report(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_memory_is_kept() {
        // SAFETY: reads a number from a table.
        let delay = || unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) };
        if std::env::var_os("MIMALLOC_PURGE_DELAY").is_none() {
            assert_eq!(
                delay(),
                1000,
                "the option that is meant, with the allocator's own value"
            );
            keep_free_memory();
            assert_eq!(delay(), KEPT_FREE);
        }
    }
}
