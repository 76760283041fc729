//! Precision and recall of the detectors of beacons, generated names, sprays and silence on generated traces, and the
//! plots of `docs/anomaly.md`: `traces [PAIRS] [SEED]`, with PAIRS of each kind of people's traffic; with none of them, the rest alone.
//!
//! What is generated stands at `borzoi_engine::anomaly::simulate`; the tables say with which numbers. The constants of the
//! detectors were chosen with the seeds 1 to 800,000; the default seed here is another.

use std::time::Instant;

use borzoi_engine::anomaly::beacon::{self, Beacon};
use borzoi_engine::anomaly::distinct::Distinct;
use borzoi_engine::anomaly::hours::{self, Hours};
use borzoi_engine::anomaly::names::generated;
use borzoi_engine::anomaly::peers::{self, Peers};
use borzoi_engine::anomaly::pool::{Pool, Tally};
use borzoi_engine::anomaly::rare::{self, Rare};
use borzoi_engine::anomaly::silence::{self, Silence};
use borzoi_engine::anomaly::simulate::{Callbacks, Calm, Family, FanOut, Noise, People, Source, of_people};
use borzoi_engine::anomaly::travel::{self, Place, Travel};
use borzoi_engine::anomaly::{Detector, Sensitivity};

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let pairs: u64 = arguments.next().map_or(Ok(2_000), |text| text.parse())?;
    let seed: u64 = arguments.next().map_or(Ok(90_000_000), |text| text.parse())?;
    if pairs > 0 {
        beacons(pairs, seed);
    }
    names(seed);
    sprays(seed);
    silences(seed);
    plots(seed);
    plots_of_many(seed);
    Ok(())
}

fn precision(true_rate: f64, false_rate: f64) -> f64 {
    if true_rate + false_rate == 0.0 {
        return 0.0;
    }
    true_rate / (true_rate + false_rate)
}

fn has_beacon(times: &[i64]) -> bool {
    let mut beacon = Beacon::new(beacon::Settings::default());
    times.iter().any(|&time| beacon.update(time).alert)
}

fn beacons(pairs: u64, seed: u64) {
    println!("## Beacons: a day of a pair, at most one alert in 10,000 pairs and days asked for\n");
    println!(
        "| people's traffic | pairs | connections | false alarms | per 10,000 pairs | ns per connection |"
    );
    println!("|---|---|---|---|---|---|");
    let mut all = (0, 0);
    for (number, kind) in People::ALL.into_iter().enumerate() {
        let (mut alarms, mut connections, mut seconds) = (0, 0, 0.0);
        for pair in 0..pairs {
            let mut noise = Noise::new(seed + number as u64 * 1_000_000 + pair);
            let times = kind.times(&mut noise, 24.0);
            let began = Instant::now();
            let mut beacon = Beacon::new(beacon::Settings::default());
            let found = times.iter().filter(|&&time| beacon.update(time).alert).count();
            seconds += began.elapsed().as_secs_f64();
            alarms += usize::from(found > 0);
            connections += times.len();
        }
        all = (all.0 + alarms, all.1 + pairs);
        println!(
            "| {kind:?} | {pairs} | {connections} | {alarms} | {:.1} | {:.0} |",
            alarms as f64 * 1e4 / pairs as f64,
            seconds * 1e9 / connections.max(1) as f64
        );
    }
    let false_rate = all.0 as f64 / all.1.max(1) as f64;
    println!("| all | {} | | {} | {:.1} | |\n", all.1, all.0, false_rate * 1e4);

    println!(
        "Periods from 30 s to 1 h, 1 to 3 connections per call-back; precision if one pair in 1,000 is a beacon.\n"
    );
    println!("| jitter | missing 0 | 5 % | 10 % | 20 % | precision at 5 % |");
    println!("|---|---|---|---|---|---|");
    for jitter in [0.0, 0.1, 0.2, 0.3, 0.4, 0.5] {
        let recalls = [0.0, 0.05, 0.1, 0.2].map(|missing| {
            let runs = 1_000;
            let found = (0..runs).filter(|run| {
                let mut noise = Noise::new(seed + 20_000_000 + run);
                let period = noise.spread(30.0, 3_600.0);
                let callbacks = Callbacks {
                    period,
                    jitter,
                    missing,
                    connections: 3,
                };
                has_beacon(&callbacks.times(&mut noise, 24.0))
            });
            found.count() as f64 / runs as f64
        });
        let [none, few, some, many] = recalls;
        println!(
            "| {:.0} % | {none:.3} | {few:.3} | {some:.3} | {many:.3} | {:.3} |",
            jitter * 100.0,
            precision(few * 1e-3, false_rate * (1.0 - 1e-3))
        );
    }
    let polls = (0..1_000).filter(|run| {
        let mut noise = Noise::new(seed + 30_000_000 + run);
        let callbacks = Callbacks {
            period: noise.spread(60.0, 3_600.0),
            jitter: 0.02,
            missing: 0.01,
            connections: 4,
        };
        has_beacon(&callbacks.times(&mut noise, 24.0))
    });
    println!(
        "\nBenign software that polls (2 % jitter): {} of 1,000 pairs alert, as stated.\n",
        polls.count()
    );
}

fn names(seed: u64) {
    println!("## Generated names\n");
    let over = |over: f64, names: &[String]| {
        let found = names.iter().filter(|name| generated(name).probability > over);
        found.count() as f64 / names.len() as f64
    };
    let people: Vec<String> = of_people().map(str::to_string).collect();
    let falsely = [over(0.5, &people), over(0.9, &people)];
    // None of a few hundred is not never: one more, of two more.
    let count = people.len() as f64;
    let one_more = (falsely[1] * count + 1.0) / (count + 2.0);
    println!("| names | over 0.5 | over 0.9 | precision over 0.9, one name in 100 generated, at the least |");
    println!("|---|---|---|---|");
    println!(
        "| {} of people, not in the list | {:.3} | {:.3} | |",
        people.len(),
        falsely[0],
        falsely[1]
    );
    for family in [
        Family::Letters(8),
        Family::Letters(10),
        Family::Letters(12),
        Family::Letters(16),
        Family::Consonants(12),
        Family::Congruential(14),
        Family::Hexadecimal(8),
        Family::Hexadecimal(16),
        Family::LettersAndDigits(8),
        Family::LettersAndDigits(12),
        Family::LettersAndDigits(16),
        Family::Syllables(12),
        Family::Syllables(16),
        Family::Words,
    ] {
        let mut noise = Noise::new(seed);
        let names: Vec<String> = (0..2_000).map(|_| family.name(&mut noise)).collect();
        let [half, most] = [over(0.5, &names), over(0.9, &names)];
        println!(
            "| {family:?} | {half:.3} | {most:.3} | {:.2} |",
            precision(most * 0.01, one_more * 0.99)
        );
    }
    println!();
}

const TEN_MINUTES: i64 = 600_000_000;
const STEPS: i64 = 144;

/// Estimates of distinct values for 20 days and a part of a day, then `attack` more steps with `extra` more.
fn fan_out(usual: FanOut, extra: usize, attack: i64, noise: &mut Noise) -> (Vec<f64>, usize) {
    let begins = 20 * STEPS + noise.below(STEPS as usize - 12) as i64;
    let estimates = (0..begins + attack).map(|step| {
        let mut distinct = Distinct::default();
        let added = if step >= begins { extra } else { 0 };
        for value in usual.interval(noise, (step % STEPS) as f64 / STEPS as f64, added) {
            distinct.insert(value);
        }
        distinct.estimate()
    });
    (estimates.collect(), begins as usize)
}

fn sprays(seed: u64) {
    println!(
        "## Spray and lateral fan-out: distinct values in ten minutes, an attack of two hours, 0.1 alerts a day asked for\n"
    );
    println!(
        "| usual at noon | season | spread | more per interval | recall | false alarms a day | precision, one attack in 30 days |"
    );
    println!("|---|---|---|---|---|---|---|");
    let gateway = (8.0, 0.8, 0.3);
    let busy = (40.0, 0.8, 0.3);
    let workstation = (2.5, 0.9, 0.5);
    for ((usual, season, spread), extra) in [
        (gateway, 5),
        (gateway, 10),
        (gateway, 20),
        (gateway, 40),
        (busy, 40),
        (busy, 80),
        (workstation, 5),
        (workstation, 10),
        (workstation, 20),
    ] {
        let usual = FanOut {
            usual,
            season,
            spread,
        };
        let runs = 100;
        let (mut found, mut alerts, mut days) = (0, 0, 0.0);
        for run in 0..runs {
            let mut noise = Noise::new(seed + 40_000_000 + run);
            let (estimates, begins) = fan_out(usual, extra, 12, &mut noise);
            let mut detector = Detector::new(Sensitivity::alerts_per_day(0.1, TEN_MINUTES));
            let mut caught = false;
            for (step, &estimate) in estimates.iter().enumerate() {
                let alert = detector.update(step as i64 * TEN_MINUTES, estimate).alert;
                caught |= alert && step >= begins;
                alerts += usize::from(alert && (7 * STEPS as usize..begins).contains(&step));
            }
            found += usize::from(caught);
            days += (begins as f64 - 7.0 * STEPS as f64) / STEPS as f64;
        }
        let (recall, per_day) = (found as f64 / runs as f64, alerts as f64 / days);
        println!(
            "| {} | {} | {} | {extra} | {recall:.2} | {per_day:.2} | {:.2} |",
            usual.usual,
            usual.season,
            usual.spread,
            precision(recall / 30.0, per_day)
        );
    }
    println!();
}

/// False alarms per day over six weeks after two of learning, and hours from an outage to its deadline.
fn silence_of(source: Source, alerts_per_day: f64, seed: u64) -> (f64, Vec<f64>) {
    let settings = silence::Settings {
        alerts_per_day,
        ..silence::Settings::default()
    };
    let (runs, days) = (20, 56);
    let (mut alerts, mut delays) = (0, Vec::new());
    for run in 0..runs {
        let times = source.times(&mut Noise::new(seed + 50_000_000 + run), days);
        let mut silence = Silence::new(settings);
        let outage = (49 + run as i64 % 5) * DAY + 10 * HOUR;
        let mut down = None;
        for &time in &times {
            let deadline = silence.deadline();
            if time >= outage && down.is_none() {
                down = Some(deadline);
            }
            if let Some(deadline) = deadline.filter(|&deadline| deadline < time) {
                alerts += usize::from(silence.check(deadline).alert);
            }
            silence.update(time);
        }
        if let Some(Some(deadline)) = down {
            delays.push((deadline - outage) as f64 / HOUR as f64);
        }
    }
    delays.sort_by(f64::total_cmp);
    (alerts as f64 / (runs as f64 * (days - 14) as f64), delays)
}

fn silences(seed: u64) {
    println!("## Silence: an outage at 10 h on a working day after seven weeks\n");
    println!(
        "| source | asked per day | false alarms per day | told after, median | longest | found within 4 h | precision, one outage in 100 days |"
    );
    println!("|---|---|---|---|---|---|---|");
    for source in Source::ALL {
        for asked in [0.01, 0.1] {
            let (per_day, delays) = silence_of(source, asked, seed);
            let recall = delays.iter().filter(|&&hours| hours <= 4.0).count() as f64 / 20.0;
            println!(
                "| {source:?} | {asked} | {per_day:.4} | {:.1} h | {:.1} h | {recall:.2} | {:.2} |",
                delays.get(delays.len() / 2).unwrap_or(&f64::NAN),
                delays.last().unwrap_or(&f64::NAN),
                precision(recall / 100.0, per_day)
            );
        }
    }
    println!();
}

/// Bars, one a line.
fn bars(title: &str, rows: impl Iterator<Item = (String, f64)>) {
    let rows: Vec<(String, f64)> = rows.collect();
    let most = rows.iter().map(|row| row.1).fold(f64::MIN_POSITIVE, f64::max);
    println!("```text\n{title}");
    for (label, value) in rows {
        let bar = "█".repeat((40.0 * value / most).round() as usize);
        println!("{label:>10} {bar} {value:.3}");
    }
    println!("```\n");
}

fn plots(seed: u64) {
    println!("## Plots\n");
    let callbacks = |jitter| Callbacks {
        period: 300.0,
        jitter,
        missing: 0.05,
        connections: 3,
    };
    let noise = || Noise::new(seed + 60_000_000);
    for (title, times) in [
        ("10 % jitter", callbacks(0.1).times(&mut noise(), 5.0)),
        ("30 % jitter", callbacks(0.3).times(&mut noise(), 5.0)),
        ("50 % jitter", callbacks(0.5).times(&mut noise(), 5.0)),
        ("people", People::Steady.times(&mut noise(), 24.0)),
    ] {
        let mut beacon = Beacon::new(beacon::Settings::default());
        let mut strengths = vec![0.0; 50];
        for &time in &times {
            let score = beacon.update(time);
            if score.strength > 0.0 {
                strengths[(score.callbacks as usize).min(49)] = score.strength;
            }
        }
        let rows = (9..50).step_by(8).map(|at| (format!("{at} seen"), strengths[at]));
        bars(&format!("strength, {title}, by call-backs in memory"), rows);
    }
    let lengths = [6, 8, 10, 12, 14, 16, 20];
    let rows = lengths.into_iter().map(|length| {
        let mut noise = noise();
        let found = (0..2_000)
            .filter(|_| generated(&Family::Letters(length).name(&mut noise)).probability > 0.5)
            .count();
        (format!("{length}"), found as f64 / 2_000.0)
    });
    bars("random letters found (probability over 0.5), by length", rows);

    let mut worker = Hours::new(hours::Settings::default());
    for time in Source::Office.times(&mut noise(), 42) {
        worker.update(time);
    }
    let rows = (0..24).map(|hour| {
        let score = worker.clone().update(42 * DAY + hour * HOUR);
        (format!("{hour} h"), score.share)
    });
    bars(
        "share of the active hours of an office on a working day, by hour",
        rows,
    );

    let mut office = Silence::new(silence::Settings::default());
    for time in Source::Office.times(&mut noise(), 42) {
        office.update(time);
    }
    // Day 42 is a working day after two days off.
    let rows = (0..18).map(|hour| {
        let score = office.clone().check(42 * DAY + hour * HOUR);
        (format!("{hour} h"), -score.probability.log10())
    });
    bars(
        "improbability of an office's silence (decimal digits) on a working day, by hour",
        rows,
    );

    let gateway = FanOut {
        usual: 8.0,
        season: 0.8,
        spread: 0.3,
    };
    let (estimates, begins) = fan_out(gateway, 20, 12, &mut noise());
    let mut detector = Detector::new(Sensitivity::alerts_per_day(0.1, TEN_MINUTES));
    println!("```text\naccounts that fail to log on in ten minutes (●), the expected band (─), alerts (!)");
    for (step, &estimate) in estimates.iter().enumerate() {
        let score = detector.update(step as i64 * TEN_MINUTES, estimate);
        if step + 12 < begins {
            continue;
        }
        let column = |value: f64| (value.clamp(0.0, 60.0) / 60.0 * 60.0).round() as usize;
        let mut line = vec![' '; 62];
        for place in &mut line[column(score.low)..=column(score.high)] {
            *place = '─';
        }
        line[column(estimate)] = '●';
        let line: String = line.into_iter().collect();
        println!("{line}{}", if score.alert { "!" } else { "" });
    }
    println!("```");
}

/// Of what compares entities with others, or an entity with a place.
fn plots_of_many(seed: u64) {
    let mut noise = Noise::new(seed + 70_000_000);
    let mut series: Vec<(Detector, Calm)> = (0..100)
        .map(|number| (Detector::default(), Calm::new(seed, number, 60)))
        .collect();
    let (mut pool, mut bars_by_day) = (Pool::new(1.0), Vec::new());
    for hour in 0..30 * 24 {
        let (mut tally, bar) = (Tally::default(), pool.bar());
        for (detector, calm) in &mut series {
            let value = calm.value(hour * 60);
            let score = detector.update(hour * HOUR, value);
            let strength = if value > score.expected {
                score.settled
            } else {
                0.0
            };
            tally.add(0.0, 12.0 * strength.ln_1p());
        }
        pool.learn(1.0 / 24.0, &tally, bar);
        if hour % 48 == 47 {
            bars_by_day.push((format!("day {}", hour / 24 + 1), pool.bar()));
        }
    }
    bars(
        "bar of a pool of 100 series, one alert a day asked for",
        bars_by_day.into_iter(),
    );

    let mut rare = Rare::new(rare::Settings::default());
    for hour in 0..240 {
        for host in 0..50 {
            // Program n is on the hosts below n.
            let program = noise.below(50).max(host as usize + 1);
            rare.update(hour * HOUR, host, program as u64);
        }
    }
    let rows = [0, 1, 2, 5, 10, 20, 40].into_iter().map(|holders| {
        let score = rare.clone().update(240 * HOUR, 49, holders);
        (
            format!("{} have it", score.peers_with),
            -score.probability.log10(),
        )
    });
    bars(
        "improbability (decimal digits) of a program that is new for a host, by how many of 49 others have it",
        rows,
    );

    let mut peers = Peers::new(peers::Settings::default());
    let hosts = |noise: &mut Noise| -> Vec<f64> { (0..50).map(|_| (0.5 * noise.normal()).exp()).collect() };
    for hour in 0..240 {
        peers.interval(hour * HOUR, &hosts(&mut noise), |_, _| 0.0);
    }
    let last = hosts(&mut noise);
    let rows = [1.0, 2.0, 3.0, 5.0, 10.0, 20.0].into_iter().map(|times| {
        let mut values = last.clone();
        values[0] = times;
        let scores = peers.clone().interval(240 * HOUR, &values, |_, _| 0.0);
        (format!("{times} times"), scores[0].distance)
    });
    bars(
        "spreads away from 50 peers, half of them within 1.4 times, by how many times the median a host has",
        rows,
    );

    let rows = [200.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0]
        .into_iter()
        .map(|km: f64| {
            let place = |longitude| Place {
                latitude: 0.0,
                longitude,
                precision_km: None,
            };
            let mut travel = Travel::new(travel::Settings::default());
            travel.update(0, place(0.0));
            let score = travel.update(2 * HOUR, place(km / 111.19));
            let told = if score.alert { "!" } else { "" };
            (format!("{km} km{told}"), score.speed_kmh)
        });
    bars(
        "speed at least (km/h) between two places two hours apart, each known within 50 km; told (!)",
        rows,
    );
}
