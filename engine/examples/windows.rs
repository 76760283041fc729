//! Events per second and bytes per group of windows, without anything around them:
//!
//! ```console
//! $ cargo run --release -p borzoi-engine --example windows [EVENTS] [GROUPS] [NAME] [THREADS] [BLOCK]
//! ```
//!
//! Each work is done twice, and the second time is told: with `MIMALLOC_PURGE_DELAY=-1` its memory is at hand by then. To have
//! memory for the first time takes up to a third of the time on a virtual machine, and says nothing of windows.
//!
//! What counts is the time in windows: of the processor where the system says it (`/proc/thread-self/schedstat`) and there is one
//! thread, by the clock otherwise. In order of time, ten seconds of lateness, BLOCK signals at once, of which some 65,000 are made
//! beforehand; keys are as long as addresses. `idle` leaves one event in each group and says what a group takes.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use borzoi_engine::windows::keys::{push_value, value_hash};
use borzoi_engine::windows::plan::{Measured, Plan, Test};
use borzoi_engine::windows::{Settings, Signal, Windows};
use borzoi_rules::correlation::{Bound, BoundOperator, RuleCondition, WindowMode};
use borzoi_rules::ir::Comparison;

/// That of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SECOND: i64 = 1_000_000;

/// Signals that come together where nobody says how many: as many as a scan hands over of a block of input, which is 4 MiB, where
/// each of its events matches a rule.
const BLOCK: usize = 8192;

/// Signals that are made before windows take them: where others make them, windows do not wait for each block.
const HOARD: usize = 1 << 16;

fn at_least(number: f64) -> Test {
    Test::Bounds(vec![Bound {
        operator: BoundOperator::Is(Comparison::GreaterOrEqual),
        value: number,
    }])
}

fn plan(measured: Measured, slots: u16, test: Test) -> Plan {
    Plan {
        rule_id: "bench".into(),
        meaning: 0,
        slots,
        group_values: 1,
        span: 300 * SECOND,
        window: WindowMode::Sliding,
        lateness: None,
        measured,
        test,
        handed: Vec::new(),
        parents: Vec::new(),
        children: Vec::new(),
        monotone: true,
    }
}

/// Time in windows, by the clock and at work on the first thread. What makes the signals is not counted: that is the work of
/// other threads elsewhere.
#[derive(Default)]
struct Watch {
    at_work: Duration,
    clock: Duration,
}

impl Watch {
    fn at_work() -> Option<Duration> {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        let nanos = text.split_whitespace().next()?.parse().ok()?;
        Some(Duration::from_nanos(nanos))
    }

    fn over(&mut self, work: impl FnOnce()) {
        let (before, began) = (Watch::at_work(), Instant::now());
        work();
        let (after, clock) = (Watch::at_work(), began.elapsed());
        self.clock += clock;
        self.at_work += match (before, after) {
            (Some(before), Some(after)) => after.saturating_sub(before),
            _ => clock,
        };
    }
}

fn argument(place: usize) -> Option<usize> {
    std::env::args().nth(place)?.parse().ok()
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

struct Work {
    name: &'static str,
    plan: Plan,
    events: u64,
    groups: u64,
    /// Distinct values per group.
    values: u64,
    /// Event time between neighbours.
    apart: i64,
    /// Whether to end before anything is worked off.
    idle: bool,
}

/// A number in twelve digits, as long as an address; made by hand because formatting would take longer than the window.
fn text(digits: &mut [u8; 12], mut number: u32) -> &str {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    std::str::from_utf8(digits).unwrap_or_default()
}

/// Twice, of which the second time is told.
fn run(work: Work) {
    // Only those whose names begin so.
    if std::env::args()
        .nth(3)
        .is_some_and(|only| !work.name.starts_with(&only))
    {
        return;
    }
    once(&work);
    println!("{}", once(&work));
}

fn once(work: &Work) -> String {
    let threads = argument(4).unwrap_or(1);
    let block = argument(5).unwrap_or(BLOCK).max(1);
    let slots = u64::from(work.plan.slots);
    let settings = Settings {
        lateness: (!work.idle).then_some(10 * SECOND),
        budget: 8 << 30,
        threads,
        ..Settings::default()
    };
    let mut windows = Windows::new(vec![Arc::new(work.plan.clone())], settings);
    let tenant = windows.tenant("default");
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut keys, mut drawn) = (Vec::new(), Vec::new());
    let mut digits = [0; 12];
    let mut most = 0;
    let mut episodes = 0;
    let mut watch = Watch::default();
    let hoard = HOARD.next_multiple_of(block);
    for first in (0..work.events).step_by(hoard) {
        let numbers = first..work.events.min(first + hoard as u64);
        keys.clear();
        drawn.clear();
        for number in numbers.clone() {
            let draw = random.next();
            let group = match work.idle {
                true => number % work.groups,
                false => draw % work.groups,
            };
            push_value(&mut keys, text(&mut digits, group as u32));
            drawn.push(draw);
        }
        let keys = keys.chunks_exact(digits.len() + 1);
        let signals: Vec<Signal<'_>> = numbers
            .zip(&drawn)
            .zip(keys)
            .map(|((number, draw), key)| Signal {
                plan: 0,
                slot: ((draw >> 20) % slots) as u16,
                tenant,
                source: 0,
                time: 1_700_000_000 * SECOND + number as i64 * work.apart,
                id: u128::from(number),
                key,
                value: value_hash(&((draw >> 32) % work.values.max(1)).to_le_bytes()),
                handed: &[],
            })
            .collect();
        watch.over(|| {
            for signals in signals.chunks(block) {
                windows.push_all(signals);
            }
        });
        most = most.max(windows.bytes());
        episodes += windows.take_final().len();
    }
    most = most.max(windows.bytes());
    let (at_work, clock) = (watch.at_work.as_secs_f64(), watch.clock.as_secs_f64());
    // Where others help, what the first thread did says less than half of it.
    let seconds = if threads == 1 { at_work } else { clock };
    let groups = windows.groups();
    let bytes = windows.bytes();
    windows.finish();
    episodes += windows.take_final().len();
    format!(
        "{:<28} {:>9.0} events/s  {clock:>6.2} s, {at_work:>6.2} of the first thread  {:>6} MiB at most  {:>9} groups at the end, {:>4} bytes each  {} episodes",
        work.name,
        work.events as f64 / seconds,
        most >> 20,
        groups,
        bytes / groups.max(1),
        episodes
    )
}

/// Thirty days in which every pair of a user and an address comes three times: how many are said to be new that were there
/// before, how many that were not are passed over, and what they take.
fn first_seen(pairs: u64, budget: usize) {
    let day = 86_400 * SECOND;
    let plan = Plan {
        span: 30 * day,
        monotone: false,
        ..plan(Measured::New, 1, Test::New { learning: 0 })
    };
    let settings = Settings {
        lateness: Some(60 * SECOND),
        budget,
        ..Settings::default()
    };
    let mut windows = Windows::new(vec![Arc::new(plan)], settings);
    let tenant = windows.tenant("default");
    let events = 3 * pairs;
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut key, mut digits) = (Vec::new(), [0; 12]);
    let mut met = vec![false; pairs as usize];
    let (mut first, mut new, mut most) = (0_u64, 0_u64, 0);
    let mut watch = Watch::default();
    watch.over(|| {
        for number in 0..events {
            let pair = random.next() % pairs;
            first += u64::from(!std::mem::replace(&mut met[pair as usize], true));
            key.clear();
            push_value(&mut key, text(&mut digits, (pair % 50_000) as u32));
            push_value(&mut key, text(&mut digits, pair as u32));
            windows.push(&Signal {
                plan: 0,
                slot: 0,
                tenant,
                source: 0,
                time: 1_700_000_000 * SECOND + (29 * day / events as i64).max(1) * number as i64,
                id: u128::from(number),
                key: &key,
                value: 0,
                handed: &[],
            });
            if number % 4096 == 0 {
                most = most.max(windows.bytes());
                new += windows.take_final().len() as u64;
            }
        }
    });
    let seconds = watch.at_work.as_secs_f64();
    let condensed = windows.counters().condensed;
    windows.finish();
    new += windows.take_final().len() as u64;
    println!(
        "{:<28} {:>9.0} events/s  {:>6} MiB at most  {first} pairs, {new} said to be new, {condensed} remembered less exactly",
        format!("first_seen, {} MiB", budget >> 20),
        events as f64 / seconds,
        most >> 20,
    );
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).filter_map(|text| text.parse().ok());
    let events: u64 = arguments.next().unwrap_or(10_000_000);
    let groups: u64 = arguments.next().unwrap_or(1_000_000);
    // Ten minutes of time: two windows long.
    let apart = (600 * SECOND / events.max(1) as i64).max(1);
    let many = |name, plan| Work {
        name,
        plan,
        events,
        groups,
        values: 1,
        apart,
        idle: false,
    };
    let both = RuleCondition::All(vec![RuleCondition::Rule(0), RuleCondition::Rule(1)]);
    run(many(
        "event_count gte 10",
        plan(Measured::Events, 1, at_least(10.0)),
    ));
    run(many(
        "temporal, two rules",
        plan(Measured::Rules, 2, Test::Rules(both)),
    ));
    // Some 2,500 events of 2,000 values in each window.
    run(Work {
        groups: (events / 5000).max(1),
        values: 2_000,
        ..many(
            "value_count gte 1900",
            plan(Measured::Distinct, 1, at_least(1900.0)),
        )
    });
    run(Work {
        groups: (events / 20_000).max(1),
        values: 2_000,
        ..many(
            "value_count gte 1500, open",
            plan(Measured::Distinct, 1, at_least(1500.0)),
        )
    });
    run(Work {
        events: groups,
        idle: true,
        ..many("idle groups", plan(Measured::Events, 1, at_least(10.0)))
    });
    if std::env::args().nth(3).is_some() {
        return ExitCode::SUCCESS;
    }
    for budget in [512, 96] {
        first_seen(5 * groups, budget << 20);
    }
    ExitCode::SUCCESS
}
