//! What was told of last, by rule and group: rules may say that no more is told for a while.

use std::sync::Arc;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use crate::windows::Episode;
use crate::windows::keys::Key;

/// What an episode is about.
type About = (u32, Arc<str>, Key);

/// What was told of a group.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Group {
    /// From when on, and until when, nothing is told again: the latest few.
    quiet: Vec<(i64, i64)>,
    /// Starts that were told before they were final.
    early: Vec<i64>,
}

/// So many times are remembered of a group: late events come to no older ones.
const MOST_OF_GROUP: usize = 8;

/// So many groups are kept before those that are over are looked for.
const MOST: usize = 1024;

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Told {
    groups: HashMap<About, Group>,
    /// The latest start of all.
    newest: i64,
    /// So many there were when those that are over were last forgotten.
    kept: usize,
}

/// What was saved of it.
#[derive(Deserialize)]
pub(crate) struct Loaded(Vec<(About, Group)>, i64);

impl Serialize for Told {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        (self.groups.iter().collect::<Vec<_>>(), self.newest).serialize(to)
    }
}

impl Told {
    /// Takes up what was saved; `places` gives, for the number that a plan had, the one that it has now.
    pub(super) fn restore(&mut self, Loaded(all, newest): Loaded, places: &[Option<usize>]) {
        let all = all.into_iter().filter_map(|((plan, tenant, key), group)| {
            let plan = places.get(plan as usize).copied().flatten()?;
            Some(((plan as u32, tenant, key), group))
        });
        self.groups = all.collect();
        self.newest = newest;
    }

    /// Whether an episode is told of, if for `quiet` microseconds after the start of one no other of its rule and group is.
    /// What was told early is told again when it is final.
    pub(super) fn is_told(&mut self, episode: &Episode, quiet: i64) -> bool {
        self.newest = self.newest.max(episode.start);
        let about = (episode.plan, episode.tenant.clone(), episode.key.clone());
        let group = self.groups.entry(about).or_default();
        let told = group.early.len();
        if episode.is_final {
            group.early.retain(|start| !episode.announced.contains(start));
        }
        let was_told = group.early.len() < told;
        let start = episode.start;
        if group
            .quiet
            .iter()
            .any(|(from, until)| (*from..*until).contains(&start))
        {
            return was_told;
        }
        group.quiet.push((start, start.saturating_add(quiet)));
        if group.quiet.len() > MOST_OF_GROUP {
            group.quiet.remove(0);
        }
        if !episode.is_final {
            group.early.push(start);
        }
        true
    }

    /// Forgets what is over for all that may come, where there is much.
    pub(super) fn forget(&mut self) {
        if self.groups.len() > MOST.max(2 * self.kept) {
            let newest = self.newest;
            self.groups.retain(|_, group| {
                let lasts = group.quiet.iter().any(|(_, until)| *until > newest);
                lasts || !group.early.is_empty()
            });
            self.kept = self.groups.len();
        }
    }
}
