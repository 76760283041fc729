//! How many alerts statistics give, against how many were asked for: `calibration [KIND] [SEEDS] [MOST_UPDATES [GROUPS MINUTES ASKED]]`;
//! with all of them, by day.
//!
//! Groups in which nothing happens (`anomaly::simulate::Calm`), a week of learning, 30 days that count.

#[path = "../tests/it/windows/calm.rs"]
mod calm;

use borzoi_rules::correlation::StatisticKind;
use calm::{Case, told};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let kind = match arguments.first().map(String::as_str) {
        Some("peer_anomaly") => StatisticKind::PeerAnomaly,
        Some("silence") => StatisticKind::Silence,
        Some("unusual_time") => StatisticKind::UnusualTime,
        Some("rare_value") => StatisticKind::RareValue,
        Some("beaconing") => StatisticKind::Beaconing,
        _ => StatisticKind::Anomaly,
    };
    let number = |at: usize| arguments.get(at).and_then(|text| text.parse::<f64>().ok());
    let seeds = number(1).unwrap_or(2.0) as u64;
    let most = number(2).unwrap_or(1e7);
    if let (Some(groups), Some(minutes), Some(asked)) = (number(3), number(4), number(5)) {
        let (groups, minutes) = (groups as u64, minutes as i64);
        for seed in 1..=seeds {
            let case = Case {
                kind,
                asked,
                groups,
                minutes,
                seed,
            };
            println!("{:?}", told(case));
        }
        return;
    }
    println!("| groups | interval | 0.2 | 1 | 3 | 10 |\n|---|---|---|---|---|---|");
    for groups in [1, 12, 100, 1_000] {
        for minutes in [1, 5, 60] {
            // Only numbers have intervals.
            if !kind.is_series() && minutes < 60 {
                continue;
            }
            if groups as f64 * 37.0 * 1440.0 / minutes as f64 > most {
                continue;
            }
            let given = [0.2, 1.0, 3.0, 10.0].map(|asked| {
                let all = (1..=seeds).map(|seed| {
                    let case = Case {
                        kind,
                        asked,
                        groups,
                        minutes,
                        seed,
                    };
                    f64::from(told(case).iter().sum::<u32>()) / 30.0
                });
                let all: Vec<f64> = all.collect();
                let mean = all.iter().sum::<f64>() / all.len() as f64;
                let (least, most) = all.iter().fold((f64::MAX, 0.0), |(least, most), &one| {
                    (one.min(least), one.max(most))
                });
                format!("{mean:.2} ({least:.2}–{most:.2})")
            });
            println!("| {groups} | {minutes} min | {} |", given.join(" | "));
        }
    }
}
