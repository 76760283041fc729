//! What stands beside a mail server and judges mails: Postgrey, policyd-spf, SpamAssassin's spamd.
//!
//! All of them write pairs. Senders and recipients are strangers' text, so the client's address is taken from the pair
//! that stands in front of them: `client_address=` before `sender=`, `client-ip=` before `helo=`; spamd writes the
//! message id, which a stranger chose, behind everything else but the autolearn state.

use super::super::super::fields::{Fields, address};
use super::super::super::text::once::Keys;
use super::super::super::text::{Event, Grammar, Line};
use super::domain_of;
use crate::value::Value;

/// Postgrey: `action=pass, reason=…, client_name=…, client_address=…, sender=…, recipient=…`; policyd-spf:
/// `Pass; identity=helo; client-ip=…; helo=…; envelope-from=…; receiver=…`, with what it does in front.
pub(super) const POLICY: Grammar = Grammar {
    name: "mail-policy",
    marks: &["client_address=", "identity="],
    programs: &["postgrey", "policyd-spf"],
    read: read_policy,
};

/// spamd: `spamd: result: Y 7 - RULES scantime=…,…,mid=<…>,autolearn=…`.
pub(super) const SPAMD: Grammar = Grammar {
    name: "spamd",
    marks: &["spamd: "],
    programs: &["spamd"],
    read: read_spamd,
};

fn read_policy<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let body = line.body.trim();
    let mut event = Event::new("postfix.policy");
    let read = match body.find("identity=") {
        Some(at) if at == 0 || body[..at].ends_with("; ") || body[..at].ends_with(") ") => {
            spf(&body[..at], &body[at..], &mut event.fields)
        }
        _ => greylist(body, &mut event.fields),
    };
    event.fields.category("email");
    event.fields.put("network.protocol", Value::Str("smtp"));
    read.then_some(event)
}

fn greylist<'a>(body: &'a str, fields: &mut Fields<'a>) -> bool {
    // Some versions name the queue id first: `3D770111AF50: action=…`.
    let (id, body) = match body.split_once(": ") {
        Some((id, rest)) if rest.starts_with("action=") => (id, rest),
        _ => ("", body),
    };
    let Some((verdict, rest)) = body
        .strip_prefix("action=")
        .and_then(|rest| rest.split_once(", client_name="))
    else {
        return false;
    };
    let Some((name, rest)) = rest.split_once(", client_address=") else {
        return false;
    };
    let (client, rest) = rest.split_once(", ").unwrap_or((rest, ""));
    let Some(ip) = address(client.split_once('/').map_or(client, |(ip, _)| ip)) else {
        return false;
    };
    let (action, pairs) = verdict.split_once(", ").unwrap_or((verdict, ""));
    fields.text("queue_id.local", id);
    fields.event(action, if action == "pass" { "success" } else { "failure" });
    for pair in pairs.split(", ") {
        match pair.split_once('=') {
            Some(("reason", reason)) => fields.text("event.reason", reason),
            Some(("delay", delay)) => fields.text("delay", delay),
            _ => {}
        }
    }
    fields.text("source.ip", ip);
    if name != "unknown" {
        fields.text("source.domain", name);
    }
    // The sender may hold what looks like a recipient; nothing stands behind the real one.
    let rest = rest.strip_prefix("sender=").unwrap_or(rest);
    let (sender, recipient) = match rest.rfind("recipient=") {
        Some(at) => (
            rest[..at].trim_end_matches([',', ' ']),
            &rest[at + "recipient=".len()..],
        ),
        None => (rest, ""),
    };
    put_mailboxes(sender, recipient, fields);
    true
}

fn spf<'a>(head: &'a str, pairs: &'a str, fields: &mut Fields<'a>) -> bool {
    let Some((_, rest)) = pairs.split_once("; client-ip=") else {
        return false;
    };
    let (client, rest) = rest.split_once(';').unwrap_or((rest, ""));
    let Some(ip) = address(client.trim()) else {
        return false;
    };
    fields.text("source.ip", ip);
    let identity = pairs
        .strip_prefix("identity=")
        .and_then(|rest| rest.split(';').next());
    fields.text("spf.identity", identity.unwrap_or_default());
    // `prepend Received-SPF: Pass (mailfrom) `, `Pass; `
    let verdict = match head.find("Received-SPF: ") {
        Some(at) => &head[at + "Received-SPF: ".len()..],
        None => head,
    };
    let (result, detail) = verdict.split_once([' ', ';']).unwrap_or((verdict, ""));
    let action = match result.to_ascii_lowercase().as_str() {
        "pass" => "spf_pass",
        "fail" => "spf_fail",
        "softfail" => "spf_softfail",
        "neutral" => "spf_neutral",
        "none" => "spf_none",
        "permerror" => "spf_permerror",
        "temperror" => "spf_temperror",
        _ => "spf",
    };
    fields.event(action, "");
    fields.text("spf.result", result);
    let detail = detail.trim().trim_start_matches('(').trim_end_matches(')');
    fields.text("event.reason", detail);
    // The name in HELO and the sender are the client's; `receiver=` ends them.
    let rest = rest.trim_start();
    let (helo, rest) = match rest.strip_prefix("helo=").and_then(|rest| rest.split_once("; ")) {
        Some(split) => split,
        None => return true,
    };
    fields.text("helo.domain", helo.trim_matches(['[', ']']));
    let sender = rest.strip_prefix("envelope-from=").unwrap_or_default();
    let (sender, receiver) = match sender.rfind("; receiver=") {
        Some(at) => (&sender[..at], &sender[at + "; receiver=".len()..]),
        None => (sender, ""),
    };
    let receiver = receiver.split(' ').next().unwrap_or_default();
    let receiver = receiver.trim_matches(['<', '>']);
    if receiver != "UNKNOWN" {
        fields.text("receiver", receiver);
    }
    put_mailboxes(sender.trim_matches(['<', '>']), "", fields);
    true
}

fn put_mailboxes<'a>(sender: &'a str, recipient: &'a str, fields: &mut Fields<'a>) {
    for (mailbox, address, domain) in [
        (sender, "email.from.address", "sender.domain"),
        (recipient, "email.to.address", "recipient.domain"),
    ] {
        if !mailbox.is_empty() {
            fields.put(address, Value::List(vec![Value::Str(mailbox)]));
            fields.text(domain, domain_of(mailbox));
        }
    }
}

fn read_spamd<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let body = line.body.trim();
    let body = match body.strip_prefix("spamd: ") {
        Some(rest) => rest,
        None if line.program() == "spamd" => body,
        None => return None,
    };
    if line.header.tag.is_some() && line.program() != "spamd" {
        return None;
    }
    let mut event = Event::new("spamassassin.log");
    let fields = &mut event.fields;
    if let Some(rest) = body.strip_prefix("result: ") {
        result(line, rest, fields);
    } else if let Some(rest) = body.strip_prefix("connection from ")
        && let Some((name, rest)) = rest.split_once(" [")
        && let Some((ip, rest)) = rest.split_once(']')
        && let Some(ip) = address(ip)
    {
        fields.event("connect", "");
        fields.text("source.domain", name);
        fields.text("source.ip", ip);
        let (port, rest) = rest
            .strip_prefix(':')
            .and_then(|rest| rest.split_once(" to port "))
            .unwrap_or_default();
        fields.source_port(port);
        fields.port("destination.port", rest.split(',').next().unwrap_or_default());
    } else if let Some((action, rest)) = body
        .split_once(" message ")
        .filter(|(action, _)| matches!(*action, "processing" | "checking"))
        && let Some((id, user)) = rest.rsplit_once(" for ")
    {
        fields.event(action, "");
        let id = id.split(" aka ").next().unwrap_or(id);
        fields.text(
            "email.message_id",
            id.trim_start_matches('<').trim_end_matches('>'),
        );
        put_user(user, fields);
    } else if let Some((verdict, rest)) = body.split_once(" for ")
        && let Some((verdict, score)) = verdict.split_once(" (")
        && matches!(verdict, "clean message" | "identified spam")
    {
        // `identified spam (12.3/5.0) for debian-spamd:118 in 2.1 seconds, 4301 bytes.`
        fields.event(
            if verdict == "identified spam" {
                "spam"
            } else {
                "ham"
            },
            "",
        );
        fields.text(
            "score",
            score.trim_end_matches(')').split('/').next().unwrap_or_default(),
        );
        put_user(rest.split(' ').next().unwrap_or_default(), fields);
    } else if let Some(rest) = body.strip_prefix("setuid to ") {
        fields.event("setuid", "success");
        fields.text("user.name", rest.strip_suffix(" succeeded").unwrap_or(rest));
    }
    fields.category("email");
    fields.put("process.name", Value::Str("spamd"));
    fields.put("log.syslog.appname", Value::Str("spamd"));
    Some(event)
}

/// `debian-spamd:118`
fn put_user<'a>(user: &'a str, fields: &mut Fields<'a>) {
    let (name, id) = user.rsplit_once(':').unwrap_or((user, ""));
    fields.text("user.name", name);
    fields.text("user.id", id);
}

/// `. -1 - RULE,RULE scantime=3.4,size=120289,user=…,…,mid=<…>,autolearn=disabled`
fn result<'a>(line: &Line<'a>, text: &'a str, fields: &mut Fields<'a>) {
    let mut words = text.splitn(5, ' ');
    let verdict = words.next().unwrap_or_default();
    fields.event(if verdict == "Y" { "spam" } else { "ham" }, "");
    fields.text("score", words.next().unwrap_or_default());
    let rules = words.nth(1).unwrap_or_default();
    let pairs = words.next().unwrap_or_default();
    fields.put(
        "rules",
        Value::List(
            rules
                .split(',')
                .filter(|rule| !rule.is_empty())
                .map(Value::Str)
                .collect(),
        ),
    );
    let (pairs, id) = pairs.split_once(",mid=").unwrap_or((pairs, ""));
    let id = id.rsplit_once(",autolearn=").map_or(id, |(id, _)| id);
    let mut keys = Keys::new(line.arena);
    for (key, value) in pairs.split(',').filter_map(|pair| pair.split_once('=')) {
        keys.add(key, value, &[]);
    }
    for (key, value) in keys.settled(fields) {
        match key {
            "size" => fields.number("size", value),
            "user" => fields.text("user.name", value),
            "uid" => fields.text("user.id", value),
            "scantime" => fields.text("scantime", value),
            "required_score" => fields.text("required_score", value),
            "rhost" => fields.text("source.domain", value),
            "raddr" => fields.text("source.ip", address(value).unwrap_or_default()),
            "rport" => fields.source_port(value),
            _ => {}
        }
    }
    if id != "(unknown)" {
        fields.text(
            "email.message_id",
            id.trim_start_matches('<').trim_end_matches('>'),
        );
        // The header as it stands in the mail.
        fields.text("header.message_id", id);
    }
}
