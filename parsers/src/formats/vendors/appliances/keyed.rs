//! Appliances that write pairs.
//!
//! ```text
//! bluecoat[0]: SPLV5.1 c-ip=192.0.2.6 cs-bytes=6269 cs-host=www.example.org …                  ProxySG
//! vendor=Websense product=Security product_version=7.7.0 action=permitted …                     Forcepoint
//! h=192.0.2.13 u="CORP\\jane" s=200 X=- t=1772355600 …                                         Sophos Web Appliance
//! Carbon Black App Control event:  text="…" type="Discovery" subtype="New file" hostname="pc7" …
//! tvcs: UTCTime="2026-03-01 10:00:00,123" Module="network.sip" Level="INFO":  Action="Received" …   Expressway
//! 2026-03-01 10:00:00<TAB>reason=Allowed<TAB>event_id=7<TAB>protocol=HTTPS …                    Zscaler NSS
//! SymantecDLPAlert: Application_Name=”N/A” Policy=”PCI” …                                       Symantec DLP
//! Semperis.DSP [AdChanges@51802] [ForestId] 7 [ChangeId] 9 …                                    Semperis DSP
//! host: NetScreen device_id=fw1 [Root]system-notification-00257(traffic): start_time="…" …      NetScreen
//! ```
//!
//! Pairs are the product's own from the first key on; the first of a name holds. What strangers choose stands in quotes,
//! or behind what the device says of itself.

use crate::formats::fields::address;
use crate::formats::text::pairs::Style;
use crate::formats::text::parts::{instant, keyed, put_pairs, put_user, text_of, without_priority};
use crate::formats::text::url::put_url;
use crate::formats::text::{Event, Grammar, Line};
use crate::time;

pub(super) const GRAMMARS: &[Grammar] = &[
    Grammar {
        name: "Broadcom ProxySG",
        marks: &["c-ip="],
        programs: &["bluecoat", "proxysg"],
        read: proxysg,
    },
    Grammar {
        name: "Forcepoint web",
        marks: &["vendor=Websense ", "vendor=Forcepoint "],
        programs: &[],
        read: websense,
    },
    Grammar {
        name: "Sophos Web Appliance",
        marks: &[" rsn="],
        programs: &[],
        read: web_appliance,
    },
    Grammar {
        name: "Carbon Black App Control",
        marks: &[
            "Carbon Black App Control event:",
            "Carbon Black Protection event:",
            "Bit9 event:",
        ],
        programs: &[],
        read: app_control,
    },
    Grammar {
        name: "Cisco Expressway",
        marks: &[],
        programs: &["tvcs"],
        read: expressway,
    },
    Grammar {
        name: "Zscaler NSS",
        marks: &["\treason=", "\tRecordtype=", "\tevent_id=", "\tvendor=Zscaler"],
        programs: &[],
        read: zscaler,
    },
    Grammar {
        name: "Symantec DLP",
        marks: &[],
        programs: &["symantecdlpalert", "symantecdlp"],
        read: dlp,
    },
    Grammar {
        name: "Semperis DSP",
        marks: &[],
        programs: &["semperis.dsp"],
        read: semperis,
    },
    Grammar {
        name: "NetScreen",
        marks: &["NetScreen device_id="],
        programs: &[],
        read: netscreen,
    },
    Grammar {
        name: "CylancePROTECT",
        marks: &[],
        programs: &["cylanceprotect"],
        read: cylance,
    },
    Grammar {
        name: "Firepower's events over syslog",
        marks: &[],
        programs: &["sfims"],
        read: firepower,
    },
];

fn proxysg<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (tag, _, text) = line.tagged();
    let pairs = text.trim_start().strip_prefix("SPLV5.1 ").unwrap_or(text);
    if !pairs.starts_with("c-ip=") {
        let own = tag.eq_ignore_ascii_case("proxysg") || tag.eq_ignore_ascii_case("bluecoat");
        return own.then(|| Event::new("broadcom.proxysg"));
    }
    let mut event = keyed(line, pairs, Style::SPACED, "broadcom.proxysg", &["c-ip"])?;
    let fields = &mut event.fields;
    let user = text_of(fields, "cs-username");
    put_user(fields, user);
    // The parts of the URL have fields of their own: put together they are it.
    let (scheme, host, path, query) = (
        text_of(fields, "cs-uri-scheme"),
        text_of(fields, "cs-host"),
        text_of(fields, "cs-uri-path"),
        text_of(fields, "cs-uri-query"),
    );
    if !scheme.is_empty() && !host.is_empty() {
        let url = line.keep([scheme, "://", host, path, query].concat());
        fields.text("url.original", url);
    }
    Some(event)
}

fn websense<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = without_priority(line.body).trim_start();
    if !text.starts_with("vendor=Websense ") && !text.starts_with("vendor=Forcepoint ") {
        return None;
    }
    // `product=Security`, and in some versions words behind the vendor's name.
    let mut event = keyed(
        line,
        text,
        Style::SPACED,
        "forcepoint.web",
        &["product", "action"],
    )?;
    let fields = &mut event.fields;
    let url = text_of(fields, "url");
    put_url(fields, url);
    for (key, ip, domain) in [
        ("src_host", "source.ip", "source.domain"),
        ("dst_host", "destination.ip", "destination.domain"),
        ("dst_ip", "destination.ip", "destination.domain"),
    ] {
        let host = text_of(fields, key);
        fields.endpoint(ip, domain, host);
    }
    // `LDAP://192.0.2.1 OU=Users,DC=corp/Jane Doe`
    let user = text_of(fields, "user");
    let user = match user.starts_with("LDAP:") || user.starts_with("WinNT:") {
        true => user.rsplit('/').next().unwrap_or(user),
        false => user,
    };
    put_user(fields, user);
    Some(event)
}

fn web_appliance<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = line.body.trim_start();
    if !text.starts_with("h=") {
        return None;
    }
    let mut event = keyed(
        line,
        text,
        Style::SPACED,
        "sophos.web_appliance",
        &["h", "s", "X", "t", "act"],
    )?;
    let fields = &mut event.fields;
    event.time = time::since_epoch(text_of(fields, "t"));
    let client = text_of(fields, "h");
    fields.source(client);
    let user = text_of(fields, "u");
    put_user(fields, user);
    // The request: `GET http://www.example.org/ HTTP/1.1` without its ends.
    let url = text_of(fields, "url");
    put_url(fields, url);
    Some(event)
}

fn app_control<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = line.body.trim_start();
    let rest = [
        "Carbon Black App Control event:",
        "Carbon Black Protection event:",
        "Bit9 event:",
    ]
    .iter()
    .find_map(|start| text.strip_prefix(start))?;
    let mut event = Event::new("carbonblack.app_control");
    let fields = &mut event.fields;
    put_pairs(line, rest, Style::SPACED, fields);
    let said = text_of(fields, "text");
    fields.text("message", said);
    let user = text_of(fields, "username");
    put_user(fields, user);
    let ip = address(text_of(fields, "ip_address"));
    fields.text("host.ip", ip.unwrap_or_default());
    let path = text_of(fields, "file_path");
    fields.text("file.path", path);
    let stamp = text_of(fields, "date");
    event.time =
        instant(line, stamp, "Z").or_else(|| time::american(stamp, line.context.timezone).map(|(at, _)| at));
    Some(event)
}

fn expressway<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = line.body.strip_prefix("tvcs: ").unwrap_or(line.body);
    let mut event = Event::new("cisco.expressway");
    let fields = &mut event.fields;
    put_pairs(line, text, Style::SPACED, fields);
    event.time = instant(line, text_of(fields, "UTCTime"), "Z");
    for (key, ip, domain) in [
        ("Src-ip", "source.ip", "source.domain"),
        ("Dst-ip", "destination.ip", "destination.domain"),
    ] {
        let host = text_of(fields, key);
        fields.endpoint(ip, domain, host);
    }
    Some(event)
}

/// Columns that the feed names, between tabs.
fn zscaler<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (stamp, pairs) = line.raw.split_once('\t')?;
    let stamp = without_priority(stamp).trim_matches('"');
    let (at, rest) = time::iso(stamp, line.context.timezone)?;
    if !rest.is_empty() {
        return None;
    }
    let mut event = Event::headless("zscaler.nss");
    event.time = Some(at);
    let fields = &mut event.fields;
    for pair in pairs.trim_end().split('\t') {
        if let Some((key, value)) = pair.split_once('=') {
            fields.known_named(key, value);
        }
    }
    let url = text_of(fields, "url");
    put_url(fields, url);
    for key in ["user", "login"] {
        let user = text_of(fields, key);
        put_user(fields, user);
    }
    Some(event)
}

/// Values in typographic quotes.
fn dlp<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let mut event = Event::new("symantec.dlp");
    let fields = &mut event.fields;
    let mut rest = line.body;
    while let Some((key, after)) = rest.split_once('=') {
        let key = key.trim();
        let Some(quote) = after.chars().next().filter(|c| matches!(c, '”' | '“' | '"')) else {
            break;
        };
        let after = &after[quote.len_utf8()..];
        // A closing quote has the next key or the end behind it.
        let end = after.match_indices(['”', '"']).find(|(at, quote)| {
            let behind = after[at + quote.len()..].trim_start();
            let key = behind
                .bytes()
                .take_while(|b| b.is_ascii_alphanumeric() || *b == b'_');
            let key = key.count();
            behind.is_empty() || key > 0 && behind[key..].starts_with('=')
        });
        let Some((at, quote)) = end else {
            break;
        };
        let value = &after[..at];
        if !key.contains(' ') && !value.contains("UNKNOWN VARIABLE") {
            fields.known_named(key, value);
        }
        rest = &after[at + quote.len()..];
    }
    Some(event)
}

/// `[Name] value [Name] value`; the first bracket is the kind of the event.
fn semperis<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (kind, rest) = line.body.trim_start().strip_prefix('[')?.split_once("] ")?;
    let mut event = Event::new("semperis.dsp");
    let fields = &mut event.fields;
    let (kind, _) = kind.split_once('@').unwrap_or((kind, ""));
    fields.text("event.action", kind);
    let mut rest = rest.strip_prefix('[').unwrap_or(rest);
    while let Some((name, after)) = rest.split_once("] ") {
        let (value, next) = after.split_once(" [").unwrap_or((after, ""));
        if !name.contains(' ') && name.len() <= 64 {
            fields.known_named(name, value);
        }
        rest = next;
    }
    Some(event)
}

/// `NetScreen device_id=fw1  [Root]system-notification-00257(traffic): start_time="…" … src zone=Trust …`
fn netscreen<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let rest = line.body.trim_start().strip_prefix("NetScreen device_id=")?;
    let (device, rest) = rest.split_once(' ')?;
    let (vsys, rest) = rest.trim_start().strip_prefix('[')?.split_once(']')?;
    let (kind, text) = rest.split_once(": ")?;
    let (kind, name) = kind
        .strip_suffix(')')
        .and_then(|kind| kind.split_once('('))
        .unwrap_or((kind, ""));
    let (level, code) = kind.strip_prefix("system-")?.rsplit_once('-')?;
    let mut event = Event::new("juniper.netscreen");
    let fields = &mut event.fields;
    fields.text("observer.name", device);
    fields.text("vsys", vsys);
    fields.text("log.level", level);
    fields.text("event.code", code);
    fields.text("type", name);
    if name != "traffic" {
        fields.text("message", text);
        return Some(event);
    }
    for (key, zone) in [
        (" src zone=", "observer.ingress.zone"),
        (" dst zone=", "observer.egress.zone"),
    ] {
        if let Some((_, value)) = text.split_once(key) {
            fields.text(zone, value.split(' ').next().unwrap_or(value));
        }
    }
    put_pairs(line, text, Style::SPACED, fields);
    let protocol = text_of(fields, "proto");
    fields.transport(protocol);
    for (key, ip, domain) in [
        ("src", "source.ip", "source.domain"),
        ("dst", "destination.ip", "destination.domain"),
    ] {
        let host = text_of(fields, key);
        fields.endpoint(ip, domain, host);
    }
    Some(event)
}

/// `Event Type: Threat, Event Name: threat_found, Device Name: pc7, IP Address: (192.0.2.7), File Name: …, Path: …`
fn cylance<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let mut event = Event::new("cylance.protect");
    let fields = &mut event.fields;
    for part in line.body.trim_start_matches("- - - ").split(", ") {
        let Some((key, value)) = part.split_once(": ") else {
            continue;
        };
        let value = value.trim_end_matches(',').trim();
        match key.trim() {
            "IP Address" => {
                let ip = value.trim_matches(['(', ')']).split(',').next().and_then(address);
                fields.text("host.ip", ip.unwrap_or_default());
            }
            "SHA256" | "MD5" => fields.file_hash(value),
            "User Name" | "User" => put_user(fields, value),
            key @ ("Event Type"
            | "Event Name"
            | "Device Name"
            | "File Name"
            | "Path"
            | "Threat Class"
            | "Threat Subclass"
            | "Threat Classification"
            | "Cylance Score"
            | "Zone Names"
            | "Policy Name"
            | "Status") => {
                fields.known_named(key, value);
            }
            _ => {}
        }
    }
    Some(event)
}

/// The pairs that FTD's messages have, as the management centre forwards them.
fn firepower<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let starts = [
        "Protocol: ",
        "[Primary ",
        "DeviceUUID: ",
        "AccessControlRule",
        "<*- ",
    ];
    let text = line.body.trim_start();
    let known = starts.iter().any(|start| text.starts_with(start));
    if !known || !text.contains(": ") {
        return None;
    }
    let mut event = Event::new("cisco.ftd");
    super::super::cisco::security(line, 0, text, &mut event.fields);
    let action = text_of(&event.fields, "AccessControlRuleAction");
    event.fields.text("event.action", action);
    Some(event)
}
