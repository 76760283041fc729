//! Sequences against their definition, and the bugs that others have had.

mod definition;
mod known_bugs;
mod limits;

use borzoi_engine::sequence::{Counters, Found, Hit, Kind, Plan, Sequences, Settings, Step};
use borzoi_oracle::sequences as oracle;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;

/// Steps that are to come one after the other.
fn steps(count: usize) -> Plan {
    Plan {
        kind: Kind::Ordered,
        steps: vec![Step::default(); count],
        span: None,
        has_until: true,
    }
}

fn within(lateness: i64) -> Settings {
    Settings {
        lateness: Some(lateness),
        ..Settings::default()
    }
}

/// An event at a step.
fn hit(time: i64, id: u128, step: usize, key: &str) -> oracle::Hit {
    oracle::Hit {
        time,
        id,
        step,
        key: key.into(),
    }
}

/// The same for the machine; each source has its ids.
fn given(hit: &oracle::Hit, sources: u128) -> Hit<()> {
    Hit {
        time: hit.time,
        id: hit.id,
        tenant: 0,
        source: (hit.id % sources) as u32,
        plan: 0,
        step: hit.step as u16,
        key: hit.key.as_bytes().into(),
        payload: (),
    }
}

/// What is found of hits that come in this order, so many at a time, in the order in which it is given out.
fn run(
    plan: &Plan,
    settings: Settings,
    at_a_time: usize,
    hits: &[oracle::Hit],
) -> (Vec<oracle::Found>, Counters) {
    let plans = std::slice::from_ref(plan);
    let mut sequences = Sequences::new(plans, settings, |()| 0).expect("it runs");
    sequences.tenant("default");
    let mut found = Vec::new();
    for some in hits.chunks(at_a_time) {
        found.extend(sequences.take(some.iter().map(|hit| given(hit, 1))));
    }
    found.extend(sequences.finish());
    (found.into_iter().map(plain).collect(), sequences.counters())
}

/// As [`run`], one hit at a time, saved and taken up before those at `cuts`.
fn run_in_parts(
    plan: &Plan,
    settings: Settings,
    cuts: &[usize],
    hits: &[oracle::Hit],
) -> (Vec<oracle::Found>, Counters) {
    let new = || Sequences::new(std::slice::from_ref(plan), settings, |()| 7).expect("it runs");
    let mut sequences = new();
    sequences.tenant("default");
    let mut found = Vec::new();
    for (number, hit) in hits.iter().enumerate() {
        if cuts.contains(&number) {
            let saved = postcard::to_stdvec(&sequences).expect("saved");
            let before = sequences.counters();
            sequences = new();
            sequences.restore(postcard::from_bytes(&saved).expect("read"), &[Some(0)]);
            let after = sequences.counters();
            assert_eq!((after.open, after.bytes), (before.open, before.bytes));
        }
        found.extend(sequences.take([given(hit, 1)]));
    }
    found.extend(sequences.finish());
    (found.into_iter().map(plain).collect(), sequences.counters())
}

fn plain(found: Found<()>) -> oracle::Found {
    let events = found.events.iter().map(|(time, id, ())| (*time, *id));
    oracle::Found {
        known_at: found.known_at,
        key: String::from_utf8(found.key.into()).expect("a text"),
        events: events.collect(),
    }
}

/// The ids of each sequence.
fn ids(found: &[oracle::Found]) -> Vec<Vec<u128>> {
    let ids = |one: &oracle::Found| one.events.iter().map(|(_, id)| *id).collect();
    found.iter().map(ids).collect()
}

/// All orders of a few hits.
fn orders(hits: &[oracle::Hit]) -> Vec<Vec<oracle::Hit>> {
    let Some((first, rest)) = hits.split_first() else {
        return vec![Vec::new()];
    };
    let mut all = Vec::new();
    for order in orders(rest) {
        for place in 0..=order.len() {
            let mut order = order.clone();
            order.insert(place, first.clone());
            all.push(order);
        }
    }
    all
}
