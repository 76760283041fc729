//! Access log of Nginx Proxy Manager.
//!
//! ```text
//! [time] cache upstream-status status - METHOD scheme host "target" [Client 192.0.2.7] [Length 192] [Gzip 3.10] [Sent-to app] "agent" "referrer"
//! [time] status - METHOD scheme host "target" [Client 192.0.2.7] [Length 192] [Gzip -] "agent" "referrer"
//! ```
//!
//! nginx escapes quotes in what a client sends: the target ends at the quote in front of ` [Client `.

use crate::formats::fields::{Fields, is_nothing};
use crate::formats::text::{Event, Grammar, Line};
use crate::time;

pub(super) const ACCESS: Grammar = Grammar {
    name: "nginx_proxy_manager.access",
    marks: &["\" [Client "],
    programs: &[],
    read,
};

fn read<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let at = line.raw.find('[').filter(|at| *at < 64)?;
    let (time, rest) = time::apache(&line.raw[at + 1..], line.context.timezone)?;
    let (head, rest) = rest.strip_prefix("] ")?.split_once(" \"")?;
    let (target, mut rest) = rest.split_once("\" [Client ")?;
    let (status, request) = head.split_once(" - ").and_then(|(status, request)| {
        // `- 404 404 - GET …`: the cache's word, the upstream's status, the proxy's.
        match status == "-" || request.starts_with(|c: char| c.is_ascii_digit()) {
            true => request.split_once(" - "),
            false => Some((status, request)),
        }
    })?;
    let status = status.rsplit(' ').next()?;
    let mut words = request.split(' ');
    let (method, scheme, host) = (words.next()?, words.next()?, words.next()?);
    let mut event = match at {
        0 => Event::headless("web.access"),
        _ => Event::new("web.access"),
    };
    event.time = Some(time);
    let fields = &mut event.fields;
    fields.number("sc-status", status);
    fields.text("cs-method", method);
    fields.text("url.scheme", scheme);
    fields.known("cs-host", host);
    fields.text("cs-uri", target);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    fields.text("cs-uri-stem", path);
    fields.text("url.query", query);
    let (client, behind) = rest.split_once(']')?;
    fields.source(client);
    rest = behind.trim_start();
    while let Some((group, behind)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        match group.split_once(' ') {
            Some(("Length", bytes)) => fields.number("sc-bytes", bytes),
            Some(("Gzip", ratio)) => fields.known("gzip_ratio", ratio),
            Some(("Sent-to", upstream)) => fields.known("upstream", upstream),
            _ => {}
        }
        rest = behind.trim_start();
    }
    headers(rest, fields);
    Some(event)
}

/// `"agent" "referrer"`
fn headers<'a>(text: &'a str, fields: &mut Fields<'a>) {
    let Some((agent, referrer)) = text.strip_prefix('"').and_then(|rest| rest.split_once("\" \"")) else {
        return;
    };
    let referrer = referrer.trim_end().trim_end_matches('"');
    for (name, value) in [("cs-user-agent", agent), ("cs-referer", referrer)] {
        if !is_nothing(value) {
            fields.text(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::whole::{check, survives_truncation};

    #[test]
    fn both_layouts() {
        for head in ["- 404 404 - ", "404 - ", "HIT - 404 - "] {
            let text = format!(
                "[03/Feb/2026:04:05:06 +0000] {head}GET https app.example.org \"/a?b=c\" [Client 192.0.2.7] [Length 192] [Gzip 3.10] [Sent-to app] \"agent [Client 192.0.2.99]\" \"-\""
            );
            check(
                &text,
                "web.access",
                &[
                    ("@timestamp", "2026-02-03T04:05:06.000Z"),
                    ("http.response.status_code", "404"),
                    ("http.request.method", "GET"),
                    ("url.domain", "app.example.org"),
                    ("url.path", "/a"),
                    ("source.ip", "192.0.2.7"),
                    ("http.response.body.bytes", "192"),
                    ("user_agent.original", "agent [Client 192.0.2.99]"),
                    ("http.request.referrer", ""),
                ],
            );
            survives_truncation(&text);
        }
    }
}
