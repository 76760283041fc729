//! Sophos Firewall (SFOS), in both of its arrangements, and the packet filter of Sophos UTM.
//!
//! ```text
//! device_name="fw1" timestamp="2026-03-01T10:00:00+0100" device_model="XGS136" log_id=… log_type="Firewall" …
//! date=2026-03-01 time=10:00:00 timezone="CET" device_name="fw1" device_id=C1 log_id=… log_type="Firewall" …
//! id="2001" severity="info" sys="SecureNet" sub="packetfilter" name="Packet dropped" action="drop" …
//! ```

use crate::formats::text::pairs::Style;
use crate::formats::text::parts::{instant, keyed, text_of, without_priority};
use crate::formats::text::url::put_url;
use crate::formats::text::{Event, Grammar, Line};

pub(in crate::formats::vendors) const GRAMMARS: &[Grammar] = &[
    Grammar {
        name: "Sophos Firewall",
        marks: &["log_component="],
        programs: &[],
        read: firewall,
    },
    Grammar {
        name: "Sophos UTM",
        marks: &["sys=\"Secure"],
        programs: &[],
        read: utm,
    },
];

/// Some values, as `ether_type=IPv4 (0x0800)`, have spaces and no quotes.
const STYLE: Style = Style::OPEN;

fn firewall<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = without_priority(line.body);
    let mut event = keyed(
        line,
        text,
        STYLE,
        "sophos.firewall",
        &["log_type", "log_component", "log_id"],
    )?;
    let fields = &mut event.fields;
    let stamp = text_of(fields, "timestamp");
    event.time = match stamp.is_empty() {
        true => {
            let mut both = String::from(text_of(fields, "date"));
            both.push(' ');
            both.push_str(text_of(fields, "time"));
            instant(line, &both, text_of(fields, "timezone"))
        }
        false => instant(line, stamp, ""),
    };
    fields.text("event.reason", text_of(fields, "message"));
    put_url(fields, text_of(fields, "url"));
    Some(event)
}

fn utm<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = without_priority(line.body);
    let own = own_header(text, line);
    let text = own.as_ref().map_or(text, |own| own.text);
    let mut event = keyed(line, text, Style::SPACED, "sophos.utm", &["id", "sys", "sub"])?;
    let fields = &mut event.fields;
    if let Some(own) = own {
        event.time = Some(own.time);
        fields.text("host.name", own.host);
        fields.text("process.name", own.program);
    }
    // `name` is the event in words, `action` the same in one; some sub-systems write only the latter.
    fields.text("event.action", text_of(fields, "name"));
    put_url(fields, text_of(fields, "url"));
    Some(event)
}

/// What stands in front of the pairs where the device writes its own header, which is nobody else's.
struct OwnHeader<'a> {
    time: i64,
    host: &'a str,
    program: &'a str,
    text: &'a str,
}

/// `2026:03:01-10:00:00 utm ulogd[4711]: id="2001" …`
fn own_header<'a>(text: &'a str, line: &Line<'a>) -> Option<OwnHeader<'a>> {
    let (head, _) = text.split_once(": id=\"")?;
    let mut words = head.split(' ');
    let (date, clock) = words.next()?.split_once('-')?;
    let (host, program) = (words.next()?, words.next()?);
    let stamp = [date.replace(':', "-").as_str(), clock].join(" ");
    let (time, "") = crate::time::iso(&stamp, line.context.timezone)? else {
        return None;
    };
    Some(OwnHeader {
        time,
        host,
        program: program.split('[').next().unwrap_or(program),
        text: &text[head.len() + 2..],
    })
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::whole::{check, survives_truncation};

    #[test]
    fn firewall() {
        let line = "device_name=\"fw1\" timestamp=\"2026-03-01T10:00:00+0100\" device_model=\"XGS136\" device_serial_id=\"X1\" log_id=\"010102600002\" log_type=\"Firewall\" log_component=\"Firewall Rule\" log_subtype=\"Denied\" severity=\"Information\" fw_rule_name=\"deny\" ether_type=IPv4 (0x0800) src_ip=\"192.0.2.7\" dst_ip=\"198.51.100.9\" protocol=\"TCP\" src_port=50000 dst_port=443 message=\"no such session\"";
        check(
            line,
            "sophos.firewall",
            &[
                ("@timestamp", "2026-03-01T09:00:00.000Z"),
                ("observer.serial_number", "X1"),
                ("source.ip", "192.0.2.7"),
                ("destination.port", "443"),
                ("network.transport", "tcp"),
                ("rule.name", "deny"),
                ("event.reason", "no such session"),
            ],
        );
        check(
            "date=2026-03-01 time=10:00:00 timezone=\"CET\" device_name=\"fw1\" device_id=C1 log_id=000000000001 log_type=\"Firewall\" log_component=\"Invalid Traffic\" user_name=\"a\\\" src_ip=203.0.113.1\" src_ip=192.0.2.7",
            "sophos.firewall",
            &[
                ("@timestamp", "2026-03-01T10:00:00.000Z"),
                ("source.ip", "192.0.2.7"),
            ],
        );
        survives_truncation(line);
    }

    #[test]
    fn utm() {
        let line = "2026:03:01-10:00:00 utm ulogd[4711]: id=\"2001\" severity=\"info\" sys=\"SecureNet\" sub=\"packetfilter\" name=\"Packet dropped\" action=\"drop\" fwrule=\"60002\" srcmac=\"02:00:00:00:00:01\" srcip=\"192.0.2.7\" dstip=\"198.51.100.9\" proto=\"6\" srcport=\"54040\" dstport=\"23\"";
        let body = line.split_once(": ").unwrap().1;
        check(
            body,
            "sophos.utm",
            &[
                ("event.action", "Packet dropped"),
                ("source.ip", "192.0.2.7"),
                ("destination.port", "23"),
                ("network.iana_number", "6"),
                ("rule.id", "60002"),
            ],
        );
        survives_truncation(body);
        check(
            line,
            "sophos.utm",
            &[
                ("@timestamp", "2026-03-01T10:00:00.000Z"),
                ("host.name", "utm"),
                ("source.ip", "192.0.2.7"),
            ],
        );
        survives_truncation(line);
    }
}
