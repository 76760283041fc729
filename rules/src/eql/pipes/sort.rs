//! The order of rows.

use super::super::ast::Settings;
use super::super::key::Key;
use super::super::value::{Number, Value};

/// Sorts by the values, the first of them first; rows with equal values stay in their order.
///
/// Where all values of one key are numbers, or texts that read as numbers, they sort as numbers and null as
/// 0; else as texts without case, and null as the empty text.
pub(super) fn sorted<R>(mut rows: Vec<(Vec<Value<'static>>, R)>) -> Vec<R> {
    let keys = rows.first().map_or(0, |(values, _)| values.len());
    let numeric: Vec<bool> = (0..keys)
        .map(|key| {
            rows.iter()
                .all(|(values, _)| values[key].is_null() || values[key].number().is_some())
        })
        .collect();
    let settings = Settings::default();
    let rank = |values: &[Value<'static>]| -> Vec<Rank> {
        values
            .iter()
            .zip(&numeric)
            .map(|(value, numeric)| match numeric {
                true => Rank::Number(value.number().unwrap_or(Number::Int(0))),
                false if value.is_null() => Rank::Key(Key::Text(String::new())),
                false => Rank::Key(Key::of(value, &settings)),
            })
            .collect()
    };
    rows.sort_by_cached_key(|(values, _)| rank(values));
    rows.into_iter().map(|(_, row)| row).collect()
}

#[derive(PartialEq)]
enum Rank {
    Number(Number),
    Key(Key),
}

impl Eq for Rank {}

impl Ord for Rank {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        match (self, other) {
            (Rank::Number(a), Rank::Number(b)) => a.total(*b),
            (Rank::Key(a), Rank::Key(b)) => a.cmp(b),
            // All ranks of one key are of one kind.
            (Rank::Number(_), Rank::Key(_)) => std::cmp::Ordering::Less,
            (Rank::Key(_), Rank::Number(_)) => std::cmp::Ordering::Greater,
        }
    }
}

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
