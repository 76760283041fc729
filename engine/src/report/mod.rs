//! # The self-contained HTML report
//!
//! One file that opens in any browser, years later and without a network: totals, a timeline, the rules,
//! hosts, users and ATT&CK techniques, and every alert in a table that searches, sorts, filters and opens.
//!
//! The drawings are written here as inline SVG, so they show and print without a script. The table is
//! drawn by `report.js` from data blocks: an index with a short row per alert, which is read when the page
//! opens, and the alerts' details in blocks of [`DETAILS_PER_BLOCK`], which are parsed only when somebody
//! opens a row. Fifty thousand alerts are therefore some hundred megabytes of text to a browser, but never
//! fifty thousand table rows.
//!
//! ## Hostile contents
//!
//! An attacker who writes a log line writes into this page. Three things stand in the way, each enough
//! alone: [`escape`] lets no text end the element it stands in; the script builds text nodes only and
//! never parses HTML; and the page's Content-Security-Policy allows nothing but the one script and the one
//! style sheet whose hashes it names, no image, no font, no connection, no form.
//!
//! *Useful for:* handing a run to somebody. *Not useful for:* asking new questions, which is what the lake
//! and `hunt` are for.

mod charts;
mod escape;
mod summary;
#[cfg(test)]
mod tests;
mod timeline;

use std::io::{self, Write};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use borzoi_rules::attack::TACTICS;
use sha2::{Digest, Sha256};

use crate::alert::{Alert, EventJson};
use charts::{Bar, bar_panel, thousands, tile, timeline_panel};
use escape::{html, push_script_json};
use summary::{Dictionary, LEVELS, Summary, level_index, level_name};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("report.css");
const SCRIPT: &str = include_str!("report.js");

/// Alerts whose details share a block of the page. Opening a row parses one line of its block; the block
/// only bounds how much text is split into lines for it.
const DETAILS_PER_BLOCK: usize = 200;

/// What the report says of the run.
#[derive(Debug, Clone, Default)]
pub struct ReportMeta {
    /// Events read.
    pub events: u64,
    /// Inputs read.
    pub sources: u64,
    /// Rules that ran.
    pub rules: u64,
    /// Alerts raised; the report may hold fewer, and then says so at its top.
    pub alerts_total: u64,
    /// How long it took.
    pub elapsed: Duration,
}

/// Most alerts that [`Report::add`] keeps.
const MOST_ALERTS: usize = 50_000;

/// Most bytes of details that [`Report::add`] keeps; a browser reads no more at ease.
const MOST_BYTES: usize = 96 << 20;

/// Alerts on their way into a page.
///
/// Of an alert only what the charts and the table need is kept as it is; its event is kept as the line of
/// JSON that the page will hold. At most 50,000 alerts and 96 MiB of such lines are kept: the first ones,
/// and the page says so.
///
/// ```
/// use borzoi_engine::report::{Report, ReportMeta};
///
/// let report = Report::default();
/// let meta = ReportMeta { events: 1200, sources: 3, rules: 80, ..ReportMeta::default() };
/// let mut page = Vec::new();
/// report.write(&mut page, "laptops, <week> 47", &meta)?;
/// let page = String::from_utf8(page).expect("UTF-8");
/// assert!(page.starts_with("<!doctype html>"));
/// assert!(page.contains("laptops, &lt;week&gt; 47"));
/// assert!(page.contains("No alerts"));
/// # Ok::<_, std::io::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Report {
    /// Without their events and matched fields, which are in `details`.
    alerts: Vec<Alert>,
    /// Ready to stand in a script block, in step with `alerts`.
    details: Vec<String>,
    bytes: usize,
    full: bool,
}

impl Report {
    /// Takes an alert, as long as there is room.
    pub fn add(&mut self, alert: &Alert) {
        if self.full {
            return;
        }
        let line = details_line(alert);
        self.full = self.alerts.len() >= MOST_ALERTS || self.bytes + line.len() > MOST_BYTES;
        if self.full {
            return;
        }
        self.bytes += line.len();
        self.details.push(line);
        self.alerts.push(Alert {
            schema: alert.schema,
            id: String::new(),
            time: alert.time.clone(),
            rule: alert.rule.clone(),
            tenant: alert.tenant.clone(),
            dataset: alert.dataset.clone(),
            entities: alert.entities.clone(),
            matched: Vec::new(),
            event_id: String::new(),
            event: EventJson::null(),
            correlation: None,
        });
    }

    /// Writes the page.
    ///
    /// The same input gives the same page, byte for byte. If the report holds fewer alerts than
    /// `meta.alerts_total`, a notice at the top says how many are missing, and that the charts count only
    /// those that are here.
    ///
    /// *Cost:* one pass over the alerts and about as many bytes as their JSON.
    ///
    /// # Errors
    /// If `out` fails.
    pub fn write(&self, out: &mut dyn Write, title: &str, meta: &ReportMeta) -> io::Result<()> {
        let alerts = &self.alerts[..];
        let summary = Summary::of(alerts);
        // A checkout may have turned line ends; browsers hash the text after turning them back.
        let style = STYLE.replace("\r\n", "\n");
        let script = SCRIPT.replace("\r\n", "\n");
        let policy = format!(
            "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
            source_hash(&style),
            source_hash(&script)
        );
        let (charts, hidden) = if alerts.is_empty() {
            (String::new(), "hidden")
        } else {
            (charts(&summary), "")
        };
        fill(PAGE, out, |name, out| {
            let text = match name {
                "title" => &html(title),
                "policy" => &policy,
                "style" => &style,
                "script" => &script,
                "extent" => &extent(&summary),
                "tiles" => &tiles(&summary, meta),
                "notice" => &notice(alerts.len() as u64, meta),
                "charts" => &charts,
                "hidden" => hidden,
                "index" => &index(alerts, &summary),
                "version" => &html(env!("CARGO_PKG_VERSION")),
                "details" => return self.write_details(out),
                _ => "",
            };
            out.write_all(text.as_bytes())
        })
    }

    /// The details, one alert a line, in blocks.
    fn write_details(&self, out: &mut dyn Write) -> io::Result<()> {
        for block in self.details.chunks(DETAILS_PER_BLOCK) {
            out.write_all(b"<script type=\"application/x-ndjson\" class=\"details\">")?;
            for (number, line) in block.iter().enumerate() {
                if number > 0 {
                    out.write_all(b"\n")?;
                }
                out.write_all(line.as_bytes())?;
            }
            out.write_all(b"</script>\n")?;
        }
        Ok(())
    }
}

/// Puts values where the template names them as `{{name}}`. What a value contains is not looked at again,
/// so an alert that contains `{{script}}` stays what it is.
fn fill(
    template: &str,
    out: &mut dyn Write,
    value: impl Fn(&str, &mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        out.write_all(before.as_bytes())?;
        let Some((name, after)) = after.split_once("}}") else {
            out.write_all(b"{{")?;
            rest = after;
            continue;
        };
        value(name, out)?;
        rest = after;
    }
    out.write_all(rest.as_bytes())
}

/// A Content-Security-Policy source for exactly this text.
fn source_hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text.as_bytes())))
}

fn extent(summary: &Summary<'_>) -> String {
    let tenants = summary.tenants.values.join(", ");
    let tenant_word = if summary.tenants.values.len() == 1 {
        "tenant"
    } else {
        "tenants"
    };
    match summary.timeline.extent {
        Some((first, last)) => format!(
            "<time>{}</time> to <time>{}</time> UTC, {tenant_word} {}",
            timeline::clock(first),
            timeline::clock(last),
            html(&tenants)
        ),
        None if tenants.is_empty() => "no alerts".to_owned(),
        None => format!("{tenant_word} {}", html(&tenants)),
    }
}

fn tiles(summary: &Summary<'_>, meta: &ReportMeta) -> String {
    let mut out = String::new();
    tile(&mut out, "alerts", &thousands(meta.alerts_total), "main");
    for (level, count) in LEVELS.into_iter().zip(summary.levels) {
        if level_index(level) < 2 {
            tile(&mut out, level_name(level), &thousands(count), level_name(level));
        }
    }
    let matched = format!(
        "{} of {}",
        thousands(summary.rules.len() as u64),
        thousands(meta.rules)
    );
    tile(&mut out, "rules matched", &matched, "");
    tile(
        &mut out,
        "hosts",
        &thousands(summary.hosts.values.len() as u64),
        "",
    );
    tile(
        &mut out,
        "users",
        &thousands(summary.users.values.len() as u64),
        "",
    );
    tile(&mut out, "events read", &thousands(meta.events), "");
    tile(&mut out, "inputs", &thousands(meta.sources), "");
    tile(&mut out, "run time", &duration(meta.elapsed), "");
    out
}

/// `812 ms`, `4.2 s`, `3 min 20 s`, `2 h 5 min`.
fn duration(elapsed: Duration) -> String {
    match elapsed.as_secs() {
        0 => format!("{} ms", elapsed.as_millis()),
        1..60 => format!("{:.1} s", elapsed.as_secs_f64()),
        seconds @ 60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", thousands(seconds / 3_600), seconds % 3_600 / 60),
    }
}

fn notice(held: u64, meta: &ReportMeta) -> String {
    if held < meta.alerts_total {
        return format!(
            "<p class=\"notice\" role=\"note\"><b>This report holds {} of {} alerts.</b> {} are not in it; the \
             charts and the table count only those that are. The alerts table of the lake and the jsonl \
             output hold all of them.</p>",
            thousands(held),
            thousands(meta.alerts_total),
            thousands(meta.alerts_total - held)
        );
    }
    if held == 0 {
        return format!(
            "<p class=\"notice calm\" role=\"note\"><b>No alerts.</b> {} events were read and {} rules ran; none \
             matched.</p>",
            thousands(meta.events),
            thousands(meta.rules)
        );
    }
    String::new()
}

fn charts(summary: &Summary<'_>) -> String {
    let mut out = timeline_panel(&summary.timeline);
    let levels: Vec<Bar> = LEVELS
        .into_iter()
        .zip(summary.levels)
        .enumerate()
        .filter(|(_, (_, count))| *count > 0)
        .map(|(number, (level, count))| Bar {
            label: level_name(level).to_owned(),
            note: String::new(),
            count,
            class: level_name(level),
            number,
        })
        .collect();
    let rules: Vec<Bar> = summary
        .ranked_rules()
        .into_iter()
        .map(|number| {
            let counted = &summary.rules[number];
            Bar {
                label: counted.rule.title.to_string(),
                note: level_name(counted.rule.level).to_owned(),
                count: counted.count,
                class: level_name(counted.rule.level),
                number,
            }
        })
        .collect();
    out.push_str(&bar_panel("Levels", "level", "", &levels));
    out.push_str(&bar_panel("Rules", "rule", "", &rules));
    let hosts = bars(&summary.hosts, summary.hosts.ranked());
    out.push_str(&bar_panel("Hosts", "host", "no alert names a host", &hosts));
    let users = bars(&summary.users, summary.users.ranked());
    out.push_str(&bar_panel("Users", "user", "no alert names a user", &users));
    let tactics = bars(&summary.tactics, in_order_of_attack(&summary.tactics));
    out.push_str(&bar_panel(
        "ATT&CK tactics",
        "tactic",
        "no rule that matched names a tactic",
        &tactics,
    ));
    let techniques = bars(&summary.techniques, summary.techniques.ranked());
    out.push_str(&bar_panel(
        "ATT&CK techniques",
        "technique",
        "no rule that matched names a technique",
        &techniques,
    ));
    out
}

fn bars(dictionary: &Dictionary<'_>, order: Vec<usize>) -> Vec<Bar> {
    let bar = |number: usize| Bar {
        label: dictionary.values[number].to_owned(),
        note: String::new(),
        count: dictionary.counts[number],
        class: "accent",
        number,
    };
    order.into_iter().map(bar).collect()
}

/// Tactics as an attack goes through them; names that ATT&CK does not know last.
fn in_order_of_attack(tactics: &Dictionary<'_>) -> Vec<usize> {
    let place = |number: usize| {
        let name = tactics.values[number];
        TACTICS
            .iter()
            .position(|tactic| tactic.name == name)
            .unwrap_or(TACTICS.len())
    };
    let mut order = tactics.ranked();
    order.sort_by_key(|&number| place(number));
    order
}

/// The index block. `report.js` reads rules and rows by position: keep the two in step.
fn index(alerts: &[Alert], summary: &Summary<'_>) -> String {
    let rules: Vec<serde_json::Value> = summary
        .rules
        .iter()
        .map(|counted| {
            let rule = counted.rule;
            serde_json::json!([
                rule.id.as_ref(),
                rule.title.as_ref(),
                level_index(rule.level),
                rule.tags.as_ref(),
                counted.tactics,
                counted.techniques,
            ])
        })
        .collect();
    let starts: Vec<String> = (0..summary.timeline.buckets.len())
        .map(|bucket| timeline::clock(summary.timeline.start + bucket as i64 * summary.timeline.width))
        .collect();
    let levels: Vec<&str> = LEVELS.into_iter().map(level_name).collect();
    let dictionaries = serde_json::json!({
        "block": DETAILS_PER_BLOCK,
        "level": levels,
        "rules": rules,
        "dataset": summary.datasets.values,
        "tenant": summary.tenants.values,
        "host": summary.hosts.values,
        "user": summary.users.values,
        "address": summary.addresses.values,
        "process": summary.processes.values,
        "tactic": summary.tactics.values,
        "technique": summary.techniques.values,
        "bucket": starts,
    });
    let mut out = String::new();
    // The object is left open for the rows, which would double the memory as one more value.
    let head = dictionaries.to_string();
    push_script_json(&mut out, head.strip_suffix('}').unwrap_or(&head));
    out.push_str(",\"rows\":[");
    for (number, (alert, row)) in alerts.iter().zip(&summary.rows).enumerate() {
        if number > 0 {
            out.push_str(",\n");
        }
        let line = serde_json::json!([
            alert.time,
            row.rule,
            row.dataset,
            row.tenant,
            row.hosts,
            row.users,
            row.addresses,
            row.processes,
            summary.timeline.bucket_of[number],
        ]);
        push_script_json(&mut out, &line.to_string());
    }
    out.push_str("]}");
    out
}

/// What the page shows of an alert once its row is opened.
fn details_line(alert: &Alert) -> String {
    let line = serde_json::json!({
        "id": alert.id,
        "event_id": alert.event_id,
        "matched": alert.matched,
        "event": alert.event,
        "correlation": alert.correlation,
    });
    let mut out = String::new();
    push_script_json(&mut out, &line.to_string());
    out
}
