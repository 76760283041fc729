//! Databases: error logs, the slow query log of MySQL, failed logins.

mod mssql;
mod mysql;
mod other;
mod postgresql;

use crate::formats::text::Grammar;

pub(super) const GRAMMARS: &[Grammar] = &[
    mysql::SLOW,
    mysql::ERROR,
    mssql::ERROR,
    postgresql::LOG,
    other::MONGODB,
    other::REDIS,
    other::REDIS_MONITOR,
];
