//! Anomaly statistics over numeric series: streaming, constant memory per series, no I/O and no clock.
mod ensemble;

pub use ensemble::{Detector, Score};
