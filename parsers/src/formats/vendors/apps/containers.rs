//! What container runtimes and application servers put around their lines: CRI's log files, JBoss' access log.
//!
//! ```text
//! 2026-02-03T04:05:06.123456789Z stdout F text
//! [03/Feb/2026:04:05:06 +0000], x_forwarded_for="192.0.2.7", remote_ip="192.0.2.8", http_method=GET, status=200, …
//! ```

use crate::formats::fields::address;
use crate::formats::text::once::sure;
use crate::formats::text::pairs::Style;
use crate::formats::text::{Event, Grammar, Line};
use crate::time;
use crate::value::Value;

pub(super) const CRI: Grammar = Grammar {
    name: "container.cri",
    marks: &[" stdout ", " stderr "],
    programs: &[],
    read: cri,
};

pub(super) const JBOSS: Grammar = Grammar {
    name: "jboss.access",
    marks: &["remote_ip=", "uri_path="],
    programs: &[],
    read: jboss,
};

fn cri<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (time, rest) = time::iso(line.raw, line.context.timezone)?;
    let rest = rest.strip_prefix(' ')?;
    let (stream, rest) = rest.split_once(' ')?;
    let (tag, message) = rest.split_once(' ').unwrap_or((rest, ""));
    // `F` for a whole line, `P` for a part of one; more tags may follow behind a colon.
    let is_tag = matches!(tag.split(':').next(), Some("F" | "P"));
    if !matches!(stream, "stdout" | "stderr") || !is_tag {
        return None;
    }
    let mut event = Event::headless("container.cri");
    event.time = Some(time);
    event.fields.text("stream", stream);
    event.fields.text("tag", tag);
    event.fields.text("message", message);
    Some(event)
}

fn jboss<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (stamp, rest) = line.raw.trim_end().strip_prefix('[')?.split_once("], ")?;
    let (time, "") = time::apache(stamp, line.context.timezone)? else {
        return None;
    };
    if !rest.starts_with(|c: char| c.is_ascii_lowercase()) {
        return None;
    }
    let mut event = Event::headless("jboss.access");
    event.time = Some(time);
    let fields = &mut event.fields;
    for (key, value) in sure(line, rest, Style::COMMAS, fields) {
        match key {
            "remote_ip" => fields.source(value),
            "remote_host" if address(value).is_none() => fields.known("source.domain", value),
            "uri_query" => fields.known("url.query", value.trim_start_matches('?')),
            "x_forwarded_for" if value != "-" => {
                let all = value.split(',').map(|one| Value::Str(one.trim())).collect();
                fields.put("x_forwarded_for", Value::List(all));
            }
            // A dotted key would be a column of its own choice.
            key if !key.contains('.') => fields.known_named(key, value),
            _ => {}
        }
    }
    Some(event)
}

#[cfg(test)]
mod tests {
    use super::super::super::whole::{check, read, survives_truncation};

    #[test]
    fn cri() {
        let text = "2026-02-03T04:05:06.123456789Z stderr F {half a document";
        check(
            text,
            "container.cri",
            &[
                ("@timestamp", "2026-02-03T04:05:06.123456Z"),
                ("message", "{half a document"),
            ],
        );
        survives_truncation(text);
        assert!(read("2026-02-03T04:05:06Z stdout is full").is_empty());
    }

    #[test]
    fn jboss() {
        let text = "[03/Feb/2026:04:05:06 +0000], x_forwarded_for=\"192.0.2.9\", remote_ip=\"192.0.2.7\", server=\"app.example.org\", server_port=80, user=\"-\", http_method=GET, uri_path=\"/a\", uri_query=\"?b=c\", status=200, http_user_agent=\"x, remote_ip=192.0.2.99\"";
        check(
            text,
            "jboss.access",
            &[
                ("source.ip", "192.0.2.7"),
                ("http.request.method", "GET"),
                ("url.path", "/a"),
                ("url.query", "b=c"),
                ("http.response.status_code", "200"),
                ("destination.port", "80"),
                ("user_agent.original", "x, remote_ip=192.0.2.99"),
            ],
        );
        survives_truncation(text);
    }
}
