//! Which of many literals occur in a text, and where they end.
//!
//! One pass over the text, whatever the number of literals: an Aho-Corasick automaton whose every state says
//! which literals end there. Small ones are full tables, large ones keep their rare states sparse. Letters are
//! folded on the way, so that an ASCII text need not be copied.

use aho_corasick::automaton::Automaton;
use aho_corasick::nfa::{contiguous, noncontiguous};
use aho_corasick::{Anchored, MatchKind, StartKind, dfa};

/// Bytes of literals up to which the automaton is a full table: at most about 16 MiB of it.
const LARGEST_TABLE: usize = 32 << 10;

/// States nearer to the start than this are tables in sparse automata too: most bytes are spent there.
const DENSE_DEPTH: usize = 4;

/// See the [module](self).
#[derive(Debug)]
pub(super) enum LiteralSearch {
    Table(Box<dfa::DFA>),
    Sparse(Box<contiguous::NFA>),
}

impl LiteralSearch {
    /// A search for `literals`, which are folded if texts are to be. `None` if there are none.
    pub(super) fn new(literals: &[String]) -> Option<LiteralSearch> {
        if literals.is_empty() {
            return None;
        }
        // Building fails only past 2³¹ states, far above what rules can bring.
        let fits = "fewer literals than the automaton has state numbers";
        let trie = noncontiguous::NFA::builder()
            .match_kind(MatchKind::Standard)
            .prefilter(false)
            .build(literals)
            .expect(fits);
        let bytes: usize = literals.iter().map(String::len).sum();
        Some(if bytes <= LARGEST_TABLE {
            let table = dfa::DFA::builder()
                .start_kind(StartKind::Unanchored)
                .build_from_noncontiguous(&trie);
            LiteralSearch::Table(Box::new(table.expect(fits)))
        } else {
            let sparse = contiguous::NFA::builder()
                .dense_depth(DENSE_DEPTH)
                .build_from_noncontiguous(&trie);
            LiteralSearch::Sparse(Box::new(sparse.expect(fits)))
        })
    }

    /// Calls `found` with the number of a literal, and where it starts and ends, for every occurrence in
    /// `text`, ends ascending. With `FOLD`, capital ASCII letters count as small ones.
    pub(super) fn each<const FOLD: bool>(&self, text: &[u8], found: impl FnMut(usize, usize, usize)) {
        match self {
            LiteralSearch::Table(table) => walk::<FOLD>(&**table, text, found),
            LiteralSearch::Sparse(sparse) => walk::<FOLD>(&**sparse, text, found),
        }
    }
}

#[inline]
fn walk<const FOLD: bool>(
    automaton: &impl Automaton,
    text: &[u8],
    mut found: impl FnMut(usize, usize, usize),
) {
    let mut state = automaton
        .start_state(Anchored::No)
        .expect("built for searches that begin anywhere");
    let mut report = |state, end| {
        for index in 0..automaton.match_len(state) {
            let literal = automaton.match_pattern(state, index);
            found(literal.as_usize(), end - automaton.pattern_len(literal), end);
        }
    };
    // The empty literal.
    if automaton.is_match(state) {
        report(state, 0);
    }
    for (place, &byte) in text.iter().enumerate() {
        let byte = if FOLD { byte.to_ascii_lowercase() } else { byte };
        state = automaton.next_state(Anchored::No, state, byte);
        if automaton.is_special(state) && automaton.is_match(state) {
            report(state, place + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_occurrence_is_found_by_both_kinds() {
        let literals = ["ab", "b", "abc", "bca", "zz"].map(str::to_owned);
        let text = b"xABCabzzz";
        let mut expected = Vec::new();
        for end in 0..=text.len() {
            for (number, literal) in literals.iter().enumerate() {
                let start = end.checked_sub(literal.len());
                if let Some(start) = start
                    && text[start..end].eq_ignore_ascii_case(literal.as_bytes())
                {
                    expected.push((number, start, end));
                }
            }
        }
        let filler: Vec<String> = (0..4000).map(|number| format!("filler{number:05}")).collect();
        let many: Vec<String> = literals.iter().chain(&filler).cloned().collect();
        for literals in [literals.to_vec(), many] {
            let search = LiteralSearch::new(&literals).expect("has literals");
            let sparse = matches!(search, LiteralSearch::Sparse(_));
            assert_eq!(sparse, literals.len() > 5);
            let mut found = Vec::new();
            search.each::<true>(text, |number, start, end| found.push((number, start, end)));
            found.sort_by_key(|&(number, _, end)| (end, number));
            assert_eq!(found, expected);
            let mut found = 0;
            search.each::<false>(text, |_, _, _| found += 1);
            assert_eq!(found, 4, "ab, b and zz twice, in small letters");
        }
        let search = LiteralSearch::new(&["".to_owned()]).expect("has a literal");
        let mut found = Vec::new();
        search.each::<true>(b"x", |_, start, end| found.push((start, end)));
        assert_eq!(found, [(0, 0), (1, 1)]);
    }
}
