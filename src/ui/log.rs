//! Log lines on standard error.

use tracing_subscriber::EnvFilter;

/// Starts logging: warnings of our own crates by default, more with `-v`, and whatever BORZOI_LOG says.
pub fn start(verbose: u8, quiet: bool) {
    let level = match (quiet, verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "info",
        (false, 2) => "debug",
        (false, _) => "trace",
    };
    let default =
        format!("error,borzoi={level},borzoi_engine={level},borzoi_parsers={level},borzoi_rules={level}");
    let filter = EnvFilter::try_from_env("BORZOI_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    // A second start (tests in one process) keeps the first subscriber.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_target(false)
        .try_init();
}
