//! Alerts on standard output, rejects into their file, the HTML report.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use borzoi_engine::alert::Alert;
use borzoi_engine::report::{Report, ReportMeta};
use borzoi_parsers::frame::RejectRecord;
use borzoi_rules::ir::Level;

use crate::cli::ScanOutput;
use crate::exit::Failure;
use crate::ui::progress::Progress;
use crate::ui::style;
use crate::ui::table::{self, Cell};

/// Most different hosts, and users, that are counted for a rule; an attacker may choose them.
const MOST_NAMES: usize = 10_000;

/// Takes alerts in one of the forms.
pub struct AlertOutput {
    form: ScanOutput,
    out: Box<dyn Write>,
    csv_started: bool,
    groups: BTreeMap<RuleKey, Group>,
    report: Option<ReportFile>,
    title: String,
}

/// Where the report goes, opened before the work begins, and what will be in it.
struct ReportFile {
    path: PathBuf,
    file: File,
    report: Report,
}

/// Level (highest first), title and id of a rule: the order of the table.
type RuleKey = (std::cmp::Reverse<Level>, Arc<str>, Arc<str>);

/// Alerts of one rule.
#[derive(Default)]
struct Group {
    count: u64,
    first: String,
    last: String,
    hosts: Names,
    users: Names,
}

/// How often which name occurs.
#[derive(Default)]
struct Names {
    counts: BTreeMap<String, u64>,
    /// Whether there were more than [`MOST_NAMES`].
    more: bool,
}

impl Names {
    fn add(&mut self, name: &str) {
        if let Some(count) = self.counts.get_mut(name) {
            *count += 1;
        } else if self.counts.len() < MOST_NAMES {
            self.counts.insert(name.to_owned(), 1);
        } else {
            self.more = true;
        }
    }

    /// The most frequent names, and how many others there are.
    fn top(&self) -> String {
        const SHOWN: usize = 2;
        let mut by_count: Vec<(&String, &u64)> = self.counts.iter().collect();
        by_count.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), *name));
        let shown: Vec<&str> = by_count
            .iter()
            .take(SHOWN)
            .map(|(name, _)| name.as_str())
            .collect();
        let mut text = shown.join(", ");
        if by_count.len() > SHOWN {
            let plus = if self.more { " or more" } else { "" };
            text.push_str(&format!(" +{}{plus}", by_count.len() - SHOWN));
        }
        text
    }
}

impl AlertOutput {
    /// Alerts in `form` to standard output; with `report`, kept for the HTML report too.
    ///
    /// # Errors
    /// If the report cannot be written.
    pub fn new(form: ScanOutput, report: Option<PathBuf>, title: String) -> Result<Self, Failure> {
        let report = report
            .map(|path| match File::create(&path) {
                Ok(file) => Ok(ReportFile {
                    path,
                    file,
                    report: Report::default(),
                }),
                Err(error) => Err(unwritable(&path, &error)),
            })
            .transpose()?;
        Ok(AlertOutput {
            form,
            out: match form {
                ScanOutput::Jsonl => Box::new(super::json_stdout()),
                ScanOutput::Csv | ScanOutput::Table => Box::new(super::stdout()),
            },
            csv_started: false,
            groups: BTreeMap::new(),
            report,
            title,
        })
    }

    /// Takes an alert.
    pub fn alert(&mut self, alert: &Alert) -> io::Result<()> {
        if let Some(to) = &mut self.report {
            to.report.add(alert);
        }
        match self.form {
            ScanOutput::Jsonl => {
                alert.write_json(&mut self.out)?;
                self.out.write_all(b"\n")
            }
            ScanOutput::Csv => self.csv(alert),
            ScanOutput::Table => {
                self.group(alert);
                Ok(())
            }
        }
    }

    /// Takes an alert again, which is over now. Tables and reports have it already.
    pub fn update(&mut self, alert: &Alert) -> io::Result<()> {
        match self.form {
            ScanOutput::Jsonl => {
                alert.write_json(&mut self.out)?;
                self.out.write_all(b"\n")
            }
            ScanOutput::Csv | ScanOutput::Table => Ok(()),
        }
    }

    fn csv(&mut self, alert: &Alert) -> io::Result<()> {
        if !self.csv_started {
            self.csv_started = true;
            let heading =
                "id,time,level,rule_id,rule_title,tenant,dataset,hosts,users,addresses,processes,event_id";
            write!(self.out, "{heading}\r\n")?;
        }
        let entities = &alert.entities;
        let cells = [
            alert.id.clone(),
            alert.time.clone(),
            style::level_name(alert.rule.level).to_owned(),
            alert.rule.id.to_string(),
            alert.rule.title.to_string(),
            alert.tenant.to_string(),
            alert.dataset.to_string(),
            entities.hosts.join(" "),
            entities.users.join(" "),
            entities.addresses.join(" "),
            entities.processes.join(" "),
            alert.event_id.clone(),
        ];
        table::csv_line(&mut self.out, cells.into_iter())
    }

    fn group(&mut self, alert: &Alert) {
        let key = (
            std::cmp::Reverse(alert.rule.level),
            alert.rule.title.clone(),
            alert.rule.id.clone(),
        );
        let group = self.groups.entry(key).or_default();
        if group.count == 0 || alert.time < group.first {
            group.first.clone_from(&alert.time);
        }
        if alert.time > group.last {
            group.last.clone_from(&alert.time);
        }
        group.count += 1;
        for (names, seen) in [
            (&alert.entities.hosts, &mut group.hosts),
            (&alert.entities.users, &mut group.users),
        ] {
            for name in names {
                seen.add(name);
            }
        }
    }

    /// Hands over what was written so far.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// The table, the report: of all alerts so far, also when the scan failed.
    pub fn finish(&mut self, meta: &ReportMeta) -> Result<(), Failure> {
        if self.form == ScanOutput::Table {
            self.table(meta.events)?;
        }
        self.out.flush()?;
        if let Some(ReportFile { path, file, report }) = &self.report {
            let mut file = BufWriter::new(file);
            let written = report.write(&mut file, &self.title, meta);
            written
                .and_then(|()| file.flush())
                .map_err(|error| unwritable(path, &error))?;
        }
        Ok(())
    }

    fn table(&mut self, events: u64) -> io::Result<()> {
        if self.groups.is_empty() {
            let nothing = if events > 0 { "no alerts" } else { "no events" };
            return writeln!(self.out, "{nothing}");
        }
        let rows: Vec<Vec<Cell>> = self
            .groups
            .iter()
            .map(|((level, title, _), group)| {
                vec![
                    Cell::new(style::level_name(level.0)).styled(style::level(level.0)),
                    Cell::number(group.count),
                    Cell::new(title.to_string()),
                    Cell::new(short_time(&group.first)),
                    Cell::new(short_time(&group.last)),
                    Cell::new(group.hosts.top()),
                    Cell::new(group.users.top()),
                ]
            })
            .collect();
        let heading = ["LEVEL", "ALERTS", "RULE", "FIRST", "LAST", "HOSTS", "USERS"];
        table::print(&mut self.out, &heading, &rows, 64)
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("cannot write the report {}: {error}", path.display()))
}

/// 2026-11-21T10:11:12.345678Z → 2026-11-21 10:11:12.
fn short_time(time: &str) -> String {
    time.get(..19).unwrap_or(time).replace('T', " ")
}

/// Counts rejects, shows the first few, writes all to a file.
pub struct Rejects {
    file: Option<BufWriter<File>>,
    shown: usize,
}

impl Rejects {
    /// Rejects go to `path` too, if there is one.
    pub fn new(path: Option<&Path>) -> Result<Self, Failure> {
        let file = path
            .map(|path| {
                File::create(path)
                    .map(BufWriter::new)
                    .map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))
            })
            .transpose()?;
        Ok(Rejects { file, shown: 0 })
    }

    /// Whether they are written to a file.
    pub fn to_file(&self) -> bool {
        self.file.is_some()
    }

    /// Takes a reject.
    pub fn add(&mut self, reject: &RejectRecord, bar: &Progress) -> io::Result<()> {
        const SHOWN: usize = 5;
        if self.shown < SHOWN {
            self.shown += 1;
            let style = style::WARNING;
            bar.note(&format!(
                "{style}reject:{style:#} {}, offset {}: {}: {}",
                reject.path,
                reject.offset,
                reject.reason,
                table::clipped(&reject.detail, 200)
            ));
        }
        if let Some(file) = &mut self.file {
            let line = serde_json::json!({
                "path": &*reject.path,
                "offset": reject.offset,
                "reason": reject.reason,
                "detail": reject.detail,
                "length": reject.length,
                "raw": String::from_utf8_lossy(&reject.raw),
            });
            serde_json::to_writer(&mut *file, &line)?;
            file.write_all(b"\n")?;
        }
        Ok(())
    }

    /// Writes what is buffered.
    pub fn finish(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}
