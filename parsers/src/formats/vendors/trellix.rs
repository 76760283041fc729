//! Trellix (McAfee) ePolicy Orchestrator: events as XML documents.
//!
//! ```text
//! <?xml version="1.0"?><EPOevent><MachineInfo><MachineName>pc7</MachineName>…</MachineInfo>
//!   <SoftwareInfo ProductName="…"><CommonFields>…</CommonFields><Event><EventID>18060</EventID>…</Event></SoftwareInfo></EPOevent>
//! <UpdateEvents><MachineInfo>…</MachineInfo><McAfeeCommonUpdater …><UpdateEvent><EventID>2401</EventID>…
//! ```
//!
//! Elements that hold text are fields by their names; no two of one name mean different things, and the first holds.
//! Markup in what a stranger chose is escaped by the writer, so that it can make no elements.

use quick_xml::XmlVersion;
use quick_xml::events::Event as Xml;

use crate::formats::fields::Fields;
use crate::formats::text::parts::{instant, is_blank, text_of};
use crate::formats::text::{Event, Grammar, Line};
use crate::value::Value;

pub(super) const GRAMMARS: &[Grammar] = &[Grammar {
    name: "Trellix ePolicy Orchestrator",
    marks: &["<MachineInfo>"],
    programs: &[],
    read,
}];

/// Elements of one event that are read; documents have a few dozen.
const MOST: usize = 400;

fn read<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let start = ["<EPOevent>", "<EPOEvent>", "<UpdateEvents>"]
        .iter()
        .find_map(|root| line.raw.find(root))?;
    let mut event = Event::new("trellix.epo");
    event.headless = line.raw.trim_start().starts_with("<?xml") || start == 0;
    let fields = &mut event.fields;
    elements(line, &line.raw[start..], fields);
    fields.get("EventID")?;
    let stamp = ["DetectedUTC", "GMTTime"]
        .iter()
        .map(|name| text_of(fields, name))
        .find(|stamp| !is_blank(stamp))
        .unwrap_or_default();
    event.time = instant(line, stamp, if stamp.ends_with('Z') { "" } else { "Z" });
    let fields = &mut event.fields;
    account(fields, "SourceUserName", "source.user.domain", "source.user.name");
    account(fields, "TargetUserName", "user.target.domain", "user.target.name");
    let process = text_of(fields, "TargetProcessName");
    fields.text("process.executable", process);
    fields.text(
        "process.name",
        process.rsplit(['\\', '/']).next().unwrap_or(process),
    );
    Some(event)
}

/// Puts the texts of all elements that hold nothing else. A document that breaks off gives what it has.
fn elements<'a>(line: &Line<'a>, document: &'a str, fields: &mut Fields<'a>) {
    let mut reader = quick_xml::Reader::from_str(document);
    let mut name = "";
    let mut text = String::new();
    for _ in 0..MOST * 4 {
        match reader.read_event() {
            Ok(Xml::Start(start)) => {
                name = line.keep(start.local_name().as_ref());
                text.clear();
            }
            Ok(Xml::Text(part)) => text.push_str(&part.xml_content(XmlVersion::Implicit1_0)),
            Ok(Xml::CData(part)) => text.push_str(&part.xml_content(XmlVersion::Implicit1_0)),
            Ok(Xml::GeneralRef(reference)) => {
                let entity = reference.xml_content(XmlVersion::Implicit1_0);
                if let Ok(Some(c)) = reference.resolve_char_ref() {
                    text.push(c);
                } else if let Some(known) = quick_xml::escape::resolve_predefined_entity(&entity) {
                    text.push_str(known);
                }
            }
            Ok(Xml::End(_)) => {
                let value = text.trim();
                if !name.is_empty() && !value.is_empty() {
                    fields.put_named(name, Value::Str(line.keep(value)));
                }
                (name, text) = ("", String::new());
            }
            Ok(Xml::Eof) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// `DOMAIN\name`, or the name alone.
fn account<'a>(fields: &mut Fields<'a>, native: &str, domain: &'static str, name: &'static str) {
    let account = text_of(fields, native);
    match account.split_once('\\') {
        Some((of, who)) => {
            fields.text(domain, of);
            fields.text(name, who);
        }
        None => fields.text(name, account),
    }
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::whole::{check, survives_truncation};

    #[test]
    fn events() {
        let line = "<?xml version=\"1.0\"?>  <EPOevent><MachineInfo><MachineName>pc7</MachineName><IPAddress>192.0.2.7</IPAddress><UserName>jane</UserName><RawMACAddress>020000000007</RawMACAddress></MachineInfo><SoftwareInfo ProductName=\"x\"><CommonFields><Analyzer>ENDP_AM_1070</Analyzer><AnalyzerVersion>10.7</AnalyzerVersion></CommonFields><Event><EventID>18060</EventID><Severity>3</Severity><GMTTime>2026-03-01T10:00:00</GMTTime><CommonFields><ThreatName>&lt;/ThreatName&gt;&lt;SourceIPV4&gt;203.0.113.1</ThreatName><ThreatActionTaken>blocked</ThreatActionTaken><SourceIPV4>198.51.100.9</SourceIPV4><SourceUserName>CORP\\john</SourceUserName></CommonFields></Event></SoftwareInfo></EPOevent>";
        check(
            line,
            "trellix.epo",
            &[
                ("@timestamp", "2026-03-01T10:00:00.000Z"),
                ("host.name", "pc7"),
                ("source.ip", "198.51.100.9"),
                ("source.user.name", "john"),
                ("event.code", "18060"),
                ("event.action", "blocked"),
                ("threat.indicator.name", "</ThreatName><SourceIPV4>203.0.113.1"),
            ],
        );
        survives_truncation(line);
    }
}
