//! Anomaly statistics: what no rule was written for.
//!
//! One [`Detector`] per numeric series, fed in order of time; each value gets a [`Score`]: the chance that noise alone is as
//! strong, the band of what was expected, and whether an episode of something unusual begins. Beside it stand machines for
//! what is no number (below). All are streaming, take constant memory per series, look at no clock, file or rule,
//! and can be serialised.
//!
//! # Should I use this?
//!
//! | question | answered by |
//! |---|---|
//! | is this count, sum, rate, duration of an entity and interval unusual? | [`Detector`] |
//! | does a pair connect at a period, as implants do? | [`beacon`] |
//! | was this domain name generated? | [`names`] |
//! | how many distinct values in an interval (spray, scan, fan-out: give it to the [`Detector`])? | [`distinct`] |
//! | is this value, or combination of values, new for the entity and rare among its peers? | [`rare`] |
//! | is the entity active at an hour at which it never is? | [`hours`] |
//! | was an account in two places too far apart? | [`travel`] |
//! | does a source no longer talk? | [`silence`] |
//! | has an entity much more than its peers in the same interval? | [`peers`] |
//!
//! For a value that must never be over 100, a rule is simpler.
//!
//! Each machine has `new(Settings)` and an `update` that takes a time in microseconds, in ascending order, and gives a `Score`
//! with `alert` and the numbers that an analyst wants to read. Sensitivity is a number of alerts per day where that has
//! a meaning. Times that stand still or go back, and values that are no numbers, do no harm.
//!
//! # How the detector works
//!
//! ```text
//! value ─▶ season: level, half hour of the day, hour of the week ─▶ forecast
//!   │                                                                  │
//!   │              deviation from the best, from the week ◀────────────┘
//!   │                at three speeds, against usual size and record
//!   ▼                                  │ mean
//! range: outside of everything? ─────▶ strength ─▶ probability, episode ─▶ alert
//! ```
//!
//! - [`season`] says what to expect, [`deviation`] how unusual the difference is, [`range`] whether the value is
//!   outside of everything seen.
//! - [`sensitivity`] turns the strength into the rate at which noise is as strong, which is nearly the same for every
//!   kind of noise because half of the strength is about records.
//! - After an alert the series rests: one episode is one alert, unless it gets twice as strong.
//!
//! Values are kept relative to the first one, in units of the first movement, and times relative to the first: the
//! same series in another unit, with another zero or at another date scores the same.
//!
//! Beside it stand parts for rules of their own: [`sketch`] (quantiles, median and MAD), [`cusum`] (a shift against a
//! known mean), [`ewma`], [`rates`] (how many events a day are as strong); and [`simulate`], what tests and benchmarks
//! are fed with.
//!
//! `docs/anomaly.md` has figures, and what was tried and did not help.

pub mod beacon;
mod compact;
pub mod cusum;
pub mod detector;
pub mod deviation;
pub mod distinct;
pub mod ewma;
#[cfg(test)]
mod fan_out_tests;
mod fast;
pub mod hours;
pub mod names;
pub mod peers;
pub mod pool;
pub mod range;
pub mod rare;
pub mod rates;
pub mod season;
pub mod sensitivity;
pub mod silence;
pub mod simulate;
pub mod sketch;
#[cfg(test)]
mod tests;
pub mod travel;

pub(crate) use detector::LEARNING;
pub use detector::{Cause, Detector, Score};
pub use sensitivity::Sensitivity;
