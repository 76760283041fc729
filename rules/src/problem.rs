//! What is wrong with a rule, where, and what to do.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::ir::Location;
use crate::yaml::Spot;

/// How bad a [`Problem`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The rule works, but perhaps not as its author thinks.
    Warning,
    /// The rule is not loaded.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

/// One mistake in a rule file.
///
/// Its `Display` is what a person should see: place, reason, the line with a caret under the place, and
/// the nearest valid word where there is one.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// Where; line 0 means the file as a whole.
    pub location: Location,
    /// How bad.
    pub severity: Severity,
    /// Stable name of this kind of mistake (`unknown-modifier`), for scripts and tests.
    pub code: &'static str,
    /// The reason, in words.
    pub message: String,
    /// The offending line as it stands in the file; empty if the problem is about the file as a whole.
    pub line_text: String,
    /// The nearest valid word.
    pub suggestion: Option<String>,
}

impl Problem {
    /// A problem of a file or folder as a whole.
    pub(crate) fn of_file(
        path: impl Into<PathBuf>,
        severity: Severity,
        code: &'static str,
        message: impl Into<String>,
    ) -> Problem {
        Problem {
            location: Location {
                path: path.into(),
                line: 0,
                column: 0,
            },
            severity,
            code,
            message: message.into(),
            line_text: String::new(),
            suggestion: None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.location.path.display())?;
        if self.location.line > 0 {
            write!(f, ":{}:{}", self.location.line, self.location.column)?;
        }
        write!(f, ": {}: {} [{}]", self.severity, self.message, self.code)?;
        if self.location.line > 0 && !self.line_text.is_empty() {
            let number = self.location.line.to_string();
            let gutter = " ".repeat(number.len());
            // One column per character, so that the caret stands under its place.
            let line: String = self
                .line_text
                .chars()
                .map(|c| if c == '\t' { ' ' } else { c })
                .collect();
            write!(f, "\n {number} | {}", line.trim_end())?;
            write!(
                f,
                "\n {gutter} | {}^",
                " ".repeat(self.location.column.saturating_sub(1))
            )?;
        }
        if let Some(suggestion) = &self.suggestion {
            write!(f, "\n   = did you mean `{suggestion}`?")?;
        }
        Ok(())
    }
}

/// Collects the problems of one file.
#[derive(Debug)]
pub(crate) struct Sink<'a> {
    path: &'a Path,
    text: &'a str,
    pub problems: Vec<Problem>,
    /// Errors so far.
    pub errors: usize,
}

impl<'a> Sink<'a> {
    pub fn new(path: &'a Path, text: &'a str) -> Self {
        Self {
            path,
            text,
            problems: Vec::new(),
            errors: 0,
        }
    }

    pub fn error(&mut self, at: Spot, code: &'static str, message: impl Into<String>) {
        self.add(at, Severity::Error, code, message.into(), None);
    }

    pub fn error_near(
        &mut self,
        at: Spot,
        code: &'static str,
        message: impl Into<String>,
        suggestion: Option<String>,
    ) {
        self.add(at, Severity::Error, code, message.into(), suggestion);
    }

    pub fn warn(&mut self, at: Spot, code: &'static str, message: impl Into<String>, near: Option<String>) {
        self.add(at, Severity::Warning, code, message.into(), near);
    }

    fn add(
        &mut self,
        at: Spot,
        severity: Severity,
        code: &'static str,
        message: String,
        suggestion: Option<String>,
    ) {
        self.errors += usize::from(severity == Severity::Error);
        let line_text = self.line(at.line).to_owned();
        let location = self.location(at);
        self.problems.push(Problem {
            location,
            severity,
            code,
            message,
            line_text,
            suggestion,
        });
    }

    /// This place in this file.
    pub fn location(&self, at: Spot) -> Location {
        Location {
            path: self.path.to_owned(),
            line: at.line,
            column: at.column,
        }
    }

    /// A reference that stands here.
    pub fn reference(&self, at: Spot, text: &str) -> Reference {
        Reference {
            text: text.to_owned(),
            location: self.location(at),
            line_text: self.line(at.line).to_owned(),
        }
    }

    /// A line of the file, counted from 1.
    pub fn line(&self, number: usize) -> &'a str {
        if number == 0 {
            return "";
        }
        self.text
            .lines()
            .nth(number - 1)
            .unwrap_or("")
            .trim_start_matches('\u{feff}')
    }
}

/// A word that refers to another rule, kept with its place until all files are read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reference {
    pub text: String,
    pub location: Location,
    pub line_text: String,
}

impl Reference {
    pub fn problem(
        &self,
        severity: Severity,
        code: &'static str,
        message: String,
        suggestion: Option<String>,
    ) -> Problem {
        Problem {
            location: self.location.clone(),
            severity,
            code,
            message,
            line_text: self.line_text.clone(),
            suggestion,
        }
    }
}

/// The nearest of `candidates`, if it is near enough to be what was meant.
///
/// ```
/// assert_eq!(borzoi_rules::nearest("endwith", ["contains", "endswith"]).as_deref(), Some("endswith"));
/// assert_eq!(borzoi_rules::nearest("regexp", ["contains", "endswith"]), None);
/// ```
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<String> {
    let folded = word.to_lowercase();
    let allowed = (word.chars().count() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&folded, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate.to_owned())
}
