//! What is learned of one group, and what the groups of a rule share: [anomaly statistics](crate::anomaly) behind one
//! face.

use std::collections::VecDeque;

use borzoi_rules::correlation::{Direction, Statistic, StatisticKind};
use serde::{Deserialize, Serialize};

use super::episode::{Figure, Sample};
use super::fetch::fetch;
use super::hours::{Active, Hourly};
use super::keys::value_hash;
use super::log::Entry;
use super::number;
use super::numbers::{Compared, Numbers};
use super::plan::micros;
use super::quiet::Quiet;
use crate::anomaly::beacon::{self, Beacon};
use crate::anomaly::names::generated;
use crate::anomaly::peers::{self, Peers};
use crate::anomaly::pool::Pool;
use crate::anomaly::rare::{self, Rare};
use crate::anomaly::silence::{self, Silence};
use crate::anomaly::travel::{self, Travel};

const DAY: f64 = 86_400e6;
/// A name counts as generated from this probability on.
const GENERATED: f64 = 0.9;
/// Generated names of a group that are remembered within a window.
const MOST_NAMES: usize = 256;

/// An event that is told to a machine.
pub(super) struct Told {
    pub(super) entry: Entry,
    /// Time of the one before.
    pub(super) last: Option<i64>,
    /// Hashes of the group's values, and of the values that are told apart in it; only of rare values.
    pub(super) hashes: (u64, u64),
    /// How many groups there are.
    pub(super) live: usize,
    /// How many others have the same last value.
    pub(super) peers: u32,
    /// How many rules there are.
    pub(super) slots: u16,
    /// The event as alerts name it.
    pub(super) sample: Sample,
}

/// What was expected of a number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Band {
    pub(super) expected: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) probability: f64,
}

impl Band {
    /// Nothing is known.
    pub(super) fn of(value: f64) -> Band {
        Band {
            expected: value,
            low: value,
            high: value,
            probability: 1.0,
        }
    }
}

/// Something unusual.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) value: f64,
    pub(super) count: u64,
    pub(super) figures: Vec<(Figure, f64)>,
    pub(super) series: Vec<f32>,
    /// The event before, where it is as much to blame.
    pub(super) before: Option<Sample>,
}

/// A pair that may be a beacon.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Calls {
    beacon: Beacon,
    /// It was told and has not stopped since.
    told: bool,
    /// Events in a row that were nothing to tell.
    quiet: u32,
}

/// Where somebody was.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Journey {
    travel: Travel,
    last: Option<Sample>,
}

/// Generated names of a window: time, hash, probability.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Names {
    seen: VecDeque<(i64, u32, f32)>,
    told: bool,
}

/// What is learned of one group.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Machine {
    /// It had no event yet.
    Unknown,
    Numbers(Box<Numbers>),
    Compared(Box<Compared>),
    Calls(Box<Calls>),
    Silence(Box<Silence>),
    Hours(Box<Active>),
    Travel(Box<Journey>),
    Names(Box<Names>),
    /// Everything is kept by what groups share.
    Shared,
}

impl Machine {
    /// For one of so many groups.
    pub(super) fn new(kind: StatisticKind, ask: &Statistic, span: i64, live: usize) -> Machine {
        let alerts_per_day = ask.alerts_per_day / live.max(1) as f64;
        match kind {
            StatisticKind::Anomaly => Machine::Numbers(Box::default()),
            StatisticKind::PeerAnomaly => Machine::Compared(Box::default()),
            StatisticKind::Beaconing => Machine::Calls(Box::new(Calls {
                beacon: Beacon::new(beacon::Settings::default()),
                told: false,
                quiet: 0,
            })),
            StatisticKind::Silence => Machine::Silence(Box::new(Silence::new(silence::Settings {
                alerts_per_day,
                learning_micros: micros(ask.learning),
                least_micros: span,
            }))),
            StatisticKind::UnusualTime => Machine::Hours(Box::new(Active::new(ask, span))),
            StatisticKind::ImpossibleTravel => Machine::Travel(Box::new(Journey {
                travel: Travel::new(travel::Settings {
                    speed_kmh: ask.speed,
                    least_km: ask.at_least,
                    ..travel::Settings::default()
                }),
                last: None,
            })),
            StatisticKind::GeneratedNames => Machine::Names(Box::default()),
            StatisticKind::RareValue => Machine::Shared,
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Machine::Unknown | Machine::Shared => 0,
            Machine::Numbers(numbers) => size_of::<Numbers>() + numbers.heap_bytes(),
            Machine::Compared(compared) => size_of::<Compared>() + compared.cell.heap_bytes(),
            Machine::Calls(_) => size_of::<Calls>(),
            Machine::Silence(_) => size_of::<Silence>(),
            Machine::Hours(_) => size_of::<Active>(),
            Machine::Travel(_) => size_of::<Journey>(),
            Machine::Names(names) => {
                size_of::<Names>() + names.seen.capacity() * size_of::<(i64, u32, f32)>()
            }
        }
    }

    /// An event came; those of all groups come in order of time.
    pub(super) fn event(
        &mut self,
        told: &Told,
        ask: &Statistic,
        span: i64,
        shared: &mut Shared,
    ) -> Option<Found> {
        let time = told.entry.time;
        match self {
            Machine::Unknown => None,
            Machine::Numbers(numbers) => {
                numbers.cell.add(&told.entry, ask.metric, told.slots);
                None
            }
            Machine::Compared(compared) => {
                compared.cell.add(&told.entry, ask.metric, told.slots);
                None
            }
            Machine::Calls(calls) => calls.event(told, ask, span),
            Machine::Silence(silence) => {
                let score = silence.update(time);
                if let Shared::Quiet(quiet) = shared {
                    quiet.ended(&score);
                }
                None
            }
            Machine::Hours(active) => match shared {
                Shared::Hourly(hourly) => active.event(told, ask, hourly),
                _ => None,
            },
            Machine::Travel(journey) => {
                let before = journey.last.replace(told.sample);
                let (latitude, longitude) = degrees_of(told.entry.value);
                // Where he was too long ago says nothing.
                let recent = told.last.is_some_and(|last| time.saturating_sub(last) < span);
                let score = journey.travel.update(
                    time,
                    travel::Place {
                        latitude,
                        longitude,
                        precision_km: None,
                    },
                );
                (score.alert && recent).then(|| Found {
                    value: score.speed_kmh,
                    count: 2,
                    figures: vec![
                        (Figure::DistanceKm, score.distance_km),
                        (Figure::SpeedKmh, score.speed_kmh),
                        (Figure::LimitKmh, ask.speed),
                        (Figure::Seconds, score.seconds),
                    ],
                    before,
                    ..Found::default()
                })
            }
            Machine::Names(names) => names.event(told, ask, span),
            Machine::Shared => shared.rare(told, ask),
        }
    }

    /// Asks for the memory in which its number is made.
    pub(super) fn fetch(&self) {
        match self {
            Machine::Unknown | Machine::Shared => {}
            Machine::Numbers(numbers) => fetch(&**numbers),
            Machine::Compared(compared) => fetch(&**compared),
            Machine::Calls(calls) => fetch(&**calls),
            Machine::Silence(silence) => fetch(&**silence),
            Machine::Hours(active) => fetch(&**active),
            Machine::Travel(journey) => fetch(&**journey),
            Machine::Names(names) => fetch(&**names),
        }
    }

    /// Asks for the memory of what is learned from it; its own should be there.
    pub(super) fn fetch_learned(&self) {
        if let Machine::Numbers(numbers) = self {
            numbers.fetch_learned();
        }
    }

    /// Nobody spoke until `now`.
    pub(super) fn silent(&mut self, now: i64) -> Option<Found> {
        let Machine::Silence(silence) = self else {
            return None;
        };
        found_silent(&silence.check(now))
    }

    /// When silence becomes too long for one of so many groups.
    pub(super) fn deadline(&mut self, ask: &Statistic, live: usize, shared: &Shared) -> Option<i64> {
        match (self, shared) {
            (Machine::Silence(silence), Shared::Quiet(quiet)) => {
                let asked = ask.alerts_per_day / live.max(1) as f64;
                silence.set_rates(asked, quiet.tail_per_day(asked));
                silence.deadline()
            }
            _ => None,
        }
    }
}

/// What is told of a silence.
pub(super) fn found_silent(score: &silence::Score) -> Option<Found> {
    let seconds = |micros: i64| micros as f64 / 1e6;
    score.alert.then(|| Found {
        value: seconds(score.lasted_micros),
        count: 0,
        figures: vec![
            (Figure::Seconds, seconds(score.lasted_micros)),
            (Figure::UsualSeconds, seconds(score.usual_micros)),
            (Figure::LimitSeconds, seconds(score.limit_micros)),
            (Figure::Probability, score.probability),
        ],
        ..Found::default()
    })
}

impl Calls {
    fn event(&mut self, told: &Told, ask: &Statistic, span: i64) -> Option<Found> {
        let time = told.entry.time;
        if told.last.is_some_and(|last| time.saturating_sub(last) >= span) {
            // A pause this long begins anew.
            *self = Calls {
                beacon: Beacon::new(beacon::Settings::default()),
                told: false,
                quiet: 0,
            };
        }
        let score = self.beacon.update(time);
        let per_day = score.probability * DAY / score.period_micros.max(1) as f64;
        let is_one = score.period_micros > 0 && per_day * told.live.max(1) as f64 <= ask.alerts_per_day;
        if !is_one {
            // One that wavers around the bound is told once. It has stopped when no interval is left of it.
            self.quiet = self.quiet.saturating_add(1);
            self.told &= (self.quiet as usize) < beacon::KEPT;
            return None;
        }
        self.quiet = 0;
        let many = ask.at_most_peers.is_some_and(|most| told.peers > most);
        if self.told || many || f64::from(score.callbacks) < ask.at_least {
            return None;
        }
        self.told = true;
        Some(Found {
            value: f64::from(score.callbacks),
            count: u64::from(score.callbacks),
            figures: vec![
                (Figure::PeriodSeconds, score.period_micros as f64 / 1e6),
                (Figure::Jitter, score.jitter),
                (Figure::Callbacks, f64::from(score.callbacks)),
                (Figure::Missing, f64::from(score.missing)),
                (Figure::PeersWith, f64::from(told.peers)),
                (Figure::Probability, score.probability),
            ],
            ..Found::default()
        })
    }
}

impl Names {
    fn event(&mut self, told: &Told, ask: &Statistic, span: i64) -> Option<Found> {
        let (hash, probability) = name_of(told.entry.value);
        let time = told.entry.time;
        while let Some((first, ..)) = self.seen.front()
            && first.saturating_add(span) <= time
        {
            self.seen.pop_front();
        }
        self.told &= !self.seen.is_empty();
        if f64::from(probability) < GENERATED {
            return None;
        }
        self.seen.retain(|(_, known, _)| *known != hash);
        if self.seen.len() == MOST_NAMES {
            self.seen.pop_front();
        }
        self.seen.push_back((time, hash, probability));
        let count = self.seen.len();
        if (count as f64) < ask.at_least.min(MOST_NAMES as f64) {
            self.told = false;
            return None;
        }
        if std::mem::replace(&mut self.told, true) {
            return None;
        }
        let mean = self
            .seen
            .iter()
            .map(|(.., probability)| f64::from(*probability))
            .sum::<f64>()
            / count as f64;
        Some(Found {
            value: count as f64,
            count: count as u64,
            figures: vec![
                (Figure::Names, count as f64),
                (Figure::AtLeast, ask.at_least),
                (Figure::Generated, mean),
            ],
            ..Found::default()
        })
    }
}

/// What the groups of a rule share.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Shared {
    Nothing,
    Pool(Box<Pool>),
    Rare(Box<Rare>),
    Peers(Box<Peers>),
    Hourly(Box<Hourly>),
    Quiet(Box<Quiet>),
}

impl Shared {
    pub(super) fn new(kind: StatisticKind, ask: &Statistic, span: i64) -> Shared {
        match kind {
            StatisticKind::Anomaly => Shared::Pool(Box::new(Pool::new(ask.alerts_per_day))),
            StatisticKind::RareValue => Shared::Rare(Box::new(Rare::new(rare::Settings {
                alerts_per_day: ask.alerts_per_day,
                learning_micros: micros(ask.learning),
                memory_micros: span,
                ..rare::Settings::default()
            }))),
            StatisticKind::PeerAnomaly => Shared::Peers(Box::new(Peers::new(peers::Settings {
                alerts_per_day: ask.alerts_per_day,
                interval_micros: span,
                learning_micros: micros(ask.learning),
                direction: match ask.direction {
                    Direction::Up => peers::Direction::Above,
                    Direction::Down => peers::Direction::Below,
                    Direction::Both => peers::Direction::Both,
                },
                at_least: ask.at_least,
            }))),
            StatisticKind::UnusualTime => Shared::Hourly(Box::new(Hourly::new(ask))),
            StatisticKind::Silence => Shared::Quiet(Box::new(Quiet::new(ask, span))),
            _ => Shared::Nothing,
        }
    }

    /// From now on so much of what is found is told.
    pub(super) fn ask(&mut self, ask: &Statistic) {
        let alerts_per_day = ask.alerts_per_day;
        match self {
            Shared::Nothing => {}
            Shared::Pool(pool) => pool.set_alerts_per_day(alerts_per_day),
            Shared::Rare(rare) => rare.set_alerts_per_day(alerts_per_day),
            Shared::Peers(peers) => peers.set_alerts_per_day(alerts_per_day),
            Shared::Hourly(hourly) => hourly.set_alerts_per_day(alerts_per_day),
            Shared::Quiet(quiet) => quiet.set_alerts_per_day(alerts_per_day),
        }
    }

    /// Bytes that grow with what is learned.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Shared::Rare(rare) if rare.entries() > 0 => rare.bytes(),
            _ => 0,
        }
    }

    /// Forgets the older part of what takes bytes: how many values that were.
    pub(super) fn forget(&mut self) -> u64 {
        match self {
            Shared::Rare(rare) => rare.forget() as u64,
            _ => 0,
        }
    }

    /// From which strength on something is told, where a pool decides.
    pub(super) fn bar(&self) -> f64 {
        match self {
            Shared::Pool(pool) => pool.bar(),
            _ => 0.0,
        }
    }

    /// How probable something as strong is, as far as the pool has seen it.
    pub(super) fn probability(&self, strength: f64) -> Option<f64> {
        match self {
            Shared::Pool(pool) if strength > 0.0 => pool.probability(strength),
            _ => None,
        }
    }

    fn rare(&mut self, told: &Told, ask: &Statistic) -> Option<Found> {
        let Shared::Rare(rare) = self else {
            return None;
        };
        let score = rare.update(told.entry.time, told.hashes.0, told.hashes.1);
        let few = ask.at_most_peers.is_none_or(|most| score.peers_with <= most);
        (score.alert && few).then(|| Found {
            value: f64::from(score.peers_with),
            count: 1,
            figures: vec![
                (Figure::Peers, f64::from(score.peers)),
                (Figure::PeersWith, f64::from(score.peers_with)),
                (Figure::OwnShare, score.own_share),
                (Figure::PerDay, score.per_day),
            ],
            ..Found::default()
        })
    }

    /// How unusual each of the numbers of all groups in an interval is; `quiet` as in [`Peers::interval`].
    pub(super) fn peers(
        &mut self,
        start: i64,
        values: &[f64],
        quiet: impl FnMut(usize, f64) -> f64,
    ) -> Vec<peers::Score> {
        match self {
            Shared::Peers(peers) => peers.interval(start, values, quiet),
            _ => Vec::new(),
        }
    }
}

/// Latitude and longitude in degrees, in a text each or in one text with a comma, as a value.
pub(crate) fn place_of(texts: &[&str]) -> Option<u64> {
    let (latitude, longitude) = match texts {
        [both] => both.trim_matches(['[', ']', '(', ')']).split_once(',')?,
        [latitude, longitude, ..] => (*latitude, *longitude),
        [] => return None,
    };
    let latitude = number(latitude).filter(|degrees| degrees.abs() <= 90.0)?;
    let longitude = number(longitude).filter(|degrees| degrees.abs() <= 180.0)?;
    // What writes nothing known as a zero means no place in the Gulf of Guinea.
    if latitude == 0.0 && longitude == 0.0 {
        return None;
    }
    let bits = |degrees: f64| u64::from((degrees as f32).to_bits());
    Some((bits(latitude) << 32) | bits(longitude))
}

fn degrees_of(value: u64) -> (f64, f64) {
    let degrees = |bits: u64| f64::from(f32::from_bits(bits as u32));
    (degrees(value >> 32), degrees(value))
}

/// A name, by 32 bits of its hash, and how probable it is that it was generated, as a value.
pub(crate) fn name_value(name: &str) -> u64 {
    let name = name.trim_end_matches('.').to_lowercase();
    let generated = generated(&name);
    let probability = (generated.probability as f32).to_bits();
    (value_hash(generated.label.as_bytes()) << 32) | u64::from(probability)
}

fn name_of(value: u64) -> (u32, f32) {
    ((value >> 32) as u32, f32::from_bits(value as u32))
}

/// Shannon's entropy of a text, in bits per character (*A mathematical theory of communication*, 1948).
pub(crate) fn entropy(text: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in text.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let all = text.len() as f64;
    let parts = counts.iter().filter(|count| **count > 0).map(|count| {
        let share = f64::from(*count) / all;
        -share * share.log2()
    });
    parts.sum()
}
