//! One matcher against one text: what the indexes compute for many at once, one at a time.
//!
//! Used where one event is looked at closely (alerts, explanations), and by the indexes for the kinds of
//! matcher that have no faster way.

use std::net::IpAddr;
use std::sync::Arc;

use borzoi_parsers::value::parse_timestamp;
use borzoi_rules::ir::{Cidr, Comparison, Listed, Matcher, Regex, Relation, TimePart};
use chrono::{DateTime, Datelike, Timelike, Utc};

use super::fold::fold;
use super::glob::Glob;
use super::regexes::CompiledRegex;
use super::values::Found;

/// A matcher on texts, ready to run.
#[derive(Debug, Clone)]
pub enum Test {
    /// A wildcard pattern.
    Glob(Glob),
    /// A regular expression.
    Regex(Arc<CompiledRegex>),
    /// A network.
    Cidr(Cidr),
    /// A number.
    Number(Comparison, f64),
    /// A part of a point in time.
    TimePart(TimePart, Comparison, i64),
    /// A list.
    Listed(Listed),
}

impl Test {
    /// The test of a matcher that looks at one text; `compile` gives the compiled form of a regular
    /// expression.
    ///
    /// # Errors
    ///
    /// What `compile` says, or that the matcher is not about one text ([`Matcher::Null`],
    /// [`Matcher::Exists`], [`Matcher::FieldRef`]).
    pub fn of(
        matcher: &Matcher,
        compile: impl Fn(&Regex) -> Result<Arc<CompiledRegex>, String>,
    ) -> Result<Test, String> {
        Ok(match matcher {
            Matcher::Pattern(pattern) => Test::Glob(Glob::new(pattern)),
            Matcher::Regex(regex) => Test::Regex(compile(regex)?),
            Matcher::Cidr(cidr) => Test::Cidr(*cidr),
            Matcher::Number(comparison, bound) => Test::Number(*comparison, *bound),
            Matcher::TimePart(part, comparison, bound) => Test::TimePart(*part, *comparison, *bound),
            Matcher::Listed(listed) => Test::Listed(listed.clone()),
            Matcher::Null | Matcher::Exists(_) | Matcher::FieldRef { .. } => {
                return Err("asks for more than the text of one value".to_owned());
            }
        })
    }

    /// Whether it holds for a value that is asked about many times, of an event of this time.
    pub(crate) fn holds_for(&self, value: &Found<'_>, time: i64) -> bool {
        match self {
            Test::Listed(Listed { lists, list, sort }) => lists.holds_at(*list, *sort, &value.text, time),
            Test::Glob(glob) if !glob.is_cased() => glob.matches_ready(value.folded()),
            other => other.holds(&value.text),
        }
    }

    /// Whether it holds for `text`, at any time.
    pub fn holds(&self, text: &str) -> bool {
        match self {
            Test::Glob(glob) => glob.matches(text),
            Test::Regex(regex) => regex.is_match(text),
            Test::Cidr(cidr) => address(text).is_some_and(|address| in_network(address, cidr)),
            Test::Number(comparison, bound) => {
                number(text).is_some_and(|number| compares(number, *comparison, *bound))
            }
            Test::TimePart(part, comparison, bound) => {
                time_part(text, *part).is_some_and(|value| compares_whole(value, *comparison, *bound))
            }
            Test::Listed(Listed { lists, list, sort }) => {
                let mut is_in = false;
                lists.lists_of(*sort, text, &mut |found| is_in |= found == *list);
                is_in
            }
        }
    }
}

/// `text` as a finite number, blanks around it aside.
pub fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    // Most values are no numbers; `parse` would also take `inf` and `nan`.
    let first = text.bytes().next()?;
    if !(first.is_ascii_digit() || matches!(first, b'-' | b'+' | b'.')) {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Whether `number` compares so with `bound`.
pub fn compares(number: f64, comparison: Comparison, bound: f64) -> bool {
    match comparison {
        Comparison::Equal => number == bound,
        Comparison::Less => number < bound,
        Comparison::LessOrEqual => number <= bound,
        Comparison::Greater => number > bound,
        Comparison::GreaterOrEqual => number >= bound,
    }
}

/// Whether `number` compares so with `bound`.
pub fn compares_whole(number: i64, comparison: Comparison, bound: i64) -> bool {
    match comparison {
        Comparison::Equal => number == bound,
        Comparison::Less => number < bound,
        Comparison::LessOrEqual => number <= bound,
        Comparison::Greater => number > bound,
        Comparison::GreaterOrEqual => number >= bound,
    }
}

/// `text` as an address; a zone (`fe80::1%4`) is left out.
pub fn address(text: &str) -> Option<IpAddr> {
    let bare = match text.split_once('%') {
        Some((bare, _)) => bare,
        None => text,
    };
    bare.trim().parse().ok()
}

/// Whether `address` lies in the network. An IPv4 address written as IPv6 (`::ffff:10.0.0.1`) is in the
/// networks of both.
pub fn in_network(address: IpAddr, cidr: &Cidr) -> bool {
    contains(address, cidr) || contains(address.to_canonical(), cidr)
}

fn contains(address: IpAddr, cidr: &Cidr) -> bool {
    let prefix = u32::from(cidr.prefix);
    match (address, cidr.network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            let mask = u32::MAX.checked_shl(32 - prefix.min(32)).unwrap_or(0);
            (address.to_bits() ^ network.to_bits()) & mask == 0
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            let mask = u128::MAX.checked_shl(128 - prefix.min(128)).unwrap_or(0);
            (address.to_bits() ^ network.to_bits()) & mask == 0
        }
        _ => false,
    }
}

/// The part of the point in time that `text` spells.
pub fn time_part(text: &str, part: TimePart) -> Option<i64> {
    let instant: DateTime<Utc> = DateTime::from_timestamp_micros(parse_timestamp(text)?)?;
    Some(match part {
        TimePart::Minute => i64::from(instant.minute()),
        TimePart::Hour => i64::from(instant.hour()),
        TimePart::Day => i64::from(instant.day()),
        TimePart::Week => i64::from(instant.iso_week().week()),
        TimePart::Month => i64::from(instant.month()),
        TimePart::Year => i64::from(instant.year()),
    })
}

/// Whether `text` relates so to `other`.
pub fn relates(text: &str, relation: Relation, other: &str, cased: bool) -> bool {
    if !cased {
        return relates(&fold(text), relation, &fold(other), true);
    }
    match relation {
        Relation::Equals => text == other,
        Relation::StartsWith => text.starts_with(other),
        Relation::EndsWith => text.ends_with(other),
        Relation::Contains => text.contains(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidr(network: &str, prefix: u8) -> Cidr {
        Cidr {
            network: network.parse().expect("an address"),
            prefix,
        }
    }

    #[test]
    fn networks_contain_their_addresses_however_written() {
        let inside = |text: &str, cidr: &Cidr| address(text).is_some_and(|a| in_network(a, cidr));
        assert!(inside("10.1.2.3", &cidr("10.0.0.0", 8)));
        assert!(inside("::ffff:10.1.2.3", &cidr("10.0.0.0", 8)));
        assert!(inside("::ffff:10.1.2.3", &cidr("::ffff:0:0", 96)));
        assert!(inside("fe80::1%4", &cidr("fe80::", 10)));
        assert!(inside("1.2.3.4", &cidr("0.0.0.0", 0)));
        assert!(inside("::2", &cidr("::", 0)));
        assert!(!inside("1.2.3.4", &cidr("::", 0)));
        assert!(!inside("11.0.0.0", &cidr("10.0.0.0", 8)));
        assert!(!inside("host", &cidr("0.0.0.0", 0)));
    }

    #[test]
    fn numbers_are_finite_decimals() {
        assert_eq!(number(" -1.5e2 "), Some(-150.0));
        assert_eq!(number("0x10"), None);
        assert_eq!(number("inf"), None);
        assert_eq!(number("-inf"), None);
        assert_eq!(number("NaN"), None);
        assert_eq!(number(""), None);
    }

    #[test]
    fn parts_of_time_are_utc_and_iso() {
        let text = "2024-12-30T23:30:00-01:00";
        let parts = [
            TimePart::Minute,
            TimePart::Hour,
            TimePart::Day,
            TimePart::Week,
            TimePart::Month,
            TimePart::Year,
        ];
        let values: Vec<_> = parts.into_iter().map(|part| time_part(text, part)).collect();
        assert_eq!(values, [30, 0, 31, 1, 12, 2024].map(Some));
    }
}
