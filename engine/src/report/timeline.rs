//! Alerts over time: which bucket each falls into.

use chrono::{DateTime, SecondsFormat};

use super::summary::{LEVELS, level_index};
use crate::alert::Alert;

/// Most bars the timeline has; more would be thinner than a pixel on a narrow screen.
const MOST_BUCKETS: i64 = 120;

/// Bucket widths that a person can read off an axis, in seconds.
const WIDTHS: [i64; 19] = [
    1, 2, 5, 10, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800,
    604_800,
];

/// Alerts per bucket and level.
///
/// Buckets are aligned to multiples of their width since 1970, and lie without gaps from the first alert
/// to the last.
#[derive(Default)]
pub struct Timeline {
    /// Start of the first bucket, in seconds since 1970.
    pub start: i64,
    /// Width of a bucket in seconds; 0 if no alert has a usable time.
    pub width: i64,
    /// Counts per bucket, in the order of [`LEVELS`].
    pub buckets: Vec<[u64; LEVELS.len()]>,
    /// Bucket of each alert; `None` if its time cannot be read.
    pub bucket_of: Vec<Option<usize>>,
    /// Alerts whose time cannot be read.
    pub untimed: u64,
    /// Time of the first and the last alert, in seconds since 1970.
    pub extent: Option<(i64, i64)>,
}

impl Timeline {
    /// Counts `alerts`.
    pub fn of(alerts: &[Alert]) -> Self {
        let seconds: Vec<Option<i64>> = alerts
            .iter()
            .map(|alert| {
                DateTime::parse_from_rfc3339(&alert.time)
                    .ok()
                    .map(|t| t.timestamp())
            })
            .collect();
        let untimed = seconds.iter().filter(|second| second.is_none()).count() as u64;
        let timed = || seconds.iter().flatten().copied();
        let (Some(first), Some(last)) = (timed().min(), timed().max()) else {
            return Timeline {
                bucket_of: vec![None; alerts.len()],
                untimed,
                ..Timeline::default()
            };
        };
        let width = width(first, last);
        let start = first.div_euclid(width) * width;
        let bucket = |second: i64| ((second - start) / width) as usize;
        let bucket_of: Vec<Option<usize>> = seconds.iter().map(|second| second.map(bucket)).collect();
        let mut buckets = vec![[0; LEVELS.len()]; bucket(last) + 1];
        for (alert, bucket) in alerts.iter().zip(&bucket_of) {
            if let Some(bucket) = bucket {
                buckets[*bucket][level_index(alert.rule.level)] += 1;
            }
        }
        Timeline {
            start,
            width,
            buckets,
            bucket_of,
            untimed,
            extent: Some((first, last)),
        }
    }

    /// The highest bar.
    pub fn highest(&self) -> u64 {
        self.buckets
            .iter()
            .map(|counts| counts.iter().sum())
            .max()
            .unwrap_or(0)
    }
}

/// The narrowest width that needs no more than [`MOST_BUCKETS`].
fn width(first: i64, last: i64) -> i64 {
    let needed = |width: i64| last.div_euclid(width) - first.div_euclid(width) + 1;
    let listed = WIDTHS.into_iter().find(|&width| needed(width) <= MOST_BUCKETS);
    listed.unwrap_or_else(|| {
        // Whole weeks beyond the list: one event stamped 1970 must not make thousands of bars.
        const WEEK: i64 = 604_800;
        let weeks = (last - first) / (WEEK * (MOST_BUCKETS - 1)) + 1;
        weeks * WEEK
    })
}

/// `2026-11-21 10:30:00` (UTC).
pub fn clock(second: i64) -> String {
    let Some(time) = DateTime::from_timestamp(second, 0) else {
        return second.to_string();
    };
    let mut text = time.to_rfc3339_opts(SecondsFormat::Secs, true).replace('T', " ");
    text.pop();
    text
}

/// `5 min`.
pub fn width_name(seconds: i64) -> String {
    const UNITS: [(i64, &str); 5] = [
        (604_800, "weeks"),
        (86_400, "days"),
        (3_600, "hours"),
        (60, "minutes"),
        (1, "seconds"),
    ];
    let (unit, name) = UNITS
        .into_iter()
        .find(|(unit, _)| seconds >= *unit && seconds % unit == 0)
        .unwrap_or((1, "seconds"));
    match seconds / unit {
        1 => format!("one {}", name.trim_end_matches('s')),
        count => format!("{count} {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_stay_readable_and_few() {
        assert_eq!(width(100, 100), 1);
        assert_eq!(width(0, 3_600), 60);
        assert_eq!(width(0, 86_399), 900);
        for (first, last) in [
            (0, 119),
            (59, 179),
            (0, 2_000_000_000),
            (-2_000_000_000, 2_000_000_000),
        ] {
            let width = width(first, last);
            let bars = last.div_euclid(width) - first.div_euclid(width) + 1;
            assert!(
                (1..=MOST_BUCKETS).contains(&bars),
                "{first}..{last}: {bars} bars of {width}"
            );
        }
    }

    #[test]
    fn names_of_widths() {
        assert_eq!(width_name(1), "one second");
        assert_eq!(width_name(300), "5 minutes");
        assert_eq!(width_name(86_400), "one day");
        assert_eq!(clock(1_795_257_000), "2026-11-21 10:30:00");
    }
}
