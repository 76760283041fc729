//! Values of the modifiers that make something else than text: regular expressions, networks, numbers,
//! parts of time, other fields.

use std::net::IpAddr;

use crate::ir::{Cidr, Comparison, Matcher, Regex, Relation, TimePart};
use crate::modifier::{Chain, Modifier, Target};
use crate::problem::Sink;
use crate::regex;
use crate::yaml::{Data, Node, Resolved, Spot, Style, resolve};

/// The matcher of a value under such a modifier. `None` if an error was reported.
pub(crate) fn typed(
    text: &str,
    node: &Node<'_>,
    target: Target,
    chain: &Chain,
    sink: &mut Sink<'_>,
) -> Option<Matcher> {
    match target {
        Target::Regex => regular_expression(text, node, chain, sink),
        Target::Cidr => cidr(text, node.at, sink),
        Target::Number(comparison) => number(text, node.at, sink).map(|n| Matcher::Number(comparison, n)),
        Target::Time(part, comparison) => time_part(text, node.at, part, comparison, sink),
        Target::FieldRef => {
            if text.is_empty() {
                sink.error(node.at, "value-type", "`fieldref` takes the name of a field");
                return None;
            }
            let has = |wanted| chain.text.contains(&wanted) || chain.text.contains(&Modifier::Contains);
            let relation = match (has(Modifier::StartsWith), has(Modifier::EndsWith)) {
                (false, false) => Relation::Equals,
                (true, false) => Relation::StartsWith,
                (false, true) => Relation::EndsWith,
                (true, true) => Relation::Contains,
            };
            Some(Matcher::FieldRef {
                field: text.to_owned(),
                relation,
                cased: chain.cased,
            })
        }
        Target::Text | Target::Exists => None,
    }
}

fn regular_expression(text: &str, node: &Node<'_>, chain: &Chain, sink: &mut Sink<'_>) -> Option<Matcher> {
    // `re` searches anyway, so `contains` adds nothing; the others anchor one end.
    let has = |wanted| chain.text.contains(&wanted);
    let (start, end) = match (
        has(Modifier::StartsWith),
        has(Modifier::EndsWith),
        has(Modifier::Contains),
    ) {
        (_, _, true) | (false, false, _) | (true, true, _) => ("", ""),
        (true, false, _) => (r"\A(?:", ")"),
        (false, true, _) => ("(?:", r")\z"),
    };
    let anchored;
    let pattern = if end.is_empty() {
        text
    } else {
        anchored = format!("{start}{text}{end}");
        &anchored
    };
    match regex::check(pattern, chain.ignore_case, chain.multi_line, chain.dot_all) {
        Ok(checked) => Some(Matcher::Regex(Regex {
            pattern: checked.pattern,
            ignore_case: chain.ignore_case,
            multi_line: chain.multi_line,
            dot_all: chain.dot_all,
            engine: checked.engine,
        })),
        Err(error) => {
            let offset = error.offset.unwrap_or(0).saturating_sub(start.chars().count());
            let at = inside(node, text, offset, sink);
            sink.error(
                at,
                "bad-regex",
                format!("invalid regular expression: {}", error.message),
            );
            None
        }
    }
}

/// The place of a character of a scalar's text in the file; the scalar's start if it cannot be told.
pub(crate) fn inside(node: &Node<'_>, text: &str, offset: usize, sink: &Sink<'_>) -> Spot {
    let Data::Scalar { style, .. } = &node.data else {
        return node.at;
    };
    if *style == Style::Block {
        return node.at;
    }
    let quote = usize::from(*style == Style::Quoted);
    let line: Vec<char> = sink.line(node.at.line).chars().collect();
    let Some(written) = line.get(node.at.column - 1 + quote..) else {
        return node.at;
    };
    let mut at = 0;
    for (index, character) in text.chars().enumerate() {
        if index == offset {
            break;
        }
        if written.get(at) != Some(&character) {
            return node.at;
        }
        // In single quotes a quote is written twice.
        at += if quote == 1 && character == '\'' && written.get(at + 1) == Some(&'\'') {
            2
        } else {
            1
        };
    }
    Spot {
        line: node.at.line,
        column: node.at.column + quote + at,
    }
}

fn number(text: &str, at: Spot, sink: &mut Sink<'_>) -> Option<f64> {
    let number = match resolve(text, Style::Plain) {
        Resolved::Int(number) => Some(number as f64),
        Resolved::Float(number) => Some(number),
        _ => text
            .trim()
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite()),
    };
    if number.is_none() {
        sink.error(
            at,
            "value-type",
            format!("a comparison takes a number, not `{text}`"),
        );
    }
    number
}

fn time_part(
    text: &str,
    at: Spot,
    part: TimePart,
    comparison: Comparison,
    sink: &mut Sink<'_>,
) -> Option<Matcher> {
    let (name, range) = match part {
        TimePart::Minute => ("minute", 0..=59),
        TimePart::Hour => ("hour", 0..=23),
        TimePart::Day => ("day", 1..=31),
        TimePart::Week => ("week", 1..=53),
        TimePart::Month => ("month", 1..=12),
        TimePart::Year => ("year", i64::MIN..=i64::MAX),
    };
    let Resolved::Int(number) = resolve(text.trim(), Style::Plain) else {
        sink.error(
            at,
            "value-type",
            format!("`{name}` takes a whole number, not `{text}`"),
        );
        return None;
    };
    if comparison == Comparison::Equal && !range.contains(&number) {
        sink.error(
            at,
            "value-type",
            format!(
                "`{name}` is between {} and {}, never {number}",
                range.start(),
                range.end()
            ),
        );
        return None;
    }
    Some(Matcher::TimePart(part, comparison, number))
}

fn cidr(text: &str, at: Spot, sink: &mut Sink<'_>) -> Option<Matcher> {
    let (address_text, prefix_text) = match text.trim().split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text.trim(), None),
    };
    let Ok(address) = address_text.parse::<IpAddr>() else {
        sink.error(
            at,
            "bad-cidr",
            format!("`{address_text}` is no IPv4 or IPv6 address"),
        );
        return None;
    };
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix_text {
        None => bits,
        Some(prefix_text) => match prefix_text.parse::<u8>() {
            Ok(prefix) if prefix <= bits && !prefix_text.starts_with('+') => prefix,
            _ => {
                sink.error(
                    at,
                    "bad-cidr",
                    format!("`/{prefix_text}` is no prefix length, it goes from 0 to {bits}"),
                );
                return None;
            }
        },
    };
    let network = match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            IpAddr::from((u32::from(address) & mask).to_be_bytes())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            IpAddr::from((u128::from(address) & mask).to_be_bytes())
        }
    };
    if network != address {
        sink.warn(
            at,
            "cidr-host-bits",
            format!("`{text}` has host bits set and is read as {network}/{prefix}"),
            Some(format!("{network}/{prefix}")),
        );
    }
    Some(Matcher::Cidr(Cidr { network, prefix }))
}
