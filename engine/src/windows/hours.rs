//! Events at unusual hours: each group says [how unusual an hour is for it](crate::anomaly::hours), and what is told is what all
//! groups of the rule together have had [as seldom as asked for](crate::anomaly::pool).

use borzoi_rules::correlation::Statistic;
use serde::{Deserialize, Serialize};

use super::episode::Figure;
use super::numbers::days;
use super::plan::micros;
use super::watch::{Found, Told};
use crate::anomaly::hours::{self, Hours, Score};
use crate::anomaly::pool::{Pool, Tally};

const HOUR: i64 = 3_600_000_000;
/// Unusual hours that lie within one to two of these are one episode.
const EPISODE: i64 = 8 * HOUR;
/// An hour that has more than this part of what it would have if all were alike is not unusual, whatever others do: so nothing
/// is told of who never sleeps.
const FEW: f64 = 0.75;
/// Makes an even scale of strengths for a pool: steps of a twentieth, down to one in 20,000.
const SCALE: f64 = 2.5;
/// Hours as unusual as that are so many that none is worth a word.
const MOST_EXPECTED: f64 = 20.0;

/// The hours of one group.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Active {
    hours: Hours,
    began: Option<i64>,
    /// The highest strength in a stretch of [`EPISODE`], and in the one before.
    strongest: [f32; 2],
    episode: i64,
}

impl Active {
    pub(super) fn new(ask: &Statistic, span: i64) -> Active {
        Active {
            hours: Hours::new(hours::Settings {
                // From half of it on the pool learns.
                learning_micros: micros(ask.learning) / 2,
                half_life_micros: span,
                ..hours::Settings::default()
            }),
            began: None,
            strongest: [0.0; 2],
            episode: i64::MIN,
        }
    }

    pub(super) fn event(&mut self, told: &Told, ask: &Statistic, hourly: &mut Hourly) -> Option<Found> {
        let time = told.entry.time;
        hourly.pass(time);
        let hour = |time: i64| time.div_euclid(HOUR);
        let known_for = time.saturating_sub(*self.began.get_or_insert(time));
        let score = self.hours.update(time);
        // Each hour counts once.
        if told.last.is_some_and(|last| hour(last) >= hour(time)) || known_for < micros(ask.learning) / 2 {
            return None;
        }
        let strength = strength(&score);
        let quiet = self.quiet(time, strength);
        hourly.tally.add(quiet, strength);
        let is_told = Pool::tells(hourly.pool.bar(), quiet, strength) && known_for >= micros(ask.learning);
        is_told.then(|| Found {
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

    /// The highest strength of late, before one of now.
    fn quiet(&mut self, time: i64, strength: f64) -> f64 {
        let episode = time.div_euclid(EPISODE);
        self.strongest = match episode.saturating_sub(self.episode) {
            0 => self.strongest,
            1 => [0.0, self.strongest[0]],
            _ => [0.0; 2],
        };
        self.episode = episode;
        let [now, before] = self.strongest;
        self.strongest[0] = now.max(strength as f32);
        f64::from(now.max(before))
    }
}

fn strength(score: &Score) -> f64 {
    if score.share >= FEW * score.usual_share || score.probability >= 1.0 {
        return 0.0;
    }
    // How many hours as unusual there should have been by now: the chance alone falls for as long as a group is known better.
    let expected = score.probability * score.active_hours;
    (SCALE * (MOST_EXPECTED / expected.max(f64::MIN_POSITIVE)).ln()).max(0.0)
}

/// What the groups of a rule share: a pool that learns by the hour of event time.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Hourly {
    pool: Pool,
    tally: Tally,
    hour: Option<i64>,
}

impl Hourly {
    pub(super) fn new(ask: &Statistic) -> Hourly {
        Hourly {
            pool: Pool::of_hours(ask.alerts_per_day),
            tally: Tally::default(),
            hour: None,
        }
    }

    /// Nothing happens before `time` any more.
    fn pass(&mut self, time: i64) {
        let now = time.div_euclid(HOUR);
        let Some(hour) = self.hour.replace(now).filter(|hour| *hour < now) else {
            return;
        };
        let tally = std::mem::take(&mut self.tally);
        self.pool.learn(days(HOUR), &tally, self.pool.bar());
        let empty = now.saturating_sub(hour).saturating_sub(1);
        if empty > 0 {
            let quiet = days(empty.saturating_mul(HOUR));
            self.pool.learn(quiet, &Tally::default(), self.pool.bar());
        }
    }
}
