//! What people see: colours, tables, progress, log lines. Colours only on a terminal (anstream), progress
//! only when standard error is one.

pub mod log;
pub mod plot;
pub mod progress;
pub mod style;
pub mod table;
