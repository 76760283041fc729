//! Which ids a data file can hold, in a line of the table's log.
//!
//! An `event_id` begins with 56 bits that name its source and goes on with the offset in it, so the ids of a
//! file lie in as many short stretches as sources went into it. Those stretches, written into the `tags` of the
//! file's log entry, tell without opening the file that it holds none of some ids; whatever time those events
//! are thought to have. A file without the tag (written by another program, or rewritten by one) may hold any id
//! between the least and the greatest that its statistics name.

use std::fmt::Write as _;

/// Name of the tag: stretches of the ids in column `event_id`.
pub(super) const EVENT_ID_TAG: &str = "borzoi.event_id_ranges";

/// Name of the tag in tables of alerts, see [`dedupe`](super::dedupe): stretches of `alert_event_id`.
pub(super) const ALERT_EVENT_ID_TAG: &str = "borzoi.alert_event_id_ranges";

/// Stretches of a file at most: 65 characters each. With more sources the nearest ones share a stretch.
const MOST: usize = 64;

/// Bits below those that name the source.
const SOURCE_SHIFT: u32 = 72;

/// The part of an id that names its source.
pub(super) fn source_of(id: u128) -> u64 {
    (id >> SOURCE_SHIFT) as u64
}

/// Stretches of ids, both ends included.
///
/// *Invariants*: ascending, disjoint, at most [`MOST`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IdRanges(Vec<(u128, u128)>);

impl IdRanges {
    /// Of these ids, which ascend.
    pub(super) fn of(ids: &[u128]) -> Self {
        let mut gaps: Vec<(u128, usize)> = ids
            .windows(2)
            .enumerate()
            .filter(|(_, pair)| source_of(pair[0]) != source_of(pair[1]))
            .map(|(position, pair)| (pair[1] - pair[0], position + 1))
            .collect();
        if gaps.len() >= MOST {
            gaps.sort_unstable_by_key(|&(width, _)| std::cmp::Reverse(width));
            gaps.truncate(MOST - 1);
        }
        let mut starts: Vec<usize> = gaps.into_iter().map(|(_, start)| start).collect();
        starts.sort_unstable();
        let mut ranges = Vec::with_capacity(starts.len() + 1);
        let mut from = 0;
        for end in starts.into_iter().chain([ids.len()]) {
            if let (Some(&low), Some(&high)) = (ids.get(from), ids[..end].last()) {
                ranges.push((low, high));
            }
            from = end;
        }
        IdRanges(ranges)
    }

    /// One stretch.
    pub(super) fn between(low: u128, high: u128) -> Self {
        IdRanges(vec![(low, high)])
    }

    /// As it stands in the tag: `low-high` in hexadecimal digits, commas between.
    pub(super) fn to_text(&self) -> String {
        let mut text = String::with_capacity(self.0.len() * 66);
        for (low, high) in &self.0 {
            let comma = if text.is_empty() { "" } else { "," };
            write!(text, "{comma}{low:032x}-{high:032x}").expect("writing to a String cannot fail");
        }
        text
    }

    /// `None` if the text is none of ours: then nothing is known.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(IdRanges(Vec::new()));
        }
        text.split(',')
            .map(|range| {
                let (low, high) = range.split_once('-')?;
                let digits = |text: &str| u128::from_str_radix(text, 16).ok();
                Some((digits(low)?, digits(high)?))
            })
            .collect::<Option<Vec<_>>>()
            .map(IdRanges)
    }

    /// Whether any of some ids lies in a stretch; `next` gives the least of them that is not below its argument.
    pub(super) fn meets(&self, next: impl Fn(u128) -> Option<u128>) -> bool {
        self.0
            .iter()
            .any(|&(low, high)| next(low).is_some_and(|id| id <= high))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(source: u128, offset: u128) -> u128 {
        (source << SOURCE_SHIFT) | (offset << 32) | 7
    }

    fn meets(ranges: &IdRanges, ids: &[u128]) -> bool {
        ranges.meets(|from| ids.iter().copied().find(|&id| id >= from))
    }

    #[test]
    fn a_source_is_a_stretch() {
        let ids = [id(1, 0), id(1, 900), id(5, 3), id(5, 4)];
        let ranges = IdRanges::of(&ids);
        assert_eq!(ranges.0, [(ids[0], ids[1]), (ids[2], ids[3])]);
        assert!(meets(&ranges, &[id(1, 500)]) && meets(&ranges, &[id(0, 0), id(5, 4)]));
        assert!(!meets(&ranges, &[id(1, 901), id(3, 0), id(5, 5)]));
        assert!(!meets(&ranges, &[]));
        assert_eq!(IdRanges::parse(&ranges.to_text()), Some(ranges));
    }

    #[test]
    fn many_sources_share_stretches_and_every_id_stays_inside() {
        let ids: Vec<u128> = (0..1000).map(|source| id(source * source, source)).collect();
        let ranges = IdRanges::of(&ids);
        assert_eq!(ranges.0.len(), MOST);
        assert!(ids.iter().all(|&id| meets(&ranges, &[id])));
        // The widest gaps stay open.
        assert!(!meets(&ranges, &[id(998 * 998, 0) + (500 << SOURCE_SHIFT)]));
    }

    #[test]
    fn no_ids_meet_nothing_and_strange_texts_say_nothing() {
        let none = IdRanges::of(&[]);
        assert_eq!(IdRanges::parse(&none.to_text()), Some(none.clone()));
        assert!(!meets(&none, &[1]));
        for text in ["x", "1", "1-2,", "1-g"] {
            assert_eq!(IdRanges::parse(text), None, "{text}");
        }
    }
}
