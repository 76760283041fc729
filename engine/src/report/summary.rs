//! Counts over the alerts, and the dictionaries that keep the page small.
//!
//! Fifty thousand alerts repeat a few hundred rules, hosts and users. Each distinct value gets a number
//! here; the table's rows, the charts and the filters of the page speak in these numbers, so a filter
//! never has to compare text that was escaped on the way.

use std::collections::HashMap;

use borzoi_rules::ir::Level;

use super::timeline::Timeline;
use crate::alert::{Alert, AlertRule};

/// Levels, worst first.
pub const LEVELS: [Level; 5] = [
    Level::Critical,
    Level::High,
    Level::Medium,
    Level::Low,
    Level::Informational,
];

/// Position of a level in [`LEVELS`].
pub fn level_index(level: Level) -> usize {
    match level {
        Level::Critical => 0,
        Level::High => 1,
        Level::Medium => 2,
        Level::Low => 3,
        Level::Informational => 4,
    }
}

/// How a level is called on the page and in its style sheet.
pub fn level_name(level: Level) -> &'static str {
    match level {
        Level::Critical => "critical",
        Level::High => "high",
        Level::Medium => "medium",
        Level::Low => "low",
        Level::Informational => "informational",
    }
}

/// Distinct values in the order they were met, with how many alerts name each.
#[derive(Default)]
pub struct Dictionary<'a> {
    /// The values; a value's position is its number.
    pub values: Vec<&'a str>,
    /// Alerts per value.
    pub counts: Vec<u64>,
    numbers: HashMap<&'a str, usize>,
}

impl<'a> Dictionary<'a> {
    /// The number of `value`, without counting it.
    fn number(&mut self, value: &'a str) -> usize {
        *self.numbers.entry(value).or_insert_with(|| {
            self.values.push(value);
            self.counts.push(0);
            self.values.len() - 1
        })
    }

    /// Counts one alert that names `value`.
    fn count(&mut self, value: &'a str) -> usize {
        let number = self.number(value);
        self.counts[number] += 1;
        number
    }

    /// Counts one alert that names all of `values`; a value named twice counts once.
    fn count_all(&mut self, values: &'a [String]) -> Vec<usize> {
        let mut numbers: Vec<usize> = Vec::with_capacity(values.len());
        for value in values {
            let number = self.number(value);
            if !numbers.contains(&number) {
                self.counts[number] += 1;
                numbers.push(number);
            }
        }
        numbers
    }

    /// Numbers by falling count, then by value.
    pub fn ranked(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.values.len()).collect();
        order.sort_by(|&a, &b| {
            self.counts[b]
                .cmp(&self.counts[a])
                .then_with(|| self.values[a].cmp(self.values[b]))
        });
        order
    }
}

/// A rule that matched.
pub struct RuleCount<'a> {
    /// The rule.
    pub rule: &'a AlertRule,
    /// Its alerts.
    pub count: u64,
    /// Numbers of its tactics.
    pub tactics: Vec<usize>,
    /// Numbers of its techniques.
    pub techniques: Vec<usize>,
}

/// One alert in numbers.
pub struct Row {
    /// Number of the rule.
    pub rule: usize,
    /// Number of the dataset.
    pub dataset: usize,
    /// Number of the tenant.
    pub tenant: usize,
    /// Numbers of the hosts.
    pub hosts: Vec<usize>,
    /// Numbers of the users.
    pub users: Vec<usize>,
    /// Numbers of the addresses.
    pub addresses: Vec<usize>,
    /// Numbers of the executables.
    pub processes: Vec<usize>,
}

/// Everything the page counts.
#[derive(Default)]
pub struct Summary<'a> {
    /// Alerts per level, in the order of [`LEVELS`].
    pub levels: [u64; LEVELS.len()],
    /// Rules that matched, in the order they were met.
    pub rules: Vec<RuleCount<'a>>,
    /// Datasets.
    pub datasets: Dictionary<'a>,
    /// Tenants.
    pub tenants: Dictionary<'a>,
    /// Hosts.
    pub hosts: Dictionary<'a>,
    /// Users.
    pub users: Dictionary<'a>,
    /// Addresses.
    pub addresses: Dictionary<'a>,
    /// Executables.
    pub processes: Dictionary<'a>,
    /// ATT&CK tactics.
    pub tactics: Dictionary<'a>,
    /// ATT&CK techniques.
    pub techniques: Dictionary<'a>,
    /// One row an alert, in the order given.
    pub rows: Vec<Row>,
    /// Alerts over time.
    pub timeline: Timeline,
}

impl<'a> Summary<'a> {
    /// Counts `alerts`.
    pub fn of(alerts: &'a [Alert]) -> Self {
        let mut summary = Summary {
            timeline: Timeline::of(alerts),
            ..Summary::default()
        };
        // Two rules may share an id (a user's copy beside the shipped one): title and level tell them apart.
        let mut rule_numbers: HashMap<(&str, &str, Level), usize> = HashMap::new();
        for alert in alerts {
            let rule = &alert.rule;
            let key = (rule.id.as_ref(), rule.title.as_ref(), rule.level);
            let number = *rule_numbers.entry(key).or_insert_with(|| {
                summary.rules.push(RuleCount {
                    rule,
                    count: 0,
                    tactics: Vec::new(),
                    techniques: Vec::new(),
                });
                summary.rules.len() - 1
            });
            let tactics = summary.tactics.count_all(&rule.attack.tactics);
            let techniques = summary.techniques.count_all(&rule.attack.techniques);
            let counted = &mut summary.rules[number];
            if counted.count == 0 {
                counted.tactics = tactics;
                counted.techniques = techniques;
            }
            counted.count += 1;
            summary.levels[level_index(rule.level)] += 1;
            let entities = &alert.entities;
            summary.rows.push(Row {
                rule: number,
                dataset: summary.datasets.count(&alert.dataset),
                tenant: summary.tenants.count(&alert.tenant),
                hosts: summary.hosts.count_all(&entities.hosts),
                users: summary.users.count_all(&entities.users),
                addresses: summary.addresses.count_all(&entities.addresses),
                processes: summary.processes.count_all(&entities.processes),
            });
        }
        summary
    }

    /// Numbers of the rules by falling count, then by falling level, then by title.
    pub fn ranked_rules(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.rules.len()).collect();
        order.sort_by(|&a, &b| {
            let (a, b) = (&self.rules[a], &self.rules[b]);
            b.count
                .cmp(&a.count)
                .then_with(|| b.rule.level.cmp(&a.rule.level))
                .then_with(|| a.rule.title.cmp(&b.rule.title))
        });
        order
    }
}
