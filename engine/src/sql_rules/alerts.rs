//! From what was found to an alert.

use std::collections::BTreeMap;

use serde_json::Value;

use super::SqlRules;
use super::found::Found;
use crate::alert::{
    Alert, CorrelationAlert, Entities, EventJson, GroupValue, MatchedField, SCHEMA_VERSION, Shown,
};
use crate::alert_build::About;
use crate::correlate::alerts::rfc3339;
use crate::windows::episode_id;

/// The alert of what was found.
pub(super) fn alert(rules: &SqlRules, found: &Found) -> Alert {
    let plan = &rules.plans()[found.plan as usize];
    let mut entities = Entities::default();
    for (entity, value) in plan.entities.iter().zip(&found.values) {
        let names = match entity.about {
            Some(About::Host) => &mut entities.hosts,
            Some(About::User) => &mut entities.users,
            Some(About::Address) => &mut entities.addresses,
            Some(About::Process) => &mut entities.processes,
            None => continue,
        };
        if !names.contains(value) {
            names.push(value.clone());
        }
    }
    let group: Vec<GroupValue> = plan
        .entities
        .iter()
        .zip(&found.values)
        .map(|(entity, value)| GroupValue {
            field: entity.name.clone(),
            value: value.clone(),
        })
        .collect();
    let dataset = |place: u16| plan.datasets.get(usize::from(place)).cloned();
    let evidence: Vec<Shown> = found
        .samples()
        .iter()
        .map(|sample| Shown {
            rule: plan.rule.meta.title.clone(),
            time: rfc3339(sample.time),
            dataset: dataset(sample.dataset),
            event_id: format!("{:032x}", u128::from_be_bytes(sample.id)),
            event: EventJson::null(),
            found: None,
        })
        .collect();
    let condition = format!(
        "{}; {}",
        plan.words.having.as_deref().unwrap_or("every group"),
        plan.window
    );
    let row: Value = serde_json::from_str(&found.row).unwrap_or_default();
    let cells = row.as_object().into_iter().flatten();
    let cells = cells.filter(|(_, value)| !value.is_null());
    let matched = cells.map(|(name, value)| MatchedField {
        selection: "select".into(),
        field: Some(name.clone()),
        column: name.clone(),
        value: match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        },
        matcher: "result".into(),
    });
    let id = episode_id(&found.tenant, &plan.rule.meta.id, &found.key, found.start);
    Alert {
        schema: SCHEMA_VERSION,
        id: format!("{id:032x}"),
        time: rfc3339(found.time),
        rule: rules.face(found.plan).clone(),
        tenant: found.tenant.clone(),
        dataset: evidence
            .first()
            .and_then(|shown| shown.dataset.clone())
            .unwrap_or_default(),
        entities,
        matched: matched.collect(),
        event_id: evidence
            .first()
            .map(|shown| shown.event_id.clone())
            .unwrap_or_default(),
        event: row.into(),
        correlation: Some(Box::new(CorrelationAlert {
            kind: "sql".into(),
            condition,
            count: found.seen.count,
            value: found.value,
            peak: found.peak,
            first: rfc3339(found.seen.first),
            last: rfc3339(found.seen.last),
            until: found.is_final.then(|| rfc3339(found.end)),
            joins: Vec::new(),
            group,
            rules: Vec::new(),
            figures: BTreeMap::new(),
            series: Vec::new(),
            evidence,
        })),
    }
}
