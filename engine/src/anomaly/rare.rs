//! A value that is new for an entity and rare among its peers: a process on a host, a country of an account, a parent with a
//! child process.
//!
//! How unlikely that is, is a product of two estimates from counts:
//! - how often **this entity** has values that are new for it, the mass of what was not seen (Good, *The population
//!   frequencies of species and the estimation of population parameters*, 1953), drawn to the rate of all. What is new
//!   every hour on a developer's machine is news on a till.
//! - how often what is new for an entity is **had by so few peers**. What half of the hosts run is an update rolling out.
//!
//! How many such events there are per day is counted ([`Rates`]), and an alert is what comes as seldom as asked for.
//!
//! # When not
//!
//! For values that hardly repeat (file names of downloads, ports of clients, command lines with numbers in them): there
//! everything is new, and so nothing is seldom. Cut them to what repeats first. Nor for the first days.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::distinct::mix;
use super::rates::{PAUSE_MICROS, Rates};
use serde::{Deserialize, Serialize};

/// Events of an entity before its own rate of new values counts; before, all is new for it.
const ENTITY_EVENTS: u32 = 20;
/// Events that the rate of all entities counts for in that of one.
const PRIOR_EVENTS: f64 = 10.0;
/// Numbers of peers that are told apart: up to 16 each, then powers of two.
const PEER_STEPS: usize = 32;
/// Of the memory, in how large a part strengths count half. What is new becomes less usual as values get known, so old strengths are too low and
/// with all of them twice as many were told as asked for.
const RECENT: i64 = 4;
/// What an entry takes: key, count, control byte, at a load of two thirds on average.
const BYTES_PER_ENTRY: usize = 26;

/// How a [`Rare`] works.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Expected alerts per day, of all entities together.
    pub alerts_per_day: f64,
    /// No alerts for so long after the first event.
    pub learning_micros: i64,
    /// A value that an entity did not have for so long is forgotten, after half of it at the earliest.
    pub memory_micros: i64,
    /// The most pairs of entity and value kept; beyond, the older half is forgotten.
    pub pairs: u32,
    /// An entity with more new values than this within half of the memory has no more of them kept, and none of its
    /// values is rare: nobody can push out the values of others.
    pub values_per_entity: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            alerts_per_day: 1.0,
            learning_micros: 7 * 86_400_000_000,
            memory_micros: 30 * 86_400_000_000,
            pairs: 500_000,
            values_per_entity: 256,
        }
    }
}

/// What is known about a value the moment it comes, without counting this event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// The chance that an event of this entity is as unusual; 1 for what it had before, and while nothing is known.
    pub probability: f64,
    /// Events as unusual per day, of all entities; infinite where there is nothing to say.
    pub per_day: f64,
    /// Entities known besides this one.
    pub peers: u32,
    /// How many of these have the value.
    pub peers_with: u32,
    /// The same as a part, 0 to 1.
    pub peer_share: f64,
    /// Events of the entity.
    pub own: u32,
    /// Its events with the value.
    pub own_with: u32,
    /// The same as a part, 0 to 1.
    pub own_share: f64,
    /// As seldom as asked for, and after the learning time.
    pub alert: bool,
}

type Table<V> = HashMap<u64, V, BuildHasherDefault<Mixed>>;

/// What came since the last turn, or between the two before.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Generation {
    // Events of an entity with a value.
    pairs: Table<u32>,
    // Entities with a value.
    values: Table<u32>,
    entities: Table<Own>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Own {
    events: u32,
    // Events that were new for it.
    new: u32,
    // New ones of this generation.
    lately: u32,
}

/// All entities of one rule and tenant.
///
/// A pair takes about 26 bytes, and so do a value and an entity.
///
/// ```
/// use borzoi_engine::anomaly::rare::{Rare, Settings};
///
/// let hour = 3_600_000_000;
/// let mut rare = Rare::new(Settings::default());
/// // Fifty hosts, each with one of three programs every hour, for ten days.
/// for step in 0..240 {
///     for host in 0..50 {
///         rare.update(step * hour, host, (step as u64 + host) % 3);
///     }
/// }
/// let usual = rare.update(240 * hour, 7, 1);
/// assert!(!usual.alert && usual.peer_share == 1.0 && usual.own_with == 80);
/// let found = rare.update(240 * hour, 7, 99);
/// assert!(found.alert && found.peers == 49 && found.peers_with == 0 && found.own_with == 0);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rare {
    settings: Settings,
    now: Generation,
    before: Generation,
    turned: i64,
    // The newest event.
    latest: i64,
    events: u64,
    new: u64,
    // What is new for an entity, by how many peers have it.
    by_peers: [f32; PEER_STEPS],
    rates: Rates,
}

impl Rare {
    /// Nothing is known yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            now: Generation::default(),
            before: Generation::default(),
            turned: i64::MIN,
            latest: i64::MIN,
            events: 0,
            new: 0,
            by_peers: [0.0; PEER_STEPS],
            rates: Rates::new(settings.memory_micros / RECENT),
        }
    }

    /// From now on another sensitivity; what was learned stays.
    pub fn set_alerts_per_day(&mut self, alerts_per_day: f64) {
        self.settings.alerts_per_day = alerts_per_day;
    }

    /// Says how unusual it is that an entity has a value, then learns it. Both are told apart by their hashes.
    pub fn update(&mut self, time_micros: i64, entity: u64, value: u64) -> Score {
        self.turn(time_micros);
        let pair = combined(&[entity, value]);
        let own_with = self.take_pair(pair, value);
        let own = self.take_entity(entity);
        let holders = self.holders(value);
        let peers = (self.now.entities.len() + self.before.entities.len()) as u32;
        let peers_with = holders - u32::from(own_with.is_some()).min(holders);

        let crowded = own.lately >= self.settings.values_per_entity.max(1);
        let is_new = own_with.is_none() && !crowded;
        let (mut probability, mut strength) = (1.0, 0.0);
        if is_new {
            probability = self.entity_part(own) * self.peer_part(peers_with);
            strength = -probability.ln();
        }
        let known_for = self.rates.pass(time_micros);
        let (per_day, alert) = if is_new {
            let learned = known_for >= self.settings.learning_micros && strength > 0.0;
            let seldom = self.rates.seldom(strength, self.settings.alerts_per_day);
            (self.rates.per_day(strength), learned && seldom)
        } else {
            (f64::INFINITY, false)
        };

        self.learn(entity, own, is_new);
        if is_new {
            self.by_peers[peer_step(peers_with)] += 1.0;
            self.rates.learn(strength);
        }
        if is_new || own_with.is_some() {
            self.now
                .pairs
                .insert(pair, own_with.unwrap_or(0).saturating_add(1));
            if own_with.is_none() {
                *self.now.values.entry(value).or_insert(0) += 1;
            }
        }
        let share = |part: u32, of: u32| {
            if of == 0 {
                0.0
            } else {
                f64::from(part) / f64::from(of)
            }
        };
        Score {
            probability,
            per_day,
            peers,
            peers_with,
            peer_share: share(peers_with, peers).min(1.0),
            own: own.events,
            own_with: own_with.unwrap_or(0),
            own_share: share(own_with.unwrap_or(0), own.events).min(1.0),
            alert,
        }
    }

    /// Pairs, values and entities kept.
    pub fn entries(&self) -> usize {
        [&self.now, &self.before]
            .map(|part| part.pairs.len() + part.values.len() + part.entities.len())
            .iter()
            .sum()
    }

    /// Bytes, about.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.entries() * BYTES_PER_ENTRY
    }

    /// Forgets the older half, to make room, or what is left if there is none: how many pairs, values and entities that were.
    pub fn forget(&mut self) -> usize {
        let before = self.entries();
        if self.before == Generation::default() {
            // Where nothing is known all is new: it is learned again how much of it there is.
            *self = Self {
                latest: self.latest,
                ..Self::new(self.settings)
            };
        } else {
            self.before = Generation::default();
            self.fade();
        }
        before - self.entries()
    }

    /// The older half is forgotten when it is old, or when there is no more room.
    fn turn(&mut self, time_micros: i64) {
        if self.turned == i64::MIN {
            self.turned = time_micros;
        }
        // After a pause as long as the memory all of it is old, and what was learned of it too: one event that is dated long ago
        // is no time in which anything was learned. A memory of hours forgets each night what it knows, not how seldom things are.
        let pause = match self.latest {
            i64::MIN => 0,
            latest => time_micros.saturating_sub(latest),
        };
        if pause > self.settings.memory_micros.max(PAUSE_MICROS) {
            *self = Self::new(self.settings);
            self.turned = time_micros;
        } else if pause > self.settings.memory_micros {
            self.before = Generation::default();
            self.now = Generation::default();
            self.turned = time_micros;
        }
        self.latest = self.latest.max(time_micros);
        let old = time_micros.saturating_sub(self.turned) > self.settings.memory_micros / 2;
        let half = (self.settings.pairs / 2).max(1) as usize;
        if old || self.now.pairs.len() >= half || self.now.entities.len() >= half {
            self.before = std::mem::take(&mut self.now);
            self.turned = time_micros;
            self.fade();
        }
    }

    /// What was counted of all counts half.
    fn fade(&mut self) {
        self.events /= 2;
        self.new /= 2;
        for count in &mut self.by_peers {
            *count /= 2.0;
        }
    }

    /// Events of the pair; what the older half knows of it is taken out.
    fn take_pair(&mut self, pair: u64, value: u64) -> Option<u32> {
        if let Some(&events) = self.now.pairs.get(&pair) {
            return Some(events);
        }
        let events = self.before.pairs.remove(&pair)?;
        if let Some(holders) = self.before.values.get_mut(&value) {
            *holders = holders.saturating_sub(1);
            if *holders == 0 {
                self.before.values.remove(&value);
            }
        }
        *self.now.values.entry(value).or_insert(0) += 1;
        Some(events)
    }

    fn take_entity(&mut self, entity: u64) -> Own {
        if let Some(own) = self.now.entities.remove(&entity) {
            return own;
        }
        // Half of what is long ago counts.
        let own = self.before.entities.remove(&entity).unwrap_or_default();
        Own {
            events: own.events.div_ceil(2),
            new: own.new / 2,
            lately: 0,
        }
    }

    fn holders(&self, value: u64) -> u32 {
        let of = |part: &Generation| part.values.get(&value).copied().unwrap_or(0);
        of(&self.now).saturating_add(of(&self.before))
    }

    /// How often the entity has something new.
    fn entity_part(&self, own: Own) -> f64 {
        if own.events < ENTITY_EVENTS {
            return 1.0;
        }
        let of_all = (self.new + 1) as f64 / (self.events + 1) as f64;
        let part = (f64::from(own.new) + PRIOR_EVENTS * of_all) / (f64::from(own.events) + PRIOR_EVENTS);
        part.min(1.0)
    }

    /// How often something new is had by so few peers.
    fn peer_part(&self, peers_with: u32) -> f64 {
        let sum = |counts: &[f32]| counts.iter().map(|&count| f64::from(count)).sum::<f64>();
        let (few, all) = (sum(&self.by_peers[..=peer_step(peers_with)]), sum(&self.by_peers));
        (few + 1.0) / (all + 1.0)
    }

    fn learn(&mut self, entity: u64, own: Own, is_new: bool) {
        let own = Own {
            events: own.events.saturating_add(1),
            new: own.new.saturating_add(u32::from(is_new)),
            lately: own.lately.saturating_add(u32::from(is_new)),
        };
        self.now.entities.insert(entity, own);
        self.events += 1;
        self.new += u64::from(is_new);
    }
}

fn peer_step(peers_with: u32) -> usize {
    let step = if peers_with < 16 {
        peers_with
    } else {
        12 + peers_with.ilog2()
    };
    (step as usize).min(PEER_STEPS - 1)
}

/// One value of several, for combinations; the order counts.
pub fn combined(hashes: &[u64]) -> u64 {
    hashes.iter().fold(0, |sum, &hash| mix(sum.rotate_left(1) ^ hash))
}

/// Keys are hashes already; mixed once more, since nobody says how well.
#[derive(Debug, Clone, Copy, Default)]
struct Mixed(u64);

impl Hasher for Mixed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = mix(self.0 ^ u64::from(byte));
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = mix(key);
    }
}

#[cfg(test)]
mod tests {
    use super::super::simulate::Noise;
    use super::*;
    use std::collections::{HashMap, HashSet};

    const HOUR: i64 = 3_600_000_000;
    const DAY: i64 = 24 * HOUR;

    /// A host runs mostly its own few of the common programs, now and then a less common one (Zipf).
    fn program(noise: &mut Noise, host: u64) -> u64 {
        let rank = noise.pareto(0.9).min(400.0) as u64;
        if noise.uniform() < 0.9 {
            (host * 7 + rank.min(10)) % 40
        } else {
            rank
        }
    }

    #[test]
    fn what_is_forgotten_is_new_again() {
        let mut rare = Rare::new(Settings {
            memory_micros: 30 * DAY,
            ..Settings::default()
        });
        rare.update(0, 1, 10);
        rare.update(HOUR, 2, 10);
        assert_eq!((rare.update(2 * HOUR, 1, 10).own_with, rare.entries()), (1, 5));
        assert_eq!(rare.forget(), 5);
        assert_eq!((rare.forget(), rare.entries()), (0, 0));
        assert_eq!(rare.update(3 * HOUR, 1, 10).own_with, 0);
        // After a pause that is longer than the memory nothing is known.
        let later = rare.update(3 * HOUR + 31 * DAY, 1, 10);
        assert_eq!((later.own_with, later.peers), (0, 0));
        assert_eq!(rare.update(3 * HOUR + 32 * DAY, 1, 10).own_with, 1);
    }

    #[test]
    fn an_event_dated_long_ago_is_no_learning_time() {
        for pauses in [&[20_000_i64][..], &[60], &[20_000, 60]] {
            let settings = Settings {
                learning_micros: 28 * DAY,
                memory_micros: 90 * DAY,
                ..Settings::default()
            };
            let (mut rare, mut noise) = (Rare::new(settings), Noise::new(26));
            for pause in pauses {
                rare.update(-pause * DAY, 1, 10);
            }
            // An event of less than the memory ago counts for some days.
            let days = if pauses.contains(&60) { 18 } else { 27 };
            for step in 0..days * 24 {
                for host in 0..40 {
                    let score = rare.update(step * HOUR, host, program(&mut noise, host));
                    assert!(!score.alert, "{pauses:?} {step}");
                }
            }
        }
    }

    #[test]
    fn three_a_day_are_about_three_and_what_nobody_runs_is_found() {
        let (mut noise, mut alerts, mut found) = (Noise::new(6), 0, 0);
        let mut rare = Rare::new(Settings {
            alerts_per_day: 3.0,
            ..Settings::default()
        });
        for step in 0..90 * 24 {
            for host in 0..60 {
                let score = rare.update(step * HOUR, host, program(&mut noise, host));
                alerts += usize::from(score.alert);
            }
            // The traffic has one or two values a day that are as new. From the tenth day on, each fourth day, something that nobody ever had.
            if step >= 240 && step % 96 == 0 {
                let host = (step / 24) as u64 % 60;
                found += usize::from(rare.update(step * HOUR, host, 1_000_000 + host).alert);
            }
        }
        let per_day = alerts as f64 / 83.0;
        assert!((0.5..=5.0).contains(&per_day), "{per_day}");
        assert!(found >= 18, "{found} of 20");
    }

    #[test]
    fn a_roll_out_is_news_on_the_first_hosts_only() {
        let mut noise = Noise::new(16);
        let mut rare = Rare::new(Settings::default());
        for step in 0..20 * 24 {
            for host in 0..60 {
                rare.update(step * HOUR, host, program(&mut noise, host));
            }
        }
        let alerts: Vec<bool> = (0..60)
            .map(|host| rare.update(480 * HOUR + host as i64, host, 777_777).alert)
            .collect();
        assert!(alerts[10..].iter().all(|alert| !alert), "{alerts:?}");
    }

    #[test]
    fn a_combination_of_two_usual_values_is_found() {
        let mut rare = Rare::new(Settings::default());
        let (word, shell) = (11, 12);
        let mut usual = false;
        for step in 0..240 {
            for host in 0..50 {
                // Word starts its helper, the shell starts tools: both parents are on every host.
                for pair in [[word, 1], [shell, 2 + step as u64 % 3]] {
                    usual |= rare.update(step * HOUR, host, combined(&pair)).alert;
                }
            }
        }
        assert!(!usual);
        assert!(rare.update(240 * HOUR, 3, combined(&[word, 2])).alert);
        assert_ne!(combined(&[1, 2]), combined(&[2, 1]));
    }

    #[test]
    fn one_entity_with_endless_values_pushes_out_nobody_and_raises_no_flood() {
        let settings = Settings {
            pairs: 4_000,
            values_per_entity: 64,
            ..Settings::default()
        };
        let mut rare = Rare::new(settings);
        let mut alerts = 0;
        for step in 0..240 {
            for host in 0..50 {
                rare.update(step * HOUR, host, step as u64 % 4);
            }
            for value in 0..500 {
                let flood = rare.update(step * HOUR, 999, 1_000_000 + step as u64 * 500 + value);
                alerts += usize::from(flood.alert);
            }
        }
        assert!(alerts < 5, "{alerts}");
        let usual = rare.update(240 * HOUR, 7, 1);
        assert!(usual.own_with > 0 && usual.peers_with == 49, "{usual:?}");
    }

    #[test]
    fn memory_is_bounded_and_the_state_goes_to_json_and_back() {
        let settings = Settings {
            pairs: 1_000,
            ..Settings::default()
        };
        let (mut rare, mut noise) = (Rare::new(settings), Noise::new(1));
        for step in 0..50_000 {
            rare.update(step, noise.bits(), noise.bits());
            assert!(rare.entries() <= 3_006, "{}", rare.entries());
        }
        let text = serde_json::to_string(&rare).unwrap();
        assert_eq!(rare, serde_json::from_str(&text).unwrap());
        for time in [i64::MIN, i64::MAX, 0] {
            assert!((0.0..=1.0).contains(&rare.update(time, 1, 2).probability));
        }
    }

    #[test]
    fn counts_are_those_of_all_events_while_nothing_is_forgotten() {
        let (mut rare, mut noise) = (Rare::new(Settings::default()), Noise::new(12));
        let mut pairs: HashMap<(u64, u64), u32> = HashMap::new();
        let mut entities: HashMap<u64, u32> = HashMap::new();
        for step in 0..5_000 {
            // Over a turn: half of the memory is 15 days, and everything is had again within days.
            let (entity, value) = (noise.below(20) as u64, noise.below(12) as u64);
            let score = rare.update(step * DAY / 500, entity, value);
            let with: HashSet<u64> = pairs
                .keys()
                .filter(|key| key.1 == value && key.0 != entity)
                .map(|key| key.0)
                .collect();
            assert_eq!(score.peers_with as usize, with.len());
            assert_eq!(score.own_with, pairs.get(&(entity, value)).copied().unwrap_or(0));
            assert_eq!(score.own, entities.get(&entity).copied().unwrap_or(0));
            *pairs.entry((entity, value)).or_insert(0) += 1;
            *entities.entry(entity).or_insert(0) += 1;
        }
    }
}
