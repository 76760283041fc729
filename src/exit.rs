//! Exit codes and failures. The codes are part of the interface: see `borzoi --help`.

use std::fmt::Display;
use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Done, and an alert reached the level of `--fail-on`.
    Found,
    /// Done, but an input could not be read to its end, or a rule did not load.
    WithLosses,
    /// Ran, and the answer is no: a rule check or test failed.
    Failed,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Found => 3,
            Exit::WithLosses => 4,
        })
    }
}

/// Why a command could not do its work.
#[derive(Debug)]
pub struct Failure {
    message: String,
    code: u8,
}

impl Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl Failure {
    /// The command failed.
    pub fn new(message: impl Display) -> Self {
        Failure {
            message: message.to_string(),
            code: 1,
        }
    }

    /// The user asked for something that cannot be.
    pub fn usage(message: impl Display) -> Self {
        Failure {
            message: message.to_string(),
            code: 2,
        }
    }

    /// A scan ended early. That the reader of standard output went away is no failure.
    pub fn from_scan(error: borzoi_engine::scan::ScanError) -> Self {
        match error {
            borzoi_engine::scan::ScanError::Output(error) => Failure::from(error),
            other => Failure::new(other),
        }
    }

    /// Prints the message and gives the exit code. A reader that went away (`| head`) is no failure.
    pub fn report(self) -> ExitCode {
        if self.code == 0 {
            return ExitCode::SUCCESS;
        }
        anstream::eprintln!(
            "{}error:{:#} {}",
            crate::ui::style::ERROR,
            crate::ui::style::ERROR,
            self.message
        );
        ExitCode::from(self.code)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Failure {
                message: String::new(),
                code: 0,
            };
        }
        Failure::new(error)
    }
}
