//! Bugs that other engines have had, and what this one does.

use borzoi_engine::sequence::{Kind, Plan, Settings, Step};

use super::{MINUTE, SECOND, hit, ids, orders, run, steps, within};

#[test]
fn order_counts_inside_one_second() {
    for (first, second, expected) in [(100, 900, 1), (900, 100, 0)] {
        for order in orders(&[hit(first, 1, 0, "a"), hit(second, 2, 1, "a")]) {
            let (found, _) = run(&steps(2), within(SECOND), 1, &order);
            assert_eq!(found.len(), expected, "{first} µs, then {second} µs");
        }
    }
}

#[test]
fn events_of_one_microsecond_keep_the_order_of_their_source() {
    for (first, second, expected) in [(1, 2, 1), (2, 1, 0)] {
        for order in orders(&[hit(5, first, 0, "a"), hit(5, second, 1, "a")]) {
            let (found, _) = run(&steps(2), within(0), 1, &order);
            assert_eq!(found.len(), expected);
        }
    }
}

#[test]
fn late_events_take_their_place() {
    // The second step comes first, and what breaks the sequence comes last of all.
    let kept = [hit(0, 1, 0, "a"), hit(10, 2, 1, "a"), hit(20, 3, 2, "a")];
    for order in orders(&kept) {
        let (found, _) = run(&steps(3), within(20), 1, &order);
        assert_eq!(ids(&found), [[1, 2, 3]]);
        let (found, _) = run(
            &steps(3),
            within(20),
            1,
            &[&order[..], &[hit(15, 4, 3, "a")]].concat(),
        );
        assert_eq!(found, []);
    }
}

#[test]
fn late_events_count_once() {
    let hits = [
        hit(0, 1, 0, "a"),
        hit(10, 2, 0, "a"),
        hit(0, 1, 0, "a"),
        hit(10, 2, 0, "a"),
    ];
    for order in orders(&hits) {
        let twice = Plan {
            steps: vec![Step {
                runs: 3,
                ..Step::default()
            }],
            ..steps(1)
        };
        assert_eq!(run(&twice, within(10), 1, &order).0, []);
    }
}

#[test]
fn the_same_event_is_never_two_steps() {
    let hits = [hit(0, 1, 0, "a"), hit(0, 1, 1, "a")];
    assert_eq!(run(&steps(2), Settings::default(), 1, &hits).0, []);
}

#[test]
fn keys_are_kept_apart() {
    let hits = [hit(0, 1, 0, "a"), hit(1, 2, 1, "b"), hit(2, 3, 2, "b")];
    assert_eq!(run(&steps(2), within(0), 1, &hits).0, []);
    // What breaks the sequence of one key leaves the other's alone.
    let hits = [hit(0, 1, 0, "a"), hit(1, 2, 2, "b"), hit(2, 3, 1, "a")];
    assert_eq!(ids(&run(&steps(2), within(0), 1, &hits).0), [[1, 3]]);
}

#[test]
fn a_span_holds_to_the_microsecond() {
    let plan = Plan {
        span: Some(MINUTE),
        ..steps(2)
    };
    for (gap, expected) in [(MINUTE, 1), (MINUTE + 1, 0)] {
        for order in orders(&[hit(0, 1, 0, "a"), hit(gap, 2, 1, "a")]) {
            let (found, _) = run(&plan, Settings::default(), 1, &order);
            assert_eq!(found.len(), expected);
        }
    }
}

/// A step that must not come.
const NOT: Step = Step {
    fork: false,
    missing: true,
    runs: 1,
};

const STEP: Step = Step {
    missing: false,
    ..NOT
};

#[test]
fn what_does_not_follow_is_known_when_its_time_has_passed() {
    let plan = Plan {
        steps: vec![STEP, NOT],
        span: Some(MINUTE),
        ..steps(2)
    };
    let begin = hit(0, 1, 0, "a");
    for (end, expected) in [(MINUTE, 0), (MINUTE + 1, 1)] {
        for order in orders(&[begin.clone(), hit(end, 2, 1, "a")]) {
            let (found, _) = run(&plan, Settings::default(), 1, &order);
            assert_eq!(found.len(), expected);
        }
    }
    // Not by a late event, not before, and by no clock.
    let mut sequences =
        borzoi_engine::sequence::Sequences::new(&[plan], within(SECOND), |()| 0).expect("it runs");
    let tenant = sequences.tenant("default");
    assert_eq!(sequences.take([super::given(&begin, 1)]), []);
    assert_eq!(sequences.observe(tenant, 0, MINUTE + SECOND), []);
    let found = sequences.observe(tenant, 0, MINUTE + SECOND + 1);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].known_at, MINUTE);
}

#[test]
fn what_must_not_come_between_hides_nothing() {
    // Two beginnings; the newer one is broken before its second step, the older one is not.
    let plan = Plan {
        steps: vec![STEP, NOT, STEP, STEP],
        ..steps(4)
    };
    let hits = [
        hit(0, 1, 0, "a"),
        hit(1, 2, 2, "a"),
        hit(2, 3, 0, "a"),
        hit(3, 4, 1, "a"),
        hit(4, 5, 2, "a"),
        hit(5, 6, 3, "a"),
    ];
    assert_eq!(ids(&run(&plan, within(0), 1, &hits).0), [[1, 2, 6]]);
}

#[test]
fn what_must_not_come_in_front_is_looked_for_within_the_span() {
    let plan = Plan {
        steps: vec![NOT, STEP, STEP],
        span: Some(MINUTE),
        ..steps(3)
    };
    for (before, expected) in [(-10 * SECOND, 1), (-10 * SECOND + 1, 0), (-1, 0), (0, 0), (1, 1)] {
        let hits = [
            hit(before, 1, 0, "a"),
            hit(0, 2, 1, "a"),
            hit(50 * SECOND - 1 + 1, 3, 2, "a"),
        ];
        // The last step is 50 seconds after the first: ten seconds before it still count.
        let expected = if before == -10 * SECOND { 0 } else { expected };
        for order in orders(&hits) {
            let (found, _) = run(&plan, Settings::default(), 1, &order);
            assert_eq!(found.len(), expected, "{before}");
        }
    }
    let hits = [
        hit(-10 * SECOND - 1, 1, 0, "a"),
        hit(0, 2, 1, "a"),
        hit(50 * SECOND, 3, 2, "a"),
    ];
    assert_eq!(run(&plan, Settings::default(), 1, &hits).0.len(), 1);
}

#[test]
fn a_fork_keeps_what_was_in_front() {
    let plan = Plan {
        steps: vec![STEP, Step { fork: true, ..STEP }, STEP],
        ..steps(3)
    };
    let hits = [
        hit(0, 1, 0, "a"),
        hit(1, 2, 1, "a"),
        hit(2, 3, 2, "a"),
        hit(3, 4, 1, "a"),
        hit(4, 5, 2, "a"),
    ];
    assert_eq!(ids(&run(&plan, within(0), 1, &hits).0), [[1, 2, 3], [1, 4, 5]]);
}

#[test]
fn a_join_starts_anew_once_it_is_whole() {
    // Ids as in a public example of the language: the second step comes before the first.
    let plan = Plan {
        kind: Kind::Join,
        ..steps(2)
    };
    let hits = [
        hit(3, 3, 1, ""),
        hit(48, 48, 0, ""),
        hit(50, 50, 0, ""),
        hit(51, 51, 0, ""),
        hit(78, 78, 1, ""),
    ];
    for order in orders(&hits) {
        assert_eq!(
            ids(&run(&plan, Settings::default(), 2, &order).0),
            [[48, 3], [50, 78]]
        );
    }
}

#[test]
fn a_join_within_a_span_finds_what_lies_within_it() {
    let plan = Plan {
        kind: Kind::Join,
        span: Some(10),
        ..steps(2)
    };
    let hits = [hit(0, 1, 0, ""), hit(5, 2, 0, ""), hit(12, 3, 1, "")];
    assert_eq!(ids(&run(&plan, within(0), 1, &hits).0), [[2, 3]]);
}

#[test]
fn a_sample_is_of_different_events_and_once_a_key() {
    let plan = Plan {
        kind: Kind::Sample,
        has_until: false,
        ..steps(2)
    };
    let hits = [
        hit(0, 1, 0, "a"),
        hit(0, 1, 1, "a"),
        hit(1, 2, 0, "a"),
        hit(2, 3, 1, "a"),
        hit(3, 4, 0, "a"),
    ];
    assert_eq!(ids(&run(&plan, within(0), 1, &hits).0), [[2, 1]]);
}
