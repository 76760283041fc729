//! # borzoi-engine: batches and rules in; alerts, tables and answers out

pub mod alert;
pub mod alert_build;
pub mod alert_table;
pub mod explain;
pub mod hunt;
pub mod lake;
pub mod matcher;
pub mod pipeline;
pub mod resolve;
