//! The oracle: rules against events, one at a time, in the plainest way there is.
//!
//! It reads the rule IR, the catalog and the columns of a batch, and shares no code with the matcher: where
//! the two disagree, one of them is wrong. Speed is no concern.

pub mod sequences;
pub mod windows;

use std::net::IpAddr;

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use borzoi_parsers::batch::{DOTTED_NAME, EventBatch};
use borzoi_parsers::catalog::{Column, Dataset, ServedLogSource};
use borzoi_parsers::names::sql_name;
use borzoi_parsers::value::parse_timestamp;
use borzoi_rules::ir::{
    Cidr, Comparison, Condition, DetectionRule, Expression, Matcher, Part, Pattern, Regex, Relation, TimePart,
};
use chrono::{DateTime, Datelike, Timelike, Utc};

/// One value of an event.
#[derive(Debug, Clone)]
struct Text {
    /// SQL name of the column, or the path within `unmapped`.
    name: String,
    dotted: String,
    in_unmapped: bool,
    text: String,
}

/// One event: its values, under every name they have.
#[derive(Debug, Clone)]
pub struct Event {
    texts: Vec<Text>,
    /// Which texts a column (dotted name) has: rules ask for the same columns over and over.
    of_column: std::cell::RefCell<std::collections::HashMap<std::sync::Arc<str>, Vec<usize>>>,
}

impl Event {
    /// The value of the column with this SQL name, if it is one text.
    pub fn text(&self, sql_name: &str) -> Option<&str> {
        let mut found = self
            .texts
            .iter()
            .filter(|text| !text.in_unmapped && text.name == sql_name);
        found.next().map(|text| text.text.as_str())
    }
}

/// All events of a batch.
pub fn events(batch: &EventBatch) -> Vec<Event> {
    let empty = Event {
        texts: Vec::new(),
        of_column: std::cell::RefCell::default(),
    };
    let mut events = vec![empty; batch.len()];
    let schema = batch.events.schema();
    for (field, array) in schema.fields().iter().zip(batch.events.columns()) {
        let dotted = field.metadata().get(DOTTED_NAME).expect("every column has one");
        let plain = match array.data_type() {
            DataType::Dictionary(_, _) => cast(array, &DataType::Utf8).expect("a dictionary of strings"),
            _ => array.clone(),
        };
        for (row, event) in events
            .iter_mut()
            .enumerate()
            .filter(|(row, _)| plain.is_valid(*row))
        {
            let texts: Vec<String> = match plain.data_type() {
                DataType::Utf8 => vec![plain.as_string::<i32>().value(row).to_owned()],
                DataType::Int64 => vec![plain.as_primitive::<Int64Type>().value(row).to_string()],
                DataType::Float64 => vec![plain.as_primitive::<Float64Type>().value(row).to_string()],
                DataType::Boolean => vec![plain.as_boolean().value(row).to_string()],
                DataType::Timestamp(TimeUnit::Microsecond, _) => {
                    let micros = plain.as_primitive::<TimestampMicrosecondType>().value(row);
                    let instant: DateTime<Utc> = DateTime::from_timestamp_micros(micros).expect("in range");
                    let layout = if micros % 1000 == 0 {
                        "%Y-%m-%dT%H:%M:%S%.3fZ"
                    } else {
                        "%Y-%m-%dT%H:%M:%S%.6fZ"
                    };
                    vec![instant.format(layout).to_string()]
                }
                DataType::List(_) => {
                    let items = plain.as_list::<i32>().value(row);
                    let items = items.as_string::<i32>();
                    items.iter().flatten().map(str::to_owned).collect()
                }
                other => panic!("no event column is of type {other}"),
            };
            for text in texts {
                if field.name() == "unmapped" {
                    let Entries(entries) = serde_json::from_str(&text).expect("the builder writes JSON");
                    for (key, value) in entries {
                        unmapped(&key, &value, event);
                    }
                } else {
                    event.texts.push(Text {
                        name: field.name().clone(),
                        dotted: dotted.clone(),
                        in_unmapped: false,
                        text,
                    });
                }
            }
        }
    }
    events
}

/// A JSON object with repeated keys kept.
struct Entries(Vec<(String, serde_json::Value)>);

impl<'de> serde::Deserialize<'de> for Entries {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Entries;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

fn unmapped(path: &str, value: &serde_json::Value, event: &mut Event) {
    use serde_json::Value;
    let text = match value {
        Value::Null => return,
        Value::Array(items) => return items.iter().for_each(|item| unmapped(path, item, event)),
        Value::Object(map) => {
            return map
                .iter()
                .for_each(|(key, value)| unmapped(&format!("{path}.{key}"), value, event));
        }
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(whole), _, _) => whole.to_string(),
            (_, Some(whole), _) => whole.to_string(),
            (_, _, other) => other.expect("a number").to_string(),
        },
        Value::String(text) => text.clone(),
    };
    event.texts.push(Text {
        name: path.to_owned(),
        dotted: path.to_owned(),
        in_unmapped: true,
        text,
    });
}

/// Whether the event matches the rule.
pub fn matches(rule: &DetectionRule, dataset: &Dataset, event: &Event) -> bool {
    if !concerns(rule, dataset) {
        return false;
    }
    if names_only_product(rule) {
        return rule_holds(rule, dataset, None, event);
    }
    dataset.sigma.iter().any(|entry| {
        serves(entry, rule) && belongs(entry, dataset, event) && rule_holds(rule, dataset, Some(entry), event)
    })
}

/// Whether the rule can match any event of the dataset, by its log source alone.
pub fn concerns(rule: &DetectionRule, dataset: &Dataset) -> bool {
    let nothing_named = names_only_product(rule) && rule.log_source.product.is_none();
    rule.waiting_for.is_empty() && (nothing_named || dataset.sigma.iter().any(|entry| serves(entry, rule)))
}

fn names_only_product(rule: &DetectionRule) -> bool {
    rule.log_source.category.is_none() && rule.log_source.service.is_none()
}

fn serves(entry: &ServedLogSource, rule: &DetectionRule) -> bool {
    let same = |asked: &Option<String>, offered: &Option<String>| match (asked, offered) {
        (None, _) => true,
        (Some(asked), Some(offered)) => asked.eq_ignore_ascii_case(offered),
        (Some(_), None) => false,
    };
    let source = &rule.log_source;
    same(&source.product, &entry.product)
        && same(&source.category, &entry.category)
        && same(&source.service, &entry.service)
}

fn belongs(entry: &ServedLogSource, dataset: &Dataset, event: &Event) -> bool {
    entry.when.iter().all(|(field, accepted)| {
        values(field, dataset, None, event).iter().any(|value| {
            accepted.iter().any(|accepted| {
                let value = lower(value);
                match accepted.strip_suffix('*') {
                    Some(prefix) => value.starts_with(&lower(prefix)),
                    None => value == lower(accepted),
                }
            })
        })
    })
}

fn rule_holds(
    rule: &DetectionRule,
    dataset: &Dataset,
    entry: Option<&ServedLogSource>,
    event: &Event,
) -> bool {
    rule.conditions
        .iter()
        .any(|condition| condition_holds(condition, rule, dataset, entry, event))
}

fn condition_holds(
    condition: &Condition,
    rule: &DetectionRule,
    dataset: &Dataset,
    entry: Option<&ServedLogSource>,
    event: &Event,
) -> bool {
    match condition {
        Condition::All(parts) => parts
            .iter()
            .all(|part| condition_holds(part, rule, dataset, entry, event)),
        Condition::Any(parts) => parts
            .iter()
            .any(|part| condition_holds(part, rule, dataset, entry, event)),
        Condition::Not(inner) => !condition_holds(inner, rule, dataset, entry, event),
        Condition::Search(index) => {
            expression_holds(&rule.searches[*index].expression, dataset, entry, event)
        }
    }
}

fn expression_holds(
    expression: &Expression,
    dataset: &Dataset,
    entry: Option<&ServedLogSource>,
    event: &Event,
) -> bool {
    match expression {
        Expression::All(parts) => parts
            .iter()
            .all(|part| expression_holds(part, dataset, entry, event)),
        Expression::Any(parts) => parts
            .iter()
            .any(|part| expression_holds(part, dataset, entry, event)),
        Expression::Not(inner) => !expression_holds(inner, dataset, entry, event),
        Expression::Keyword(matcher) => {
            const NOT_SEARCHED: &[&str] = &[
                "time",
                "ingest_time",
                "tenant",
                "dataset",
                "event_id",
                "log_file_path",
                "log_offset",
            ];
            event
                .texts
                .iter()
                .filter(|text| text.in_unmapped || !NOT_SEARCHED.contains(&text.name.as_str()))
                .any(|text| text_matches(matcher, &text.text))
        }
        Expression::Field { name, matcher } => {
            let found = values(name, dataset, entry, event);
            match matcher {
                Matcher::Null => found.is_empty(),
                Matcher::Exists(wanted) => found.is_empty() != *wanted,
                Matcher::FieldRef {
                    field,
                    relation,
                    cased,
                } => {
                    let others = values(field, dataset, entry, event);
                    found
                        .iter()
                        .any(|one| others.iter().any(|other| relates(one, *relation, other, *cased)))
                }
                matcher => found.iter().any(|text| text_matches(matcher, text)),
            }
        }
    }
}

/// All values of a field of the event.
fn values<'e>(
    name: &str,
    dataset: &Dataset,
    entry: Option<&ServedLogSource>,
    event: &'e Event,
) -> Vec<&'e str> {
    let resolution = dataset.resolve(name, entry);
    let column = resolution.column();
    let mut known = event.of_column.borrow_mut();
    let positions = known.entry(column.dotted.clone()).or_insert_with(|| {
        let is_it = |position: &usize| belongs_to(&event.texts[*position], column, dataset);
        (0..event.texts.len()).filter(is_it).collect()
    });
    positions
        .iter()
        .map(|&position| event.texts[position].text.as_str())
        .collect()
}

/// Whether a text is a value of the column.
fn belongs_to(text: &Text, column: &Column, dataset: &Dataset) -> bool {
    let same_dotted = text.dotted.to_lowercase() == column.dotted.to_lowercase();
    let same_sql = if text.in_unmapped {
        let prefix = dataset.prefix.to_lowercase();
        let native = if text.name.to_lowercase().starts_with(&prefix) {
            &text.name[prefix.len()..]
        } else {
            text.name.as_str()
        };
        sql_name(&text.name) == *column.sql || dataset.column_of_native(native).sql == column.sql
    } else {
        text.name == *column.sql
    };
    same_dotted || same_sql
}

fn lower(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut folded = String::new();
    for c in text.chars() {
        folded.extend(c.to_lowercase());
    }
    folded
}

fn relates(one: &str, relation: Relation, other: &str, cased: bool) -> bool {
    let (one, other) = if cased {
        (one.to_owned(), other.to_owned())
    } else {
        (lower(one), lower(other))
    };
    match relation {
        Relation::Equals => one == other,
        Relation::StartsWith => one.starts_with(&other),
        Relation::EndsWith => one.ends_with(&other),
        Relation::Contains => one.contains(&other),
    }
}

fn text_matches(matcher: &Matcher, text: &str) -> bool {
    match matcher {
        Matcher::Pattern(pattern) => pattern_matches(pattern, text),
        Matcher::Regex(regex) => regex_matches(regex, text),
        Matcher::Cidr(cidr) => cidr_matches(cidr, text),
        Matcher::Number(comparison, bound) => match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => compare(number.partial_cmp(bound), *comparison),
            _ => false,
        },
        Matcher::TimePart(part, comparison, bound) => match parse_timestamp(text) {
            Some(micros) => {
                let instant: DateTime<Utc> = DateTime::from_timestamp_micros(micros).expect("in range");
                let value = match part {
                    TimePart::Minute => i64::from(instant.minute()),
                    TimePart::Hour => i64::from(instant.hour()),
                    TimePart::Day => i64::from(instant.day()),
                    TimePart::Week => i64::from(instant.iso_week().week()),
                    TimePart::Month => i64::from(instant.month()),
                    TimePart::Year => i64::from(instant.year()),
                };
                compare(Some(value.cmp(bound)), *comparison)
            }
            None => false,
        },
        Matcher::Listed(listed) => {
            let mut is_in = false;
            let list = |list| is_in |= list == listed.list;
            listed.lists.lists_of(listed.sort, text, &mut { list });
            is_in
        }
        Matcher::Null | Matcher::Exists(_) | Matcher::FieldRef { .. } => {
            panic!("not about the text of one value")
        }
    }
}

fn compare(ordering: Option<std::cmp::Ordering>, comparison: Comparison) -> bool {
    let Some(ordering) = ordering else {
        return false;
    };
    match comparison {
        Comparison::Equal => ordering.is_eq(),
        Comparison::Less => ordering.is_lt(),
        Comparison::LessOrEqual => ordering.is_le(),
        Comparison::Greater => ordering.is_gt(),
        Comparison::GreaterOrEqual => ordering.is_ge(),
    }
}

/// Characters against parts, place by place.
fn pattern_matches(pattern: &Pattern, text: &str) -> bool {
    #[derive(Clone, Copy)]
    enum Item {
        Char(char),
        One,
        Many,
    }
    let ready = |text: &str| {
        if pattern.cased {
            text.to_owned()
        } else {
            lower(text)
        }
    };
    let text = ready(text);
    let mut items = Vec::new();
    for part in &pattern.parts {
        match part {
            Part::Literal(literal) => {
                let literal = ready(literal);
                // Spares most of the work: what is nowhere in the text is not at its place either.
                if !text.contains(&literal) {
                    return false;
                }
                items.extend(literal.chars().map(Item::Char));
            }
            Part::One => items.push(Item::One),
            Part::Many => items.push(Item::Many),
        }
    }
    let text: Vec<char> = text.chars().collect();
    // `reachable[i]`: the items so far can match the first `i` characters.
    let mut reachable = vec![false; text.len() + 1];
    reachable[0] = true;
    for item in items {
        let mut next = vec![false; text.len() + 1];
        match item {
            Item::Many => {
                let mut any = false;
                for (place, next) in next.iter_mut().enumerate() {
                    any |= reachable[place];
                    *next = any;
                }
            }
            Item::One => next[1..].copy_from_slice(&reachable[..text.len()]),
            Item::Char(c) => {
                for place in 0..text.len() {
                    next[place + 1] = reachable[place] && text[place] == c;
                }
            }
        }
        if !next.contains(&true) {
            return false;
        }
        reachable = next;
    }
    reachable[text.len()]
}

/// Both kinds on one engine that knows both.
fn regex_matches(regex: &Regex, text: &str) -> bool {
    thread_local! {
        static COMPILED: std::cell::RefCell<std::collections::HashMap<Regex, fancy_regex::Regex>> =
            std::cell::RefCell::default();
    }
    COMPILED.with_borrow_mut(|compiled| {
        let compiled = compiled.entry(regex.clone()).or_insert_with(|| {
            fancy_regex::RegexBuilder::new(&regex.pattern)
                .case_insensitive(regex.ignore_case)
                .multi_line(regex.multi_line)
                .dot_matches_new_line(regex.dot_all)
                .build()
                .expect("checked by the loader")
        });
        compiled.is_match(text).unwrap_or(false)
    })
}

fn cidr_matches(cidr: &Cidr, text: &str) -> bool {
    let bare = text.split('%').next().expect("split yields at least one part");
    let Ok(address) = bare.trim().parse::<IpAddr>() else {
        return false;
    };
    let bits = |address: IpAddr| -> Vec<bool> {
        let octets = match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        octets
            .into_iter()
            .flat_map(|octet| (0..8).map(move |bit| octet & (128 >> bit) != 0))
            .collect()
    };
    let network = bits(cidr.network);
    let inside = |address: IpAddr| {
        let address = bits(address);
        let prefix = usize::from(cidr.prefix);
        address.len() == network.len() && address[..prefix] == network[..prefix]
    };
    let mapped = match address {
        IpAddr::V6(address) => address.to_ipv4_mapped().map(IpAddr::V4),
        IpAddr::V4(_) => None,
    };
    inside(address) || mapped.is_some_and(inside)
}
