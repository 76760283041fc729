//! The progress bar of long work: bytes read, events/s, MB/s, time left. Nothing when standard error is
//! no terminal.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A progress bar, or nothing.
pub struct Progress {
    bar: Option<ProgressBar>,
    started: Instant,
}

impl Progress {
    /// A bar over `total_bytes` (of the files as they lie on disk; 0 if unknown).
    pub fn new(total_bytes: u64, quiet: bool) -> Self {
        let bar = (std::io::stderr().is_terminal() && !quiet).then(|| {
            let bar = ProgressBar::with_draw_target(Some(total_bytes), ProgressDrawTarget::stderr_with_hz(8));
            let template = if total_bytes > 0 {
                "{elapsed:>4} [{bar:32}] {bytes}/{total_bytes} {binary_bytes_per_sec} {msg} eta {eta}"
            } else {
                "{elapsed:>4} {spinner} {bytes} {binary_bytes_per_sec} {msg}"
            };
            bar.set_style(
                ProgressStyle::with_template(template)
                    .expect("a constant template")
                    .progress_chars("=> "),
            );
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        Progress {
            bar,
            started: Instant::now(),
        }
    }

    /// Where the work stands.
    pub fn update(&self, bytes: u64, events: u64, alerts: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(bytes);
            let rate = events as f64 / self.started.elapsed().as_secs_f64().max(1e-3);
            bar.set_message(format!(
                "{} events ({}/s) {} alerts",
                super::table::thousands(events),
                super::table::thousands(rate as u64),
                super::table::thousands(alerts)
            ));
        }
    }

    /// Prints a line above the bar.
    pub fn note(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| anstream::eprintln!("{line}")),
            None => anstream::eprintln!("{line}"),
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
