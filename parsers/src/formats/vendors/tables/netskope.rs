//! Netskope's transaction events: 146 columns, divided by spaces or by commas.
//!
//! ```text
//! 2026-03-01 10:00:00 29 605 5702 6307 192.0.2.7 198.51.100.9 "jane@example.org" GET https - "Mozilla/5.0 …" …
//! 2026-03-01,10:00:00,29,605,5702,6307,192.0.2.7,198.51.100.9,jane@example.org,GET,https,…
//! ```
//!
//! Columns of the extended log format that Netskope describes: `date time time-taken cs-bytes sc-bytes bytes c-ip s-ip
//! cs-username cs-method …`, the kind of the event in the 49th. Values with separators stand in quotes.

use crate::formats::fields::{Fields, address};
use crate::formats::text::parts::{is_blank, row, without_priority};
use crate::formats::text::url::put_url;
use crate::formats::text::{Event, Grammar, Line};
use crate::time;

pub(in crate::formats::vendors) const GRAMMARS: &[Grammar] = &[Grammar {
    name: "Netskope, transactions",
    marks: &["http_transaction"],
    programs: &[],
    read,
}];

/// What columns mean, by their places, counted from zero; for two of one meaning the first that has a value.
const COLUMNS: [(usize, &str); 32] = [
    (2, "netskope.transaction.time_taken"),
    (3, "destination.bytes"),
    (4, "source.bytes"),
    (5, "network.bytes"),
    (9, "http.request.method"),
    (10, "url.scheme"),
    (11, "url.query"),
    (12, "user_agent.original"),
    (13, "http.request.mime_type"),
    (14, "http.response.status_code"),
    (15, "http.response.mime_type"),
    (16, "url.domain"),
    (19, "url.port"),
    (20, "http.request.referrer"),
    (22, "netskope.transaction.access_method"),
    (23, "network.application"),
    (33, "destination.geo.country_iso_code"),
    (36, "netskope.transaction.destination_region"),
    (37, "user_agent.os.name"),
    (44, "netskope.transaction.app_type"),
    (46, "rule.category"),
    (53, "tls.client.server_name"),
    (59, "tls.client.ja3"),
    (60, "tls.server.ja3s"),
    (92, "netskope.transaction.tls_version"),
    (93, "tls.cipher"),
    (95, "tls.cipher"),
    (97, "netskope.transaction.pop"),
    (99, "source.port"),
    (101, "destination.port"),
    (137, "event.action"),
    (138, "rule.ruleset"),
];
/// The kind of the event.
const KIND: usize = 48;

fn read<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = without_priority(line.raw.trim());
    let (date, rest) = text.split_at_checked(10)?;
    let between = *rest.as_bytes().first()?;
    if !matches!(between, b' ' | b',') {
        return None;
    }
    let (clock, rest) = rest[1..].split_once(between as char)?;
    let mut stamp = String::from(date);
    stamp.push(' ');
    stamp.push_str(clock);
    let (micros, _) = time::iso(&stamp, chrono_tz::UTC)?;
    let mut cells = vec![date, clock];
    cells.extend(row(line, rest, between));
    if cells.get(KIND) != Some(&"http_transaction") {
        return None;
    }
    let mut event = Event::headless("netskope.transaction");
    event.time = Some(micros);
    let fields = &mut event.fields;
    for (place, name) in [(6, "source.ip"), (7, "destination.ip"), (43, "source.nat.ip")] {
        fields.text(name, address(cells[place]).unwrap_or_default());
    }
    put_account(fields, cells[8]);
    let whole = cells.get(111).filter(|cell| cell.contains("://"));
    put_url(fields, whole.copied().unwrap_or(cells[18]));
    for (place, name) in COLUMNS {
        if let Some(cell) = cells.get(place).filter(|cell| says(cell)) {
            fields.text(name, cell);
        }
    }
    Some(event)
}

/// Who the transaction is attributed to: a mail address, or the client's own address where it is not known.
fn put_account<'a>(fields: &mut Fields<'a>, account: &'a str) {
    if is_blank(account) {
        return;
    }
    fields.text("user.name", account);
    if let Some((_, domain)) = account.rsplit_once('@') {
        fields.text("user.email", account);
        fields.text("user.domain", domain);
    }
}

/// Whether a cell holds a value: where a transaction is not encrypted or not inspected, words say so.
fn says(cell: &str) -> bool {
    !is_blank(cell) && !matches!(cell, "NotChecked" | "NoSSL" | "NotAvailable" | "NotEstablished")
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::whole::{check, survives_truncation};

    fn line(between: &str) -> String {
        let mut cells = vec!["-"; 146];
        for (place, cell) in [
            (0, "2026-03-01"),
            (1, "10:00:00"),
            (3, "5937"),
            (6, "192.0.2.7"),
            (7, "198.51.100.9"),
            (8, "\"jane@example.org\""),
            (9, "GET"),
            (12, "\"x http_transaction, 203.0.113.1\""),
            (14, "204"),
            (18, "/a"),
            (43, "203.0.113.9"),
            (48, "http_transaction"),
            (53, "www.example.org"),
            (93, "NotChecked"),
            (95, "TLS_AES_256_GCM_SHA384"),
            (138, "\"allow all\""),
        ] {
            cells[place] = cell;
        }
        cells.join(between)
    }

    #[test]
    fn columns() {
        for between in [" ", ","] {
            check(
                &line(between),
                "netskope.transaction",
                &[
                    ("@timestamp", "2026-03-01T10:00:00.000Z"),
                    ("source.ip", "192.0.2.7"),
                    ("destination.ip", "198.51.100.9"),
                    ("user.email", "jane@example.org"),
                    ("url.path", "/a"),
                    ("source.nat.ip", "203.0.113.9"),
                    ("tls.client.server_name", "www.example.org"),
                    ("tls.cipher", "TLS_AES_256_GCM_SHA384"),
                    ("http.response.status_code", "204"),
                    ("rule.ruleset", "allow all"),
                ],
            );
        }
        check("2026-03-01 10:00:00 http_transaction", "", &[]);
        survives_truncation(&line(" "));
    }
}
