//! Anomaly statistics over numeric series: how unusual is this value, for this series, now?
//!
//! One [`Detector`] per series, fed in order of time; each value gets a [`Score`]: the chance that noise alone is as
//! strong, the band of what was expected, and whether an episode of something unusual begins. Streaming, constant memory
//! (under 2 kB, nothing on the heap), no look-ahead, no I/O and no clock. State can be serialised.
//!
//! # Should I use this?
//!
//! For counts, sums, rates, durations of one entity per interval: yes. For a value that must never be over 100: a rule
//! is simpler. For categories (a new user, a rare process): this cannot see them.
//!
//! # How it works
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
//! known mean), [`ewma`].
//!
//! `docs/anomaly.md` has figures, and what was tried and did not help.

pub mod beacon;
pub mod cusum;
pub mod detector;
pub mod deviation;
pub mod distinct;
pub mod ewma;
pub mod hours;
pub mod names;
pub mod peers;
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

pub use detector::{Cause, Detector, Score};
pub use sensitivity::Sensitivity;
