//! Rows of end point protection: Symantec Endpoint Protection, the log files of Symantec and Trend Micro anti-virus
//! programs, ManageEngine Endpoint Central.
//!
//! ```text
//! Virus found,IP Address: 192.0.2.7,Computer name: pc7,Source: Auto-Protect scan,Risk name: EICAR,…
//! pc7,Category: 2,LiveUpdate Manager,"Event Description: …",Event time: 2026-03-01 10:00:00,Group Name: …
//! 36020A0A0000,5,1,2,PC7,jane,EICAR Test String,C:\eicar.com,5,1,…
//! 20260301<;>1000<;>Eicar_test_1<;>10<;>1<;>0<;>C:\temp\<;>eicar.com<;><;>1772359200<;><;>
//! 2026-03-01T10:00:00.123Z,"{""hostName"": ""pc7"", ""eventId"": ""101"", ""module"": ""Patch Mgmt"", …}"
//! ```

use chrono_tz::Tz;

use super::put_columns;
use crate::formats::fields::{Fields, address};
use crate::formats::text::layout;
use crate::formats::text::parts::{first_address, instant, is_blank, put_time, row};
use crate::formats::text::url::put_url;
use crate::formats::text::{Event, Grammar, Line};
use crate::time;
use crate::value::Value;

pub(in crate::formats::vendors) const GRAMMARS: &[Grammar] = &[
    Grammar {
        name: "Symantec Endpoint Protection",
        marks: &[
            ",Server Name: ",
            "Domain Name: ",
            ",Group Name: ",
            ",Event time: ",
            "Scan ID: ",
        ],
        programs: &["symantecserver"],
        read: endpoint_protection,
    },
    Grammar {
        name: "Symantec AntiVirus, log file",
        marks: &[],
        programs: &[],
        read: symantec_file,
    },
    Grammar {
        name: "Trend Micro, log files",
        marks: &["<;>"],
        programs: &[],
        read: trend_file,
    },
    Grammar {
        name: "ManageEngine Endpoint Central",
        marks: &[",\"{\"\""],
        programs: &[],
        read: endpoint_central,
    },
];

const SEP: &str = "symantec.endpoint_protection";

/// Cells with a label (`Computer name: pc7`) and cells whose meaning their place tells.
fn endpoint_protection<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let cells = row(line, line.body.trim(), b',');
    if cells.len() < 5 {
        return None;
    }
    let labels = cells.iter().filter(|cell| label(cell).is_some()).count();
    let named = cells.iter().any(|cell| {
        matches!(
            label(cell),
            Some((
                "Server Name" | "Server" | "Group Name" | "Domain Name" | "Category" | "Computer name",
                _
            ))
        )
    });
    if labels < 2 || !named {
        return None;
    }
    let mut event = Event::new(SEP);
    let mut plain: Vec<&str> = Vec::new();
    let mut insert = "";
    let mut happened = "";
    let fields = &mut event.fields;
    for cell in &cells {
        match *cell {
            "TCP" | "UDP" | "ICMP" => fields.text("network.transport", cell),
            "Inbound" | "Outbound" => fields.text("network.direction", cell),
            _ => {}
        }
        let Some((name, value)) = label(cell) else {
            plain.push(cell);
            continue;
        };
        match name {
            "Event Insert Time" => insert = value,
            "Event time" | "Begin" | "Begin Time" => happened = value,
            "Event Description" => fields.text("event.reason", value),
            "Computer name" | "Computer" | "Computer Name" => put_host(fields, value),
            "IP Address" => {
                fields.text("source.ip", address(value).unwrap_or_default());
                fields.text("host.ip", address(value).unwrap_or_default());
            }
            "User Name" | "User1" | "User" => fields.text("user.name", value),
            "File path" => put_path(fields, value),
            "File size (bytes)" => fields.number("file.size", value),
            "Application hash" => hash(fields, value),
            "Actual action" => fields.text("symantec.endpoint_protection.actual_action", value),
            "Requested action" => fields.text("event.action", value),
            "Risk name" => fields.text("threat.indicator.name", value),
            "Local Host IP" | "Local" => fields.text("source.ip", first_address(value).unwrap_or_default()),
            "Remote Host IP" | "Remote" => {
                fields.text("destination.ip", first_address(value).unwrap_or_default())
            }
            "Local Host MAC" => fields.text("source.mac", value),
            "Remote Host MAC" => fields.text("destination.mac", value),
            "Remote Host Name" => fields.text("destination.domain", value),
            "Application" => fields.text("process.executable", value),
            "Action" => fields.text("event.action", value),
            "Admin" => fields.text("user.name", value),
            "SHA-256" => fields.text("file.hash.sha256", value),
            "MD-5" | "MD5" => fields.text("file.hash.md5", value),
            "Local Port" => fields.port("source.port", value),
            "Remote Port" => fields.port("destination.port", value),
            "Rule" => fields.text("rule.name", value),
            "Domain Name" => fields.text("symantec.endpoint_protection.domain", value),
            "Group Name" => fields.text("symantec.endpoint_protection.group", value),
            "Server Name" => fields.text("observer.name", value),
            "Category set" => fields.text("rule.category", value),
            "Web domain" => fields.text("url.domain", value),
            "Application name" => fields.text("symantec.endpoint_protection.application", value),
            "Scan ID" => fields.text("symantec.endpoint_protection.scan_id", value),
            _ => {}
        }
    }
    let start = instant(line, happened, "");
    event.time = instant(line, insert, "").or(start);
    put_time(line, &mut event.fields, "event.start", start);
    unlabelled(&mut event.fields, &cells, &plain);
    Some(event)
}

/// `Name: value`; names are a few words of letters.
fn label(cell: &str) -> Option<(&str, &str)> {
    let (name, value) = cell.split_once(':')?;
    let is_name = name.len() <= 32
        && name.starts_with(|c: char| c.is_ascii_uppercase())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'(' | b')' | b'-'));
    is_name.then_some((name, value.trim()))
}

fn unlabelled<'a>(fields: &mut Fields<'a>, cells: &[&'a str], plain: &[&'a str]) {
    let first_is_plain = cells.first().is_some_and(|cell| label(cell).is_none());
    if let (true, Some(("Category", _))) = (first_is_plain, cells.get(1).and_then(|cell| label(cell))) {
        // `pc7,Category: 2,LiveUpdate Manager,…`
        put_host(fields, cells[0]);
        fields.text("event.provider", cells.get(2).copied().unwrap_or_default());
    } else if first_is_plain {
        fields.text("event.reason", cells[0]);
    } else if cells[0].starts_with("Site: ") {
        // `Site: …,Server Name: …,Domain Name: …,text,computer,user,domain of the computer`
        let names = ["event.reason", "host.hostname", "user.name", "host.name"];
        for (name, cell) in names.iter().zip(plain) {
            fields.text(name, cell);
        }
    } else {
        // `Scan ID: …,Begin: …,End Time: …,Started,Duration …,User1: …,User2: …,Scan started …`
        let sentence = plain.iter().find(|cell| cell.contains(' '));
        fields.text("event.action", plain.first().copied().unwrap_or_default());
        fields.text("event.reason", sentence.copied().unwrap_or_default());
    }
}

/// A computer's own name is all that is known of it.
fn put_host<'a>(fields: &mut Fields<'a>, name: &'a str) {
    fields.text("host.name", name);
    fields.text("host.hostname", name);
}

fn put_path<'a>(fields: &mut Fields<'a>, path: &'a str) {
    fields.text("file.path", path);
    if let Some(at) = path.rfind(['/', '\\']) {
        fields.text("file.directory", &path[..at]);
        fields.text("file.name", &path[at + 1..]);
    }
}

fn hash<'a>(fields: &mut Fields<'a>, hash: &'a str) {
    match hash.len() {
        32 => fields.text("file.hash.md5", hash),
        40 => fields.text("file.hash.sha1", hash),
        64 => fields.text("file.hash.sha256", hash),
        _ => {}
    }
}

/// The first cell is a time of six numbers in hexadecimal: year since 1970, month from zero, day, hour, minute, second.
fn symantec_file<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = line.raw.trim_end();
    if text.as_bytes().get(12) != Some(&b',') {
        return None;
    }
    let (stamp, rest) = text.split_once(',')?;
    if stamp.len() != 12 || !stamp.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let number = |at: usize| {
        stamp
            .get(at..at + 2)
            .and_then(|two| u32::from_str_radix(two, 16).ok())
    };
    let (year, month, day) = (number(0)? + 1970, number(2)? + 1, number(4)?);
    let (hour, minute, second) = (number(6)?, number(8)?, number(10)?);
    let date = chrono::NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    let micros = time::local(date.and_hms_opt(hour, minute, second)?, line.context.timezone);
    let cells = row(line, rest, b',');
    if cells.len() < 20 || !cells[0].bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut event = Event::headless("symantec.antivirus");
    event.time = Some(micros);
    let fields = &mut event.fields;
    put_columns(
        fields,
        &[
            "event.code",
            "symantec.antivirus.category",
            "symantec.antivirus.logger",
            "host.name",
            "user.name",
            "threat.indicator.name",
        ],
        &cells,
    );
    put_path(fields, cells[6]);
    fields.text("symantec.antivirus.action", cells[9]);
    Some(event)
}

/// OfficeScan's files: what was found in files (`pccnt35.log`) and where somebody was kept from going (`OfcUrlf.log`).
fn trend_file<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let cells: Vec<&str> = line.raw.trim_end().split("<;>").collect();
    if cells.len() < 8 || cells[0].len() != 8 || cells[1].len() > 4 {
        return None;
    }
    let zone: Tz = line.context.timezone;
    // The hour has no zero in front before ten.
    let stamp = line.keep(format!("{} {:0>4}", cells[0], cells[1]));
    let (local, _) = layout::read(stamp, "YMD hm", zone)?;
    let exact = cells
        .iter()
        .rev()
        .find_map(|cell| time::epoch(cell).filter(|_| cell.len() == 10));
    let mut event = Event::headless("trendmicro.officescan");
    let fields = &mut event.fields;
    if cells[3].contains("://") {
        event.time = Some(local);
        put_url(fields, cells[3]);
        fields.text("event.code", cells[2]);
        fields.text("rule.category", cells[5]);
        fields.text("process.executable", cells.get(8).copied().unwrap_or_default());
        return Some(event);
    }
    event.time = exact.or(Some(local));
    fields.text("threat.indicator.name", cells[2]);
    fields.text("event.action", cells[3]);
    fields.text("file.directory", cells[6]);
    fields.text("file.name", cells[7]);
    fields.text("file.path", line.name(cells[6], cells[7]));
    Some(event)
}

/// A time, and an object of texts whose quotes are doubled.
fn endpoint_central<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (stamp, rest) = line.raw.trim().split_once(",\"{\"\"")?;
    let (micros, "") = time::iso(stamp, line.context.timezone)? else {
        return None;
    };
    let inner = rest.strip_suffix("}\"")?.replace("\"\"", "\"");
    let mut text = String::with_capacity(inner.len() + 3);
    text.push_str("{\"");
    text.push_str(&inner);
    text.push('}');
    let members: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).ok()?;
    if !["module", "alertType", "eventId"]
        .iter()
        .any(|name| members.contains_key(*name))
    {
        return None;
    }
    let mut event = Event::headless("manageengine.endpoint_central");
    event.time = Some(micros);
    let fields = &mut event.fields;
    for (name, value) in &members {
        if let serde_json::Value::String(value) = value
            && !is_blank(value)
        {
            fields.put_named(line.keep(name), Value::Str(line.keep(value)));
        }
    }
    let remarks = members.get("alertRemarks").and_then(serde_json::Value::as_str);
    if let Some((_, changed)) = remarks.and_then(|remarks| remarks.rsplit_once(" changed from "))
        && let Some((_, now)) = changed.rsplit_once(" to ")
        && let Some(now) = address(now)
    {
        fields.text("destination.ip", line.keep(now));
    }
    let action = members.get("alertType").or_else(|| members.get("module"));
    if let Some(action) = action.and_then(serde_json::Value::as_str) {
        fields.text("event.action", line.keep(action));
    }
    Some(event)
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::whole::{check, survives_truncation};

    #[test]
    fn endpoint_protection() {
        let line = "Virus found,IP Address: 192.0.2.7,Computer name: pc7,Source: Auto-Protect scan,Risk name: EICAR,File path: \"C:\\a, IP Address: 203.0.113.1\",Requested action: Cleaned,Event time: 2026-03-01 10:00:00,Event Insert Time: 2026-03-01 10:05:00,Server Name: sep1,User Name: jane,Application hash: 131F95C51CC819465FA1797F6CCACF9D494AAAFF46FA3EAC73AE63FFBDFD8267,File size (bytes): 69";
        check(
            line,
            "symantec.endpoint_protection",
            &[
                ("@timestamp", "2026-03-01T10:05:00.000Z"),
                ("event.start", "2026-03-01T10:00:00.000Z"),
                ("source.ip", "192.0.2.7"),
                ("host.name", "pc7"),
                ("event.reason", "Virus found"),
                ("event.action", "Cleaned"),
                ("file.size", "69"),
            ],
        );
        check(
            "pc7,Category: 2,LiveUpdate Manager,\"Event Description: done, all: fine\",Event time: 2026-03-01 10:00:00,Group Name: A",
            "symantec.endpoint_protection",
            &[
                ("host.name", "pc7"),
                ("event.reason", "done, all: fine"),
                ("event.provider", "LiveUpdate Manager"),
            ],
        );
        survives_truncation(line);
    }

    #[test]
    fn log_files() {
        check(
            "38020100000A,5,1,2,PC7,jane,EICAR,C:\\eicar.com,5,1,19,256,4,\"\",0,,0,,0,1,0,0",
            "symantec.antivirus",
            &[
                ("@timestamp", "2026-03-01T00:00:10.000Z"),
                ("host.name", "PC7"),
                ("user.name", "jane"),
                ("file.name", "eicar.com"),
            ],
        );
        check(
            "20260301<;>900<;>Eicar_test_1<;>10<;>1<;>0<;>C:\\temp\\<;>eicar.com<;>",
            "trendmicro.officescan",
            &[
                ("@timestamp", "2026-03-01T09:00:00.000Z"),
                ("file.path", "C:\\temp\\eicar.com"),
                ("event.action", "10"),
            ],
        );
    }

    #[test]
    fn endpoint_central() {
        let line = "2026-03-01T10:00:00.123Z,\"{\"\"hostName\"\": \"\"--\"\", \"\"eventId\"\": \"\"101\"\", \"\"module\"\": \"\"Patch Mgmt\"\", \"\"userName\"\": \"\"jane\"\", \"\"userIP\"\": \"\"192.0.2.7\"\", \"\"remarks\"\": \"\"a \\\"\"userIP\\\"\"\"\"}\"";
        check(
            line,
            "manageengine.endpoint_central",
            &[
                ("@timestamp", "2026-03-01T10:00:00.123Z"),
                ("event.action", "Patch Mgmt"),
                ("source.ip", "192.0.2.7"),
                ("user.name", "jane"),
            ],
        );
        survives_truncation(line);
    }
}
