//! Sequences by their definition: all hits in order, every partial match a list of its own, every rule looked up in all hits
//! each time.

use std::collections::BTreeMap;

/// In which order the steps are to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One after the other.
    Ordered,
    /// In any order, again and again.
    Join,
    /// In any order, by different events, once a key.
    Sample,
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// What waits for it stays, and a copy goes on.
    pub fork: bool,
    /// It must not come.
    pub missing: bool,
    /// How many times in a row it is to come.
    pub runs: u32,
}

/// A sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// In which order the steps are to come.
    pub kind: Kind,
    /// The steps.
    pub steps: Vec<Step>,
    /// Most microseconds from the first event to the last.
    pub span: Option<i64>,
}

/// One event at one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Event time in microseconds.
    pub time: i64,
    /// The event's id.
    pub id: u128,
    /// The number of the step; that behind the last breaks the sequence.
    pub step: usize,
    /// What events share.
    pub key: String,
}

/// When an event was, and which.
pub type At = (i64, u128);

/// A sequence that was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// From when on it is known.
    pub known_at: i64,
    /// What its events share.
    pub key: String,
    /// Its events, in the order of the steps.
    pub events: Vec<At>,
}

/// The events of one key in order, each with its steps.
type Events = BTreeMap<At, Vec<usize>>;

/// All that is found, by when it is known, key and events.
pub fn found(plan: &Plan, hits: &[Hit]) -> Vec<Found> {
    let mut keys: BTreeMap<&str, Events> = BTreeMap::new();
    for hit in hits {
        let steps = keys.entry(&hit.key).or_default();
        let steps = steps.entry((hit.time, hit.id)).or_default();
        if !steps.contains(&hit.step) {
            steps.push(hit.step);
            steps.sort_unstable();
        }
    }
    let mut all = Vec::new();
    for (key, events) in keys {
        let found = match plan.kind {
            Kind::Ordered => ordered(plan, &events),
            Kind::Join => joined(plan, &events),
            Kind::Sample => sampled(plan, &events),
        };
        all.extend(found.into_iter().map(|(known_at, events)| Found {
            known_at,
            key: key.to_owned(),
            events,
        }));
    }
    all.sort();
    all
}

/// Whether there is an event of the step in this range.
fn occurs(events: &Events, step: usize, within: impl Fn(At) -> bool) -> bool {
    let mut all = events.iter();
    all.any(|(at, steps)| steps.contains(&step) && within(*at))
}

fn ordered(plan: &Plan, events: &Events) -> Vec<(i64, Vec<At>)> {
    // The steps that are to come, one for each run, and the steps that must not come in front of each.
    let mut stages: Vec<usize> = Vec::new();
    let mut gaps: Vec<Vec<usize>> = vec![Vec::new()];
    for (number, step) in plan.steps.iter().enumerate() {
        if step.missing {
            gaps.last_mut().expect("there is one").push(number);
            continue;
        }
        for _ in 0..step.runs {
            stages.push(number);
            gaps.push(Vec::new());
        }
    }
    let until = plan.steps.len();
    let mut partials: Vec<Vec<At>> = Vec::new();
    let mut whole: Vec<Vec<At>> = Vec::new();
    for (&now, steps) in events {
        // What began too long ago is gone, and so is what something came to that must not.
        partials.retain(|partial| {
            let in_time = plan.span.is_none_or(|span| now.0 - partial[0].0 <= span);
            let last = partial[partial.len() - 1];
            let mut broken = gaps[partial.len()].iter();
            in_time && !broken.any(|&step| occurs(events, step, |at| at > last && at < now))
        });
        if steps.contains(&until) {
            partials.clear();
        }
        for (stage, step) in stages.iter().enumerate().rev() {
            if !steps.contains(step) {
                continue;
            }
            let longer = if stage == 0 {
                Some(vec![now])
            } else {
                let waits = partials.iter().position(|partial| partial.len() == stage);
                waits.map(|waits| {
                    let partial = match plan.steps[*step].fork {
                        true => partials[waits].clone(),
                        false => partials.remove(waits),
                    };
                    [&partial[..], &[now]].concat()
                })
            };
            let Some(longer) = longer else { continue };
            if longer.len() == stages.len() {
                whole.push(longer);
            } else {
                partials.retain(|partial| partial.len() != longer.len());
                partials.push(longer);
            }
        }
    }
    let mut found = Vec::new();
    for sequence in whole {
        let (first, last) = (sequence[0], sequence[sequence.len() - 1]);
        let span = plan.span.unwrap_or(0);
        let mut leading = gaps[0].iter();
        if leading.any(|&step| occurs(events, step, |at| at < first && at.0 >= last.0 - span)) {
            continue;
        }
        let trailing = &gaps[stages.len()];
        let end = first.0 + span;
        if trailing
            .iter()
            .any(|&step| occurs(events, step, |at| at > last && at.0 <= end))
        {
            continue;
        }
        found.push((if trailing.is_empty() { last.0 } else { end }, sequence));
    }
    found
}

fn joined(plan: &Plan, events: &Events) -> Vec<(i64, Vec<At>)> {
    let mut found = Vec::new();
    let mut places: Vec<Option<At>> = vec![None; plan.steps.len()];
    for (&now, steps) in events {
        if steps.contains(&plan.steps.len()) {
            places.fill(None);
        }
        for place in &mut places {
            if let (Some(at), Some(span)) = (*place, plan.span)
                && now.0 - at.0 > span
            {
                *place = None;
            }
        }
        for step in 0..plan.steps.len() {
            if !steps.contains(&step) {
                continue;
            }
            if places[step].is_none() || plan.span.is_some() {
                places[step] = Some(now);
            }
            if places.iter().all(Option::is_some) {
                found.push((now.0, places.iter().flatten().copied().collect()));
                places.fill(None);
            }
        }
    }
    found
}

fn sampled(plan: &Plan, events: &Events) -> Vec<(i64, Vec<At>)> {
    let mut known = Events::new();
    for (&now, steps) in events {
        known.insert(now, steps.clone());
        if let Some(chosen) = choose(plan.steps.len(), &known, &mut Vec::new()) {
            return vec![(now.0, chosen)];
        }
    }
    Vec::new()
}

/// The first choice of different events for all steps behind those that are chosen.
fn choose(steps: usize, events: &Events, chosen: &mut Vec<At>) -> Option<Vec<At>> {
    if chosen.len() == steps {
        return Some(chosen.clone());
    }
    for (&at, of) in events {
        if of.contains(&chosen.len()) && !chosen.contains(&at) {
            chosen.push(at);
            let found = choose(steps, events, chosen);
            chosen.pop();
            if found.is_some() {
                return found;
            }
        }
    }
    None
}
