//! Which patterns came near a line that none of them reads.

use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::util::start;
use regex_automata::util::syntax;
use regex_automata::{Anchored, hybrid};

use crate::catalog::{Catalog, Dataset};

/// Bytes of a line that are read.
const SEEN: usize = 16 << 10;

/// Characters of what follows that are shown.
const SHOWN: usize = 40;

/// The patterns of a catalog, one by one.
pub(super) struct Nearest {
    patterns: Vec<Pattern>,
}

struct Pattern {
    dataset: String,
    /// From 1.
    number: usize,
    dfa: DFA,
    cache: Cache,
}

impl Nearest {
    pub(super) fn new(catalog: &Catalog) -> Nearest {
        let described = catalog.datasets().iter().flat_map(|dataset| {
            let patterns = dataset.lines.patterns.iter().enumerate();
            patterns.filter_map(|(index, pattern)| Pattern::new(dataset, index + 1, &pattern.regex))
        });
        Nearest {
            patterns: described.collect(),
        }
    }

    /// What to say of a line that no pattern reads: the one that reads most of it, if one reads anything of it. `texts`
    /// are what the patterns were tried on. Only those of `dataset`, if one is named.
    pub(super) fn of(&mut self, texts: &[&str], dataset: Option<&str>) -> Option<String> {
        let mut best: Option<(usize, &str, String)> = None;
        for pattern in &mut self.patterns {
            if dataset.is_some_and(|dataset| dataset != pattern.dataset) {
                continue;
            }
            for text in texts {
                let reached = text.floor_char_boundary(pattern.reads(text));
                if reached > best.as_ref().map_or(0, |best| best.0) {
                    let name = format!("pattern {} of {}", pattern.number, pattern.dataset);
                    best = Some((reached, text, name));
                }
            }
        }
        let (reached, text, name) = best?;
        let rest: String = text[reached..].chars().take(SHOWN).collect();
        Some(match rest.is_empty() {
            true => format!("{name} reads all {reached} bytes and wants more behind them"),
            false => format!("{name} reads {reached} bytes and stops at `{rest}`"),
        })
    }
}

impl Pattern {
    fn new(dataset: &Dataset, number: usize, regex: &str) -> Option<Pattern> {
        // With a boundary of words it gives up at the first character that is not ASCII: then that is where it stops.
        let dfa = hybrid::dfa::Builder::new()
            .configure(hybrid::dfa::Config::new().unicode_word_boundary(true))
            .syntax(syntax::Config::new().dot_matches_new_line(true))
            .build(regex)
            .ok()?;
        Some(Pattern {
            dataset: dataset.name.to_string(),
            number,
            cache: dfa.create_cache(),
            dfa,
        })
    }

    /// How many bytes of `text` the pattern could begin with.
    fn reads(&mut self, text: &str) -> usize {
        let config = start::Config::new().anchored(Anchored::Yes);
        let Ok(mut state) = self.dfa.start_state(&mut self.cache, &config) else {
            return 0;
        };
        let bytes = &text.as_bytes()[..text.len().min(SEEN)];
        for (at, &byte) in bytes.iter().enumerate() {
            state = match self.dfa.next_state(&mut self.cache, state, byte) {
                Ok(next) if !next.is_dead() && !next.is_quit() => next,
                _ => return at,
            };
        }
        bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "dataset: acme.door
lines:
  patterns:
    - 'door %{INT:gate} %{WORD:verdict} badge=%{WORD:badge}'
    - 'gate %{GREEDYDATA:rest} end'
";

    #[test]
    fn the_pattern_that_reads_most_is_named_with_where_it_stops() {
        let catalog = Catalog::of_file("mine.yaml", FILE).expect("a good file");
        let mut nearest = Nearest::new(&catalog);
        let mut told = |text: &str| nearest.of(&[text], None);
        assert_eq!(
            told("door 7 open by ann").as_deref(),
            Some("pattern 1 of acme.door reads 13 bytes and stops at `y ann`")
        );
        assert_eq!(
            told("door 7").as_deref(),
            Some("pattern 1 of acme.door reads all 6 bytes and wants more behind them")
        );
        assert_eq!(
            told("gate 7 is open").as_deref(),
            Some("pattern 2 of acme.door reads all 14 bytes and wants more behind them")
        );
        assert_eq!(told("something else"), None);
        assert_eq!(
            told("dö").as_deref(),
            Some("pattern 1 of acme.door reads 1 bytes and stops at `ö`")
        );
        assert_eq!(nearest.of(&["door 7"], Some("acme.other")), None);
    }
}
