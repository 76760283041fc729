//! Alerts of PRTG, in the text that it sends to syslog servers and by mail if nobody chose another.
//!
//! ```text
//! [PRTG Network Monitor (MON1)] Core switch Ping (Ping) Down (Request timed out (ICMP error # 11010))
//! ```
//!
//! Site, device and sensor are the administrator's; the message in the last brackets is the device's answer. The state is
//! the last word of PRTG's in front of it, so what a device answers cannot change it.

use crate::formats::text::{Event, Grammar, Line};

pub(super) const ALERT: Grammar = Grammar {
    name: "PRTG",
    marks: &["[PRTG "],
    programs: &["prtg"],
    read,
};

/// States of a sensor, as `%status` says them.
const STATES: [&str; 9] = [
    "Down (Acknowledged)",
    "Down (Partial)",
    "Down ended",
    "Down",
    "Warning",
    "Unusual",
    "Up",
    "Paused",
    "Unknown",
];

fn read<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = line.body.trim();
    let (site, rest) = text.strip_prefix('[')?.split_once("] ")?;
    let is_known = site.starts_with("PRTG") || line.program().eq_ignore_ascii_case("prtg");
    // The first state that brackets or nothing follow.
    let (at, state) = rest.match_indices(' ').find_map(|(at, _)| {
        let behind = &rest[at + 1..];
        let state = STATES.iter().find(|state| {
            let after = behind.strip_prefix(**state);
            after.is_some_and(|after| after.is_empty() || after.starts_with(" (") || after == " ")
        })?;
        Some((at, *state))
    })?;
    if !is_known {
        return None;
    }
    let mut event = Event::new("prtg.alert");
    let fields = &mut event.fields;
    fields.text("site", site);
    fields.text("sensor", rest[..at].trim());
    fields.event(state, "");
    let detail = rest[at + 1 + state.len()..].trim();
    let detail = detail.strip_prefix('(').unwrap_or(detail);
    fields.text("event.reason", detail.strip_suffix(')').unwrap_or(detail));
    fields.text("message", text);
    Some(event)
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::whole::{check, survives_truncation};

    #[test]
    fn alerts() {
        let line = "<14>Mar  1 10:00:00 mon1 prtg: [PRTG Network Monitor (MON1)] Core switch Ping (Ping) Down (Request timed out (ICMP error # 11010) Up (x))";
        check(
            line,
            "prtg.alert",
            &[
                ("event.action", "Down"),
                ("prtg.alert.sensor", "Core switch Ping (Ping)"),
                ("prtg.alert.site", "PRTG Network Monitor (MON1)"),
                ("event.reason", "Request timed out (ICMP error # 11010) Up (x)"),
                ("host.name", "mon1"),
            ],
        );
        survives_truncation(line);
    }
}
