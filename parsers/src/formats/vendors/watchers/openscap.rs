//! OpenSCAP, as Wazuh's agent writes its results: what was tested, and how it came out.
//!
//! ```text
//! oscap: msg: "xccdf-result", scan-id: "0011", content: "ssg.xml", title: "…", id: "xccdf_…", result: "fail", severity: "high".
//! oscap: ERROR: File "ssg.xml" does not exist.
//! ```
//!
//! Everything in a line is the policy's, whose authors the administrator chose.

use crate::formats::text::{Event, Grammar, Line};

pub(super) const GRAMMAR: Grammar = Grammar {
    name: "OpenSCAP",
    marks: &["oscap: "],
    programs: &["oscap"],
    read,
};

fn read<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let ("oscap", _, text) = line.tagged() else {
        return None;
    };
    let mut event = Event::new("openscap.results");
    let fields = &mut event.fields;
    let text = text.trim();
    if !text.starts_with("msg: \"") {
        let (level, message) = text.split_once(": ")?;
        if !matches!(level, "ERROR" | "WARNING" | "INFO" | "DEBUG") {
            return None;
        }
        fields.text("log.level", level);
        fields.text("message", message);
        return Some(event);
    }
    let mut rest = text;
    while let Some((key, behind)) = rest.split_once(": \"") {
        let is_key = !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        if !is_key {
            break;
        }
        let (value, after) = match behind.split_once("\", ") {
            Some(split) => split,
            None => (behind.trim_end_matches(['.', '"', ' ']), ""),
        };
        rest = after;
        match key {
            "result" => fields.event(
                "",
                match value {
                    "pass" | "fixed" | "true" => "success",
                    "fail" | "error" => "failure",
                    _ => "unknown",
                },
            ),
            "msg" => fields.event(value, ""),
            _ => {}
        }
        fields.text_named(key, value);
    }
    fields.text("message", text);
    Some(event)
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::whole::{check, survives_truncation};

    #[test]
    fn results() {
        let line = r#"Mar  1 10:00:00 srv1 oscap: msg: "xccdf-result", scan-id: "0017", content: "ssg-debian.xml", title: "No root over SSH", id: "xccdf_rule_sshd_root", result: "fail", severity: "medium", description: "Says "no"; twice.", profile-title: "Common"."#;
        check(
            line,
            "openscap.results",
            &[
                ("event.action", "xccdf-result"),
                ("event.outcome", "failure"),
                ("rule.name", "No root over SSH"),
                ("rule.id", "xccdf_rule_sshd_root"),
                ("log.level", "medium"),
                ("host.name", "srv1"),
                ("openscap.profile-title", "Common"),
            ],
        );
        survives_truncation(line);
        check(
            "oscap: ERROR: File \"x.xml\" does not exist.",
            "openscap.results",
            &[
                ("log.level", "ERROR"),
                ("message", "File \"x.xml\" does not exist."),
            ],
        );
    }
}
