//! How far event time has come.
//!
//! Each source (a dataset of a tenant) is taken to be complete up to its highest time less the allowed lateness; the
//! tenant's watermark is the lowest of these, and never falls. Sources that have been quiet for a while are left out:
//! how long is a matter of a clock, and clocks are the caller's.
//!
//! Files that are read one after the other tell their times one after the other, too: nobody goes on past where one begins
//! that is not read yet, nor past what the one being read has come to ([`Hold`]).

use serde::{Deserialize, Serialize};

/// Where the file being read begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Begins {
    /// That is not known, or nothing is being read.
    #[default]
    Unknown,
    /// In the middle: the rest of one that was read in part.
    GoesOn,
    /// With an event of this time.
    At(i64),
}

/// What files hold time back: none of what they still have to tell may be too late because of where it stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Hold {
    /// The file being read, which holds as far as it has come.
    pub(crate) begins: Begins,
    /// The first time of those that come after it.
    pub(crate) unread: Option<i64>,
}

/// Times of one tenant.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Clock {
    sources: Vec<Source>,
    watermark: Option<i64>,
    /// All sources have come to this, before any lateness: never falls.
    come: Option<i64>,
    /// Everything below this counts as known, however late what is allowed to come.
    forced: Option<i64>,
    /// How far the file has come that is being read, if it holds anything.
    file: Option<i64>,
    /// Where the first file begins that is not read yet. A scan that goes on finds that out anew.
    #[serde(skip)]
    unread: Option<i64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Source {
    number: u32,
    highest: i64,
    idle: bool,
}

impl Clock {
    /// A clock of which nothing was heard, where files hold it back.
    pub(crate) fn held(hold: Hold) -> Clock {
        let mut clock = Clock::default();
        clock.hold(hold, None);
        clock
    }

    /// What holds it back from now on. Whether the watermark rose.
    pub(crate) fn hold(&mut self, hold: Hold, lateness: Option<i64>) -> bool {
        self.unread = hold.unread;
        self.file = match hold.begins {
            Begins::Unknown => None,
            Begins::GoesOn => self.file,
            Begins::At(time) => Some(time),
        };
        self.settle(lateness)
    }

    /// The time below which everything is known; events below it are too late.
    pub(crate) fn watermark(&self) -> Option<i64> {
        self.watermark
    }

    /// The same for who waits as long as `own`, and not as long as everybody else.
    pub(crate) fn watermark_for(&self, own: Option<i64>) -> Option<i64> {
        let Some(own) = own else {
            return self.watermark;
        };
        self.forced.max(self.come.map(|come| come.saturating_sub(own)))
    }

    /// How far all sources have come, before any lateness; below what it was forced to everything is known, too.
    pub(crate) fn come(&self) -> (Option<i64>, Option<i64>) {
        (self.come, self.forced)
    }

    /// The sources that are waited for.
    pub(crate) fn waited_for(&self) -> impl Iterator<Item = u32> {
        let waited_for = self.sources.iter().filter(|source| !source.idle);
        waited_for.map(|source| source.number)
    }

    /// The highest time of a source.
    pub(crate) fn highest(&self, source: u32) -> Option<i64> {
        let mut sources = self.sources.iter();
        let known = sources.find(|known| known.number == source)?;
        Some(known.highest)
    }

    /// The highest time of all sources.
    pub(crate) fn highest_of_all(&self) -> Option<i64> {
        self.sources.iter().map(|source| source.highest).max()
    }

    /// A source has come to `time`. Whether the watermark rose.
    pub(crate) fn observe(&mut self, source: u32, time: i64, lateness: Option<i64>) -> bool {
        let file_rises = self.file.is_some_and(|file| time > file);
        if file_rises {
            self.file = Some(time);
        }
        let rises = match self.sources.iter_mut().find(|known| known.number == source) {
            Some(known) => {
                let rises = known.idle || time > known.highest;
                known.idle = false;
                known.highest = known.highest.max(time);
                rises
            }
            None => {
                self.sources.push(Source {
                    number: source,
                    highest: time,
                    idle: false,
                });
                true
            }
        };
        (rises || file_rises) && self.settle(lateness)
    }

    /// A source is not waited for until it is heard of again. Whether the watermark rose.
    pub(crate) fn idle(&mut self, source: u32, lateness: Option<i64>) -> bool {
        if let Some(known) = self.sources.iter_mut().find(|known| known.number == source) {
            known.idle = true;
        }
        self.settle(lateness)
    }

    /// Everything below `time` counts as known. Whether it did not before.
    pub(crate) fn force(&mut self, time: i64) -> bool {
        self.watermark = self.watermark.max(Some(time));
        let rises = self.forced < Some(time);
        self.forced = self.forced.max(Some(time));
        rises
    }

    /// All sources are taken to have come to `time`. Whether that is further than before.
    pub(crate) fn go_on(&mut self, time: i64, lateness: i64) -> bool {
        let rises = self.come < Some(time);
        self.come = self.come.max(Some(time));
        self.watermark = self.watermark.max(Some(time.saturating_sub(lateness)));
        rises
    }

    fn settle(&mut self, lateness: Option<i64>) -> bool {
        let Some(lateness) = lateness else {
            return false;
        };
        let active = self.sources.iter().filter(|source| !source.idle);
        let lowest = active.map(|source| source.highest).min();
        // Where nobody is waited for, late events still are.
        let lowest = lowest.or_else(|| self.highest_of_all());
        let held = self.file.into_iter().chain(self.unread).min();
        let lowest = lowest.map(|lowest| held.map_or(lowest, |held| held.min(lowest)));
        lowest.is_some_and(|lowest| self.go_on(lowest, lateness))
    }
}
