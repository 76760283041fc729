//! Agents of remote management: Splashtop's streamer, ConnectWise Automate (LabTech).
//!
//! ```text
//! <1>Mar01 10:00:00.123 SM_03280[FTCnnel] OnUploadFileCPRequest 1, 1 =>{"fileName":"NOTE.txt","fileSize":"34",…}
//! LTService  v200.197⇥ - 3/1/2026 10:00:00 AM⇥ - text:::
//! ```
//!
//! Module and thread stand behind Splashtop's time; what a partner named (files, computers) is in the document behind
//! `=>`, which is read as one. Automate's columns end at tabs.

use crate::formats::text::{Event, Grammar, Line};
use crate::time;
use crate::value::Value;

pub(super) const GRAMMARS: &[Grammar] = &[
    Grammar {
        name: "splashtop.log",
        marks: &[" SM_", " SR_", " SP_", " SS_", "=>{"],
        programs: &[],
        read: splashtop,
    },
    Grammar {
        name: "connectwise.automate",
        marks: &["\t - ", " \t- "],
        programs: &[],
        read: automate,
    },
];

fn splashtop<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let rest = line.raw.strip_prefix('<')?;
    let (level, rest) = rest.split_once('>')?;
    if level.len() != 1 || !level.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // `Mar01`, without a space between.
    let (month, behind) = rest.split_at_checked(3)?;
    let stamp = line.keep([month, " ", behind.get(..15)?].concat());
    let (instant, "") = time::bsd(stamp, line.context.reference_time, line.context.timezone)? else {
        return None;
    };
    let text = behind.get(15..)?.strip_prefix(' ')?.trim_end();
    let mut event = Event::headless("splashtop.log");
    event.time = Some(instant);
    let fields = &mut event.fields;
    fields.text("log.level", level);
    fields.text("message", text);
    // `SM_03280[FTCnnel] text`
    let (place, said) = text.split_once("] ").unwrap_or(("", text));
    if let Some((head, component)) = place.split_once('[')
        && let Some((module, thread)) = head.split_once('_')
    {
        fields.text("module", module);
        fields.number("process.thread.id", thread);
        fields.text("component", component.trim());
    }
    if let Some((what, document)) = said.split_once("=>")
        && document.starts_with('{')
    {
        let action = what.split(' ').next().unwrap_or_default();
        fields.event(action, "");
        if let Ok(serde_json::Value::Object(members)) = serde_json::from_str(document) {
            for (member, name) in [
                ("fileName", "file.name"),
                ("fileSize", "file.size"),
                ("clientName", "display_name"),
                ("request", "request"),
                ("fileID", "file_id"),
            ] {
                if let Some(serde_json::Value::String(text)) = members.get(member) {
                    fields.text(name, line.keep(text));
                }
            }
        }
    }
    Some(event)
}

fn automate<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (program, rest) = line.raw.split_once('\t')?;
    let (name, version) = program.trim_end().split_once(' ')?;
    let version = version.trim_start().strip_prefix('v')?;
    if !name.starts_with("LT") || !version.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let (stamp, text) = rest.trim_start().strip_prefix("- ")?.split_once('\t')?;
    let (instant, "") = time::american(stamp.trim_end(), line.context.timezone)? else {
        return None;
    };
    let text = text.trim();
    let text = text.strip_prefix("- ").unwrap_or(text);
    let text = text.strip_suffix(":::").unwrap_or(text);
    let mut event = Event::headless("connectwise.automate");
    event.time = Some(instant);
    let fields = &mut event.fields;
    fields.text("process.name", name);
    fields.text("agent.version", version);
    fields.put("message", Value::Str(text.trim_end()));
    Some(event)
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::whole::{check, read, survives_truncation};

    #[test]
    fn splashtop() {
        let line = r#"<1>Mar01 10:00:00.123 SM_03280[FTCnnel] OnUploadFileCPRequest 1, 1 =>{"fileID":"3538","fileName":"a=>{\"fileName\":\"x\"}.txt","fileSize":"34","request":"uploadFile"}"#;
        check(
            line,
            "splashtop.log",
            &[
                ("log.level", "1"),
                ("file.name", "a=>{\"fileName\":\"x\"}.txt"),
                ("file.size", "34"),
                ("event.action", "OnUploadFileCPRequest"),
                ("process.thread.id", "3280"),
                ("rmm.component", "FTCnnel"),
                ("host.name", ""),
            ],
        );
        survives_truncation(line);
        assert!(read("<13>Mar 1 10:00:00 srv1 app: SM_1[x] =>{}").is_empty());
    }

    #[test]
    fn automate() {
        let line = "LTService  v200.197\t - 3/1/2026 10:00:00 AM\t - Agent Signup Failed:::";
        check(
            line,
            "connectwise.automate",
            &[
                ("@timestamp", "2026-03-01T10:00:00.000Z"),
                ("agent.version", "200.197"),
                ("process.name", "LTService"),
                ("message", "Agent Signup Failed"),
            ],
        );
        survives_truncation(line);
    }
}
