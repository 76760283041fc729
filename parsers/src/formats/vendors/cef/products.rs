//! What the values of some products hold beside what their keys say.

use super::super::super::fields::{Fields, address};
use super::super::super::text::Line;
use super::Header;
use crate::value::Value;

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
                    fields.push(
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
