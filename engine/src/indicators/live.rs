//! Lists that are replaced while rules look into them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use borzoi_rules::ir::{DetectionRule, Lists};

use super::rules::rule;
use super::set::{IndicatorSet, ListInfo};

/// An [`IndicatorSet`] in whose place another one can be put.
///
/// Rules are made once, of the lists that there are at first ([`LiveLists::rules`]); what is in those lists changes with
/// [`LiveLists::replace`]. What a reader remembers of texts holds until [`LiveLists::version`] changes, and that does not
/// happen while somebody holds a [`LiveLists::steady`].
///
/// ```
/// use borzoi_engine::indicators::{LiveLists, load_text};
///
/// let live = LiveLists::new(load_text("bad.txt", "192.0.2.1\n".as_bytes()).set);
/// let version = live.version();
/// let replaced = live.replace(load_text("bad.txt", "192.0.2.2\n".as_bytes()).set);
/// assert!(replaced.missing.is_empty() && replaced.unknown.is_empty());
/// assert_ne!(live.version(), version);
/// ```
#[derive(Debug)]
pub struct LiveLists {
    /// The lists that there were at first: rules know them by their places here.
    lists: Vec<ListInfo>,
    now: RwLock<Now>,
    gate: RwLock<()>,
    version: AtomicU64,
}

/// The set that counts now.
#[derive(Debug)]
struct Now {
    set: Arc<IndicatorSet>,
    /// By the number that rules know: the number in `set`.
    inside: Vec<Option<u32>>,
    /// By the number in `set`: the one that rules know.
    outside: Vec<Option<u32>>,
}

/// What became of lists when a set was replaced.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// Lists that rules look into, and that the new set does not have: nothing is in them now.
    pub missing: Vec<String>,
    /// Lists of the new set that no rule looks into: they came too late.
    pub unknown: Vec<String>,
}

impl LiveLists {
    /// Lists that are those of `set` for now.
    pub fn new(set: Arc<IndicatorSet>) -> Arc<LiveLists> {
        let lists: Vec<ListInfo> = set.lists().to_vec();
        let now = Now::new(&lists, set);
        Arc::new(LiveLists {
            lists,
            now: RwLock::new(now),
            gate: RwLock::default(),
            version: AtomicU64::new(0),
        })
    }

    /// A rule for every list; as [`rules`](super::rules()), but each list may come to hold anything.
    pub fn rules(self: &Arc<LiveLists>) -> Vec<DetectionRule> {
        let lists: Arc<dyn Lists> = self.clone();
        (0..)
            .zip(&self.lists)
            .filter_map(|(number, list)| rule(&lists, number, list, &|_| true))
            .collect()
    }

    /// The lists that rules look into and that `set` does not have.
    pub fn missing_from(&self, set: &IndicatorSet) -> Vec<String> {
        let has = |name: &str| set.lists().iter().any(|list| *list.name == *name);
        let names = self.lists.iter().map(|list| list.name.to_string());
        names.filter(|name| !has(name)).collect()
    }

    /// Puts `set` in the place of what was there, as soon as nobody needs it [steady](LiveLists::steady). Lists are told by their names.
    pub fn replace(&self, set: Arc<IndicatorSet>) -> Replaced {
        let next = Now::new(&self.lists, set);
        let name = |list: &ListInfo| list.name.to_string();
        let missing = self
            .lists
            .iter()
            .zip(&next.inside)
            .filter(|(_, place)| place.is_none());
        let unknown = next.set.lists().iter().zip(&next.outside);
        let replaced = Replaced {
            missing: missing.map(|(list, _)| name(list)).collect(),
            unknown: unknown
                .filter(|(_, place)| place.is_none())
                .map(|(list, _)| name(list))
                .collect(),
        };
        let _gate = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        let before = {
            let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *now, next)
        };
        self.version.fetch_add(1, Ordering::Release);
        drop(_gate);
        // Millions of entries take their time, which nobody should wait for.
        drop(before);
        replaced
    }

    /// While it is held, the lists stay as they are.
    pub fn steady(&self) -> RwLockReadGuard<'_, ()> {
        self.gate.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes whenever the set is replaced.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// The set that counts now.
    pub fn set(&self) -> Arc<IndicatorSet> {
        self.now().set.clone()
    }

    fn now(&self) -> RwLockReadGuard<'_, Now> {
        self.now.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Now {
    fn new(lists: &[ListInfo], set: Arc<IndicatorSet>) -> Now {
        let place = |among: &[ListInfo], name: &str| {
            let found = among.iter().position(|list| *list.name == *name);
            found.and_then(|place| u32::try_from(place).ok())
        };
        Now {
            inside: lists.iter().map(|list| place(set.lists(), &list.name)).collect(),
            outside: set.lists().iter().map(|list| place(lists, &list.name)).collect(),
            set,
        }
    }

    fn inside(&self, list: u32) -> Option<u32> {
        self.inside.get(list as usize).copied().flatten()
    }
}

impl Lists for LiveLists {
    fn name(&self, list: u32) -> &str {
        self.lists.get(list as usize).map_or("", |list| &*list.name)
    }

    fn lists_of(&self, sort: u32, text: &str, found: &mut dyn FnMut(u32)) {
        let now = self.now();
        Lists::lists_of(&*now.set, sort, text, &mut |list| {
            if let Some(list) = now.outside.get(list as usize).copied().flatten() {
                found(list);
            }
        });
    }

    fn expires(&self, _list: u32) -> bool {
        // A list that comes later may say so.
        true
    }

    fn holds_at(&self, list: u32, sort: u32, text: &str, time: i64) -> bool {
        let now = self.now();
        now.inside(list)
            .is_some_and(|list| now.set.holds_at(list, sort, text, time))
    }

    fn describe(&self, list: u32, sort: u32, text: &str, time: i64) -> String {
        let now = self.now();
        let inside = now.inside(list);
        inside.map_or_else(String::new, |list| now.set.describe(list, sort, text, time))
    }
}
