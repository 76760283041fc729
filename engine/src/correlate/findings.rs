//! What statistics found of late, for alerts of the correlations that read them: of what another correlation found there is no event to
//! show, but numbers.

use std::collections::VecDeque;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::statistics;
use crate::alert::Finding;
use crate::windows::Figures;

/// So many are remembered; past it, the oldest go. About 4 MB.
const MOST: usize = 1 << 12;

/// Findings by the ids of their episodes, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    known: HashMap<u128, (f64, Figures)>,
    oldest: VecDeque<u128>,
}

/// What was saved of them.
#[derive(Deserialize)]
pub(crate) struct Loaded(Vec<(u128, (f64, Figures))>);

impl Serialize for Findings {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let all = self
            .oldest
            .iter()
            .filter_map(|id| Some((id, self.known.get(id)?)));
        all.collect::<Vec<_>>().serialize(to)
    }
}

impl Findings {
    /// Takes up what was saved.
    pub(crate) fn restore(&mut self, Loaded(all): Loaded) {
        for (id, (value, figures)) in all {
            self.add(id, value, &figures);
        }
    }

    /// A statistic found something.
    pub(crate) fn add(&mut self, id: u128, value: f64, figures: &Figures) {
        if self.known.insert(id, (value, figures.clone())).is_none() {
            self.oldest.push_back(id);
        }
        if self.oldest.len() > MOST
            && let Some(first) = self.oldest.pop_front()
        {
            self.known.remove(&first);
        }
    }

    /// What alerts say of it, if it is remembered.
    pub(crate) fn find(&self, id: u128) -> Option<Finding> {
        let (value, figures) = self.known.get(&id)?;
        Some(Finding {
            summary: statistics::in_words_of(*value, Some(figures)),
            value: *value,
            figures: statistics::by_name(figures),
            series: figures.series.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::windows::Figure;

    #[test]
    fn the_last_ones_are_known_also_after_a_restart() {
        let mut findings = Findings::default();
        for id in 0..MOST as u128 + 10 {
            let figures = Figures {
                figures: vec![(Figure::DistanceKm, id as f64), (Figure::SpeedKmh, 2000.0)],
                series: Vec::new(),
            };
            findings.add(id, 5.0, &figures);
            findings.add(id, 5.0, &figures);
        }
        let saved = postcard::to_stdvec(&findings).unwrap();
        let mut again = Findings::default();
        again.restore(postcard::from_bytes(&saved).unwrap());
        for findings in [findings, again] {
            assert_eq!(findings.find(9), None);
            let found = findings.find(10).unwrap();
            assert_eq!(found.summary, "10 km at 2000 km/h");
            assert_eq!(found.figures["distance_km"], 10.0);
            assert_eq!(findings.known.len(), MOST);
        }
    }
}
