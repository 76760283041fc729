//! What alerts of statistics say.

use std::collections::BTreeMap;

use borzoi_rules::correlation::{CorrelationKind, Direction, Statistic, StatisticKind};

use crate::windows::{Episode, Figure, Figures};

/// The condition as a person would write it.
pub(super) fn in_words(kind: CorrelationKind, statistic: &Statistic) -> String {
    let CorrelationKind::Statistic(kind) = kind else {
        return String::new();
    };
    let fields = statistic.fields.join(", ");
    let side = match statistic.direction {
        Direction::Up => "unusually high",
        Direction::Down => "unusually low",
        Direction::Both => "unusual",
    };
    let measured = match statistic.metric.has_field() {
        true => format!("{} of {fields}", statistic.metric.name()),
        false => statistic.metric.name().to_owned(),
    };
    match kind {
        StatisticKind::Anomaly => format!("{measured} {side} for the group"),
        StatisticKind::PeerAnomaly => format!("{measured} {side} among groups"),
        StatisticKind::Beaconing => format!("{} call-backs at a regular time", statistic.at_least),
        StatisticKind::Silence => "nothing for unusually long".to_owned(),
        StatisticKind::RareValue => format!("{fields} rare for the group and for others"),
        StatisticKind::UnusualTime => "at an unusual time of the week".to_owned(),
        StatisticKind::ImpossibleTravel => format!(
            "two places {} km or more apart, faster than {} km/h",
            statistic.at_least, statistic.speed
        ),
        StatisticKind::GeneratedNames => {
            format!("{} names of {fields} that look generated", statistic.at_least)
        }
    }
}

/// What was measured, and what was expected.
pub(super) fn in_short(episode: &Episode) -> String {
    in_words_of(episode.value, episode.figures.as_deref())
}

/// The same, of a value and its figures.
pub(super) fn in_words_of(value: f64, figures: Option<&Figures>) -> String {
    let figure = |wanted: Figure| {
        let figures = figures?;
        let (_, value) = figures.figures.iter().find(|(figure, _)| *figure == wanted)?;
        Some(*value)
    };
    let value = short(value);
    if let (Some(expected), Some(low), Some(high)) = (
        figure(Figure::Expected),
        figure(Figure::Low),
        figure(Figure::High),
    ) {
        return format!(
            "{value}, expected {} ({} to {})",
            short(expected),
            short(low),
            short(high)
        );
    }
    if let (Some(period), Some(jitter)) = (figure(Figure::PeriodSeconds), figure(Figure::Jitter)) {
        return format!(
            "{value} call-backs every {} s, {:.0} % jitter",
            short(period),
            jitter * 100.0
        );
    }
    if let (Some(limit), Some(usual)) = (figure(Figure::LimitSeconds), figure(Figure::UsualSeconds)) {
        let all = figure(Figure::Peers).map(|groups| format!("all {groups} "));
        return format!(
            "{}silent for {value} s, in busy hours usually {} s, at most {} s",
            all.unwrap_or_default(),
            short(usual),
            short(limit)
        );
    }
    if let (Some(distance), Some(speed)) = (figure(Figure::DistanceKm), figure(Figure::SpeedKmh)) {
        return format!("{} km at {} km/h", short(distance), short(speed));
    }
    if let (Some(with), Some(peers)) = (figure(Figure::PeersWith), figure(Figure::Peers)) {
        return format!("{with} of {peers} others have it");
    }
    if let Some(share) = figure(Figure::Share) {
        return format!(
            "{:.2} % of its events are at this hour of the week",
            share * 100.0
        );
    }
    value
}

/// About three digits, as a person would write them.
fn short(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        return format!("{number}");
    }
    let digits = (2 - number.abs().log10().floor() as i32).clamp(0, 6);
    let text = format!("{number:.*}", digits as usize);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// How many distinct values there were in a window at most, where they are counted beside events.
pub(super) fn distinct(episode: &Episode) -> f64 {
    let figures = episode.figures.iter().flat_map(|figures| &figures.figures);
    let mut distinct = figures.filter(|(figure, _)| *figure == Figure::Distinct);
    distinct.next().map_or(0.0, |(_, value)| *value)
}

/// What was expected in place of what was measured.
pub(super) fn expected(episode: &Episode) -> Option<f64> {
    let figures = episode.figures.as_ref()?.figures.iter();
    let mut expected = figures.filter(|(figure, _)| *figure == Figure::Expected);
    expected.next().map(|(_, value)| *value)
}

/// The numbers to judge it by. JSON has no infinities: they are left out.
pub(super) fn figures(episode: &Episode) -> BTreeMap<String, f64> {
    episode.figures.as_deref().map_or_else(BTreeMap::new, by_name)
}

/// The same, of figures.
pub(super) fn by_name(figures: &Figures) -> BTreeMap<String, f64> {
    let figures = figures.figures.iter().filter(|(_, value)| value.is_finite());
    figures
        .map(|(figure, value)| (figure.name().to_owned(), *value))
        .collect()
}

/// What was measured in the last intervals.
pub(super) fn series(episode: &Episode) -> Vec<f32> {
    let figures = episode.figures.as_ref();
    figures.map_or_else(Vec::new, |figures| figures.series.clone())
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn numbers_have_three_digits() {
        for (number, text) in [
            (0.0, "0"),
            (48_213.4, "48213"),
            (1234.0, "1234"),
            (12.3456, "12.3"),
            (0.001_234_5, "0.00123"),
            (-5.0, "-5"),
            (100.0, "100"),
            (1e-9, "0"),
        ] {
            assert_eq!(short(number), text);
        }
    }
}
