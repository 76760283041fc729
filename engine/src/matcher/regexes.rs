//! Regular expressions: compiled with limits, and the literals without which they cannot match.
//!
//! An expression of the automaton kind runs in linear time on `regex-automata`. One with look-around or
//! back-references runs on a backtracking engine that gives up after [`STEP_LIMIT`] steps; giving up is
//! *no match*, counted in [`CompiledRegex::gave_up`].

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use borzoi_rules::ir;
use regex_automata::meta;
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;
use regex_syntax::hir::{Class, Hir, HirKind};

use super::fold::fold;

/// Steps after which the backtracking engine gives a value up: a few milliseconds.
pub const STEP_LIMIT: usize = 200_000;

/// Bytes that one compiled automaton may take.
const SIZE_LIMIT: usize = 8 << 20;

/// Literals of which one is needed; more than this many are no help.
const MOST_LITERALS: usize = 64;

/// Shorter literals occur everywhere.
const SHORTEST_LITERAL: usize = 2;

/// A compiled regular expression.
#[derive(Debug)]
pub struct CompiledRegex {
    engine: Engine,
    /// Folded literals of which at least one is part of every folded text that matches (texts with the
    /// letter `ſ` aside, see [`has_long_s`]). `None`: any text may match.
    pub needed: Option<Vec<String>>,
    gave_up: AtomicU64,
}

#[derive(Debug)]
enum Engine {
    Automaton(Automaton),
    Backtracking(fancy_regex::Regex),
}

/// An automaton that is made when it is first asked, if it is certain that it can be: most are never asked, because
/// no text has a literal that they need.
#[derive(Debug)]
struct Automaton {
    hir: Hir,
    made: OnceLock<meta::Regex>,
}

impl Automaton {
    fn new(hir: Hir) -> Result<Automaton, String> {
        // While it is made, an automaton takes up to twice what is left of it.
        let certainly_fits = bytes_at_most(&hir, &guessed_bytes) <= SIZE_LIMIT / 2
            || bytes_at_most(&hir, &exact_bytes) <= SIZE_LIMIT / 2;
        let made = match certainly_fits {
            true => OnceLock::new(),
            false => OnceLock::from(Self::make(&hir).map_err(|error| error.to_string())?),
        };
        Ok(Automaton { hir, made })
    }

    fn make(hir: &Hir) -> Result<meta::Regex, Box<meta::BuildError>> {
        let limits = meta::Config::new()
            .nfa_size_limit(Some(SIZE_LIMIT))
            .hybrid_cache_capacity(SIZE_LIMIT)
            .which_captures(thompson::WhichCaptures::None);
        Ok(meta::Builder::new().configure(limits).build_from_hir(hir)?)
    }

    fn is_match(&self, text: &str) -> bool {
        let made = || Self::make(&self.hir).expect("its bytes were counted: they fit the limit");
        self.made.get_or_init(made).is_match(text)
    }
}

/// No automaton for `hir` takes more bytes, if none for one of its classes takes more than `of_class` says.
fn bytes_at_most(hir: &Hir, of_class: &dyn Fn(&Class) -> usize) -> usize {
    let inner = match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 0,
        HirKind::Literal(literal) => literal.0.len() * BYTES_OF_A_STATE,
        HirKind::Class(class) => of_class(class),
        HirKind::Capture(capture) => bytes_at_most(&capture.sub, of_class),
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min.saturating_add(1)).max(1);
            let each = bytes_at_most(&repetition.sub, of_class);
            each.saturating_mul(times as usize)
        }
        HirKind::Alternation(parts) | HirKind::Concat(parts) => parts
            .iter()
            .map(|part| bytes_at_most(part, of_class))
            .fold(0, usize::saturating_add),
    };
    // The states that join parts, and their transitions to each.
    inner.saturating_add(4 * BYTES_OF_A_STATE)
}

/// More than a state takes with a few transitions.
const BYTES_OF_A_STATE: usize = 80;

/// More than the automaton of any class takes, without a look at what stands in it.
fn guessed_bytes(class: &Class) -> usize {
    // A range of characters becomes some sequences of up to four ranges of bytes.
    const STATES_OF_A_RANGE: usize = 64;
    match class {
        Class::Unicode(class) => class.ranges().len() * STATES_OF_A_RANGE * BYTES_OF_A_STATE,
        Class::Bytes(class) => class.ranges().len() * BYTES_OF_A_STATE,
    }
}

/// What the automaton of a class takes, forwards or backwards.
fn exact_bytes(class: &Class) -> usize {
    let hir = Hir::class(class.clone());
    let bytes = [false, true].map(|reverse| {
        let config = thompson::Config::new()
            .reverse(reverse)
            .which_captures(thompson::WhichCaptures::None);
        let made = thompson::Compiler::new().configure(config).build_from_hir(&hir);
        made.map_or(usize::MAX, |made| made.memory_usage())
    });
    bytes[0].max(bytes[1])
}

impl CompiledRegex {
    /// Compiles `regex`. The error says what is wrong with it.
    pub fn new(regex: &ir::Regex) -> Result<CompiledRegex, String> {
        let mut needed = None;
        let engine = match regex.engine {
            ir::RegexEngine::Automaton => {
                let config = syntax::Config::new()
                    .case_insensitive(regex.ignore_case)
                    .multi_line(regex.multi_line)
                    .dot_matches_new_line(regex.dot_all);
                let hir = syntax::parse_with(&regex.pattern, &config).map_err(|error| error.to_string())?;
                needed = needed_literals(&hir).map(|literals| literals.into_iter().collect());
                Engine::Automaton(Automaton::new(hir)?)
            }
            ir::RegexEngine::Backtracking => Engine::Backtracking(
                fancy_regex::RegexBuilder::new(&regex.pattern)
                    .case_insensitive(regex.ignore_case)
                    .multi_line(regex.multi_line)
                    .dot_matches_new_line(regex.dot_all)
                    .backtrack_limit(STEP_LIMIT)
                    .delegate_size_limit(SIZE_LIMIT)
                    .build()
                    .map_err(|error| error.to_string())?,
            ),
        };
        Ok(CompiledRegex {
            engine,
            needed,
            gave_up: AtomicU64::new(0),
        })
    }

    /// Whether some part of `text` matches.
    pub fn is_match(&self, text: &str) -> bool {
        match &self.engine {
            Engine::Automaton(automaton) => automaton.is_match(text),
            Engine::Backtracking(regex) => match regex.is_match(text) {
                Ok(found) => found,
                Err(_) => {
                    self.gave_up.fetch_add(1, Ordering::Relaxed);
                    false
                }
            },
        }
    }

    /// Values on which the backtracking engine reached its step limit so far.
    pub fn gave_up(&self) -> u64 {
        self.gave_up.load(Ordering::Relaxed)
    }
}

/// Whether the text has the letter `ſ`, which a regular expression without case takes for an `s` while
/// lower-casing leaves it alone: the one letter for which [`CompiledRegex::needed`] does not hold. (`K`
/// and `Å`, the kelvin and ångström signs, have ordinary lower-case forms.)
pub fn has_long_s(text: &str) -> bool {
    !text.is_ascii() && text.contains('ſ')
}

/// See [`CompiledRegex::needed`].
fn needed_literals(hir: &Hir) -> Option<BTreeSet<String>> {
    let mut best = None;
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(_) | HirKind::Class(_) => offer(&mut best, single(hir).map(BTreeSet::from_iter_one)),
        HirKind::Capture(capture) => return needed_literals(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => return needed_literals(&repetition.sub),
        HirKind::Repetition(_) => {}
        HirKind::Alternation(branches) => {
            let mut all = BTreeSet::new();
            for branch in branches {
                all.extend(needed_literals(branch)?);
            }
            offer(&mut best, (all.len() <= MOST_LITERALS).then_some(all));
        }
        HirKind::Concat(parts) => {
            let mut run = String::new();
            for part in parts {
                match (part.kind(), single(part)) {
                    (HirKind::Look(_), _) => {}
                    (_, Some(text)) => run.push_str(&text),
                    _ => {
                        offer(&mut best, Some(BTreeSet::from_iter_one(std::mem::take(&mut run))));
                        offer(&mut best, needed_literals(part));
                    }
                }
            }
            offer(&mut best, Some(BTreeSet::from_iter_one(run)));
        }
    }
    best
}

/// A set of one.
trait One {
    fn from_iter_one(text: String) -> Self;
}

impl One for BTreeSet<String> {
    fn from_iter_one(text: String) -> Self {
        BTreeSet::from([text])
    }
}

/// Keeps the set whose shortest literal is longest; sets with too short a literal are no help.
fn offer(best: &mut Option<BTreeSet<String>>, set: Option<BTreeSet<String>>) {
    let shortest = |set: &BTreeSet<String>| set.iter().map(String::len).min().unwrap_or(0);
    let Some(set) = set.filter(|set| shortest(set) >= SHORTEST_LITERAL) else {
        return;
    };
    if best.as_ref().is_none_or(|best| shortest(best) < shortest(&set)) {
        *best = Some(set);
    }
}

/// The folded text of an expression that matches only one text, case aside.
fn single(hir: &Hir) -> Option<String> {
    match hir.kind() {
        HirKind::Empty => Some(String::new()),
        HirKind::Literal(literal) => Some(fold(std::str::from_utf8(&literal.0).ok()?).into_owned()),
        HirKind::Capture(capture) => single(&capture.sub),
        HirKind::Class(Class::Unicode(class)) => {
            let mut folded: Option<String> = None;
            let mut count = 0;
            for range in class.iter() {
                for c in range.start()..=range.end() {
                    count += 1;
                    if count > 4 {
                        return None;
                    }
                    if c == 'ſ' {
                        continue;
                    }
                    let text: String = c.to_lowercase().collect();
                    if folded.as_ref().is_some_and(|folded| *folded != text) {
                        return None;
                    }
                    folded = Some(text);
                }
            }
            folded
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(pattern: &str, ignore_case: bool) -> CompiledRegex {
        CompiledRegex::new(&ir::Regex {
            pattern: pattern.into(),
            ignore_case,
            multi_line: false,
            dot_all: false,
            engine: ir::RegexEngine::Automaton,
        })
        .expect("valid")
    }

    #[test]
    fn needed_literals_are_found_under_flags_groups_and_branches() {
        let needed = |pattern, ignore_case| compiled(pattern, ignore_case).needed;
        assert_eq!(needed("Set-(Item|Value)x", false), Some(vec!["set-".into()]));
        assert_eq!(needed("pas?tkey", true), Some(vec!["tkey".into()]));
        assert_eq!(
            needed("(?:MASK|task)", true),
            Some(vec!["mask".into(), "task".into()])
        );
        assert_eq!(needed("(abc)?d", false), None);
        assert_eq!(needed("(abc)+", false), Some(vec!["abc".into()]));
        assert_eq!(needed("ab\\bcd", false), Some(vec!["abcd".into()]));
        assert_eq!(needed("[a-z]+", false), None);
    }

    #[test]
    fn automata_take_no_more_bytes_than_counted() {
        let words = |word: fn(u32) -> String| (0..500).map(word).collect::<Vec<_>>().join("|");
        let alike = words(|number| format!("common-prefix-{number}"));
        let unlike = words(|number| format!("{}-unlike", number * 7919 % 1000));
        for pattern in [
            alike.as_str(),
            unlike.as_str(),
            "",
            "abc",
            "(?i)straße|kelvin",
            r"\w+\s\d{3,7}",
            r"\w{64}",
            r"\p{L}{2}",
            "(a|bc|[d-f]*){0,5}x{9}",
            "((a?){3}b*?){4}",
            "(?:){5}a{0}",
            r"[^\x00-\x7f]{20}",
            r"\bfoo\b.*^$",
        ] {
            let hir = syntax::parse_with(pattern, &syntax::Config::new()).expect("valid");
            for reverse in [false, true] {
                // The limit counts what is taken while it is made, up to twice what is left.
                let exact = bytes_at_most(&hir, &exact_bytes);
                let config = thompson::Config::new()
                    .reverse(reverse)
                    .nfa_size_limit(Some(2 * exact + 1024))
                    .which_captures(thompson::WhichCaptures::None);
                let made = thompson::Compiler::new().configure(config).build_from_hir(&hir);
                assert!(made.is_ok(), "{pattern}: more than twice {exact}");
                assert!(exact <= bytes_at_most(&hir, &guessed_bytes), "{pattern}");
            }
        }
        let error = CompiledRegex::new(&ir::Regex {
            pattern: r"\w{5000}".into(),
            ignore_case: false,
            multi_line: false,
            dot_all: false,
            engine: ir::RegexEngine::Automaton,
        });
        assert!(error.is_err(), "too large, and said when it is loaded");
    }

    #[test]
    fn backtracking_gives_up_and_says_so() {
        let regex = CompiledRegex::new(&ir::Regex {
            pattern: r"^(?=(a+)+$)(\w)\2*!$".into(),
            ignore_case: false,
            multi_line: false,
            dot_all: false,
            engine: ir::RegexEngine::Backtracking,
        })
        .expect("valid");
        assert!(!regex.is_match(&format!("{}b", "a".repeat(2000))));
        let lookahead = CompiledRegex::new(&ir::Regex {
            pattern: r"^(?!safe).*run".into(),
            ignore_case: true,
            multi_line: false,
            dot_all: false,
            engine: ir::RegexEngine::Backtracking,
        })
        .expect("valid");
        assert!(lookahead.is_match("now RUN") && !lookahead.is_match("SAFE run"));
    }
}
