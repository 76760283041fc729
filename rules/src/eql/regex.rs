//! Regular expressions of a query.

use std::sync::{Arc, OnceLock};

use crate::ir;
use crate::regex::check;

/// How often the backtracking engine may step back for one text; past it there is no match.
const BACKTRACK_LIMIT: usize = 100_000;

/// How much of the text an expression must match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// From the start to anywhere: `match`, `matchLite`.
    Start,
    /// From the start to the end: `regex`, `regex~`.
    Whole,
}

/// Regular expressions of which any must match.
#[derive(Debug, Clone)]
pub struct Regexes {
    all: Arc<[OneRegex]>,
}

#[derive(Debug)]
struct OneRegex {
    pattern: String,
    engine: ir::RegexEngine,
    /// Built when first asked, with and without case.
    cased: OnceLock<Option<fancy_regex::Regex>>,
    folded: OnceLock<Option<fancy_regex::Regex>>,
}

impl PartialEq for Regexes {
    fn eq(&self, other: &Self) -> bool {
        self.all
            .iter()
            .map(|one| &one.pattern)
            .eq(other.all.iter().map(|one| &one.pattern))
    }
}

/// An expression that cannot be run: which one, where in it (in characters) if known, and why.
pub(crate) struct BadRegex {
    pub index: usize,
    pub message: String,
}

impl Regexes {
    pub(crate) fn new(patterns: &[String], extent: Extent) -> Result<Self, BadRegex> {
        let mut all = Vec::with_capacity(patterns.len());
        for (index, pattern) in patterns.iter().enumerate() {
            let bad = |message| BadRegex { index, message };
            // Alone first: `a)|(b` would be well-formed in the brackets below.
            check(pattern, true, false, true).map_err(|error| bad(error.message))?;
            let anchored = match extent {
                Extent::Start => format!(r"\A(?:{pattern})"),
                Extent::Whole => format!(r"\A(?:{pattern})\z"),
            };
            let checked = check(&anchored, true, false, true).map_err(|error| bad(error.message))?;
            all.push(OneRegex {
                pattern: checked.pattern,
                engine: checked.engine,
                cased: OnceLock::new(),
                folded: OnceLock::new(),
            });
        }
        Ok(Self { all: all.into() })
    }

    /// Whether any matches.
    pub fn is_match(&self, text: &str, cased: bool) -> bool {
        self.all.iter().any(|one| one.is_match(text, cased))
    }

    /// As matchers, with whether they can be counted on to match exactly what [`Regexes::is_match`] does: the
    /// backtracking engine may give up at another step.
    pub(crate) fn matchers(&self, cased: bool) -> (Vec<ir::Matcher>, bool) {
        let matchers = self
            .all
            .iter()
            .map(|one| {
                ir::Matcher::Regex(ir::Regex {
                    pattern: one.pattern.clone(),
                    ignore_case: !cased,
                    multi_line: false,
                    dot_all: true,
                    engine: one.engine,
                })
            })
            .collect();
        let exact = self
            .all
            .iter()
            .all(|one| one.engine == ir::RegexEngine::Automaton);
        (matchers, exact)
    }
}

impl OneRegex {
    fn is_match(&self, text: &str, cased: bool) -> bool {
        let built = if cased { &self.cased } else { &self.folded };
        let regex = built.get_or_init(|| {
            fancy_regex::RegexBuilder::new(&self.pattern)
                .case_insensitive(!cased)
                .dot_matches_new_line(true)
                .backtrack_limit(BACKTRACK_LIMIT)
                .build()
                .ok()
        });
        regex
            .as_ref()
            .is_some_and(|regex| regex.is_match(text).unwrap_or(false))
    }
}
