//! Stretches of event time on which a condition holds.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::keys::Key;

/// Events that an episode names.
pub const MOST_SAMPLES: usize = 10;

/// Of each rule it names so many first, so that a flood of one does not hide the others.
pub const SAMPLES_OF_SLOT: usize = 3;

/// Events that are looked at for samples.
pub(super) const LOOKED_AT: usize = 4096;

/// An event that an episode names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Event time in microseconds.
    pub time: i64,
    /// The event's id; for what another correlation found, the id of its episode.
    pub id: u128,
    /// Which of the correlation's rules it is of.
    pub slot: u16,
}

/// A number that says how unusual something is, or against what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Figure {
    /// What was expected.
    Expected,
    /// Where nearly all values lie: from here …
    Low,
    /// … to here.
    High,
    /// The chance that noise alone is as unusual.
    Probability,
    /// The share of activity at such a time.
    Share,
    /// The same, if it were even.
    UsualShare,
    /// Hours of the week with activity.
    ActiveHours,
    /// Kilometres between two places.
    DistanceKm,
    /// How fast one would have to be.
    SpeedKmh,
    /// How long it lasted or took.
    Seconds,
    /// The median pause.
    UsualSeconds,
    /// The pause that is told.
    LimitSeconds,
    /// From one call-back to the next.
    PeriodSeconds,
    /// How much earlier or later call-backs are, as a part of the period.
    Jitter,
    /// Call-backs.
    Callbacks,
    /// Call-backs that should have been there.
    Missing,
    /// Different names.
    Names,
    /// The chance that they were generated.
    Generated,
    /// Other groups.
    Peers,
    /// Of these, those that had the value.
    PeersWith,
    /// The share of the group's own events with the value.
    OwnShare,
    /// How many events as rare there are a day.
    PerDay,
    /// The most distinct values in a window, beside the count of events.
    Distinct,
    /// The speed from which on it is told.
    LimitKmh,
    /// How many are told.
    AtLeast,
}

impl Figure {
    /// Its name in alerts.
    pub fn name(self) -> &'static str {
        match self {
            Figure::Expected => "expected",
            Figure::Low => "low",
            Figure::High => "high",
            Figure::Probability => "probability",
            Figure::Share => "share",
            Figure::UsualShare => "usual_share",
            Figure::ActiveHours => "active_hours",
            Figure::DistanceKm => "distance_km",
            Figure::SpeedKmh => "speed_kmh",
            Figure::Seconds => "seconds",
            Figure::UsualSeconds => "usual_seconds",
            Figure::LimitSeconds => "limit_seconds",
            Figure::PeriodSeconds => "period_seconds",
            Figure::Jitter => "jitter",
            Figure::Callbacks => "callbacks",
            Figure::Missing => "missing",
            Figure::Names => "names",
            Figure::Generated => "generated",
            Figure::Peers => "peers",
            Figure::PeersWith => "peers_with",
            Figure::OwnShare => "own_share",
            Figure::PerDay => "per_day",
            Figure::Distinct => "distinct",
            Figure::LimitKmh => "limit_kmh",
            Figure::AtLeast => "at_least",
        }
    }
}

/// A number of an interval, and what was expected of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Watched {
    /// The number of the correlation.
    pub plan: u32,
    /// Whose it is.
    pub tenant: Arc<str>,
    /// The group's values.
    pub key: Key,
    /// When the interval begins, in microseconds.
    pub start: i64,
    /// What was measured.
    pub value: f64,
    /// What was expected.
    pub expected: f64,
    /// Where nearly all values lie: from here …
    pub low: f64,
    /// … to here.
    pub high: f64,
    /// The chance that noise alone is as unusual; 1 while too little is known.
    pub probability: f64,
    /// Whether an alert was made of it.
    pub told: bool,
}

/// What a statistic says of what it found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// The numbers to judge it by.
    pub figures: Vec<(Figure, f64)>,
    /// What was measured in the last intervals, oldest first, to about three digits; the last is the one that was found.
    pub series: Vec<f32>,
}

/// A maximal stretch `[start, end)` of event time: for each of its times `t`, the condition holds of the events in
/// `(t - span, t]`.
///
/// The events that an episode counts are those in `(start - span, end)`: each lies in a window of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Episode {
    /// The number of the correlation.
    pub plan: u32,
    /// Whose it is.
    pub tenant: Arc<str>,
    /// The group's values.
    pub key: Key,
    /// From when on the condition holds.
    pub start: i64,
    /// When it holds no longer; of one that was announced and may last, a time shortly after its start.
    pub end: i64,
    /// Whether it is over and nothing that may still come changes it.
    pub is_final: bool,
    /// The starts under which it was announced before it was final. More than its own: it was taken for several, or late
    /// events have made it begin earlier.
    pub announced: Box<[i64]>,
    /// The time of the first event that counts.
    pub first: i64,
    /// The time of the last one.
    pub last: i64,
    /// How many events count.
    pub count: u64,
    /// How many of them are of each of the correlation's rules.
    pub of_slot: Box<[u64]>,
    /// What was measured at the start.
    pub value: f64,
    /// The highest that was measured.
    pub peak: f64,
    /// Some of the first events, in order of time: of those at or after the last multiple of the span before the start,
    /// the first few of each rule.
    pub samples: Box<[Sample]>,
    /// What statistics say of it.
    pub figures: Option<Box<Figures>>,
}

/// The id of an episode: stretches of one rule and group do not overlap, so their start tells them apart.
pub fn episode_id(tenant: &str, rule_id: &str, key: &Key, start: i64) -> u128 {
    let mut text = Vec::with_capacity(64);
    for part in [tenant, rule_id] {
        text.extend_from_slice(part.as_bytes());
        text.push(0);
    }
    text.extend_from_slice(&start.to_le_bytes());
    text.extend_from_slice(key.bytes());
    xxh3_128(&text)
}

/// Where samples begin for an episode that starts at `start`. Events between here and the start are all its own, so the
/// first few of each such stretch are all that is ever needed.
pub fn samples_from(start: i64, span: i64) -> i64 {
    start.div_euclid(span).saturating_mul(span)
}
