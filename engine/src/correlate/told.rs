//! What was told of last, by rule and group: rules may say that no more is told for a while.

use std::sync::Arc;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use crate::windows::Episode;
use crate::windows::keys::Key;

/// What an episode is about.
type About = (u32, Arc<str>, Key);

/// From when on, and until when, nothing is told again.
type Quiet = (i64, i64);

/// So many are kept before those that are over are looked for.
const MOST: usize = 1024;

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Told {
    last: HashMap<About, Quiet>,
    /// The latest start of all.
    newest: i64,
    /// So many there were when those that are over were last forgotten.
    kept: usize,
}

/// What was saved of it.
#[derive(Deserialize)]
pub(crate) struct Loaded(Vec<(About, Quiet)>, i64);

impl Serialize for Told {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        (self.last.iter().collect::<Vec<_>>(), self.newest).serialize(to)
    }
}

impl Told {
    /// Takes up what was saved; `places` gives, for the number that a plan had, the one that it has now.
    pub(super) fn restore(&mut self, Loaded(all, newest): Loaded, places: &[Option<usize>]) {
        let all = all.into_iter().filter_map(|((plan, tenant, key), quiet)| {
            let plan = places.get(plan as usize).copied().flatten()?;
            Some(((plan as u32, tenant, key), quiet))
        });
        self.last = all.collect();
        self.newest = newest;
    }

    /// Whether an episode is told of, if for `quiet` microseconds after the start of one no other of its rule and group is.
    /// Episodes of a group are asked for in the order of their starts; of one that was told early, its end is told too.
    pub(super) fn is_told(&mut self, episode: &Episode, quiet: i64) -> bool {
        self.newest = self.newest.max(episode.start);
        let about = (episode.plan, episode.tenant.clone(), episode.key.clone());
        let until = episode.start.saturating_add(quiet);
        match self.last.get_mut(&about) {
            Some((start, end)) if episode.start < *end => {
                // An earlier start than was told early is the same stretch.
                let same = episode.start <= *start || episode.announced.contains(start);
                if same && episode.is_final {
                    (*start, *end) = (episode.start, until);
                }
                same
            }
            _ => {
                self.last.insert(about, (episode.start, until));
                true
            }
        }
    }

    /// Forgets what is over for all that may come, where there is much.
    pub(super) fn forget(&mut self) {
        if self.last.len() > MOST.max(2 * self.kept) {
            let newest = self.newest;
            self.last.retain(|_, (_, end)| *end > newest);
            self.kept = self.last.len();
        }
    }
}
