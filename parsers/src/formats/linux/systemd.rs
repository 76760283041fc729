//! systemd's own messages: what became of a unit.
//!
//! `Started unit.service - Description.` and, from older versions, `Started Description.`; `unit.service: Failed with result
//! 'exit-code'.` A unit's name holds no space, a description is whoever wrote the unit's text.

use super::Fields;
use crate::formats::text::search::Search;
use crate::value::Value;

/// Takes a message apart.
pub(super) fn dissect<'a>(message: &'a str, fields: &mut Fields<'a>) {
    const VERBS: [(&str, &str, &str); 12] = [
        ("Starting ", "unit_starting", ""),
        ("Started ", "unit_started", "success"),
        ("Stopping ", "unit_stopping", ""),
        ("Stopped ", "unit_stopped", "success"),
        ("Finished ", "unit_finished", "success"),
        ("Failed to start ", "unit_started", "failure"),
        ("Reloading ", "unit_reloading", ""),
        ("Reloaded ", "unit_reloaded", "success"),
        ("Created slice ", "slice_created", "success"),
        ("Removed slice ", "slice_removed", "success"),
        ("Reached target ", "target_reached", "success"),
        ("Listening on ", "socket_listening", "success"),
    ];
    if let Some((rest, action, outcome)) = VERBS
        .iter()
        .find_map(|(verb, action, outcome)| Some((message.strip_prefix(verb)?, *action, *outcome)))
    {
        let rest = rest.trim_end_matches('.');
        fields.event(action, outcome);
        let (unit, description) = rest.cut(" - ").unwrap_or(("", rest));
        match is_unit(unit) {
            true => {
                fields.text("systemd.unit", unit);
                fields.text("systemd.description", description);
            }
            false if is_unit(rest) => fields.text("systemd.unit", rest),
            false => fields.text("systemd.description", rest),
        }
        return;
    }
    let Some((unit, text)) = message.cut(": ").filter(|(unit, _)| is_unit(unit)) else {
        return;
    };
    fields.text("systemd.unit", unit);
    if let Some(rest) = text.strip_prefix("Failed with result '") {
        fields.event("unit_failed", "failure");
        fields.text("event.reason", rest.trim_end_matches(['\'', '.']));
    } else if let Some(rest) = text.strip_prefix("Main process exited, ") {
        fields.event(
            "unit_exited",
            if rest.ends_with("status=0/SUCCESS") {
                "success"
            } else {
                "failure"
            },
        );
        fields.text("event.reason", rest);
    } else if text.starts_with("Succeeded") || text.starts_with("Deactivated successfully") {
        fields.event("unit_stopped", "success");
    } else if text.starts_with("Scheduled restart job") {
        fields.event("unit_restarting", "");
    } else {
        fields.put("event.action", Value::Str("unit"));
    }
}

/// `name.service` and the like.
fn is_unit(name: &str) -> bool {
    const KINDS: [&str; 11] = [
        "service",
        "socket",
        "target",
        "timer",
        "mount",
        "slice",
        "scope",
        "path",
        "device",
        "swap",
        "automount",
    ];
    !name.contains(' ')
        && name
            .rsplit_once('.')
            .is_some_and(|(_, kind)| KINDS.contains(&kind))
}
