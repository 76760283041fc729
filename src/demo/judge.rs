//! Says which attacks a run of the rules found, and what it claimed that nobody did.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use borzoi_engine::alert::Alert;
use borzoi_rules::ir::Level;
use chrono::DateTime;

use super::{Attack, Truth};

/// Compares alerts with the truth about the generated day.
///
/// An attack is found if an alert of level medium or higher with one of its techniques, or of one of its
/// rules, is about one of its records. An alert of level high or critical about a record of no attack is
/// false. An alert is about a record if tenant and file are the same and the times differ by less than a
/// millisecond (Windows' shippers cut there).
///
/// An attack that only shows in many records together ([`Attack::about`]) is found if an alert of one of its rules is
/// about those whom it names and about a part of its time. Any other alert of such a rule is false, whatever its level, unless
/// it shows a record of another attack: what is told must not be what other machines do, too.
#[derive(Debug)]
pub struct Judge {
    attacks: Vec<(String, BTreeSet<String>, BTreeSet<String>)>,
    /// Those that only show in many records.
    spread: Vec<Spread>,
    /// By tenant and milliseconds.
    records: HashMap<(String, i64), Vec<Place>>,
    found: BTreeMap<String, BTreeSet<String>>,
    false_alerts: BTreeMap<(String, String), u64>,
}

/// Where a record of an attack stands.
#[derive(Debug)]
struct Place {
    file: String,
    host: Option<String>,
    /// Index into the attacks.
    attack: usize,
}

/// Whom and when an attack of many records hits.
#[derive(Debug)]
struct Spread {
    tenant: String,
    names: Vec<String>,
    /// Of its first and last record.
    from: i64,
    to: i64,
    attack: usize,
}

/// What the rules found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Verdict {
    /// Attack id → titles of the rules that found it.
    pub found: BTreeMap<String, Vec<String>>,
    /// Ids of the attacks that nobody found.
    pub missed: Vec<String>,
    /// Alerts of level high or critical about no attack, most of them first.
    pub false_alerts: Vec<FalseAlert>,
}

/// A rule that raised false alerts.
#[derive(Debug, Clone, PartialEq)]
pub struct FalseAlert {
    /// The rule's id.
    pub rule_id: String,
    /// Its title.
    pub title: String,
    /// How often.
    pub count: u64,
}

impl Spread {
    fn of(attack: &Attack, index: usize) -> Option<Self> {
        let times = attack.records.iter().filter_map(|record| micros(&record.time));
        let (from, to) = times.fold((i64::MAX, i64::MIN), |(from, to), time| {
            (from.min(time), to.max(time))
        });
        (!attack.about.is_empty()).then(|| Self {
            tenant: attack.tenant.clone(),
            names: attack.about.clone(),
            from,
            to,
            attack: index,
        })
    }

    /// Whether an alert of one of its rules is about it.
    fn is_meant(&self, alert: &Alert) -> bool {
        let Some(correlation) = &alert.correlation else {
            return false;
        };
        let has = |name: &String| correlation.group.iter().any(|value| value.value == *name);
        // Where it began is cut to a whole interval.
        let first = micros(&correlation.first).unwrap_or(i64::MAX);
        let last = micros(&correlation.last).unwrap_or(i64::MIN);
        *alert.tenant == *self.tenant && self.names.iter().all(has) && first <= self.to && last >= self.from
    }
}

fn micros(time: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(time)
        .ok()
        .map(|time| time.timestamp_micros())
}

impl Judge {
    /// A judge who knows the truth.
    pub fn new(truth: &Truth) -> Self {
        let mut records: HashMap<_, Vec<_>> = HashMap::new();
        for (index, attack) in truth.attacks.iter().enumerate() {
            for record in &attack.records {
                let Some(time) = micros(&record.time) else {
                    continue;
                };
                records
                    .entry((attack.tenant.clone(), time.div_euclid(1000)))
                    .or_default()
                    .push(Place {
                        file: record.file.clone(),
                        host: record.host.clone(),
                        attack: index,
                    });
            }
        }
        let spread = truth.attacks.iter().enumerate();
        let spread = spread.filter_map(|(index, attack)| Spread::of(attack, index));
        let spread = spread.collect();
        let attacks = truth
            .attacks
            .iter()
            .map(|attack| {
                (
                    attack.id.clone(),
                    attack.techniques.iter().cloned().collect(),
                    attack.rules.iter().cloned().collect(),
                )
            })
            .collect();
        Self {
            attacks,
            spread,
            records,
            found: BTreeMap::new(),
            false_alerts: BTreeMap::new(),
        }
    }

    /// Hears an alert.
    pub fn alert(&mut self, alert: &Alert) {
        let rule = &alert.rule;
        let of_rule = |spread: &&Spread| self.attacks[spread.attack].2.contains(&*rule.id);
        let meant: Vec<&Spread> = self.spread.iter().filter(of_rule).collect();
        let is_watched = !meant.is_empty();
        let meant: Vec<usize> = meant
            .iter()
            .filter(|spread| spread.is_meant(alert))
            .map(|spread| spread.attack)
            .collect();
        for index in &meant {
            self.finds(*index, alert);
        }
        if !meant.is_empty() {
            return;
        }
        let event = alert.event.value();
        // A chain's time is that of its last event, while another of its events may stand for it.
        let time = event.pointer("/@timestamp").and_then(|time| time.as_str());
        let mut about = self.about(alert, time.unwrap_or(&alert.time), &event);
        if is_watched {
            // It may have come upon another attack; the time of a number is that of its interval.
            let shown = alert.correlation.iter().flat_map(|found| &found.evidence);
            about.extend(shown.flat_map(|shown| self.about(alert, &shown.time, &shown.event.value())));
        }
        for &index in &about {
            let (_, techniques, rules) = &self.attacks[index];
            let named = rule
                .attack
                .techniques
                .iter()
                .any(|technique| techniques.contains(technique));
            if rule.level >= Level::Medium && (named || rules.contains(&*rule.id)) {
                self.finds(index, alert);
            }
        }
        if about.is_empty() && (rule.level >= Level::High || is_watched) {
            self.is_false(alert);
        }
    }

    /// The attacks of which an event of that time is a record.
    fn about(&self, alert: &Alert, time: &str, event: &serde_json::Value) -> Vec<usize> {
        let path = event
            .pointer("/log/file/path")
            .and_then(|path| path.as_str())
            .unwrap_or("")
            .replace('\\', "/");
        let host = event.pointer("/host/name").and_then(|name| name.as_str());
        let places = micros(time).and_then(|time| {
            self.records
                .get(&(alert.tenant.to_string(), time.div_euclid(1000)))
        });
        places
            .into_iter()
            .flatten()
            .filter(|place| {
                path.ends_with(&place.file)
                    && (host.is_none() || place.host.is_none() || host == place.host.as_deref())
            })
            .map(|place| place.attack)
            .collect()
    }

    fn finds(&mut self, attack: usize, alert: &Alert) {
        let id = self.attacks[attack].0.clone();
        let titles = self.found.entry(id).or_default();
        titles.insert(alert.rule.title.to_string());
    }

    fn is_false(&mut self, alert: &Alert) {
        let rule = (alert.rule.id.to_string(), alert.rule.title.to_string());
        *self.false_alerts.entry(rule).or_default() += 1;
    }

    /// The verdict over all alerts so far.
    pub fn verdict(&self) -> Verdict {
        let found: BTreeMap<_, _> = self
            .found
            .iter()
            .map(|(id, titles)| (id.clone(), titles.iter().cloned().collect()))
            .collect();
        let missed = self
            .attacks
            .iter()
            .map(|(id, ..)| id)
            .filter(|id| !found.contains_key(*id))
            .cloned()
            .collect();
        let mut false_alerts: Vec<_> = self
            .false_alerts
            .iter()
            .map(|((rule_id, title), count)| FalseAlert {
                rule_id: rule_id.clone(),
                title: title.clone(),
                count: *count,
            })
            .collect();
        false_alerts.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.title.cmp(&b.title)));
        Verdict {
            found,
            missed,
            false_alerts,
        }
    }
}
