//! Sophos Anti-Virus: the log of its scanner on Unix, and the one on Windows.
//!
//! ```text
//! <log><category>savscan.log</category><level>INFO</level><domain>savscan</domain><msg>SCAN_STARTED %s</msg><time>1772359200</time><arg>/srv</arg></log>
//! 20260301 100000⇥File "C:\Temp\a.exe" belongs to virus/spyware 'EICAR-AV-Test'.
//! ```
//!
//! Names of files are a stranger's: on Unix they stand in the arguments, behind all that the scanner knows; on Windows
//! between the sentence's first words and its last, which are looked for at the ends of the line.

use crate::formats::text::{Event, Grammar, Line, layout};
use crate::time;

pub(super) const SAVSCAN: Grammar = Grammar {
    name: "Sophos for Unix",
    marks: &["<log><category>"],
    programs: &[],
    read: unix,
};

pub(super) const WINDOWS: Grammar = Grammar {
    name: "Sophos for Windows",
    marks: &[
        "Sophos",
        "virus/spyware",
        "Scan '",
        "detection data",
        "on-access",
        "adware or PUA",
    ],
    programs: &[],
    read: windows,
};

/// The text of the element `name` that `text` starts with, and what stands behind it.
fn element<'a>(text: &'a str, open: &str, close: &str) -> Option<(&'a str, &'a str)> {
    text.strip_prefix(open)?.split_once(close)
}

fn unix<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = line.body.trim().strip_prefix("<log>")?;
    let (category, rest) = element(text, "<category>", "</category>")?;
    let (level, rest) = element(rest, "<level>", "</level>")?;
    let (domain, rest) = element(rest, "<domain>", "</domain>")?;
    let (message, rest) = element(rest, "<msg>", "</msg>")?;
    let (stamp, mut rest) = element(rest, "<time>", "</time>")?;
    let mut event = Event::new("sophos.antivirus");
    event.time = time::since_epoch(stamp);
    let fields = &mut event.fields;
    fields.text("category", category);
    fields.text("log.level", level);
    fields.text("log.logger", domain);
    fields.text("message", message);
    let action = message.split(' ').next().unwrap_or_default();
    fields.event(action, "");
    let mut number = 0;
    while let Some((argument, after)) = element(rest, "<arg>", "</arg>") {
        let name = ["argument.1", "argument.2", "argument.3", "argument.4"];
        let Some(name) = name.get(number) else { break };
        fields.text(name, argument);
        (number, rest) = (number + 1, after);
    }
    if action.contains("THREAT")
        && let Some((path, _)) = element(
            text.split_once("</time>").map_or("", |(_, rest)| rest),
            "<arg>",
            "</arg>",
        )
    {
        fields.file(path);
    }
    Some(event)
}

fn windows<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    if line.raw.as_bytes().get(15) != Some(&b'\t') {
        return None;
    }
    let (time, rest) = layout::read(line.raw, "YMD hms", line.context.timezone)?;
    let message = rest.strip_prefix('\t')?.trim_end();
    let mut event = Event::headless("sophos.antivirus");
    event.time = Some(time);
    let fields = &mut event.fields;
    fields.text("message", message);
    // `File "…" belongs to virus/spyware '…'.`, `Virus/spyware '…' has been detected in "…".`
    let found = message
        .strip_prefix("File \"")
        .and_then(|rest| rest.rsplit_once("\" belongs to "))
        .map(|(path, threat)| (path, threat.split_once('\'').map_or("", |(_, name)| name)))
        .or_else(|| {
            let rest = message.strip_prefix("Virus/spyware '")?;
            let (threat, path) = rest.split_once("' has been detected in \"")?;
            Some((path, threat))
        });
    if let Some((path, threat)) = found {
        fields.event("detected", "");
        fields.category("malware");
        fields.file(path.trim_end_matches(['.', '"']));
        fields.text("threat", threat.trim_end_matches(['.', '\'']));
    } else if let Some((name, state)) = message
        .strip_prefix("Scan '")
        .and_then(|rest| rest.rsplit_once("' "))
    {
        fields.text("scan", name);
        fields.event(state.trim_end_matches('.'), "");
    }
    Some(event)
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::whole::{check, read, survives_truncation};

    #[test]
    fn scanners() {
        let line = "<log><category>savscan.log</category><level>INFO</level><domain>savscan</domain><msg>NOTIFY_ONDEMANDTHREAT_INFECTED %s</msg><time>1772359200</time><arg>/srv/</time><arg>a.exe</arg></log>";
        check(
            line,
            "sophos.antivirus",
            &[
                ("@timestamp", "2026-03-01T10:00:00.000Z"),
                ("event.action", "NOTIFY_ONDEMANDTHREAT_INFECTED"),
                ("log.logger", "savscan"),
                ("sophos.antivirus.argument.1", "/srv/</time><arg>a.exe"),
            ],
        );
        survives_truncation(line);
        check(
            "20260301 100000\tFile \"C:\\Temp\\a\" belongs to x.exe\" belongs to virus/spyware 'EICAR-AV-Test'.",
            "sophos.antivirus",
            &[
                ("@timestamp", "2026-03-01T10:00:00.000Z"),
                ("file.path", "C:\\Temp\\a\" belongs to x.exe"),
                ("threat.name", "EICAR-AV-Test"),
            ],
        );
        check(
            "20260301 100000\tScan 'Sophos Cloud Scheduled Scan' completed.",
            "sophos.antivirus",
            &[
                ("event.action", "completed"),
                ("sophos.antivirus.scan", "Sophos Cloud Scheduled Scan"),
            ],
        );
        assert!(read("20260301 1000\tSophos").is_empty());
    }
}
