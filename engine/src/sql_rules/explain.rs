//! What a rule in SQL does, and what it makes of an event.
//!
//! ```text
//! SQL rule: Many hosts reached over SMB by one source (0c3b…)
//! ├─ reads zeek_conn (zeek.conn)
//! ├─ where zeek_conn.destination_port = Int64(445)
//! ├─ windows 10m long, one every 1m; added up by 1m
//! ├─ groups zeek_conn.source_ip
//! ├─ adds up count(DISTINCT zeek_conn.destination_ip)
//! ├─ having count(DISTINCT zeek_conn.destination_ip) >= Int64(20)
//! └─ alerts are about source_ip
//! ```

use std::fmt::Write as _;

use borzoi_parsers::batch::EventBatch;

use super::SqlRules;
use super::found::groups_of;
use super::partial::partial;
use super::plan::SqlPlan;
use super::window::{Span, Window};
use crate::correlate::alerts::rfc3339;
use crate::hunt::output;

impl SqlRules {
    /// What each rule does, as a tree.
    pub fn describe(&self) -> Vec<String> {
        self.plans.iter().map(|plan| described(plan)).collect()
    }

    /// What each rule makes of an event.
    ///
    /// # Panics
    /// If the batch has no such row.
    pub fn explain(&self, batch: &EventBatch, row: usize) -> Vec<String> {
        let one = EventBatch {
            events: batch.events.slice(row, 1),
            ..batch.clone()
        };
        let explained = self.plans.iter().map(|plan| {
            let (is_part, why) = part(plan, &one);
            let (mark, verb) = match is_part {
                true => ('✓', "counts for"),
                false => ('✗', "does not count for"),
            };
            let meta = &plan.rule.meta;
            format!("{mark} {verb}: {} ({})\n└─ {mark} {why}\n", meta.title, meta.id)
        });
        explained.collect()
    }
}

fn described(plan: &SqlPlan) -> String {
    let mut lines = vec![format!("reads {} ({})", plan.table, plan.datasets.join(", "))];
    let words = &plan.words;
    lines.extend(
        words
            .condition
            .as_ref()
            .map(|condition| format!("where {condition}")),
    );
    lines.push(match plan.window {
        Window::Hop { .. } => format!(
            "windows {}; added up by {}",
            plan.window,
            Span(plan.window.pane())
        ),
        Window::Tumble { .. } => format!("windows {}", plan.window),
        Window::Slide { .. } => format!("windows of {}", plan.window),
        Window::Session { .. } => format!("sessions, {}", plan.window),
    });
    if !words.keys.is_empty() {
        lines.push(format!("groups {}", words.keys.join(", ")));
    }
    lines.push(format!("adds up {}", words.aggregates.join(", ")));
    lines.extend(words.having.as_ref().map(|having| format!("having {having}")));
    let about: Vec<&str> = plan.entities.iter().map(|entity| entity.name.as_str()).collect();
    lines.push(match about.is_empty() {
        true => "alerts are about nobody: there is one group".to_owned(),
        false => format!("alerts are about {}", about.join(", ")),
    });
    let meta = &plan.rule.meta;
    let mut text = format!("SQL rule: {} ({})\n", meta.title, meta.id);
    for (place, line) in lines.iter().enumerate() {
        let branch = if place + 1 == lines.len() {
            "└─"
        } else {
            "├─"
        };
        let _ = writeln!(text, "{branch} {line}");
    }
    text
}

/// Whether a rule counts an event, and for what, or why not.
fn part(plan: &SqlPlan, event: &EventBatch) -> (bool, String) {
    let name = &event.dataset.name;
    if !plan.datasets.contains(name) {
        return (
            false,
            format!("event of {name}, which is no part of {}", plan.table),
        );
    }
    let Some(found) = partial(0, plan, event) else {
        return (false, "its time lies too far from now for any window".to_owned());
    };
    if let Some(error) = &found.error {
        return (false, format!("the rule cannot work something out: {error}"));
    }
    if let Some(raw) = found.raw.first()
        && let (Some(key), Some(sample)) = (raw.keys.first(), raw.samples.first())
    {
        let group = group_in_words(plan, key);
        return (
            true,
            format!("{group}, in windows from {} on", rfc3339(sample.time)),
        );
    }
    let (Some(key), Some(seen)) = (found.states.keys.first(), found.states.seen.first()) else {
        let condition = plan.words.condition.as_deref().unwrap_or("true");
        return (false, format!("`where` does not hold: {condition}"));
    };
    let key: Box<[u8]> = match plan.window {
        Window::Session { .. } => key.clone(),
        _ => key.get(8..).unwrap_or_default().into(),
    };
    let group = group_in_words(plan, &key);
    let time = match plan.window.steps() {
        None => format!("a session at {}", rfc3339(seen.first)),
        Some((slide, size)) => {
            let last = seen.first.div_euclid(slide).saturating_mul(slide);
            let pane = found.panes.first().copied().unwrap_or(last);
            // The first window that holds its pane.
            let first = (pane.saturating_add(plan.window.pane()).saturating_sub(size)).div_euclid(slide);
            let first = first.saturating_mul(slide);
            let first = if first.saturating_add(size) < pane.saturating_add(plan.window.pane()) {
                first.saturating_add(slide)
            } else {
                first
            };
            match first >= last {
                true => format!(
                    "the window {} to {}",
                    rfc3339(last),
                    rfc3339(last.saturating_add(size))
                ),
                false => format!(
                    "the windows that begin from {} to {}",
                    rfc3339(first),
                    rfc3339(last)
                ),
            }
        }
    };
    (true, format!("{group}, in {time}"))
}

/// The values of a group.
fn group_in_words(plan: &SqlPlan, key: &[u8]) -> String {
    let groups = groups_of(plan, &[key.into()]).unwrap_or_default();
    let groups = plan.words.keys.iter().zip(&groups);
    let groups: Vec<String> = groups
        .map(|(name, values)| format!("{name} = {}", output::value(values, 0)))
        .collect();
    match groups.is_empty() {
        true => "the only group".to_owned(),
        false => groups.join(", "),
    }
}
