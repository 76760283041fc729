//! What the values of some products hold beside what their keys say.

use super::super::super::fields::{Fields, address};
use super::super::super::text::Line;
use super::Header;
use crate::value::Value;

/// Whether the product of `dataset` writes values in a way of its own; see [`pair`].
pub(super) fn has_own_pairs(dataset: &str) -> bool {
    matches!(
        dataset,
        "claroty.xdome" | "cisco.esa_cef" | "sonicwall.firewall_cef"
    )
}

/// Takes a pair whose value the product of `dataset` writes in a way of its own; `false` if it is like any other.
pub(super) fn pair<'a>(dataset: &str, key: &'a str, value: &'a str, fields: &mut Fields<'a>) -> bool {
    match dataset {
        // Python's notation: `None`, `['192.0.2.1', None]`.
        "claroty.xdome" if value == "None" || value == "[]" => true,
        "claroty.xdome" => match value.strip_prefix('[').and_then(|list| list.strip_suffix(']')) {
            Some(list) if key.ends_with("_list") => {
                let items = list.split(", ").filter(|item| *item != "None");
                let items = items
                    .map(|item| Value::Str(item.trim_matches(['\'', '"'])))
                    .collect();
                fields.push_named(key, Value::List(items));
                true
            }
            _ => false,
        },
        "cisco.esa_cef" if key == "duser" && value.contains(';') => {
            let all = value.split(';').map(|one| Value::Str(one.trim())).collect();
            fields.push_named(key, Value::List(all));
            true
        }
        "sonicwall.firewall_cef" if matches!(key, "susr" | "usr") => match value.rsplit_once('\\') {
            Some((domain, name)) => {
                fields.push("user.domain", Value::Str(domain.trim_end_matches('\\')));
                fields.push_named(key, Value::Str(name));
                true
            }
            None => false,
        },
        _ => false,
    }
}

/// Keys that the product of `dataset` writes once for each of several things. Check Point's rules are one per layer, in
/// order.
pub(super) fn repeats(dataset: &str) -> &'static [&'static str] {
    match dataset {
        "checkpoint.firewall" => &[
            "layer_name",
            "layer_uuid",
            "match_id",
            "parent_rule",
            "rule_action",
            "rule_name",
            "rule_uid",
        ],
        _ => &[],
    }
}

/// Whether `start` says when the event was, and `rt` when somebody heard of it.
pub(super) fn starts_it(dataset: &str) -> bool {
    matches!(dataset, "panw.panos" | "trellix.network_security")
}

/// Puts right and adds what the product of `dataset` means.
pub(super) fn finish<'a>(dataset: &str, header: &Header<'a>, fields: &mut Fields<'a>, line: &Line<'a>) {
    match dataset {
        "fortinet.fortigate" => {
            // The place that an administrator came from: `https(192.0.2.1)`, or the address alone.
            if let Some(place) = fields.text_of("process.name") {
                let inner = place
                    .split_once('(')
                    .map_or(place, |(_, inner)| inner.trim_end_matches(')'));
                if let Some(address) = address(inner) {
                    fields.push("source.ip", Value::Str(address));
                }
            }
            if let Some(app) = fields.text_of("app") {
                fields.push("network.protocol", Value::Str(app));
            }
            // How an administrator came in.
            let method = ["method", "FTNTFGTmethod", "FortinetFortiGatemethod"]
                .iter()
                .find_map(|name| fields.text_of(name))
                .filter(|method| matches!(*method, "https" | "http" | "ssh" | "telnet"));
            fields.text("network.protocol", method.unwrap_or_default());
        }
        "ibm.i" => {
            fields.replace("event.code", Value::Str(header.name));
            if let Some(message) = fields.text_of("message") {
                fields.push("event.reason", Value::Str(message));
            }
            // A job is a number, a user and a name.
            if let Some((number, name)) = fields.text_of("process.name").and_then(|job| job.split_once('/'))
                && let Ok(number) = number.parse()
            {
                fields.push("process.pid", Value::Int(number));
                fields.replace("process.name", Value::Str(name));
            }
        }
        "imperva.waf" => {
            if let Some((version, cipher)) = fields.text_of("ver").and_then(|tls| tls.split_once(' ')) {
                fields.push("tls.version", Value::Str(version.trim_start_matches("TLSv")));
                fields.push("tls.cipher", Value::Str(cipher));
            }
        }
        "cisco.esa_cef" => {
            let version = fields
                .text_of("ESATLSOutProtocol")
                .or_else(|| fields.text_of("ESATLSInProtocol"));
            if let Some(version) = version.and_then(|version| version.strip_prefix("TLSv")) {
                fields.push("tls.version", Value::Str(version));
            }
            if let Some(subject) = fields.text_of("message") {
                fields.push("email.subject", Value::Str(subject));
            }
            if let Some(id) = fields.text_of("label.ExternalMsgID") {
                fields.push("email.message_id", Value::Str(id.trim_matches(['<', '>'])));
            }
        }
        "f5.asm" => {
            let request = fields
                .text_of("cs3")
                .or_else(|| fields.text_of("cs6"))
                .unwrap_or_default();
            if let Some((_, agent)) = request.split_once("\nUser-Agent: ") {
                let agent = agent.split(['\r', '\n']).next().unwrap_or_default();
                fields.text("user_agent.original", agent);
            }
        }
        "claroty.xdome" => {
            for (key, name) in [
                ("event_type", "event.code"),
                ("event_description", "message"),
                ("change_description", "message"),
                ("description", "message"),
            ] {
                if let Some(text) = fields.text_of(key) {
                    fields.replace(name, Value::Str(text));
                }
            }
        }
        "sonicwall.firewall_cef" => {
            // `… for filename: x.` at the end, or `Filename: x` as a whole.
            let name = fields.text_of("message").and_then(|message| {
                let (_, name) = message.rsplit_once("ilename: ")?;
                Some(name.strip_suffix('.').unwrap_or(name))
            });
            fields.text("file.name", name.unwrap_or_default());
        }
        "trendmicro.apex" => {
            if let Some((domain, name)) = fields.text_of("duser").and_then(|user| user.split_once('\\')) {
                fields.push("user.domain", Value::Str(domain));
                fields.replace("duser", Value::Str(name.trim_start_matches('\\')));
            }
        }
        "netwrix.auditor" => {
            if let Some((domain, name)) = fields.text_of("suser").and_then(|user| user.rsplit_once('\\')) {
                fields.push("user.domain", Value::Str(domain));
                fields.push("user.name", Value::Str(name));
            }
        }
        "panw.panos" => {
            fields.push("log.logger", Value::Str(header.class));
            for (key, name) in [("suser", "source.user"), ("duser", "destination.user")] {
                if let Some(user) = fields.text_of(key)
                    && let Some((domain, user)) = user.rsplit_once('\\')
                {
                    fields.replace(key, Value::Str(user));
                    fields.push_named(
                        line.name(name, ".domain"),
                        Value::Str(domain.trim_end_matches('\\')),
                    );
                }
            }
        }
        _ => {}
    }
}

/// Whether the product's event is what its header names, and `act` only what became of it.
pub(super) fn is_named_by_header(dataset: &str) -> bool {
    matches!(dataset, "forcepoint.firewall" | "f5.asm")
}

/// Whether the class of an event is the rule that found it.
pub(super) fn class_is_rule(dataset: &str) -> bool {
    !matches!(
        dataset,
        "fortinet.fortigate"
            | "panw.panos"
            | "checkpoint.firewall"
            | "forcepoint.firewall"
            | "sonicwall.firewall_cef"
            | "ibm.i"
    )
}
