//! # borzoi-engine: batches and rules in; alerts, tables and answers out

pub mod alert;
