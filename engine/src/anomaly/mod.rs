//! Anomaly statistics over numeric series: streaming, constant memory per series, no I/O and no clock.
pub mod detector;
pub mod deviation;
pub mod ewma;
pub mod range;
pub mod season;
pub mod sensitivity;

pub use detector::{Cause, Detector, Score};
pub use sensitivity::Sensitivity;
