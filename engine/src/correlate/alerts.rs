//! Windows at the end of a scan's way: signals in, alerts of correlations out.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use borzoi_rules::correlation::{
    Bound, BoundOperator, CorrelationCondition, CorrelationKind, CorrelationRule,
};
use borzoi_rules::ir::Comparison;
use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Serialize};

use super::findings::{self, Findings};
use super::kept::{self, KeptEvents};
use super::signals::Matched;
use super::statistics;
use super::told::{self, Told};
use super::{Correlations, told_apart_by};
use crate::alert::{
    Alert, Contribution, CorrelationAlert, Entities, EventJson, GroupValue, MatchedField, SCHEMA_VERSION,
    Shown,
};
use crate::expected::{self, Expected};
use crate::windows::telling::EACH;
use crate::windows::time::Hold;
use crate::windows::{self, Baseline, Counters, Episode, Settings, Signal, Watched, Windows, episode_id};

/// Names of each kind that an alert takes from its events.
const MOST_NAMES: usize = 20;

/// An alert of a correlation.
pub(crate) struct FoundAlert {
    pub(crate) alert: Alert,
    /// Whether it is over.
    pub(crate) is_final: bool,
    /// Whether it was given before, when it was not.
    pub(crate) is_known: bool,
}

/// Most alerts that are made at once, and bytes of events in them, about. Alerts are much larger than what they are made
/// of, and a column of text in the table of alerts holds less than 2 GiB.
const MOST_ALERTS: usize = 1000;
const MOST_ALERT_BYTES: usize = 64 << 20;

/// Runs the correlations of a scan.
pub(crate) struct Correlator {
    correlations: Arc<Correlations>,
    windows: Windows,
    kept: KeptEvents,
    /// What statistics found that other correlations read.
    findings: Findings,
    /// Datasets by number.
    sources: Vec<Arc<str>>,
    /// When tenants and datasets that are waited for last had a match.
    heard: BTreeMap<(u32, u32), Instant>,
    /// Those that had a match since this began, or was taken up.
    heard_now: BTreeSet<(u32, u32)>,
    /// What was found and is not yet given out.
    ready: VecDeque<Episode>,
    told: Told,
    suppressed: u64,
    /// Alerts that name events which they cannot show.
    not_shown: u64,
    expected: Arc<Expected>,
    held_back: u64,
}

/// What was saved of a correlator: datasets by number, windows, events.
#[derive(Deserialize)]
pub(crate) struct Loaded(
    Vec<Arc<str>>,
    windows::Loaded,
    kept::Loaded,
    told::Loaded,
    findings::Loaded,
);

/// What was found and is not given out is not saved: that is to be done first.
impl Serialize for Correlator {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        (
            &self.sources,
            &self.windows,
            &self.kept,
            &self.told,
            &self.findings,
        )
            .serialize(to)
    }
}

impl Correlator {
    pub(crate) fn new(correlations: Arc<Correlations>, settings: Settings) -> Correlator {
        Correlator {
            windows: Windows::new(correlations.plans().to_vec(), settings),
            correlations,
            kept: KeptEvents::default(),
            findings: Findings::default(),
            sources: Vec::new(),
            heard: BTreeMap::new(),
            heard_now: BTreeSet::new(),
            ready: VecDeque::new(),
            told: Told::default(),
            suppressed: 0,
            not_shown: 0,
            expected: Arc::default(),
            held_back: 0,
        }
    }

    /// Takes up what was saved; gives the ids of the rules of which what was known is lost. `at` is when all sources were
    /// heard of last. To be called before the first signal.
    pub(crate) fn restore(&mut self, saved: Loaded, at: Instant) -> Vec<String> {
        let Loaded(sources, windows, kept, told, findings) = saved;
        self.sources = sources;
        let places = self.windows.restore(windows);
        let now: Vec<Option<usize>> = places.iter().map(|place| place.as_ref().ok().copied()).collect();
        self.kept.restore(kept, &now);
        self.told.restore(told, &now);
        self.findings.restore(findings);
        self.heard = self.windows.waited_for().map(|source| (source, at)).collect();
        places.into_iter().filter_map(Result::err).collect()
    }

    /// Takes the signals of a block, in order. What was found is given by [`alerts`](Correlator::alerts).
    pub(crate) fn take(&mut self, mut signals: Vec<Matched>, now: i64, at: Instant) {
        if signals.is_empty() {
            return;
        }
        self.windows.set_now(now);
        let mut from = Vec::with_capacity(signals.len());
        // The signals of a batch share their names, and come one after another mostly.
        let mut last: Option<(Arc<str>, Arc<str>)> = None;
        let mut last_source = (0, 0);
        for matched in &mut signals {
            let plan = &self.correlations.plans()[matched.plan as usize];
            self.kept.add(matched, plan.sample_span(), plan.slots);
            let as_last = last.as_ref().is_some_and(|(dataset, tenant)| {
                Arc::ptr_eq(dataset, &matched.dataset) && Arc::ptr_eq(tenant, &matched.tenant)
            });
            if as_last {
                from.push(last_source);
                continue;
            }
            let dataset = match self.sources.iter().position(|known| *known == matched.dataset) {
                Some(known) => known,
                None => {
                    self.sources.push(matched.dataset.clone());
                    self.sources.len() - 1
                }
            };
            let source = (self.windows.tenant(&matched.tenant), dataset as u32);
            self.heard.insert(source, at);
            self.heard_now.insert(source);
            last = Some((matched.dataset.clone(), matched.tenant.clone()));
            last_source = source;
            from.push(source);
        }
        let signals = signals.iter().zip(from);
        let signals: Vec<Signal<'_>> = signals
            .map(|(matched, (tenant, source))| Signal {
                plan: matched.plan,
                slot: matched.slot,
                tenant,
                source,
                time: matched.time,
                id: matched.id,
                key: &matched.key,
                value: matched.value,
                handed: &matched.handed,
            })
            .collect();
        self.windows.push_all(&signals);
        self.gather();
    }

    /// Datasets (of this tenant alone, if one is named) that have had no match for `quiet` hold nobody up, however many
    /// events of others come.
    pub(crate) fn idle(&mut self, at: Instant, quiet: Duration, only: Option<&str>) {
        let windows = &mut self.windows;
        let only = match only.map(|name| windows.known_tenant(name)) {
            Some(None) => return,
            only => only.flatten(),
        };
        self.heard.retain(|(tenant, source), last| {
            let concerns = only.is_none_or(|only| only == *tenant);
            let waits = !concerns || at.saturating_duration_since(*last) < quiet;
            if !waits {
                windows.idle(*tenant, *source);
            }
            waits
        });
        self.gather();
    }

    /// What files hold time back from now on.
    pub(crate) fn hold(&mut self, hold: Hold) {
        self.windows.hold(hold);
        self.gather();
    }

    /// More comes in another scan only: datasets that had no match in this one hold nobody up.
    pub(crate) fn pause(&mut self) {
        let silent: Vec<(u32, u32)> = self
            .windows
            .waited_for()
            .filter(|source| !self.heard_now.contains(source))
            .collect();
        for (tenant, source) in silent {
            self.windows.idle(tenant, source);
        }
        self.gather();
    }

    /// Nothing came for so many microseconds: time is taken to have gone on as far.
    pub(crate) fn quiet(&mut self, for_micros: i64) {
        self.windows.quiet(for_micros);
        self.gather();
    }

    /// Nothing more comes.
    pub(crate) fn finish(&mut self) {
        self.windows.finish();
        self.gather();
    }

    /// The numbers of intervals, where they are kept.
    pub(crate) fn take_watched(&mut self) -> Vec<Watched> {
        self.windows.take_watched()
    }

    pub(crate) fn counters(&self) -> Counters {
        self.windows.counters()
    }

    /// Alerts that name events which they cannot show.
    pub(crate) fn not_shown(&self) -> u64 {
        self.not_shown
    }

    /// Takes over what windows have found.
    fn gather(&mut self) {
        let mut ended = self.windows.take_final();
        let mut begun = self.windows.take_begun();
        // What is over by now is said once.
        if !begun.is_empty() {
            let mut places: HashMap<_, usize> = HashMap::new();
            for (place, found) in ended.iter().enumerate() {
                for start in &found.announced {
                    places.insert(
                        (found.plan, found.tenant.clone(), found.key.clone(), *start),
                        place,
                    );
                }
            }
            begun.retain(|early| {
                let early = (early.plan, early.tenant.clone(), early.key.clone(), early.start);
                let Some(place) = places.get(&early) else {
                    return true;
                };
                let found = &mut ended[*place];
                let announced = found.announced.iter().copied();
                found.announced = announced.filter(|start| *start != early.3).collect();
                false
            });
        }
        for found in &ended {
            let plan = &self.correlations.plans[found.plan as usize];
            if let Some(figures) = &found.figures
                && !plan.parents.is_empty()
            {
                let id = episode_id(&found.tenant, &plan.rule_id, &found.key, found.start);
                self.findings.add(id, found.value, figures);
            }
        }
        for mut episode in begun.into_iter().chain(ended) {
            if self.correlations.alerting[episode.plan as usize] && self.is_told(&mut episode) {
                self.ready.push_back(episode);
            }
        }
        self.told.forget();
    }

    /// What is expected from now on is not told.
    pub(crate) fn expect(&mut self, expected: Arc<Expected>) {
        self.expected = expected;
    }

    /// Episodes of which no alert was made because somebody said that they are expected.
    pub(crate) fn held_back(&self) -> u64 {
        self.held_back
    }

    /// What was learned and is kept.
    pub(crate) fn baselines(&self) -> Vec<(Arc<CorrelationRule>, Baseline)> {
        let all = self.windows.baselines().into_iter();
        let with_rule = all.filter_map(|known| {
            let rule = self.correlations.rules.get(known.plan as usize)?;
            Some((rule.clone(), known))
        });
        with_rule.collect()
    }

    /// Whether an alert is made of an episode: not of one that begins soon after one that was told, if its rule says so; nor
    /// of one that somebody expects.
    fn is_told(&mut self, episode: &mut Episode) -> bool {
        let rule = &self.correlations.rules[episode.plan as usize];
        let (tenant, id) = (&episode.tenant, &rule.meta.id);
        if self.expected.names(tenant, id, &episode.key, episode.start) {
            if !episode.is_final {
                return false;
            }
            // Nothing of it was told before.
            episode.announced = Box::default();
            let expected = statistics::expected(episode);
            let low = expected::is_low(type_name(rule.kind), &in_words(rule), episode.value, expected);
            let number = if low { episode.value } else { episode.peak };
            if self
                .expected
                .holds_back(tenant, id, &episode.key, (episode.start, number), low)
            {
                self.held_back += 1;
                return false;
            }
        }
        let options = &rule.options;
        let Some(quiet) = options.suppress else {
            return true;
        };
        let quiet = i64::try_from(quiet.as_micros()).unwrap_or(i64::MAX);
        let is_told = self.told.is_told(episode, quiet);
        self.suppressed += u64::from(!is_told && episode.is_final);
        is_told
    }

    /// Episodes of which no alert was made because one of the same rule and group had been told shortly before.
    pub(crate) fn suppressed(&self) -> u64 {
        self.suppressed
    }

    /// The next alerts, some at a time; none when all are given out.
    pub(crate) fn alerts(&mut self) -> Vec<FoundAlert> {
        let (mut alerts, mut bytes) = (Vec::new(), 0);
        while alerts.len() < MOST_ALERTS
            && bytes < MOST_ALERT_BYTES
            && let Some(episode) = self.ready.pop_front()
        {
            bytes += self.bytes_shown(&episode);
            let (alert, is_whole) = self.alert(&episode);
            self.not_shown += u64::from(episode.is_final && !is_whole);
            alerts.push(FoundAlert {
                alert,
                is_final: episode.is_final,
                is_known: episode.is_final && episode.announced.contains(&episode.start),
            });
        }
        alerts
    }

    /// Bytes of the events that the alert of an episode shows.
    fn bytes_shown(&self, episode: &Episode) -> usize {
        let span = self.correlations.plans()[episode.plan as usize].sample_span();
        let samples = episode.samples.iter();
        let kept = samples.filter_map(|sample| self.kept.find(episode, sample, span));
        kept.map(|kept| kept.evidence.event.text().len()).sum()
    }

    /// The alert of an episode, and whether it shows all events that it names.
    fn alert(&self, episode: &Episode) -> (Alert, bool) {
        let number = episode.plan as usize;
        let correlations = &self.correlations;
        let (rule, plan) = (&correlations.rules[number], &correlations.plans[number]);
        let title = |slot: usize| correlations.titles.get(&rule.rules[slot]).cloned();
        let mut entities = Entities::default();
        let mut shown_values: Option<&[Box<str>]> = None;
        let mut evidence = Vec::with_capacity(episode.samples.len());
        let mut event = EventJson::null();
        let (mut dataset, mut is_whole) = (None, true);
        // What another correlation found is no event.
        let is_event = |slot: u16| {
            let mut children = plan
                .children
                .iter()
                .filter_map(|child| correlations.plans.get(*child as usize));
            let is_it =
                |parent: &windows::plan::Parent| parent.plan as usize == number && parent.slot == slot;
            !children.any(|child| child.parents.iter().any(is_it))
        };
        for sample in &episode.samples {
            let kept = self.kept.find(episode, sample, plan.sample_span());
            is_whole &= kept.is_some() || !is_event(sample.slot);
            let json = kept.map_or_else(EventJson::null, |kept| kept.evidence.event.clone());
            if let Some(kept) = kept {
                merge(&mut entities, &kept.evidence.entities);
                shown_values.get_or_insert(&kept.shown);
                if dataset.is_none() {
                    dataset = Some(kept.evidence.dataset.clone());
                    event = json.clone();
                }
            }
            evidence.push(Shown {
                rule: title(usize::from(sample.slot)).unwrap_or_default(),
                time: kept.map_or_else(|| rfc3339(sample.time), |kept| kept.evidence.time.clone()),
                dataset: kept.map(|kept| kept.evidence.dataset.clone()),
                event_id: kept.map_or_else(|| hex(sample.id), |kept| kept.evidence.event_id.clone()),
                event: json,
                // Of rules over single events there are events.
                found: kept
                    .is_none()
                    .then(|| self.findings.find(sample.id))
                    .flatten()
                    .map(Box::new),
            });
        }
        let folded = episode.key.values();
        if !is_whole {
            for (field, value) in told_apart_by(rule).zip(&folded) {
                merge(&mut entities, &who(field, value));
            }
        }
        let group: Vec<GroupValue> = told_apart_by(rule)
            .enumerate()
            .map(|(place, field)| {
                let shown = shown_values.and_then(|values| values.get(place).map(|text| &**text));
                GroupValue {
                    field: field.clone(),
                    value: shown
                        .or(folded.get(place).copied())
                        .unwrap_or_default()
                        .to_owned(),
                }
            })
            .collect();
        let condition = in_words(rule);
        let id = |start| hex(episode_id(&episode.tenant, &plan.rule_id, &episode.key, start));
        let others = episode.announced.iter().filter(|start| **start != episode.start);
        let joins: Vec<String> = others.map(|start| id(*start)).collect();
        let counted = MatchedField {
            selection: "condition".into(),
            field: None,
            column: type_name(rule.kind).into(),
            value: match &rule.condition {
                CorrelationCondition::Bounds { fields, distinct, .. } if !distinct.is_empty() => format!(
                    "{}, {} distinct {}",
                    episode.value,
                    statistics::distinct(episode),
                    fields.join(", ")
                ),
                CorrelationCondition::Bounds { .. } => format!("{}", episode.value),
                // To a tenth: what is left of old signals has many digits that say nothing.
                CorrelationCondition::Risk(_) => format!("{:.1}", episode.value),
                CorrelationCondition::Statistic(_) => statistics::in_short(episode),
                _ => episode.count.to_string(),
            },
            matcher: condition.clone(),
        };
        let grouped = group.iter().map(|value| MatchedField {
            selection: "group-by".into(),
            field: Some(value.field.clone()),
            column: value.field.clone(),
            value: value.value.clone(),
            matcher: "the same value".into(),
        });
        let contributions = rule.rules.iter().enumerate().filter_map(|(slot, id)| {
            let count = *episode.of_slot.get(slot)?;
            (count > 0).then(|| Contribution {
                id: id.clone(),
                title: title(slot).unwrap_or_default(),
                count,
            })
        });
        let alert = Alert {
            schema: SCHEMA_VERSION,
            id: id(episode.start),
            time: rfc3339(episode.start),
            rule: correlations.faces[number].clone(),
            tenant: episode.tenant.clone(),
            dataset: dataset.unwrap_or_default(),
            entities,
            matched: std::iter::once(counted).chain(grouped).collect(),
            event_id: evidence
                .first()
                .map(|shown| shown.event_id.clone())
                .unwrap_or_default(),
            event,
            correlation: Some(Box::new(CorrelationAlert {
                kind: type_name(rule.kind).into(),
                condition,
                count: episode.count,
                value: episode.value,
                peak: episode.peak,
                first: rfc3339(episode.first),
                last: rfc3339(episode.last),
                until: episode.is_final.then(|| rfc3339(episode.end)),
                joins,
                group,
                rules: contributions.collect(),
                figures: statistics::figures(episode),
                series: statistics::series(episode),
                evidence,
            })),
        };
        (alert, is_whole)
    }
}

/// Who a value of a group is, where no event says it.
fn who(field: &str, value: &str) -> Entities {
    let (name, mut who) = (field.to_lowercase(), Entities::default());
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let list = if value.is_empty() || value == EACH {
        return who;
    } else if value.parse::<std::net::IpAddr>().is_ok() {
        &mut who.addresses
    } else if has(&["host", "computer", "device"]) {
        &mut who.hosts
    } else if has(&["user", "account"]) {
        &mut who.users
    } else if has(&["process", "image", "executable"]) {
        &mut who.processes
    } else {
        return who;
    };
    list.push(value.to_owned());
    who
}

pub(crate) fn merge(all: &mut Entities, more: &Entities) {
    let lists = [
        (&mut all.hosts, &more.hosts),
        (&mut all.users, &more.users),
        (&mut all.addresses, &more.addresses),
        (&mut all.processes, &more.processes),
    ];
    for (known, new) in lists {
        for name in new {
            if known.len() < MOST_NAMES && !known.contains(name) {
                known.push(name.clone());
            }
        }
    }
}

fn hex(id: u128) -> String {
    format!("{id:032x}")
}

pub(crate) fn rfc3339(micros: i64) -> String {
    match DateTime::from_timestamp_micros(micros) {
        Some(instant) => instant.to_rfc3339_opts(SecondsFormat::Micros, true),
        None => micros.to_string(),
    }
}

/// `type` as rules write it.
pub(super) fn type_name(kind: CorrelationKind) -> &'static str {
    match kind {
        CorrelationKind::EventCount => "event_count",
        CorrelationKind::ValueCount => "value_count",
        CorrelationKind::Temporal => "temporal",
        CorrelationKind::TemporalOrdered => "temporal_ordered",
        CorrelationKind::ValueSum => "value_sum",
        CorrelationKind::ValueAvg => "value_avg",
        CorrelationKind::ValuePercentile(_) => "value_percentile",
        CorrelationKind::ValueMedian => "value_median",
        CorrelationKind::FirstSeen => "first_seen",
        CorrelationKind::Risk => "risk",
        CorrelationKind::Statistic(kind) => kind.name(),
    }
}

/// The condition as a person would write it: `gte 10 within 5m`.
pub(super) fn in_words(rule: &CorrelationRule) -> String {
    let what = match &rule.condition {
        CorrelationCondition::Bounds {
            fields,
            bounds,
            distinct,
        } => {
            let (bounds, of) = (in_a_row(bounds), fields.join(", "));
            match (fields.is_empty(), distinct.is_empty()) {
                (true, _) => bounds,
                (false, true) => format!("{bounds} of {of}"),
                (false, false) => format!("{bounds}, with {} distinct {of},", in_a_row(distinct)),
            }
        }
        CorrelationCondition::New { fields, .. } => format!("{} not seen", fields.join(", ")),
        CorrelationCondition::Risk(risk) => {
            let score = (!risk.bounds.is_empty()).then(|| format!("risk {}", in_a_row(&risk.bounds)));
            let tactics = risk.tactics.map(|count| format!("{count} tactics"));
            let either: Vec<String> = score.into_iter().chain(tactics).collect();
            either.join(" or ")
        }
        CorrelationCondition::Statistic(statistic) => statistics::in_words(rule.kind, statistic),
        CorrelationCondition::AllRules => "all rules".into(),
        CorrelationCondition::Rules(_) => "the condition over rules".into(),
    };
    format!("{what} within {}", span(rule.timespan.as_secs()))
}

fn in_a_row(bounds: &[Bound]) -> String {
    let bounds: Vec<String> = bounds.iter().map(bound).collect();
    bounds.join(" and ")
}

fn bound(bound: &Bound) -> String {
    let word = match bound.operator {
        BoundOperator::Is(Comparison::Equal) => "eq",
        BoundOperator::Is(Comparison::Less) => "lt",
        BoundOperator::Is(Comparison::LessOrEqual) => "lte",
        BoundOperator::Is(Comparison::Greater) => "gt",
        BoundOperator::Is(Comparison::GreaterOrEqual) => "gte",
        BoundOperator::IsNot => "neq",
    };
    format!("{word} {}", bound.value)
}

pub(super) fn span(seconds: u64) -> String {
    match [(86_400, 'd'), (3_600, 'h'), (60, 'm')]
        .iter()
        .find(|(unit, _)| seconds.is_multiple_of(*unit))
    {
        Some((unit, name)) => format!("{}{name}", seconds / unit),
        None => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use borzoi_parsers::catalog::Catalog;
    use borzoi_rules::Loader;

    use super::super::kept::{Evidence, Kept};
    use super::*;
    use crate::matcher::CompiledRules;
    use crate::windows::keys::Key;

    const SECOND: i64 = 1_000_000;

    const RULES: &str = "
title: Failed logon
name: failed
logsource: {product: windows, service: security}
detection: {s: {EventID: 4625}, condition: s}
---
title: Two
correlation: {type: event_count, rules: failed, group-by: [User], timespan: 1m, condition: {gte: 2}}
";

    fn matched(dataset: &str, second: i64) -> Matched {
        Matched {
            plan: 0,
            slot: 0,
            dataset: dataset.into(),
            tenant: "default".into(),
            time: second * SECOND,
            id: second as u128,
            key: Key::of(["anna"]).bytes().into(),
            value: 0,
            handed: Box::default(),
            kept: None,
        }
    }

    fn correlator(settings: Settings) -> Correlator {
        let report = Loader::new().load_text("rules.yml", RULES);
        let (rules, _) = CompiledRules::compile(report.detections, &Catalog::builtin());
        let (correlations, not_run) = Correlations::compile(&report.correlations, &rules, &BTreeSet::new());
        assert!(not_run.is_empty());
        Correlator::new(Arc::new(correlations), settings)
    }

    #[test]
    fn who_it_is_about_is_known_without_an_event() {
        let of = |field, value| {
            let who = who(field, value);
            (
                who.addresses.len(),
                who.hosts.len(),
                who.users.len(),
                who.processes.len(),
            )
        };
        assert_eq!(of("source.ip", "10.0.0.1"), (1, 0, 0, 0));
        assert_eq!(of("host.name", "10.0.0.1"), (1, 0, 0, 0));
        assert_eq!(of("Computer", "pc-7"), (0, 1, 0, 0));
        assert_eq!(of("TargetUserName", "anna"), (0, 0, 1, 0));
        assert_eq!(of("process.executable", "C:\\a.exe"), (0, 0, 0, 1));
        assert_eq!(of("host.name", EACH), (0, 0, 0, 0));
        assert_eq!(of("event.code", "4625"), (0, 0, 0, 0));
    }

    #[test]
    fn a_dataset_without_a_match_for_a_while_holds_nobody_up() {
        let settings = Settings {
            lateness: Some(SECOND),
            ..Settings::default()
        };
        let mut correlator = correlator(settings);
        let (began, now) = (Instant::now(), 1000 * SECOND);
        let quiet = Duration::from_secs(60);
        let later = began + Duration::from_secs(59);
        correlator.take(vec![matched("once", 0)], now, began);
        let busy = [1, 2, 300].map(|second| matched("busy", second));
        correlator.take(busy.into(), now, later);
        correlator.idle(later, quiet, None);
        assert_eq!(correlator.alerts().len(), 0, "it may say more");
        correlator.idle(began + quiet, quiet, None);
        let found = correlator.alerts();
        assert_eq!(found.len(), 1);
        assert!(found[0].is_final);
    }

    #[test]
    fn alerts_are_made_some_at_a_time() {
        let run = |groups: usize, event: usize| -> Vec<usize> {
            let mut correlator = correlator(Settings::default());
            let evidence = Evidence {
                event_id: String::new(),
                time: String::new(),
                dataset: "busy".into(),
                entities: Entities::default(),
                event: serde_json::Value::from("x".repeat(event)).into(),
            };
            let evidence = Arc::new(evidence);
            for group in 0..groups {
                let two = [1, 2].map(|second| Matched {
                    key: Key::of([group.to_string().as_str()]).bytes().into(),
                    kept: Some(Kept {
                        evidence: evidence.clone(),
                        shown: Box::default(),
                    }),
                    ..matched("busy", second)
                });
                correlator.take(two.into(), 0, Instant::now());
            }
            correlator.finish();
            std::iter::from_fn(|| Some(correlator.alerts().len()).filter(|alerts| *alerts > 0)).collect()
        };
        assert_eq!(run(2500, 10), [1000, 1000, 500]);
        // Two events of 16 MB each in an alert.
        assert_eq!(run(5, 16 << 20), [2, 2, 1]);
    }
}
