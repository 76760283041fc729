//! What a window holds, kept up to date as events enter and leave it.

use borzoi_rules::correlation::{Risk, WindowMode};
use hashbrown::HashMap;

use super::log::Entry;
use super::plan::{self, Chain, EVENT, Measured, Plan, Test};
use super::rank::Ranked;
use super::sums::ExactSum;

/// What a window holds. *Cost*: constant for each event that enters or leaves, the logarithm of the distinct values
/// for percentiles, the number of rules for sequences.
#[derive(Debug, Clone)]
pub(super) struct Window {
    events: usize,
    /// Events of each rule; empty where there is only one.
    of_slot: Box<[u32]>,
    measure: Measure,
}

#[derive(Debug, Clone)]
enum Measure {
    /// Nothing but the numbers of events.
    Events,
    Distinct(HashMap<u64, u32>),
    /// How many events, and how often each of their values.
    Both(usize, HashMap<u64, u32>),
    Sum(ExactSum),
    Ranked(Box<Ranked>),
    Order(Order),
    Risk(Newest),
}

/// When each rule of a window occurred last, and how often it did: those that did, by their positions.
type Newest = Vec<(u16, i64, u32)>;

/// What these signals weigh at `time`, and how many tactics they are of. Always added in the same order, so that the sum
/// is the same whatever was in the window before.
fn weigh(risk: &Risk, newest: &Newest, time: i64) -> (f64, u32) {
    let half_life = risk.half_life.as_micros().max(1) as f64;
    let weights = newest
        .iter()
        .filter_map(|(slot, newest, _)| Some((risk.weights.get(usize::from(*slot))?, *newest)));
    let (score, tactics) = weights.fold((0.0, 0), |(score, tactics), (weight, newest)| {
        let age = time.saturating_sub(newest) as f64;
        (
            score + weight.score * (-age / half_life).exp2(),
            tactics | weight.tactics,
        )
    });
    (score, tactics.count_ones())
}

/// Which steps were taken in order.
#[derive(Debug, Clone)]
struct Order {
    /// Per chain and step: the latest time at which the chain could begin that got so far. Where steps are counted, per
    /// number of steps less one and rule: the latest time at which so many steps could begin that end with this rule.
    begins: Box<[Box<[i64]>]>,
    /// When each rule occurred last.
    last: Box<[i64]>,
}

const NEVER: i64 = i64::MIN;

impl Order {
    fn new(plan: &Plan) -> Order {
        let slots = usize::from(plan.slots);
        let begins = |chain: &Chain| vec![NEVER; chain.steps.len()].into_boxed_slice();
        Order {
            begins: match &plan.test {
                Test::Chains(chains) => chains.iter().map(begins).collect(),
                _ => vec![vec![NEVER; slots].into(); slots].into(),
            },
            last: vec![NEVER; slots].into(),
        }
    }

    fn clear(&mut self) {
        self.last.fill(NEVER);
        self.begins.iter_mut().for_each(|begins| begins.fill(NEVER));
    }

    /// Events of one time are in every order at once.
    fn add(&mut self, plan: &Plan, slot: u16, time: i64) {
        self.last[usize::from(slot)] = time;
        match &plan.test {
            Test::Chains(chains) => {
                for (chain, begins) in chains.iter().zip(&mut self.begins) {
                    for (index, step) in chain.steps.iter().enumerate() {
                        if self.last[usize::from(*step)] == time {
                            let begin = if index == 0 { time } else { begins[index - 1] };
                            begins[index] = begins[index].max(begin);
                        }
                    }
                }
            }
            _ => self.count_steps(time),
        }
    }

    /// Lengthens what is counted by the rules that occurred at `time`: in their order, so that those of one time follow
    /// each other.
    fn count_steps(&mut self, time: i64) {
        for rule in (0..self.last.len()).filter(|rule| self.last[*rule] == time) {
            self.begins[0][rule] = time;
            for steps in 1..=rule {
                let shorter = self.begins[steps - 1][..rule].iter().copied().max();
                let begin = shorter.unwrap_or(NEVER);
                self.begins[steps][rule] = begin.max(self.begins[steps][rule]);
            }
        }
    }
}

/// A window that stands for one that was not saved.
impl Default for Window {
    fn default() -> Window {
        Window {
            events: 0,
            of_slot: Box::default(),
            measure: Measure::Events,
        }
    }
}

impl Window {
    /// An empty window.
    pub(super) fn new(plan: &Plan) -> Window {
        // A risk may be of thousands of rules, of which few occur.
        let slots = match plan.measured {
            Measured::Risk => 0,
            _ if plan.slots > 1 => usize::from(plan.slots),
            _ => 0,
        };
        Window {
            events: 0,
            of_slot: vec![0; slots].into(),
            measure: match plan.measured {
                Measured::Events | Measured::Rules | Measured::New | Measured::Unusual(_) => Measure::Events,
                Measured::Distinct => Measure::Distinct(HashMap::new()),
                Measured::EventsAndValues => Measure::Both(0, HashMap::new()),
                Measured::Sum | Measured::Mean => Measure::Sum(ExactSum::default()),
                Measured::Percentile(_) => Measure::Ranked(Box::default()),
                Measured::Order => Measure::Order(Order::new(plan)),
                Measured::Risk => Measure::Risk(Newest::new()),
            },
        }
    }

    pub(super) fn clear(&mut self) {
        self.events = 0;
        self.of_slot.fill(0);
        match &mut self.measure {
            Measure::Events => {}
            Measure::Distinct(counts) => counts.clear(),
            Measure::Both(events, counts) => {
                *events = 0;
                counts.clear();
            }
            Measure::Sum(sum) => sum.clear(),
            Measure::Ranked(ranked) => ranked.clear(),
            Measure::Order(order) => order.clear(),
            Measure::Risk(newest) => newest.clear(),
        }
    }

    /// Bytes that it takes, about.
    pub(super) fn bytes(&self) -> usize {
        let measure = match &self.measure {
            Measure::Events => 0,
            Measure::Distinct(counts) | Measure::Both(_, counts) => counts.capacity() * 17,
            Measure::Sum(_) => 32,
            Measure::Ranked(ranked) => 96 + ranked.len() * 24,
            Measure::Risk(newest) => newest.capacity() * size_of::<(u16, i64, u32)>(),
            Measure::Order(order) => {
                let begins: usize = order.begins.iter().map(|begins| 16 + begins.len() * 8).sum();
                order.last.len() * 8 + begins
            }
        };
        size_of::<Window>() + self.of_slot.len() * 4 + measure
    }

    pub(super) fn add(&mut self, plan: &Plan, entry: &Entry) {
        self.events += 1;
        if let Some(count) = self.count_for(entry) {
            *count += 1;
        }
        match &mut self.measure {
            Measure::Events => {}
            Measure::Distinct(counts) => *counts.entry(entry.value).or_default() += 1,
            Measure::Both(events, _) if entry.value == EVENT => *events += 1,
            Measure::Both(_, counts) => *counts.entry(entry.value).or_default() += 1,
            Measure::Sum(sum) => sum.add(f64::from_bits(entry.value)),
            Measure::Ranked(ranked) => ranked.add(f64::from_bits(entry.value)),
            Measure::Order(order) => order.add(plan, entry.slot, entry.time),
            Measure::Risk(newest) => match newest.binary_search_by_key(&entry.slot, |(slot, ..)| *slot) {
                Ok(place) => {
                    let (_, time, count) = &mut newest[place];
                    *time = entry.time.max(*time);
                    *count += 1;
                }
                Err(place) => newest.insert(place, (entry.slot, entry.time, 1)),
            },
        }
    }

    /// Counts an event whose place in a sequence is behind; the steps are to be counted anew later.
    pub(super) fn add_out_of_order(&mut self, entry: &Entry) {
        self.events += 1;
        if let Some(count) = self.of_slot.get_mut(usize::from(entry.slot)) {
            *count += 1;
        }
    }

    pub(super) fn remove(&mut self, entry: &Entry) {
        self.events -= 1;
        // What begins after a window that was empty has nothing to do with what was there before.
        if self.events == 0 {
            self.clear();
            return;
        }
        if let Some(count) = self.count_for(entry) {
            *count -= 1;
        }
        match &mut self.measure {
            // How far a sequence got is asked together with when it began.
            Measure::Events | Measure::Order(_) => {}
            Measure::Both(events, _) if entry.value == EVENT => *events -= 1,
            Measure::Distinct(counts) | Measure::Both(_, counts) => {
                if let Some(count) = counts.get_mut(&entry.value) {
                    *count -= 1;
                    if *count == 0 {
                        counts.remove(&entry.value);
                    }
                }
            }
            // Those that leave are the oldest, so the newest of a rule leaves last.
            Measure::Risk(newest) => {
                if let Ok(place) = newest.binary_search_by_key(&entry.slot, |(slot, ..)| *slot) {
                    newest[place].2 -= 1;
                    if newest[place].2 == 0 {
                        newest.remove(place);
                    }
                }
            }
            Measure::Sum(sum) => sum.add(-f64::from_bits(entry.value)),
            Measure::Ranked(ranked) => ranked.remove(f64::from_bits(entry.value)),
        }
    }

    /// How many events it holds of each rule.
    pub(super) fn of_slot(&self, plan: &Plan) -> Box<[u64]> {
        if let Measure::Risk(newest) = &self.measure {
            let mut counts = vec![0; usize::from(plan.slots)];
            for (slot, _, count) in newest {
                counts[usize::from(*slot)] = u64::from(*count);
            }
            return counts.into();
        }
        match &self.of_slot[..] {
            [] => [self.count() as u64].into(),
            counts => counts.iter().map(|count| u64::from(*count)).collect(),
        }
    }

    /// How many events it holds.
    fn count(&self) -> usize {
        match &self.measure {
            Measure::Both(events, _) => *events,
            _ => self.events,
        }
    }

    /// How many distinct values its events have, where that is asked beside their number; otherwise 0.
    pub(super) fn values_beside(&self) -> u64 {
        match &self.measure {
            Measure::Both(_, counts) => counts.len() as u64,
            _ => 0,
        }
    }

    /// Where the events of the rule of an entry are counted, if it is one and they are.
    fn count_for(&mut self, entry: &Entry) -> Option<&mut u32> {
        let is_value = matches!(self.measure, Measure::Both(..)) && entry.value != EVENT;
        let count = self.of_slot.get_mut(usize::from(entry.slot));
        count.filter(|_| !is_value)
    }

    fn occurred(&self, slot: usize) -> bool {
        match self.of_slot.get(slot) {
            Some(count) => *count > 0,
            None => self.events > 0,
        }
    }

    /// What is measured of the window that ends with `time`.
    fn number(&mut self, plan: &Plan, time: i64) -> f64 {
        let events = self.count();
        match (&mut self.measure, plan.measured) {
            (Measure::Distinct(counts), _) => counts.len() as f64,
            (Measure::Sum(sum), Measured::Mean) => sum.value() / events as f64,
            (Measure::Sum(sum), _) => sum.value(),
            (Measure::Ranked(ranked), Measured::Percentile(percentile)) => {
                ranked.percentile(percentile).unwrap_or(f64::NAN)
            }
            (Measure::Order(order), _) if matches!(plan.test, Test::Bounds(_)) => {
                let within = |begin: &i64| is_within(*begin, time, plan);
                let taken = order.begins.iter().take_while(|begins| begins.iter().any(within));
                taken.count() as f64
            }
            (Measure::Events, Measured::Rules) | (Measure::Order(_), _) => (0..usize::from(plan.slots))
                .filter(|slot| self.occurred(*slot))
                .count() as f64,
            _ => events as f64,
        }
    }

    /// Whether the window that ends with `time` passes the test, and what is measured of it. An empty one never does.
    pub(super) fn ask(&mut self, plan: &Plan, time: i64) -> (bool, f64) {
        if self.events == 0 {
            return (false, 0.0);
        }
        if let (Measure::Risk(newest), Test::Risk(risk)) = (&self.measure, &plan.test) {
            let (score, tactics) = weigh(risk, newest, time);
            return (plan::risk_holds(risk, score, tactics), score);
        }
        let number = self.number(plan, time);
        let holds = match &plan.test {
            Test::Risk(_) | Test::New { .. } | Test::Statistic(..) => false,
            Test::Bounds(bounds) => bounds.iter().all(|bound| bound.holds(number)),
            Test::Both { events, values } => {
                let distinct = self.values_beside() as f64;
                events.iter().all(|bound| bound.holds(number))
                    && values.iter().all(|bound| bound.holds(distinct))
            }
            Test::Rules(condition) => plan::holds(condition, &|slot| self.occurred(slot)),
            Test::Chains(chains) => {
                let absent = |chain: &Chain| {
                    let mut slots = chain.absent.iter();
                    slots.all(|&slot| !self.occurred(usize::from(slot)))
                };
                match &self.measure {
                    Measure::Order(order) => chains.iter().zip(&order.begins).any(|(chain, begins)| {
                        let taken = begins.last().is_none_or(|begin| is_within(*begin, time, plan));
                        taken && absent(chain)
                    }),
                    _ => false,
                }
            }
        };
        (holds, number)
    }
}

/// Whether `begin` lies in the window that ends with `time`. Of a session all that has not been cleared does.
fn is_within(begin: i64, time: i64, plan: &Plan) -> bool {
    begin != NEVER && (plan.window == WindowMode::Session || plan.leaves_alone(begin) > time)
}
