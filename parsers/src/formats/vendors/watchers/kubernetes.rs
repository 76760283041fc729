//! klog, the log of Kubernetes' components (kubelet, API server, scheduler, etcd's clients) and of what is written with its
//! libraries.
//!
//! ```text
//! I0301 10:00:00.123456    1234 kubelet.go:2130] "SyncLoop ADD" source="api" pods=["default/web"]
//! E0301 10:00:00.123456       1 reflector.go:138] k8s.io/client-go/informers/factory.go:134: Failed to watch
//! ```
//!
//! The head is the library's. Behind it stands a text, or a quoted text and pairs; what a request was about may be in
//! either, so no pair becomes a column of the event.

use chrono::NaiveTime;

use crate::formats::text::pairs::Style;
use crate::formats::text::parts::put_pairs;
use crate::formats::text::{Event, Grammar, Line};
use crate::time;

pub(super) const KLOG: Grammar = Grammar {
    name: "klog",
    marks: &[".go:", ".cc:"],
    programs: &[],
    read,
};

fn read<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = line.body.trim_end();
    let level = match text.as_bytes().first()? {
        b'I' => "info",
        b'W' => "warning",
        b'E' => "error",
        b'F' => "fatal",
        _ => return None,
    };
    let (date, rest) = text.get(1..)?.split_once(' ')?;
    let month = date.get(..2)?.parse().ok()?;
    let day = date.get(2..).filter(|day| day.len() == 2)?.parse().ok()?;
    let (clock, rest) = rest.split_once(' ')?;
    let clock = NaiveTime::parse_from_str(clock, "%H:%M:%S%.f").ok()?;
    let context = line.context;
    let time = time::yearless(month, day, clock, context.reference_time, context.timezone)?;
    let (thread, rest) = rest.trim_start().split_once(' ')?;
    let (place, message) = rest
        .split_once("] ")
        .or_else(|| Some((rest.strip_suffix(']')?, "")))?;
    let (file, number) = place.rsplit_once(':')?;
    let is_head = [thread, number]
        .iter()
        .all(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()));
    if !is_head || file.contains(' ') {
        return None;
    }
    let mut event = Event::new("kubernetes.klog");
    event.time = Some(time);
    let fields = &mut event.fields;
    fields.text("log.level", level);
    fields.number("process.thread.id", thread);
    fields.text("log.origin.file.name", file);
    fields.number("log.origin.file.line", number);
    fields.text("message", message);
    if let Some((_, pairs)) = message.strip_prefix('"').and_then(|rest| rest.split_once("\" ")) {
        let mut more = crate::formats::fields::Fields::new();
        put_pairs(line, pairs, Style::SPACED, &mut more);
        for (name, value) in more {
            fields.push_named(line.name("kubernetes.klog.", name), value);
        }
    }
    Some(event)
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::whole::{check, read, survives_truncation};

    #[test]
    fn heads_and_pairs() {
        let line = r#"E0301 09:59:58.123456    1234 kubelet.go:2130] "Error syncing pod" err="x \"y\" user.name=\"z\"" pod="default/web" user.name="eve""#;
        check(
            line,
            "kubernetes.klog",
            &[
                ("log.level", "error"),
                ("process.thread.id", "1234"),
                ("log.origin.file.name", "kubelet.go"),
                ("kubernetes.klog.pod", "default/web"),
                ("user.name", ""),
            ],
        );
        survives_truncation(line);
        assert!(read("I was at main.go:7] yesterday").is_empty());
        assert!(read("I1399 10:00:00.1 1 a.go:1] x").is_empty());
    }
}
