use super::*;

#[test]
fn zones_and_halves_of_the_day_behind_a_blank() {
    let nine = 1_772_355_600 * SECOND;
    let hour = 3600 * SECOND;
    for (text, wanted, rest) in [
        ("2026-03-01 09:00:00 -0500 x", 5 * hour, " x"),
        ("2026-03-01T09:00:00.000 +01:00", -hour, ""),
        ("2026-03-01 09:00:00 EST x", 5 * hour, " x"),
        ("2026-03-01 09:00:00 PM x", 12 * hour, " x"),
        ("2026-03-01 09:00:00 PM EST", 17 * hour, ""),
        ("2026-03-01 09:00:00 am", 0, ""),
        ("2026-03-01 09:00:00 -12345", 0, " -12345"),
        ("2026-03-01 09:00:00 - x", 0, " - x"),
        ("2026-03-01 09:00:00 ESTABLISHED", 0, " ESTABLISHED"),
        ("2026-03-01 09:00:00 AMD", 0, " AMD"),
    ] {
        for text in [text.to_owned(), text.replacen('-', "/", 2)] {
            // With slashes there is no `T`.
            let read = if text.contains('/') { slashed } else { iso };
            if text.contains('T') && text.contains('/') && text.as_bytes()[10] == b'T' {
                continue;
            }
            assert_eq!(
                settled(read, &text, Tz::UTC),
                Some((nine + wanted, rest)),
                "{text}"
            );
        }
    }
    // Whatever the zone of the context is.
    let berlin = chrono_tz::Europe::Berlin;
    let read = |text| settled(iso, text, berlin).map(|(instant, _)| instant);
    assert_eq!(read("2026-03-01 09:00:00 PM UTC"), Some(nine + 12 * hour));
    assert_eq!(read("2026-03-01 09:00:00 PM"), Some(nine + 11 * hour));
    assert_eq!(read("2026-03-01 09:00:00 +9900"), None, "no zone is so far away");
}
use proptest::prelude::*;

fn at(text: &str) -> i64 {
    crate::value::parse_timestamp(text).expect("a valid instant in a test")
}

#[test]
fn yearless_stamps_take_the_latest_year_that_is_not_ahead() {
    let reference = at("2026-03-01T12:00:00Z");
    let cases = [
        ("Mar  1 10:00:00", "2026-03-01T10:00:00Z"),
        ("Mar  2 10:00:00", "2026-03-02T10:00:00Z"),
        ("Mar  2 12:00:01", "2025-03-02T12:00:01Z"),
        ("Dec 31 23:59:59", "2025-12-31T23:59:59Z"),
        ("Feb 29 08:00:00", "2024-02-29T08:00:00Z"),
        ("Mar 1 2019 10:00:00", "2019-03-01T10:00:00Z"),
        ("2019 Mar 01 10:00:00.5", "2019-03-01T10:00:00.5Z"),
        ("mar 1 9:00:60", "2026-03-01T09:01:00Z"),
    ];
    for (text, wanted) in cases {
        assert_eq!(
            bsd(text, reference, chrono_tz::UTC),
            Some((at(wanted), "")),
            "{text}"
        );
    }
    // New Year's Eve read just before midnight UTC, stamped in a zone that is already past it.
    let eve = at("2025-12-31T23:30:00Z");
    assert_eq!(
        bsd("Jan  1 00:20:00 x", eve, chrono_tz::UTC),
        Some((at("2026-01-01T00:20:00Z"), " x"))
    );
    for bad in ["Mar 32 10:00:00", "Mrz 1 10:00:00", "Mar 1 25:00:00", "Mar", ""] {
        assert_eq!(bsd(bad, reference, chrono_tz::UTC), None, "{bad}");
    }
}

#[test]
fn changes_of_the_clocks_are_settled_as_documented() {
    let berlin = chrono_tz::Europe::Berlin;
    let skipped = iso("2026-03-29T02:30:00", berlin).map(|(i, _)| i);
    assert_eq!(skipped, Some(at("2026-03-29T01:30:00Z")));
    let repeated = iso("2026-10-25 02:30:00", berlin).map(|(i, _)| i);
    assert_eq!(repeated, Some(at("2026-10-25T00:30:00Z")));
}

#[test]
fn dashes() {
    let utc = chrono_tz::UTC;
    assert_eq!(
        dashed("19-Oct-2022 05:34:02.425 x", utc),
        Some((at("2022-10-19T05:34:02.425Z"), " x"))
    );
    assert_eq!(dashed("31-Feb-2022 05:34:02", utc), None);
    assert_eq!(
        compact("20220407-12:11:24]", utc),
        Some((at("2022-04-07T12:11:24Z"), "]"))
    );
    assert_eq!(compact("20221307-12:11:24", utc), None);
}

#[test]
fn zones_and_fractions() {
    for (text, wanted, rest) in [
        ("2026-03-01T10:00:00Z", "2026-03-01T10:00:00Z", ""),
        (
            "2026-03-01T10:00:00.1234567+0530 h",
            "2026-03-01T04:30:00.123456Z",
            " h",
        ),
        ("2026-03-01 10:00:00,5-03", "2026-03-01T13:00:00.5Z", ""),
    ] {
        assert_eq!(iso(text, chrono_tz::UTC), Some((at(wanted), rest)), "{text}");
    }
    assert_eq!(
        apache("10/Oct/2000:13:55:36 -0700]", chrono_tz::UTC),
        Some((at("2000-10-10T20:55:36Z"), "]"))
    );
    assert_eq!(
        ctime("Tue Oct 10 13:55:36.5 2000] x", chrono_tz::America::Denver),
        Some((at("2000-10-10T19:55:36.5Z"), "] x"))
    );
    assert_eq!(
        slashed("2000/10/10 13:55:36 x", chrono_tz::UTC),
        Some((at("2000-10-10T13:55:36Z"), " x"))
    );
    assert_eq!(
        tai64n("@4000000069a4046a0ee6b280 x"),
        Some((at("2026-03-01T09:18:24.25Z"), " x"))
    );
    assert_eq!(tai64n("@40000000"), None);
    assert_eq!(zone_name("CEST: x"), Some((7_200 * SECOND, ": x")));
    assert_eq!(zone_name("fw1 : x"), None);
    assert_eq!(epoch("1.000001"), Some(1_000_001));
    assert_eq!(epoch("-1.5"), Some(-1_500_000));
    assert_eq!(epoch("1e5"), None);
    assert_eq!(epoch("1."), None);
}

#[test]
fn stated_times_in_all_forms() {
    let wanted = Some(at("2026-03-01T10:00:00Z"));
    for text in [
        "1772359200",
        "1772359200.0",
        "1772359200000",
        "1772359200000000000",
        "2026-03-01 11:00:00+01:00",
        "2026/03/01 10:00:00",
        "Mar 01 2026 10:00:00 UTC",
        "Mar 01 2026 11:00:00 GMT+01:00",
        "Mar 01 2026 10:00:00.000 CET",
        "Sun Mar  1 10:00:00 2026",
        "mars 01 2026 10:00:00 GMT",
        "1Mar2026 10:00:00",
        "01-Mar-2026 10:00:00",
        "03/01/2026, 10:00:00",
        "3/1/26 10:00 AM",
        "01/Mar/2026:11:00:00 +0100",
        "2026-03-01-10.00.00.000000",
    ] {
        assert_eq!(stated(text, 0, chrono_tz::UTC), wanted, "{text}");
    }
    let berlin = chrono_tz::Europe::Berlin;
    assert_eq!(stated("Mar 01 2026 11:00:00", 0, berlin), wanted);
    assert_eq!(stated("Mar 01 2026 10:00:00 UTC", 0, berlin), wanted);
    for bad in [
        "",
        "12",
        "yesterday",
        "Mar 01 2026 10:00:00 x=1",
        "2026-13-01 10:00:00",
    ] {
        assert_eq!(stated(bad, 0, chrono_tz::UTC), None, "{bad}");
    }
}

proptest! {
    /// The oracle: try every year from far ahead downwards and take the first that is allowed.
    #[test]
    fn year_choice_agrees_with_trying_every_year(
        reference in 0i64..4_000_000_000, month in 1u32..=12, day in 1u32..=31,
        hour in 0u32..24, zone in prop::sample::select(vec![
            chrono_tz::UTC, chrono_tz::Asia::Tokyo, chrono_tz::America::New_York,
            chrono_tz::Pacific::Kiritimati, chrono_tz::Europe::Berlin]),
    ) {
        let reference = reference * SECOND;
        let time = NaiveTime::from_hms_opt(hour, 1, 2).expect("in range");
        let wanted = (1940..2110).rev().find_map(|year| {
            let date = NaiveDate::from_ymd_opt(year, month, day)?;
            let instant = local(date.and_time(time), zone);
            (instant <= reference + DAY).then_some(instant)
        });
        prop_assert_eq!(yearless(month, day, time, reference, zone), wanted);
    }

    #[test]
    fn seconds_as_they_are_spelled(text in "-?[0-9]{0,20}(\\.[0-9]{0,8})?|[0-9.+ -]{0,8}|[0-9-]{10}[.0][0-9x]{6}") {
        let plain = || {
            let digits = text.strip_prefix('-').unwrap_or(&text);
            let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
            let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            if !all_digits(whole) || !all_digits(fraction) {
                return None;
            }
            let micros: i64 = format!("{fraction:0<6}")[..6].parse().ok()?;
            let instant = whole.parse::<i64>().ok()?.checked_mul(SECOND)?.checked_add(micros)?;
            Some(if text.starts_with('-') { -instant } else { instant })
        };
        prop_assert_eq!(epoch(&text), plain());
    }

    #[test]
    fn never_panics(text in "\\PC{0,40}", reference in any::<i64>()) {
        let _ = bsd(&text, reference, chrono_tz::UTC);
        let _ = iso(&text, chrono_tz::Europe::Berlin);
        let _ = apache(&text, chrono_tz::UTC);
        let _ = ctime(&text, chrono_tz::UTC);
        let _ = slashed(&text, chrono_tz::UTC);
        let _ = settled(iso, &text, chrono_tz::Europe::Berlin);
        let _ = epoch(&text);
        let _ = tai64n(&text);
        let _ = stated(&text, reference, chrono_tz::Europe::Berlin);
        let _ = rfc3339(reference);
    }

    #[test]
    fn near_stamps_never_panic(text in "[0-9A-Za-z:/.+ TZ-]{0,40}") {
        let _ = bsd(&text, 0, chrono_tz::UTC);
        let _ = settled(iso, &text, chrono_tz::UTC);
        let _ = settled(slashed, &text, chrono_tz::UTC);
        let _ = apache(&text, chrono_tz::UTC);
        let _ = epoch(&text);
        let _ = stated(&text, 0, chrono_tz::UTC);
    }
}
