//! Signals that come together, on one thread or several.
//!
//! Several do it in one go, because each time that they wait for each other costs: one of them [hears](super::heard) what the
//! signals say of the time while the others find out where they go, a piece at a time, each whichever nobody has; then each takes
//! the signals that go to its shards. A thread that comes late finds its part of the first done by the others.

use std::sync::{Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard};

use super::heard::Hearing;
use super::route::{Route, Routes};
use super::shard::{self, Common, Shard};
use super::{Signal, Windows};

/// Signals of a piece: few enough for none to wait long for who is at the last, many enough for
/// [what is looked up together](shard::take_all).
const PIECE: usize = 512;

/// Where signals that stand together go, as soon as it is known.
#[derive(Debug)]
struct Piece<'r> {
    routes: &'r mut [Route],
    /// How many of them are too late, once somebody has found out where they go.
    too_late: Option<u64>,
}

/// What threads do with signals that came together.
#[derive(Debug)]
struct Round<'r, 's> {
    signals: &'r [Signal<'s>],
    find: Routes<'r>,
    pieces: Vec<RwLock<Piece<'r>>>,
    /// For the thread that hears.
    hearing: Mutex<Option<Hearing<'r>>>,
    /// How many of the signals are taken, and of which tenant something can be worked off then.
    heard: OnceLock<(usize, Option<usize>)>,
    common: Common<'r>,
    /// How often who waits looks before it sleeps.
    looks: usize,
}

impl<'r> Round<'r, '_> {
    /// What the thread of these shards does, of which `first` is the number of the first one.
    fn take(&self, first: usize, shards: &mut [Shard]) {
        let count = match first {
            0 => {
                let count = self.hear();
                self.find_all();
                count
            }
            _ => {
                self.find_all();
                self.taken()
            }
        };
        for (number, piece) in self.pieces.iter().enumerate() {
            let start = number * PIECE;
            if start >= count {
                break;
            }
            let piece = self.found(number, piece);
            let signals = &self.signals[start..count.min(start + PIECE)];
            let routes = &piece.routes[..signals.len()];
            shard::take_all(shards, first, (start, signals), routes, &self.common);
        }
    }

    fn hear(&self) -> usize {
        // Were it to panic, those who wait would do so for ever.
        let _known = Known(&self.heard);
        let hearing = self.hearing.lock().unwrap_or_else(PoisonError::into_inner).take();
        let heard = || hearing.map_or((0, None), |mut hearing| hearing.heard(self.signals));
        self.heard.get_or_init(heard).0
    }

    /// How many signals are taken, as soon as that is known.
    fn taken(&self) -> usize {
        for _ in 0..self.looks {
            if let Some((count, _)) = self.heard.get() {
                return *count;
            }
            std::hint::spin_loop();
        }
        self.heard.wait().0
    }

    /// Finds out where signals go of all pieces that nobody is at.
    fn find_all(&self) {
        for (number, piece) in self.pieces.iter().enumerate() {
            if let Ok(mut piece) = piece.try_write() {
                self.find(number, &mut piece);
            }
        }
    }

    /// A piece of which it is known.
    fn found<'p>(&self, number: usize, piece: &'p RwLock<Piece<'r>>) -> RwLockReadGuard<'p, Piece<'r>> {
        let known = piece.read().unwrap_or_else(PoisonError::into_inner);
        if known.too_late.is_some() {
            return known;
        }
        drop(known);
        self.find(number, &mut piece.write().unwrap_or_else(PoisonError::into_inner));
        piece.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, number: usize, piece: &mut Piece<'_>) {
        if piece.too_late.is_none() {
            let signals = &self.signals[number * PIECE..];
            piece.too_late = Some(self.find.find(signals, piece.routes));
        }
    }

    /// How many signals were taken, of which tenant something can be worked off, and how many of them were too late.
    fn end(self) -> (usize, Option<usize>, u64) {
        let (count, goes_on) = self.heard.into_inner().unwrap_or_default();
        let mut too_late = 0;
        for (number, piece) in self.pieces.into_iter().enumerate() {
            let start = number * PIECE;
            let piece = piece.into_inner().unwrap_or_else(PoisonError::into_inner);
            if start + piece.routes.len() <= count {
                too_late += piece.too_late.unwrap_or_default();
            } else if start < count {
                // Those behind it were looked at for nothing.
                let signals = &self.signals[start..count];
                too_late += self.find.find(signals, piece.routes);
            }
        }
        (count, goes_on, too_late)
    }
}

/// Whatever happens, it is known afterwards.
struct Known<'h>(&'h OnceLock<(usize, Option<usize>)>);

impl Drop for Known<'_> {
    fn drop(&mut self) {
        // It is known already, as a rule.
        let _ = self.0.set((0, None));
    }
}

impl Windows {
    /// Takes signals until time goes on, or memory is to be looked at; gives those that are left.
    pub(super) fn push_some<'r, 's>(&mut self, signals: &'r [Signal<'s>]) -> &'r [Signal<'s>] {
        let room = self.looked_at_every() - self.unlooked;
        let now = &signals[..signals.len().min(room as usize)];
        let threads = match now.len() {
            few if few < self.settings.few => 1,
            _ => self.settings.threads,
        };
        let (count, goes_on, too_late) = match threads {
            0 | 1 => self.take_alone(now),
            _ => self.take_together(now, threads),
        };
        self.counters.too_late += too_late;
        self.unlooked += count as u32;
        self.gather_begun();
        if let Some(tenant) = goes_on {
            self.advance(tenant);
        }
        if goes_on.is_some() || self.unlooked >= self.looked_at_every() {
            self.look_at_memory();
        }
        &signals[count..]
    }

    fn take_alone(&mut self, signals: &[Signal<'_>]) -> (usize, Option<usize>, u64) {
        let (count, goes_on) = self.hearing().heard(signals);
        let signals = &signals[..count];
        let reached = self.reached();
        self.routes.resize(count, Route::NOWHERE);
        let find = Routes {
            ways: &self.ways,
            limits: &self.limits,
            reached,
        };
        let too_late = find.find(signals, &mut self.routes);
        let common = Common {
            plans: &self.plans,
            tenants: &self.names,
            eager: self.settings.eager,
            reached,
        };
        shard::take_all(&mut self.shards, 0, (0, signals), &self.routes, &common);
        (count, goes_on, too_late)
    }

    fn take_together(&mut self, signals: &[Signal<'_>], threads: usize) -> (usize, Option<usize>, u64) {
        let reached = self.reached();
        self.routes.resize(signals.len(), Route::NOWHERE);
        let pieces = self.routes.chunks_mut(PIECE).map(|routes| {
            RwLock::new(Piece {
                routes,
                too_late: None,
            })
        });
        let round = Round {
            signals,
            find: Routes {
                ways: &self.ways,
                limits: &self.limits,
                reached,
            },
            pieces: pieces.collect(),
            hearing: Mutex::new(Some(Hearing {
                ways: &self.ways,
                tenants: &mut self.tenants,
                counters: &mut self.counters,
                settings: &self.settings,
                now: self.now,
            })),
            heard: OnceLock::new(),
            common: Common {
                plans: &self.plans,
                tenants: &self.names,
                eager: self.settings.eager,
                reached,
            },
            looks: self.threads.looks(),
        };
        self.threads.each(&mut self.shards, threads, |first, shards| {
            round.take(first, shards)
        });
        round.end()
    }

    /// What changes as signals are heard.
    pub(super) fn hearing(&mut self) -> Hearing<'_> {
        Hearing {
            ways: &self.ways,
            tenants: &mut self.tenants,
            counters: &mut self.counters,
            settings: &self.settings,
            now: self.now,
        }
    }
}
