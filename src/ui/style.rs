//! Colours.

use anstyle::{AnsiColor, Style};
use borzoi_rules::ir::Level;

/// The word `error`.
pub const ERROR: Style = AnsiColor::Red.on_default().bold();
/// The word `warning`.
pub const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// Something went well.
pub const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Headings.
pub const HEADING: Style = Style::new().bold();
/// What matters less.
pub const DIM: Style = Style::new().dimmed();
/// What can be typed.
pub const COMMAND: Style = AnsiColor::Cyan.on_default();

/// The colour of a level.
pub fn level(level: Level) -> Style {
    match level {
        Level::Critical => AnsiColor::BrightWhite.on(AnsiColor::Red).bold(),
        Level::High => AnsiColor::Red.on_default().bold(),
        Level::Medium => AnsiColor::Yellow.on_default(),
        Level::Low => AnsiColor::Blue.on_default(),
        Level::Informational => DIM,
    }
}

/// A level in words.
pub fn level_name(level: Level) -> &'static str {
    match level {
        Level::Critical => "critical",
        Level::High => "high",
        Level::Medium => "medium",
        Level::Low => "low",
        Level::Informational => "informational",
    }
}
