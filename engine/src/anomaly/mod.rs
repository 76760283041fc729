//! Anomaly statistics over numeric series: streaming, constant memory per series, no I/O and no clock.
pub mod cusum;
pub mod detector;
pub mod deviation;
pub mod ewma;
pub mod range;
pub mod season;
pub mod sensitivity;
#[cfg(test)]
mod simulate;
pub mod sketch;
#[cfg(test)]
mod tests;

pub use detector::{Cause, Detector, Score};
pub use sensitivity::Sensitivity;
