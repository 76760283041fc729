//! What is learned of one group, and what the groups of a rule share: [anomaly statistics](crate::anomaly) behind one
//! face.

use std::collections::VecDeque;

use borzoi_rules::correlation::{Direction, Metric, Statistic, StatisticKind};
use serde::{Deserialize, Serialize};

use super::episode::{Figure, Sample};
use super::keys::value_hash;
use super::log::Entry;
use super::number;
use super::plan::micros;
use crate::anomaly::beacon::{self, Beacon};
use crate::anomaly::distinct::Distinct;
use crate::anomaly::hours::{self, Hours};
use crate::anomaly::names::generated;
use crate::anomaly::peers::{self, Peers};
use crate::anomaly::rare::{self, Rare};
use crate::anomaly::silence::{self, Silence};
use crate::anomaly::travel::{self, Travel};
use crate::anomaly::{Detector, Sensitivity};

const DAY: f64 = 86_400e6;
/// A name counts as generated from this probability on.
const GENERATED: f64 = 0.9;
/// Generated names of a group that are remembered within a window.
const MOST_NAMES: usize = 256;
/// Numbers of past intervals that an alert shows.
const SHOWN: usize = 24;

/// An event that is told to a machine.
pub(super) struct Told {
    pub(super) entry: Entry,
    /// Time of the one before.
    pub(super) last: Option<i64>,
    /// A hash of the group's values.
    pub(super) group: u64,
    /// A hash of the values that are told apart in it.
    pub(super) value: u64,
    /// How many groups there are.
    pub(super) live: usize,
    /// How many others have the same last value.
    pub(super) peers: u32,
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

/// The numbers of the last intervals, to about three digits.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct History {
    /// The upper halves of 32-bit floats.
    values: [u16; SHOWN],
    next: u8,
    len: u8,
}

impl History {
    fn push(&mut self, value: f64) {
        self.values[usize::from(self.next)] = ((value as f32).to_bits() >> 16) as u16;
        self.next = (self.next + 1) % SHOWN as u8;
        self.len = (self.len + 1).min(SHOWN as u8);
    }

    /// Oldest first.
    fn in_order(&self) -> Vec<f32> {
        let (next, len) = (usize::from(self.next), usize::from(self.len));
        let places = (0..len).map(|place| (next + SHOWN - len + place) % SHOWN);
        places
            .map(|place| f32::from_bits(u32::from(self.values[place]) << 16))
            .collect()
    }
}

/// What the events of an open interval come to.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Cell {
    count: u32,
    sum: f64,
    most: f64,
    distinct: Option<Box<Distinct>>,
    /// Events of each rule, where there are several.
    of_slot: Vec<u32>,
}

impl Cell {
    fn add(&mut self, entry: &Entry, metric: Metric) {
        self.count = self.count.saturating_add(1);
        let slot = usize::from(entry.slot);
        if self.of_slot.len() <= slot {
            self.of_slot.resize(slot + 1, 0);
        }
        self.of_slot[slot] = self.of_slot[slot].saturating_add(1);
        match metric {
            Metric::Sum | Metric::Mean | Metric::Max | Metric::Entropy => {
                let number = f64::from_bits(entry.value);
                self.most = if self.count == 1 {
                    number
                } else {
                    self.most.max(number)
                };
                self.sum += number;
            }
            Metric::Distinct => {
                self.distinct.get_or_insert_default().insert(entry.value);
            }
            Metric::Count | Metric::Ratio => {}
        }
    }

    fn value(&self, metric: Metric) -> Option<f64> {
        if self.count == 0 {
            return metric.is_of_nothing().then_some(0.0);
        }
        let count = f64::from(self.count);
        Some(match metric {
            Metric::Count => count,
            Metric::Distinct => self.distinct.as_ref().map_or(0.0, |distinct| distinct.estimate()),
            Metric::Sum => self.sum,
            Metric::Mean | Metric::Entropy => self.sum / count,
            Metric::Max => self.most,
            Metric::Ratio => f64::from(self.of_slot.first().copied().unwrap_or(0)) / count,
        })
    }

    fn heap_bytes(&self) -> usize {
        self.of_slot.capacity() * size_of::<u32>()
            + self.distinct.as_ref().map_or(0, |_| size_of::<Distinct>())
    }

    /// How many events there were of each rule.
    pub(super) fn of_slots(&self, slots: u16) -> Box<[u64]> {
        let known = self.of_slot.iter().copied().map(u64::from);
        known
            .chain(std::iter::repeat(0))
            .take(usize::from(slots))
            .collect()
    }

    pub(super) fn count(&self) -> u64 {
        u64::from(self.count)
    }
}

/// A series of numbers.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Numbers {
    cell: Cell,
    history: History,
    detector: Option<Detector>,
}

/// A pair that may be a beacon.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Calls {
    beacon: Beacon,
    /// It was told and has not stopped since.
    told: bool,
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
    Calls(Box<Calls>),
    Silence(Box<Silence>),
    Hours(Box<Hours>),
    Travel(Box<Journey>),
    Names(Box<Names>),
    /// Everything is kept by what groups share.
    Shared,
}

impl Machine {
    /// For one of so many groups.
    pub(super) fn new(kind: StatisticKind, ask: &Statistic, span: i64, live: usize) -> Machine {
        let alerts_per_day = ask.alerts_per_day / live.max(1) as f64;
        let numbers = |detector| {
            Machine::Numbers(Box::new(Numbers {
                cell: Cell::default(),
                history: History::default(),
                detector,
            }))
        };
        match kind {
            StatisticKind::Anomaly => numbers(Some(Detector::new(Sensitivity::alerts_per_day(
                alerts_per_day,
                span,
            )))),
            StatisticKind::PeerAnomaly => numbers(None),
            StatisticKind::Beaconing => Machine::Calls(Box::new(Calls {
                beacon: Beacon::new(beacon::Settings::default()),
                told: false,
            })),
            StatisticKind::Silence => Machine::Silence(Box::new(Silence::new(silence::Settings {
                alerts_per_day,
                learning_micros: micros(ask.learning),
                least_micros: span,
            }))),
            StatisticKind::UnusualTime => Machine::Hours(Box::new(Hours::new(hours::Settings {
                alerts_per_day,
                learning_micros: micros(ask.learning),
                half_life_micros: span,
            }))),
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
            Machine::Numbers(numbers) => size_of::<Numbers>() + numbers.cell.heap_bytes(),
            Machine::Calls(_) => size_of::<Calls>(),
            Machine::Silence(_) => size_of::<Silence>(),
            Machine::Hours(_) => size_of::<Hours>(),
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
                numbers.cell.add(&told.entry, ask.metric);
                None
            }
            Machine::Calls(calls) => calls.event(told, ask, span),
            Machine::Silence(silence) => {
                silence.update(time);
                None
            }
            Machine::Hours(hours) => {
                hours.set_alerts_per_day(ask.alerts_per_day / told.live.max(1) as f64);
                let score = hours.update(time);
                score.alert.then(|| Found {
                    value: score.share,
                    count: 1,
                    figures: vec![
                        (Figure::Share, score.share),
                        (Figure::UsualShare, score.usual_share),
                        (Figure::ActiveHours, score.active_hours),
                        (Figure::Probability, score.probability),
                    ],
                    ..Found::default()
                })
            }
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

    /// Nobody spoke until `now`.
    pub(super) fn silent(&mut self, now: i64) -> Option<Found> {
        let Machine::Silence(silence) = self else {
            return None;
        };
        let score = silence.check(now);
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

    /// The open interval is over: its number, and what it was made of.
    pub(super) fn close(&mut self, metric: Metric) -> Option<(f64, Cell)> {
        let Machine::Numbers(numbers) = self else {
            return None;
        };
        let cell = std::mem::take(&mut numbers.cell);
        Some((cell.value(metric)?, cell))
    }

    /// The number of an interval.
    pub(super) fn number(
        &mut self,
        start: i64,
        value: f64,
        ask: &Statistic,
        sensitivity: Sensitivity,
        partial: bool,
        band: &mut Band,
    ) -> Option<Found> {
        let Machine::Numbers(numbers) = self else {
            return None;
        };
        numbers.history.push(value);
        let detector = numbers.detector.as_mut()?;
        detector.set_sensitivity(sensitivity);
        let score = detector.update(start, value);
        band.expected = score.expected;
        (band.low, band.high, band.probability) = (score.low, score.high, score.probability);
        let up = value > score.expected;
        let told = match ask.direction {
            Direction::Up => up,
            Direction::Down => !up,
            Direction::Both => true,
        };
        let most = if up { value } else { score.expected };
        // Of the last interval nobody knows how much more there would have been.
        let known = up || !partial;
        (score.alert && told && known && most >= ask.at_least).then(|| Found {
            value,
            count: 0,
            figures: vec![
                (Figure::Expected, score.expected),
                (Figure::Low, score.low),
                (Figure::High, score.high),
                (Figure::Probability, score.probability),
            ],
            series: numbers.history.in_order(),
            ..Found::default()
        })
    }

    /// What was measured of the last intervals, and now.
    pub(super) fn remember(&mut self, value: f64) -> Vec<f32> {
        let Machine::Numbers(numbers) = self else {
            return Vec::new();
        };
        numbers.history.push(value);
        numbers.history.in_order()
    }

    /// When silence becomes too long for one of so many groups.
    pub(super) fn deadline(&mut self, ask: &Statistic, live: usize) -> Option<i64> {
        match self {
            Machine::Silence(silence) => {
                silence.set_alerts_per_day(ask.alerts_per_day / live.max(1) as f64);
                silence.deadline()
            }
            _ => None,
        }
    }
}

impl Calls {
    fn event(&mut self, told: &Told, ask: &Statistic, span: i64) -> Option<Found> {
        let time = told.entry.time;
        if told.last.is_some_and(|last| time.saturating_sub(last) >= span) {
            // A pause this long begins anew.
            *self = Calls {
                beacon: Beacon::new(beacon::Settings::default()),
                told: false,
            };
        }
        let score = self.beacon.update(time);
        if score.period_micros <= 0 {
            return None;
        }
        let per_day = score.probability * DAY / score.period_micros as f64;
        let is_one = per_day * told.live.max(1) as f64 <= ask.alerts_per_day;
        if !is_one {
            // One that wavers around the bound is told once.
            self.told &= score.probability < 0.1;
            return None;
        }
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
            figures: vec![(Figure::Names, count as f64), (Figure::Generated, mean)],
            ..Found::default()
        })
    }
}

/// What the groups of a rule share.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Shared {
    Nothing,
    Rare(Box<Rare>),
    Peers(Box<Peers>),
}

impl Shared {
    pub(super) fn new(kind: StatisticKind, ask: &Statistic, span: i64) -> Shared {
        match kind {
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
            }))),
            _ => Shared::Nothing,
        }
    }

    /// Bytes that grow with what is learned.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Shared::Rare(rare) if rare.entries() > 0 => rare.bytes(),
            _ => 0,
        }
    }

    fn rare(&mut self, told: &Told, ask: &Statistic) -> Option<Found> {
        let Shared::Rare(rare) = self else {
            return None;
        };
        let score = rare.update(told.entry.time, told.group, told.value);
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

    /// What is unusual among the numbers of all groups in an interval.
    pub(super) fn peers(&mut self, start: i64, values: &[f64]) -> Vec<(Band, Option<Found>)> {
        let Shared::Peers(peers) = self else {
            return Vec::new();
        };
        let scores = peers.interval(start, values).into_iter().zip(values);
        scores
            .map(|(score, value)| {
                let band = Band {
                    expected: score.median,
                    low: score.low,
                    high: score.high,
                    probability: score.probability,
                };
                let found = score.alert.then(|| Found {
                    value: *value,
                    count: 0,
                    figures: vec![
                        (Figure::Expected, score.median),
                        (Figure::Low, score.low),
                        (Figure::High, score.high),
                        (Figure::Probability, score.probability),
                        (Figure::Peers, values.len() as f64),
                    ],
                    ..Found::default()
                });
                (band, found)
            })
            .collect()
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
