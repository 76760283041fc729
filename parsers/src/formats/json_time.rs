//! When a JSON event happened, where its dataset does not say which key has that.

use super::FrameContext;
use super::event_time::text_time;
use super::json::{TIME_KEYS, json_time};
use super::tape::Json;

/// Further keys that hold it where none of [`TIME_KEYS`] does, in any spelling: best first. What an event is about
/// (a report, a detection) began, was seen or was made at some time; without another, that is the event's.
pub(super) const LOOSE_TIME_KEYS: &[&str] = &[
    "timestamp",
    "eventtime",
    "eventtimestamp",
    "eventdatetime",
    "datetime",
    "eventdate",
    "timegenerated",
    "isotimestamp",
    "timedt",
    "time",
    "occurredat",
    "occurred",
    "detectedat",
    "detectiontime",
    "detectiontimestamp",
    "detecteddatetime",
    "detectiondate",
    "createdat",
    "created",
    "createdtime",
    "createdatetime",
    "createddatetime",
    "creationdate",
    "creationtime",
    "timecreated",
    "date",
    "when",
    "starttime",
    "updatedat",
    "lastseen",
    "lastseenat",
    "receivedat",
];

/// The event's time: under one of [`TIME_KEYS`], else under what looks like one of them.
pub(super) fn generic_time(json: Json<'_>, context: &FrameContext<'_>) -> Option<i64> {
    if let Some(time) = day_and_time(json, context) {
        return Some(time);
    }
    let known = TIME_KEYS
        .iter()
        .filter_map(|key| json.get(key))
        .find_map(|value| json_time(value, context.timezone));
    known.or_else(|| {
        let ranked = json.members().filter_map(|(key, value)| {
            let is_key = |loose: &&str| same_spelling(key, loose);
            let rank = LOOSE_TIME_KEYS.iter().position(is_key)?;
            Some((rank, json_time(value, context.timezone)?))
        });
        ranked.min().map(|(_, time)| time)
    })
}

/// A day under one key and a time of day under another, as web logs have them.
fn day_and_time(json: Json<'_>, context: &FrameContext<'_>) -> Option<i64> {
    let day = json.get("date").and_then(Json::text)?;
    let time = ["time", "start_time"]
        .iter()
        .find_map(|key| json.get(key).and_then(Json::text))?;
    let is_whole = day.len() == "2026-03-01".len() && time.len() >= "10:00:00".len();
    text_time([day, time].join(" ").as_str(), context.timezone).filter(|_| is_whole)
}

/// Whether `key` is `folded` (lower case, without separators) in some spelling.
pub(super) fn same_spelling(key: &str, folded: &str) -> bool {
    let letters = key.bytes().filter(|b| !matches!(b, b'_' | b'-' | b' ' | b'@'));
    letters.map(|b| b.to_ascii_lowercase()).eq(folded.bytes())
}

#[cfg(test)]
mod tests {
    use super::super::tape::TapeParser;
    use super::super::testing::CONTEXT;
    use super::*;

    fn time(document: &str) -> Option<i64> {
        TapeParser::new()
            .parse(document.as_bytes(), |json| generic_time(json, &CONTEXT))
            .expect("it is JSON")
    }

    #[test]
    fn times_under_many_names() {
        let instant = Some(1_700_000_000_000_000);
        for document in [
            r#"{"timestamp": 1700000000}"#,
            r#"{"Event_Time": "2023-11-14T22:13:20Z", "created_at": "2024-01-01T00:00:00Z"}"#,
            r#"{"created_at": "2024-01-01T00:00:00Z", "detectedAt": 1700000000000}"#,
            r#"{"date": "2023-11-14", "time": "22:13:20"}"#,
            r#"{"time": "soon", "createdDateTime": "2023-11-14T22:13:20Z"}"#,
        ] {
            assert_eq!(time(document), instant, "{document}");
        }
        assert_eq!(time(r#"{"time": "soon", "uptime": 1700000000}"#), None);
    }
}
