//! Unusual times: of all groups of a rule together as many are told as were asked for.

use borzoi_engine::anomaly::simulate::{Noise, working_hours};
use borzoi_engine::windows::Figure;
use borzoi_rules::correlation::{Metric, StatisticKind};

use super::statistics::{DAY, Event, HOUR, MINUTE, event, figure, found, statistic};

const HALF_LIFE: i64 = 30 * DAY;

fn by_time(mut events: Vec<Event>) -> Vec<Event> {
    events.sort_by_key(|event| (event.time, event.id));
    events
}

#[test]
fn a_night_is_told_once_and_who_never_sleeps_is_not() {
    let mut events = Vec::new();
    for person in 0..10 {
        let times = working_hours(&mut Noise::new(700 + person), 45);
        let name = format!("person{person}");
        events.extend(
            times
                .into_iter()
                .enumerate()
                .map(|(at, time)| event(time, (at as u128) << 8 | u128::from(person), &name, 0.0)),
        );
    }
    for hour in 0..45 * 24 {
        events.push(event(
            hour * HOUR + MINUTE,
            (hour as u128) << 8 | 200,
            "service",
            0.0,
        ));
    }
    let night = 43 * DAY + 2 * HOUR;
    for minute in 0..90 {
        events.push(event(
            night + minute * MINUTE,
            (minute as u128) << 8 | 100,
            "person3",
            0.0,
        ));
    }
    let rule = statistic(StatisticKind::UnusualTime, Metric::Count, HALF_LIFE, 14 * DAY);
    let found = found(&rule, None, &by_time(events), &[]);
    let of_night: Vec<_> = found
        .iter()
        .filter(|found| (night..night + 2 * HOUR).contains(&found.start))
        .collect();
    assert_eq!(of_night.len(), 1, "{found:?}");
    assert_eq!(of_night[0].key.values(), ["person3"]);
    let share = |wanted| figure(of_night[0], wanted).unwrap_or(f64::NAN);
    assert!(
        share(Figure::Share) < 0.1 * share(Figure::UsualShare),
        "{of_night:?}"
    );
    assert!(
        found.iter().all(|found| found.key.values() != ["service"]),
        "{found:?}"
    );
    assert!(found.iter().all(|found| found.start >= 14 * DAY), "{found:?}");
    // One a day asked for, for 31 days; more while hours are new.
    assert!(found.len() <= 62, "{found:?}");
}
