//! Netfilter's log target (iptables, nftables, ufw, firewalld, Shorewall, UniFi, Proxmox):
//!
//! ```text
//! kernel: [50028442.088] [UFW BLOCK] IN=eth0 OUT= MAC=… SRC=192.0.2.7 DST=198.51.100.9 LEN=40 … PROTO=TCP SPT=1 DPT=2 SYN
//! ```
//!
//! The administrator chooses the text in front of `IN=`, the kernel writes the rest: upper-case pairs and flags. As any
//! program can repeat such a text, only the kernel's lines are read (its own, those of daemons that log for it, those
//! without a program).

use crate::formats::fields::Fields;
use crate::formats::text::{Event, Grammar, Line};
use crate::time;

/// The grammars.
pub(super) const GRAMMARS: &[Grammar] = &[Grammar {
    name: "linux.netfilter",
    marks: &["IN=", "IN OUT="],
    programs: &[],
    read,
}];

/// More text than any prefix, which netfilter cuts after 29 characters (nftables after 127), and a time.
const PREFIX: usize = 200;

fn read<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    if !matches!(
        line.program().to_ascii_lowercase().as_str(),
        "" | "kernel"
            | "ulogd"
            | "ulogd2"
            | "iptables"
            | "ip6tables"
            | "nft"
            | "nftables"
            | "pvefw-logger"
            | "ufw"
            | "firewall"
    ) {
        return None;
    }
    let body = line.body;
    let at = start(body)?;
    let (prefix, packet) = body.split_at(at);
    let mut event = Event::new("linux.netfilter");
    let fields = &mut event.fields;
    packet_pairs(line, packet, fields)?;
    if let Some(host) = line.header.host {
        fields.text("observer.hostname", host);
    }
    event.time = said(prefix, line, &mut event.fields);
    Some(event)
}

/// Where the kernel's own text begins.
fn start(body: &str) -> Option<usize> {
    let head = &body.as_bytes()[..body.len().min(PREFIX)];
    let at = memchr::memmem::find_iter(head, "IN")
        .filter(|&at| at == 0 || matches!(head[at - 1], b' ' | b']' | b':'))
        .find(|&at| {
            let rest = &body[at + 2..];
            rest.starts_with('=') || rest.starts_with(" OUT=")
        })?;
    let packet = &body[at..];
    let has = |name: &str| packet.contains(name);
    (has(" OUT=") || has(" SRC=") || has(" MAC=")).then_some(at)
}

/// The pairs and flags of a packet; `None` if there is anything else before the addresses.
fn packet_pairs<'a>(line: &Line<'a>, packet: &'a str, fields: &mut Fields<'a>) -> Option<()> {
    // ICMP errors carry the packet that they are about.
    let (packet, carried) = packet.split_once('[').unwrap_or((packet, ""));
    let mut flags = Vec::new();
    let mut known = false;
    for word in packet.split_ascii_whitespace() {
        let Some((name, value)) = word.split_once('=') else {
            match word {
                "SYN" | "ACK" | "FIN" | "RST" | "PSH" | "URG" | "ECE" | "CWR" => {
                    flags.push(crate::value::Value::Str(word));
                }
                "DF" | "MF" | "CE" => fields.text("fragment_flags", word),
                _ if known || word == "IN" => {}
                _ => return None,
            }
            continue;
        };
        if !name
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
        {
            if known {
                continue;
            }
            return None;
        }
        known |= matches!(name, "SRC" | "DST" | "PROTO");
        pair(line, name, value, fields);
    }
    if !flags.is_empty() {
        fields.put("tcp.flags", crate::value::Value::List(flags));
    }
    fields.text("carried", carried.trim_end().trim_end_matches(']').trim_end());
    Some(())
}

fn pair<'a>(line: &Line<'a>, name: &'a str, value: &'a str, fields: &mut Fields<'a>) {
    if value.is_empty() {
        return;
    }
    match name {
        "SRC" => fields.source(value),
        "DST" => fields.destination(value),
        "PROTO" => {
            if value.bytes().all(|b| b.is_ascii_digit()) {
                fields.text("network.iana_number", value);
            } else {
                fields.text("network.transport", line.keep(value.to_ascii_lowercase()));
            }
        }
        "LEN" => {
            // The second is UDP's own.
            let second = fields.get("length").is_some();
            fields.text(if second { "udp.length" } else { "length" }, value);
            if !second {
                fields.number("network.bytes", value);
            }
        }
        "MAC" => {
            // Destination, source, type.
            fields.text("destination.mac", value.get(..17).unwrap_or_default());
            fields.text("source.mac", value.get(18..35).unwrap_or_default());
            fields.text("ether_type", value.get(36..).unwrap_or_default());
        }
        // ICMP's identifier comes after IP's.
        "ID" if fields.get("id").is_some() => fields.text("icmp.id", value),
        "ID" => fields.text("id", value),
        "SEQ" if fields.get("icmp.type").is_some() => fields.text("icmp.seq", value),
        _ => fields.text_named(native(name), value),
    }
}

/// The name that Filebeat's module has for a pair; its own otherwise.
fn native(name: &str) -> &str {
    match name {
        "TOS" => "tos",
        "PREC" => "precedence_bits",
        "TTL" => "ttl",
        "HOPLIMIT" => "hop_limit",
        "FLOWLBL" => "flow_label",
        "TC" => "traffic_class",
        "WINDOW" => "tcp.window",
        "RES" => "tcp.reserved_bits",
        "SEQ" => "tcp.seq",
        "ACK" => "tcp.ack",
        "URGP" => "tcp.urgent",
        "TYPE" => "icmp.type",
        "CODE" => "icmp.code",
        "FRAG" => "fragment_offset",
        "MARK" => "mark",
        other => other,
    }
}

/// What the administrator, and the firewall's tool, put in front: the action, the chain, Proxmox' time.
fn said<'a>(prefix: &'a str, line: &Line<'a>, fields: &mut Fields<'a>) -> Option<i64> {
    let mut text = prefix.trim();
    // `[50028442.088484] `: seconds since the start.
    if let Some((uptime, rest)) = text.strip_prefix('[').and_then(|inner| inner.split_once(']'))
        && uptime.trim().bytes().all(|b| b.is_ascii_digit() || b == b'.')
    {
        text = rest.trim();
    }
    let label = text.trim_end_matches([':', ' ']).trim_matches(['[', ']', ' ']);
    fields.text("prefix", label);
    let action = text
        .split(|c: char| !c.is_ascii_alphabetic())
        .rfind(|word| {
            matches!(
                word.to_ascii_uppercase().as_str(),
                "DROP"
                    | "DROPPED"
                    | "REJECT"
                    | "REJECTED"
                    | "ACCEPT"
                    | "ACCEPTED"
                    | "DENY"
                    | "DENIED"
                    | "BLOCK"
                    | "BLOCKED"
                    | "ALLOW"
                    | "ALLOWED"
                    | "AUDIT"
            )
        })
        .unwrap_or_default();
    fields.text("event.action", action);
    // `0 3 PVEFW-HOST-IN 01/Mar/2026:10:00:05 +0100 policy DROP:`
    let stamp = text
        .split(' ')
        .find(|word| word.len() == 20 && word.as_bytes()[2] == b'/')?;
    let from = text.find(stamp)?;
    time::apache(&text[from..], line.context.timezone).map(|(instant, _)| instant)
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::filters::testing::{lacks, read, reads};

    #[test]
    fn packets() {
        read(
            "Mar  1 10:00:05 gw kernel: [ 77.250000] [UFW BLOCK] IN=eth0 OUT= \
             MAC=02:00:00:00:00:01:02:00:00:00:00:02:08:00 SRC=192.0.2.7 DST=198.51.100.9 LEN=40 TOS=0x00 PREC=0x00 TTL=64 \
             ID=7 DF PROTO=TCP SPT=50001 DPT=22 WINDOW=1024 RES=0x00 SYN URGP=0",
            "linux.netfilter",
            &[
                ("prefix", "UFW BLOCK"),
                ("event.action", "BLOCK"),
                ("IN", "eth0"),
                ("source.ip", "192.0.2.7"),
                ("DPT", "22"),
                ("network.transport", "tcp"),
                ("destination.mac", "02:00:00:00:00:01"),
                ("source.mac", "02:00:00:00:00:02"),
                ("length", "40"),
                ("ttl", "64"),
                ("tcp.flags", "SYN"),
            ],
        );
        read(
            "0 3 PVEFW-HOST-IN 01/Mar/2026:11:00:05 +0100 policy DROP: IN=vmbr0 SRC=2001:db8::7 DST=2001:db8::8 LEN=52 \
             PROTO=UDP SPT=1 DPT=2 LEN=32",
            "linux.netfilter",
            &[
                ("@timestamp", "2026-03-01T10:00:05.000000Z"),
                ("event.action", "DROP"),
                ("source.ip", "2001:db8::7"),
                ("udp.length", "32"),
            ],
        );
        read("iptables: IN OUT=eth1", "linux.netfilter", &[("OUT", "eth1")]);
        read(
            "kernel: IN=eth0 OUT= SRC=192.0.",
            "linux.netfilter",
            &[("IN", "eth0")],
        );
    }

    #[test]
    fn only_the_kernel_is_believed() {
        for other in [
            "Mar  1 10:00:05 web1 sshd[7]: Invalid user IN=x OUT= SRC=203.0.113.66 DST=1 from 192.0.2.7",
            "PLAIN=1 OUT=2",
            "MAIN: a IN= of things OUT= SRC=203.0.113.66",
        ] {
            assert!(!reads(other), "{other}");
        }
        lacks("x IN=a b=c SRC=203.0.113.66", &["source.ip"]);
    }
}
